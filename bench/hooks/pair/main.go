// Command pair times commands against each other: round by round, so that a slow moment of the machine hits all of them.
//
//	pair -label TEXT -rounds 7 -prepare 'command' name='command' name='command'
//
// It prints a line for each: label, name, median wall time in ms, median CPU time in ms (with children), median of the wall time as a multiple of the first
// command's, how often it failed. The first round warms up and is not counted. VARIANT has the name for the command and its preparation.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

type variant struct {
	name, command    string
	wall, cpu, ratio []float64
	failed           int
}

func main() {
	label := flag.String("label", "", "text of the first column")
	rounds := flag.Int("rounds", 7, "rounds that count")
	prepare := flag.String("prepare", "", "command to run before each one, not timed")
	flag.Parse()
	if err := measure(*label, *rounds, *prepare, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(label string, rounds int, prepare string, args []string) error {
	var all []*variant
	for _, a := range args {
		name, command, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("%q, want name=command", a)
		}
		all = append(all, &variant{name: name, command: command})
	}
	for round := range rounds + 1 {
		if err := once(all, prepare, round > 0); err != nil {
			return err
		}
	}
	for _, v := range all {
		fmt.Printf("%s\t%s\t%.1f\t%.1f\t%.2f\t%d\n", label, v.name, median(v.wall), median(v.cpu), median(v.ratio), v.failed)
	}
	return nil
}

func once(all []*variant, prepare string, counts bool) error {
	first := 0.0
	for i, v := range all {
		if prepare != "" {
			if out, err := shell(v.name, prepare).CombinedOutput(); err != nil {
				return fmt.Errorf("prepare %s: %w: %s", v.name, err, out)
			}
		}
		cmd := shell(v.name, v.command)
		began := time.Now()
		err := cmd.Run()
		wall := float64(time.Since(began).Microseconds()) / 1000
		if i == 0 {
			first = wall
		}
		if !counts {
			continue
		}
		if err != nil {
			v.failed++
		}
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		v.wall, v.cpu, v.ratio = append(v.wall, wall), append(v.cpu, float64(used.Microseconds())/1000), append(v.ratio, wall/first)
	}
	return nil
}

func shell(name, command string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", command) //nolint:noctx // the commands end by themselves
	cmd.Env = append(os.Environ(), "VARIANT="+name)
	return cmd
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare)
	return sorted[len(sorted)/2]
}

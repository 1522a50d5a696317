package action

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "pause", Help: "Wait for a time, or for a person", Once: true, Run: pause})
}

const moment = "2006-01-02 15:04:05.000000"

func pause(ctx context.Context, t *Task) (*py.Dict, error) {
	echo, err := t.Bool("echo", true)
	if err != nil {
		return nil, err
	}
	seconds, unit, err := pauseTime(t)
	if err != nil {
		return nil, err
	}
	hidden := ""
	if !echo {
		hidden = " (output is hidden)"
	}
	question := t.Text("prompt")
	if question == "" && seconds < 0 {
		question = "Press enter to continue, Ctrl+C to interrupt"
	}
	if question != "" {
		question = fmt.Sprintf("[%s]\n%s%s:", t.Title, question, hidden)
	}
	began := time.Now()
	input := ""
	if seconds >= 0 {
		t.Console.Display(fmt.Sprintf("Pausing for %d seconds%s", seconds, hidden))
		if question != "" {
			t.Console.Display(question)
		}
		if err := sleep(ctx, time.Duration(seconds)*time.Second); err != nil {
			return nil, err
		}
	} else {
		answer, asked, err := t.Console.Ask(ctx, question, !echo)
		if err != nil {
			return nil, err
		}
		if !asked {
			t.Console.Warn("Not waiting for response to prompt as stdin is not interactive")
		}
		input = answer
	}
	took := time.Since(began)
	amount, word := took.Seconds(), "seconds"
	if unit == "minutes" {
		amount, word = took.Minutes(), "minutes"
	}
	return py.DictOf("changed", false, "rc", int64(0), "stderr", "", "stdout", fmt.Sprintf("Paused for %s %s", twoDigits(amount), word), "start", began.Format(moment),
		"stop", time.Now().Format(moment), "delta", int64(took.Seconds()), "echo", echo, "user_input", py.Unsafe(input)), nil
}

func twoDigits(f float64) string {
	text := strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64)
	if _, err := strconv.Atoi(text); err == nil {
		text += ".0"
	}
	return text
}

// pauseTime is negative where a person is waited for.
func pauseTime(t *Task) (seconds int, unit string, err error) {
	if err := t.Only("echo", "minutes", "seconds", "prompt"); err != nil {
		return 0, "", err
	}
	if t.Args.Has("minutes") && t.Args.Has("seconds") {
		return 0, "", errors.New("parameters are mutually exclusive: minutes|seconds")
	}
	for _, unit := range []string{"minutes", "seconds"} {
		text := t.Text(unit)
		if text == "" {
			continue
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f > 1e9 {
			return 0, "", fmt.Errorf("argument '%s' is of type %s and we were unable to convert to int: invalid literal for int() with base 10: '%s'", unit, "<class 'str'>", text)
		}
		n := int(f)
		if unit == "minutes" {
			n *= 60
		}
		return max(1, n), unit, nil
	}
	return -1, "minutes", nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

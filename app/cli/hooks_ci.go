package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/hooks/client"
	"goodstate.dev/goodstate/hooks/report"
	"goodstate.dev/goodstate/hooks/server"
)

func init() { hooksParts = append(hooksParts, hooksCI) }

// hooksCI judges a range of commits by what a server would want of them.
func hooksCI(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "ci", Short: "Judge a range of commits as the server would", Args: cobra.NoArgs,
		Long: "Judge the commits that --to has and --from has not, by hooks.server of goodstate.yaml, and where that has none by the rules of hooks.pre-commit.",
	}
	from := c.Flags().String("from", "", "commit or branch whose commits are known already; several with commas; without it all commits are judged")
	to := c.Flags().String("to", "HEAD", "commit or branch to judge")
	format := c.Flags().String("format", "text", strings.Join(report.Formats(), ", "))
	out := c.Flags().StringP("out", "o", "", "file for the report (default: standard output)")
	jobs := c.Flags().Bool("jobs", false, "run the jobs of pre-commit and pre-push as well, on the files that the range changes")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		policy, err := t.rangePolicy()
		if err != nil {
			return err
		}
		repo := server.Repository{}
		r := report.Run{Version: app.Version(), From: *from, To: *to}
		if r.Judgement, err = judgeRange(cmd.Context(), repo, policy, *from, *to); err != nil {
			return err
		}
		if *jobs {
			if err := judgeJobs(cmd.Context(), &r, *from, *to); err != nil {
				return err
			}
		}
		if t.json {
			*format = "json"
		}
		if err := t.report(r, *format, *out); err != nil {
			return err
		}
		if !r.Good() {
			return &exitError{code: exitCouldNot}
		}
		return nil
	}
	return c
}

// rangePolicy is what commits are judged by: the configuration of the work tree, or the one that was named.
func (t *terminal) rangePolicy() (*server.Policy, error) {
	if repo, err := client.Open(); err == nil && t.file == "" {
		conf, _, err := app.ReadHooks(repo.Top, "", nil)
		if err != nil {
			return nil, err
		}
		policy, err := conf.Range()
		if err == nil {
			policy.Verdicts = repo.Verdicts()
		}
		return policy, err
	}
	path, err := t.configFile()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	parts, err := app.ReadGates(filepath.Base(path), data, app.Folder(filepath.Dir(path)))
	if err != nil {
		return nil, err
	}
	return parts.Range()
}

func judgeRange(ctx context.Context, repo server.Repository, policy *server.Policy, from, to string) (*server.Judgement, error) {
	bases, tip, err := ends(ctx, repo, from, to)
	if err != nil {
		return nil, err
	}
	return policy.JudgeRange(ctx, repo, bases, tip)
}

// ends are the commits at both ends of a range.
func ends(ctx context.Context, repo server.Repository, from, to string) (bases []string, tip string, err error) {
	if tip, err = repo.Commit(ctx, to); err != nil {
		return nil, "", usage("--to: %w", err)
	}
	bases = []string{}
	for name := range strings.SplitSeq(from, ",") {
		if name = strings.TrimSpace(name); name == "" || strings.Trim(name, "0") == "" {
			continue // CI systems give zeros where there is no commit before
		}
		base, err := repo.Commit(ctx, name)
		if err != nil {
			return nil, "", usage("--from: %w; a shallow clone may lack it: fetch more of the history", err)
		}
		bases = append(bases, base)
	}
	return bases, tip, nil
}

func (t *terminal) report(r report.Run, format, path string) error {
	if path == "" {
		return report.Write(t.out, format, r)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return errors.Join(report.Write(f, format, r), f.Close())
}

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
)

const firstConfig = `# What goodstate keeps good here. See: goodstate validate, goodstate plan web HEAD
services:
  web:
    source:
      git: .                      # releases are commits of this repository
      build: go build -o web .    # any command; it runs in the folder of the commit
    run: ./web                    # finds where to listen in $HOST and $PORT
    instances: 2
    health:
      http: {url: /healthz}
    checks:
      home:
        http: {url: /, status: 200}
    traffic:
      listen: 127.0.0.1:8080      # where users reach it
    strategy:
      canary: {steps: [5%, 25%], hold: 1m}
    judge:
      limits:
        - errors > 10% for 1m
    watch: 5m
`

func initCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "init", Short: "Write a first goodstate.yaml", Args: cobra.NoArgs}
	c.RunE = func(*cobra.Command, []string) error {
		path := t.file
		if path == "" {
			path = app.ConfigName
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already and stays as it is", path)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		_, err = f.WriteString(firstConfig)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		t.say("wrote %s; adapt it, then: goodstate validate, goodstate deploy web HEAD", path)
		return nil
	}
	return c
}

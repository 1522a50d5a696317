package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endPatience is how long a server may take to end before it is killed.
const endPatience = 30 * time.Second

// End ends the server that runs on a data directory, whoever started it. No server, or a number of a process that is another program's by now, is no error.
func End(data string) error {
	pid, err := running(data)
	if err != nil || pid == 0 {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return nil //nolint:nilerr // it has ended already
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(endPatience)
	for {
		select {
		case <-tick.C:
			if pid, err := running(data); err != nil || pid == 0 {
				return err
			}
		case <-late:
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// running is the process of the server on a data directory, 0 when there is none.
func running(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("server on %s: %w", data, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("server on %s: %q is not a process", data, line)
	}
	if syscall.Kill(pid, 0) != nil || !worksIn(pid, data) {
		return 0, nil
	}
	return pid, nil
}

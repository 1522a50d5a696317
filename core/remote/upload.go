package remote

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Quote makes one word of a POSIX shell from any text.
func Quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// counted counts what is read from it.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Upload puts a file on the host in one move: whoever looks sees the old file or the whole new one, also when the connection is lost
// meanwhile. It needs a shell there and no sftp. The folder must exist.
func (c *Client) Upload(ctx context.Context, content io.Reader, to string, mode fs.FileMode) error {
	dir, base := path.Split(to)
	if base == "" {
		return fmt.Errorf("putting a file on %s: %q names no file", c.Target, to)
	}
	if dir == "" {
		dir = "."
	}
	body := &counted{r: content}
	name, err := c.Output(ctx, script(`umask 077; t=$(mktemp "$1/.goodstate.XXXXXXXX") || exit; if cat >"$t"; then printf %s "$t"; else rm -f "$t"; exit 1; fi`, dir), body, 4096)
	if err != nil {
		return fmt.Errorf("putting %s: %w", to, err)
	}
	move := `if [ "$(wc -c <"$1" | tr -d ' ')" = "$3" ] && chmod "$4" "$1" && mv -f "$1" "$2"; then exit 0; fi; rm -f "$1"; exit 1`
	if _, err := c.Output(ctx, script(move, string(name), to, fmt.Sprint(body.n), fmt.Sprintf("%04o", mode.Perm())), nil, 4096); err != nil {
		return fmt.Errorf("putting %s: moving it into its place: %w", to, err)
	}
	return nil
}

// script is a command line that runs a script with arguments in a POSIX shell, whatever the account's own shell is.
func script(text string, args ...string) string {
	line := "exec /bin/sh -c " + Quote(text) + " sh"
	for _, a := range args {
		line += " " + Quote(a)
	}
	return line
}

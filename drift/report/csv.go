package report

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/drift/record"
)

// CSV writes one row for each task and item on each host, host by host.
func (r Report) CSV(ctx context.Context, w io.Writer, b *record.Book) error {
	out := csv.NewWriter(w)
	may := map[string]string{} // differences that may stay
	for _, c := range r.Differences {
		may[c.Playbook+"\x00"+c.Cause] = c.Ignored
	}
	if err := out.Write([]string{"host", "playbook", "file", "line", "task", "item", "action", "state", "reason", "last_good", "differs_before", "last_seen", "relapses", "difference", "may_stay"}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, h := range r.Hosts {
		for after := ""; ; {
			page, err := b.Resources(ctx, h.Host, h.Playbook, after, 0)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, x := range page {
				row := []string{
					x.Host, x.Playbook, x.Path, strconv.Itoa(x.Line), x.Task, x.Item, x.Action, x.State.Word(), x.Reason, clock(x.GoodAt), clock(x.DiffersAt), clock(x.SeenAt),
					strconv.Itoa(x.Relapses), x.Cause, may[x.Playbook+"\x00"+x.Cause],
				}
				for i := range row {
					row[i] = cell(row[i])
				}
				if err := out.Write(row); err != nil {
					return fmt.Errorf("write the report: %w", err)
				}
			}
			after = page[len(page)-1].ID
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// cell keeps a spreadsheet from carrying out what a host has said: a text that begins like a formula gets an apostrophe before it.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

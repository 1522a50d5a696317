package record

import "context"

// Playbooks are the names under which hosts were looked at.
func (b *Book) Playbooks(ctx context.Context) ([]string, error) {
	return read(ctx, b.db, "playbooks", func(scan func(...any) error) (string, error) {
		var name string
		return name, scan(&name)
	}, `SELECT DISTINCT playbook FROM drift_hosts ORDER BY playbook`)
}

package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/run"
)

// forget lets the restore point of a Backup go. Again is how long to wait where it is not done; why says why it stays.
func (o *Operator) forget(ctx context.Context, b *Backup) (again time.Duration, why string, err error) {
	app := nameOf(b.Namespace, b.Spec.Plan)
	gone, err := o.goneAlready(ctx, app, point(b))
	if err != nil || gone {
		return 0, "", err
	}
	info, err := o.backups.StartAs(ctx, "operator-forget-"+string(b.UID), backup.KindForget, app, "operator", fmt.Sprintf("Backup %s/%s is deleted", b.Namespace, b.Name), backup.Request{Snapshot: point(b)})
	var taken *run.LeaseError
	var frozen *backup.FrozenError
	switch {
	case errors.As(err, &taken):
		return later, "", nil
	case errors.As(err, &frozen):
		o.events.Eventf(b, nil, corev1.EventTypeWarning, "Frozen", "Delete", "%s", short(err.Error()))
		return lookAgain, "", nil
	case err != nil:
		return 0, err.Error(), nil
	case info.State == run.Running:
		return soon, "", nil
	case info.State != run.Succeeded:
		return 0, info.Error, nil
	}
	var res backup.Forgotten
	if err := json.Unmarshal(info.Result, &res); err != nil {
		return 0, "", fmt.Errorf("result of run %s: %w", info.ID, err)
	}
	return 0, res.Frozen, nil
}

// goneAlready says that the plan's own policy has let a restore point go.
func (o *Operator) goneAlready(ctx context.Context, app, id string) (bool, error) {
	a, ok := o.backups.Configured().Applications.Get(app)
	if !ok {
		return false, nil
	}
	known, err := o.backups.Ledger.Points(ctx, a.Repository, app)
	for _, k := range known {
		if k.ID == id && !k.Gone.IsZero() {
			return true, nil
		}
	}
	return false, err
}

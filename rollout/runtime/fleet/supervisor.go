package fleet

import (
	"context"

	"goodstate.dev/goodstate/rollout/runtime"
)

// Supervisor looks after the instances of a host: it starts them, starts them again and ends them. The members of the family are
// files of this package. Every method may be called again after a crash.
type Supervisor interface {
	// look says what it found on the host that it needs, or what is missing. system is what uname -sm says.
	look(ctx context.Context, h *host, system string) (string, error)
	// start makes sure that the instance runs, from a folder of the host. One that runs is returned as it is.
	start(ctx context.Context, h *host, s runtime.Spec) (runtime.Instance, error)
	// stop ends it, politely first; one that is gone is stopped.
	stop(ctx context.Context, h *host, id string) error
	// list tells the instances that were started and not stopped.
	list(ctx context.Context, h *host, service string) ([]runtime.Instance, error)
	// logs are the last lines that an instance wrote, also after its end.
	logs(ctx context.Context, h *host, id string, lines int) ([]string, error)
}

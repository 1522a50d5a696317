package source

import (
	"context"
	"errors"

	"goodstate.dev/goodstate/backup/repository"
)

func init() {
	register(Kind{
		Name:    "command",
		Help:    "what a command writes to its standard output; another command takes it back",
		Example: "command: {dump: \"redis-cli --rdb -\", restore: \"./restore-redis\"}",
		New: func(decode func(any) error) (Source, error) {
			s := &commandSource{}
			return s, decode(s)
		},
	})
}

type commandSource struct {
	Dump string `yaml:"dump" required:"true" help:"command that writes the copy to its standard output, and fails when it is not whole" example:"./dump"`
	Back string `yaml:"restore" help:"command that reads the copy from its standard input; in a drill GOODSTATE_DRILL is 1 and GOODSTATE_SCRATCH an empty folder" example:"./restore"`
}

const commandFile = "stream"

// Backup runs the command.
func (s *commandSource) Backup(ctx context.Context, j Job) (Copied, error) {
	return dump(ctx, j, program{argv: []string{"sh", "-c", s.Dump}, dir: j.Base}, commandFile)
}

// Restore runs the other one.
func (s *commandSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error) {
	if s.Back == "" {
		return Restored{}, errors.New("the application's source has no restore command")
	}
	p := program{argv: []string{"sh", "-c", s.Back}, dir: j.Base}
	if to.Folder != "" {
		p.env = []string{"GOODSTATE_DRILL=1", "GOODSTATE_SCRATCH=" + to.Folder}
	}
	return feed(ctx, j, snap, commandFile, p)
}

// Original is where the command brings it.
func (s *commandSource) Original(context.Context, Job) (Place, error) {
	return Place{Name: "of the command", Replace: true}, nil
}

// Scratch is the drill's own folder.
func (s *commandSource) Scratch(_ context.Context, j Job) (Place, func(context.Context) error, error) {
	return Place{Folder: j.Scratch}, func(context.Context) error { return nil }, nil
}

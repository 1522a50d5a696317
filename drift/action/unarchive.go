package action

import (
	"context"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "unarchive", Help: "Unpack an archive on the host", Run: runUnarchive})
}

func runUnarchive(ctx context.Context, t *Task) (*py.Dict, error) {
	if t.has("copy") && t.has("remote_src") {
		return Failed("parameters are mutually exclusive: ('copy', 'remote_src')"), nil
	}
	onHost, err := t.Bool("remote_src", false)
	if err != nil {
		return nil, err
	}
	if t.has("copy") {
		here, err := t.Bool("copy", true)
		if err != nil {
			return nil, err
		}
		onHost = !here
	}
	if t.Text("src") == "" || t.Text("dest") == "" {
		return Failed("src (or content) and dest are required"), nil
	}
	args := without(t.Args, "copy", "decrypt")
	if onHost {
		args.Set("remote_src", true)
		return t.Remote.Module(ctx, "unarchive", args)
	}
	path, err := t.needle("files", t.Text("src"))
	if err != nil {
		return nil, err
	}
	s, err := t.fileSource(path)
	if err != nil {
		return nil, err
	}
	args.Delete("remote_src")
	args.Set("src", path) // its name tells the kind of archive
	args.Set("_blob", s.blob.Hash)
	return t.Remote.Module(ctx, "unarchive", args, s.blob)
}

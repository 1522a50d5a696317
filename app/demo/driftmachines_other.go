//go:build !linux

package demo

import (
	"context"
	"errors"
)

// machines are made with the namespaces of Linux.
func machines(context.Context, string) (*driftHosts, error) {
	return nil, errors.New("they need Linux")
}

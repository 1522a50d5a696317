package source

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Losses are what can happen to a cluster's objects.
func (s *kubernetesSource) Losses() []string { return []string{DeletedNamespace} }

// Census counts nothing: the restore of a drill compares each object with what was copied.
func (s *kubernetesSource) Census(context.Context, Place) (map[string]int64, error) {
	return map[string]int64{}, nil
}

// Lose deletes the scratch namespaces with all that is in them, waits until they are away, and makes empty ones.
func (s *kubernetesSource) Lose(ctx context.Context, j Job, _ string, to Place) (Loss, error) {
	said := "deleted were the namespaces " + strings.Join(slices.Sorted(maps.Values(to.Cluster.Namespaces)), ", ")
	fresh, _, err := s.Scratch(ctx, j) // which clears away the old ones first, and is cleared away as they would have been
	return Loss{said, fresh}, err
}

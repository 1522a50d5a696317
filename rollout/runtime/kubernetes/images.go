package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pinnedOf are the images that the release's first pod ran, by container, where they are known with the repository that they are pulled from.
func pinnedOf(d *unstructured.Unstructured) map[string]string {
	out := map[string]string{}
	if text := d.GetAnnotations()[annImages]; text != "" {
		_ = json.Unmarshal([]byte(text), &out) // what cannot be read pins nothing
	}
	for name, image := range out {
		if repository, digest, ok := strings.Cut(image, "@"); !ok || repository == "" || digest == "" {
			delete(out, name)
		}
	}
	return out
}

// imagesOf are the images that the pod runs, by container; complete says that all are known.
func imagesOf(p *corev1.Pod) (images map[string]string, complete bool) {
	images, complete = map[string]string{}, true
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		id := strings.TrimPrefix(c.ImageID, "docker-pullable://")
		if id == "" {
			complete = false
			continue
		}
		images[c.Name] = id
	}
	return images, complete && len(images) > 0
}

// pin keeps what the release's first pod runs with the release, and refuses a later pod that runs something else: a tag was moved meanwhile.
func (s *space) pin(ctx context.Context, d *unstructured.Unstructured, p *corev1.Pod) error {
	is, complete := imagesOf(p)
	if !complete {
		return nil // an image that cannot be pulled
	}
	if text := d.GetAnnotations()[annImages]; text != "" {
		was := map[string]string{}
		if json.Unmarshal([]byte(text), &was) != nil {
			return nil
		}
		for name, image := range is {
			if was[name] != "" && digestOf(was[name]) != digestOf(image) {
				return fmt.Errorf("container %s of pod %s runs %s, and the release's first pod ran %s: the image's tag was moved; name images by their digest", name, p.Name, image, was[name])
			}
		}
		return nil
	}
	text, err := json.Marshal(is)
	if err != nil {
		return fmt.Errorf("images of %s: %w", d.GetName(), err)
	}
	note(d, annImages, string(text))
	return s.try(ctx, "keep the images of "+d.GetName(), func(ctx context.Context) error {
		_, err := s.of(deployments).Update(ctx, d, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			return nil // the next instance keeps them
		}
		return err
	})
}

func digestOf(image string) string {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest
	}
	return image
}

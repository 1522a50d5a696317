package velero

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/backup/source/kubernetes"
)

// Bounds of a tarball. etcd takes objects of about 2 MB; as JSON they may be a little more.
const (
	objectLimit = 16 << 20
	wholeLimit  = 64 << 30
	countLimit  = 5_000_000
	ratioLimit  = 400       // bytes out for each byte in
	ratioFrom   = 256 << 20 // below this size any ratio is taken
)

// Objects calls each with every object of a backup, in no order. A tarball that is not as Velero writes it is refused as a whole.
func (s Store) Objects(ctx context.Context, b Backup, each func(kubernetes.Kind, *unstructured.Unstructured) error) error {
	name := s.file(b.Name(), b.Name()+".tar.gz")
	r, err := s.Storage.Open(ctx, name, 0, -1)
	if err != nil {
		return fmt.Errorf("manifests of backup %s: %w", b.Name(), err)
	}
	defer r.Close()
	if err := Tarball(ctx, r, each); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Tarball reads the manifests of a backup. Its input is hostile: links, devices, names that lead elsewhere, manifests that are of another object than their path says, and
// what unpacks to more than a cluster can have are refused.
func Tarball(ctx context.Context, r io.Reader, each func(kubernetes.Kind, *unstructured.Unstructured) error) error {
	in := &counter{r: r, ctx: ctx}
	z, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("not a tarball of Velero: %w", err)
	}
	out := &counter{r: z, ctx: ctx, check: func(n int64) error {
		if n > wholeLimit || n > ratioFrom && n/ratioLimit > in.n {
			return fmt.Errorf("it unpacks to more than %d MB from %d KB, which manifests do not; it is refused", n>>20, in.n>>10)
		}
		return nil
	}}
	t := tar.NewReader(out)
	for count := 0; ; count++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF) && count == 0:
			return errors.New("it is empty")
		case errors.Is(err, io.EOF):
			return drained(out)
		case err != nil:
			return err
		case count > countLimit:
			return fmt.Errorf("more than %d entries; it is refused", countLimit)
		}
		if err := entry(t, h, each); err != nil {
			return err
		}
	}
}

// drained reads what follows the archive's end, so that a cut or changed gzip stream is found.
func drained(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// counter counts what is read, and stops where it is too much or nobody waits for it any more.
type counter struct {
	r     io.Reader
	ctx   context.Context //nolint:containedctx // of the one call that reads
	n     int64
	check func(int64) error
}

func (c *counter) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.check != nil {
		if refused := c.check(c.n); refused != nil {
			return n, refused
		}
	}
	return n, err
}

func entry(r io.Reader, h *tar.Header, each func(kubernetes.Kind, *unstructured.Unstructured) error) error {
	name := strings.TrimPrefix(strings.TrimSuffix(h.Name, "/"), "./")
	switch {
	case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir:
		return fmt.Errorf("%q is neither a file nor a folder; a tarball of Velero has nothing else, so it is refused", h.Name)
	case path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "..") || strings.ContainsAny(name, "\\\x00"):
		return fmt.Errorf("the name %q leads elsewhere; the tarball is refused", h.Name)
	case h.Typeflag == tar.TypeDir:
		return nil
	}
	at, ok := place(strings.Split(name, "/"))
	if !ok {
		return nil // metadata/version, and the same objects again in other versions of their API
	}
	if h.Size > objectLimit {
		return fmt.Errorf("%q has %d MB, more than any object of a cluster; the tarball is refused", name, h.Size>>20)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	k, err := at.kind(o)
	if err != nil {
		return fmt.Errorf("%q: %w; the tarball is refused", name, err)
	}
	return each(k, o)
}

// spot is what a path says of its object.
type spot struct {
	resource        schema.GroupResource
	namespace, name string
}

// place reads resources/KIND.GROUP/namespaces/NAMESPACE/NAME.json and resources/KIND.GROUP/cluster/NAME.json.
func place(parts []string) (s spot, ok bool) {
	if len(parts) < 4 || parts[0] != "resources" || !strings.HasSuffix(parts[len(parts)-1], ".json") {
		return s, false
	}
	s.resource = schema.ParseGroupResource(parts[1])
	s.name = strings.TrimSuffix(parts[len(parts)-1], ".json")
	switch {
	case len(parts) == 4 && parts[2] == "cluster":
		return s, true
	case len(parts) == 5 && parts[2] == "namespaces":
		s.namespace = parts[3]
		return s, true
	}
	return s, false
}

// kind compares a manifest with its path: a role that calls itself a ConfigMap would come back past everybody who looks at names only.
func (s spot) kind(o *unstructured.Unstructured) (kubernetes.Kind, error) {
	gvk := o.GroupVersionKind()
	if o.GetName() != s.name || o.GetNamespace() != s.namespace || gvk.Group != s.resource.Group || gvk.Kind == "" || gvk.Version == "" {
		return kubernetes.Kind{}, fmt.Errorf("the manifest is of another object: %s %s, %s/%s", o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName())
	}
	if guess, _ := meta.UnsafeGuessKindToResource(gvk); builtIn(gvk.Group) && guess.Resource != s.resource.Resource {
		return kubernetes.Kind{}, fmt.Errorf("a %s does not belong there", gvk.Kind)
	}
	return kubernetes.Kind{GroupVersionResource: s.resource.WithVersion(gvk.Version), Kind: gvk.Kind, Namespaced: s.namespace != ""}, nil
}

// builtIn says that a group is Kubernetes' own, whose kinds all have regular plurals.
func builtIn(group string) bool {
	switch group {
	case "", "apps", "batch", "autoscaling", "policy", "extensions", "rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io", "scheduling.k8s.io", "apiextensions.k8s.io", "admissionregistration.k8s.io",
		"apiregistration.k8s.io", "node.k8s.io", "discovery.k8s.io", "certificates.k8s.io", "coordination.k8s.io":
		return true
	}
	return false
}

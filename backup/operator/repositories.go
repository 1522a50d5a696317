package operator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
)

// heldFinalizer keeps a Repository for as long as a plan uses it.
const heldFinalizer = "backup.goodstate.dev/in-use"

// repository brings one Repository up: it is in force, it can be opened, and where it is not there yet it is made.
func (o *Operator) repository(ctx context.Context, q ctrl.Request) (ctrl.Result, error) {
	var r Repository
	if err := o.client.Get(ctx, q.NamespacedName, &r); err != nil {
		if apierrors.IsNotFound(err) {
			return ctrl.Result{}, o.rebuild(ctx)
		}
		return ctrl.Result{}, err
	}
	if err := o.rebuild(ctx); err != nil {
		return ctrl.Result{}, err
	}
	name := nameOf(r.Namespace, r.Name)
	users := o.users(name)
	if r.DeletionTimestamp != nil {
		return o.letGo(ctx, &r, users)
	}
	if controllerutil.AddFinalizer(&r, heldFinalizer) {
		if err := o.client.Update(ctx, &r); err != nil {
			return ctrl.Result{}, passing(err)
		}
	}
	was := clone(&r)
	r.Status.Plans = len(users)
	reason, err := "Opened", o.problem("Repository", name)
	if err == nil {
		r.Status.ID, err = o.opened(ctx, name, r.Status.ID)
	}
	message := fmt.Sprintf("it can be opened; %d plans use it", len(users))
	if err != nil {
		reason, message = reasonOf(err), err.Error()
	}
	r.Status.said(r.Generation, "Ready", err == nil, reason, message)
	if err != nil && !reflect.DeepEqual(was.Status, r.Status) {
		o.events.Eventf(&r, nil, corev1.EventTypeWarning, reason, "Open", "%s", message)
	}
	return ctrl.Result{RequeueAfter: wait(err)}, o.write(ctx, &r, reflect.DeepEqual(was.Status, r.Status))
}

// opened opens a repository, and makes one where none was ever seen. One that was there and is gone is not made anew: it would hide the loss.
func (o *Operator) opened(ctx context.Context, name, before string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	repo, err := o.backups.Open(ctx, name)
	if errors.Is(err, storage.ErrNotFound) && before == "" {
		id, err := o.backups.Init(ctx, name)
		if err != nil {
			return "", err
		}
		return id.String(), nil
	}
	if err != nil {
		return before, err
	}
	if id := repo.ID().String(); before != "" && id != before {
		return before, errors.Join(fmt.Errorf("another repository lies there now (%.8s, want %.8s)", id, before), repo.Close())
	}
	return repo.ID().String(), repo.Close()
}

// users lists the plans in force that use a repository.
func (o *Operator) users(name string) (all []string) {
	for app, a := range o.backups.Configured().Applications.All() {
		for _, r := range append([]string{a.Repository}, a.Copies...) {
			if r == name {
				all = append(all, app)
				break
			}
		}
	}
	return all
}

func (o *Operator) letGo(ctx context.Context, r *Repository, users []string) (ctrl.Result, error) {
	if len(users) == 0 {
		if controllerutil.RemoveFinalizer(r, heldFinalizer) {
			return ctrl.Result{}, passing(o.client.Update(ctx, r))
		}
		return ctrl.Result{}, nil
	}
	was := clone(r)
	message := fmt.Sprintf("it is used by %v; delete these plans first, or let them use another one", users)
	r.Status.Plans = len(users)
	r.Status.said(r.Generation, "Ready", false, "InUse", message)
	same := reflect.DeepEqual(was.Status, r.Status)
	if !same {
		o.events.Eventf(r, nil, corev1.EventTypeWarning, "InUse", "Delete", "%s", message)
	}
	return ctrl.Result{RequeueAfter: later}, o.write(ctx, r, same)
}

// write stores the status of an object, unless it is the same.
func (o *Operator) write(ctx context.Context, obj client.Object, same bool) error {
	if same {
		return nil
	}
	return passing(o.client.Status().Update(ctx, obj))
}

// passing takes what is gone for no error.
func passing(err error) error { return client.IgnoreNotFound(err) }

func wait(err error) time.Duration {
	if err != nil {
		return later
	}
	return lookAgain
}

// reasonOf is the reason of a condition.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, errForbidden):
		return "Forbidden"
	case errors.Is(err, repository.ErrPassword):
		return "WrongPassword"
	}
	return "Failed"
}

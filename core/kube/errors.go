package kube

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Explain says what an error of the API server means and what to do; other errors stay as they are. The error that it returns wraps the one that it got.
func Explain(err error) error {
	var status apierrors.APIStatus
	var asked *url.Error
	var network net.Error
	switch {
	case err == nil:
		return nil
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster does not accept the credentials, they are expired or revoked; give a new kubeconfig: %w", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the cluster forbids it; a Role or ClusterRole of the account must allow this verb: %w", err)
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err), apierrors.IsServiceUnavailable(err):
		return fmt.Errorf("the API server is overloaded or starting; try again later: %w", err)
	case apierrors.IsInternalError(err) && strings.Contains(err.Error(), "failed calling webhook"):
		return fmt.Errorf("a webhook of the cluster does not answer; start what serves it, or delete the webhook and make it again afterwards: %w", err)
	case errors.As(err, &status):
		return err
	case errors.As(err, &asked) && errors.As(err, &network):
		return fmt.Errorf("the API server does not answer: %w", err)
	}
	return err
}

// Passing says that the same request may go through later: the API server is away, starting or overloaded.
func Passing(err error) bool {
	var asked *url.Error
	if apierrors.IsInternalError(err) && strings.Contains(err.Error(), "failed calling webhook") {
		return false // the API server is well, a webhook is not: waiting for it is the user's choice
	}
	return apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsTimeout(err) || errors.As(err, &asked) && !asked.Timeout()
}

package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"

	"goodstate.dev/goodstate/core/good"
)

// unreachable judges why a target gave no answer. The target's doing is Fail: it refused, hung up, said nothing until
// the deadline, showed a wrong certificate. What lies between here and the target is Unknown: names that do not resolve,
// networks without a way, a host out of its own means.
func unreachable(ctx context.Context, what, wanted string, began time.Time, err error) good.Finding {
	var dns *net.DNSError
	var netErr net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, context.Canceled):
		return unseen(wanted, "interrupted")
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return failed(wanted, what+" gave no answer within "+span(time.Since(began)))
	case errors.As(err, &dns):
		return hint(unseen(wanted, what+": the name "+dns.Name+" does not resolve: "+dns.Err), "check the name and the resolver of this machine")
	case errors.As(err, &netErr) && netErr.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return failed(wanted, what+" gave no answer within "+span(time.Since(began)))
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed(wanted, what+" refused the connection")
	case ours(err):
		return unseen(wanted, what+" cannot be reached from here: "+innermost(err).Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failed(wanted, what+" closed the connection in the middle of its answer")
	case badCertificate(err):
		return hint(failed(wanted, what+": "+clip(innermost(err).Error(), 300)), "set ca: to the authority that signed it, and host: to a name in the certificate")
	}
	return failed(wanted, what+": "+clip(printable(innermost(err).Error()), 300))
}

// ours is true for errors that say nothing about the target.
func ours(err error) bool {
	for _, e := range []syscall.Errno{
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL,
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EACCES, syscall.EPERM,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func badCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &name)
}

// innermost drops the layers that repeat the address and, in a URL, what should not be shown.
func innermost(err error) error {
	for {
		var u *url.Error
		var op *net.OpError
		switch {
		case errors.As(err, &u):
			err = u.Err
		case errors.As(err, &op):
			err = op.Err
		default:
			return err
		}
	}
}

func hint(f good.Finding, text string) good.Finding {
	f.Hint = text
	return f
}

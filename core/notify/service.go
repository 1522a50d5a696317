package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "url",
		Help:    "send through any service of shoutrrr (Discord, Telegram, Matrix, ntfy, Gotify, Opsgenie, ...), named by its URL",
		Example: "url: {address: {secret: telegram}}",
		New: func(decode func(any) error) (Channel, error) {
			s := &service{}
			return s, decode(s)
		},
	})
}

// service sends through a service of shoutrrr. Its URL has the token in it, so it can only be a secret.
type service struct {
	Address config.Secret `yaml:"address" help:"the service's URL as https://shoutrrr.nickfedor.com describes it, such as ntfy://ntfy.sh/topic" required:"true"`
}

func (s *service) Deliver(ctx context.Context, n Notice) error {
	address, err := n.Secret(ctx, s.Address)
	if err != nil {
		return err
	}
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return errors.New("the secret is no URL of a service; want for example ntfy://ntfy.sh/topic")
	}
	sender, err := locate(address)
	if err != nil {
		return fmt.Errorf("service %s: %w", scheme, err)
	}
	// The library takes no context. Its services end after ten seconds by themselves; who stops earlier leaves the sending to its end.
	done := make(chan error, 1)
	go func() { done <- sender.Send(n.Title+"\n"+n.plain(), &types.Params{}) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("service %s: %w", scheme, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("service %s: no answer: %w", scheme, ctx.Err())
	}
}

// locate builds the sender of a URL. The library panics on some malformed ones; nobody's notice may end the process.
func locate(address string) (sender types.Service, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the URL cannot be understood")
		}
	}()
	r, err := shoutrrr.NewSender(log.New(io.Discard, "", 0))
	if err != nil {
		return nil, err
	}
	return find(r, address)
}

func find(r *router.ServiceRouter, address string) (types.Service, error) {
	sender, err := r.Locate(address)
	if errors.Is(err, router.ErrUnknownService) {
		return nil, errors.New("no such service is known")
	}
	return sender, err
}

package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nicholas-fedor/shoutrrr"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "url",
		Help:    "tell Slack, Teams, e-mail, PagerDuty and many others by their shoutrrr address, which is a secret",
		Example: "url: {address: {secret: slack}}",
		New: func(decode func(any) error) (Channel, error) {
			c := &chat{}
			return c, decode(c)
		},
	})
}

// chat hands the event to shoutrrr, which knows the services: https://containrrr.dev/shoutrrr/
type chat struct {
	Address config.Secret `yaml:"address" required:"true" help:"service address, such as slack://... or smtp://..., as {secret: name}"`
}

// Deliver sends title, text and link as one message.
func (c *chat) Deliver(ctx context.Context, e Event, get func(context.Context, string) (string, error)) error {
	address, err := get(ctx, c.Address.Name())
	if err != nil {
		return err
	}
	message := strings.TrimSpace(strings.Join([]string{e.Title, e.Text, e.URL}, "\n"))
	if err := shoutrrr.Send(address, message); err != nil {
		scheme, _, _ := strings.Cut(address, "://")
		return errors.New(strings.ReplaceAll(fmt.Sprintf("%s: %v", scheme, err), address, "(secret "+c.Address.Name()+")"))
	}
	return nil
}

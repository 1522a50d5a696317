package alert

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Receiver is one address at which alerts come in: `alerts.NAME` of the configuration is /in/alerts/NAME of the server.
// Alertmanager can prove who it is by a token or a password; Grafana by these and, from version 12 on, by a signature.
type Receiver struct {
	Token    config.Secret     `yaml:"token" json:"token,omitzero" help:"bearer token that the sender has to show; as {secret: name}"`
	User     string            `yaml:"user" json:"user,omitempty" help:"user name of basic authentication, with password"`
	Password config.Secret     `yaml:"password" json:"password,omitzero" help:"password of basic authentication; as {secret: name}"`
	Sign     config.Secret     `yaml:"sign" json:"sign,omitzero" help:"key of the HMAC signature of Grafana (X-Grafana-Alerting-Signature); as {secret: name}"`
	Service  string            `yaml:"service" json:"service,omitempty" default:"service" help:"label that names the service"`
	Release  string            `yaml:"release" json:"release,omitempty" default:"release" help:"label that names the release; an alert about another release does not count against the new one"`
	Match    map[string]string `yaml:"match" json:"match,omitempty" help:"only alerts with these labels count; | between values means or" example:"{severity: critical|page}"`
}

// Validate reports a receiver that everybody could send to.
func (r *Receiver) Validate(report func(path, message string)) {
	ways := 0
	for _, s := range []config.Secret{r.Token, r.Password, r.Sign} {
		if !s.IsZero() {
			ways++
		}
	}
	if ways != 1 {
		report("", fmt.Sprintf("%d ways to prove who sends are given, want exactly one of token, password (with user) and sign", ways))
	}
	if (r.User == "") != r.Password.IsZero() {
		report("user", "user and password go together")
	}
	if r.Service == "" {
		report("service", "no label is named")
	}
}

// errStranger says that a sender has not proven who they are.
var errStranger = errors.New("the sender has not proven who they are")

const (
	signatureHeader = "X-Grafana-Alerting-Signature"
	timestampHeader = "X-Grafana-Alerting-Timestamp"
	signatureAge    = 5 * time.Minute
)

// proven says whether the request is from who it should be from. Its error wraps errStranger unless the secret could not be had.
func (r Receiver) proven(ctx context.Context, req *http.Request, body []byte, now time.Time, secret func(context.Context, string) (string, error)) error {
	value := func(s config.Secret) (string, error) { return secret(ctx, s.Name()) }
	switch {
	case !r.Sign.IsZero():
		key, err := value(r.Sign)
		if err != nil {
			return err
		}
		return signed(req, body, key, now)
	case !r.Password.IsZero():
		want, err := value(r.Password)
		if err != nil {
			return err
		}
		user, got, ok := req.BasicAuth()
		if !ok || !same(user, r.User) || !same(got, want) {
			return fmt.Errorf("%w: wrong user or password", errStranger)
		}
		return nil
	}
	want, err := value(r.Token)
	if err != nil {
		return err
	}
	got, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !ok || !same(got, want) {
		return fmt.Errorf("%w: wrong token", errStranger)
	}
	return nil
}

// signed checks Grafana's signature: the hexadecimal HMAC-SHA256 of the body, or of "timestamp:body" where the timestamp is sent too,
// which then has to be of now.
func signed(req *http.Request, body []byte, key string, now time.Time) error {
	m := hmac.New(sha256.New, []byte(key))
	if at := req.Header.Get(timestampHeader); at != "" {
		unix, err := strconv.ParseInt(at, 10, 64)
		if age := now.Sub(time.Unix(unix, 0)).Abs(); err != nil || age > signatureAge {
			return fmt.Errorf("%w: the signature is not of the last minutes", errStranger)
		}
		m.Write([]byte(at + ":"))
	}
	m.Write(body)
	got, err := hex.DecodeString(req.Header.Get(signatureHeader))
	if err != nil || !hmac.Equal(got, m.Sum(nil)) {
		return fmt.Errorf("%w: wrong signature", errStranger)
	}
	return nil
}

// same compares in a time that tells nothing about either.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "grpc",
		Help:    "ask the standard gRPC health service (grpc.health.v1)",
		Example: "grpc: {service: shop.Orders}",
		New: func(decode func(any) error) (Check, error) {
			c := &grpcCheck{}
			if err := decode(c); err != nil {
				return nil, err
			}
			roots, err := trusted(c.CA)
			c.credentials = insecure.NewCredentials()
			if c.TLS {
				c.credentials = credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
			}
			return c, err
		},
	})
}

type grpcCheck struct {
	Address string `yaml:"address" help:"host:port; default: where the instance listens"`
	Service string `yaml:"service" help:"name of the service asked about; empty asks about the whole server"`
	TLS     bool   `yaml:"tls" help:"connect with TLS"`
	CA      string `yaml:"ca" help:"file with the certificates in PEM to trust besides the system's"`

	credentials credentials.TransportCredentials
}

// Run asks once.
func (c *grpcCheck) Run(ctx context.Context, t Target) good.Finding {
	f := good.Finding{Wanted: "SERVING", Verdict: good.Fail}
	address := c.Address
	if address == "" {
		u, err := t.url("/")
		if err != nil {
			return unknown(f.Wanted, errors.New("no address is given, and the service has none"))
		}
		address = u.Host
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(c.credentials))
	if err != nil {
		return unknown(f.Wanted, err)
	}
	defer func() { _ = conn.Close() }() // the answer is in; how the connection ends says nothing
	answer, err := health.NewHealthClient(conn).Check(ctx, &health.HealthCheckRequest{Service: c.Service})
	if err != nil {
		if end, ok := interrupted(ctx); ok {
			return end
		}
		if status.Code(err) == codes.Unimplemented {
			f.Hint = "the server does not offer grpc.health.v1.Health"
		}
		f.Observed = address + ": " + because(ctx, errors.New(status.Convert(err).Message()))
		return f
	}
	f.Observed = fmt.Sprintf("%s is %s", address, answer.GetStatus())
	if answer.GetStatus() == health.HealthCheckResponse_SERVING {
		f.Verdict = good.Pass
	}
	return f
}

package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"goodstate.dev/goodstate/core/config"
)

// S3Server is a server that speaks S3's protocol, and the key for it.
type S3Server struct {
	Endpoint  string        `yaml:"endpoint" required:"true" help:"address of the server, with its scheme" example:"https://s3.eu-central-1.amazonaws.com"`
	Region    string        `yaml:"region" help:"region of the bucket, where the server does not tell it" example:"eu-central-1"`
	AccessKey config.Secret `yaml:"access_key" required:"true" help:"secret with the ID of the access key" example:"{secret: s3-id}"`
	SecretKey config.Secret `yaml:"secret_key" required:"true" help:"secret with the access key itself" example:"{secret: s3-key}"`
	PathStyle bool          `yaml:"path_style" help:"the bucket is in the path of addresses and not in the host's name"`
	CA        string        `yaml:"ca" help:"file with certificates that the server is trusted by, besides those of the system" example:"ca.pem"`
}

// Validate reports addresses that are not safe.
func (s *S3Server) Validate(report func(path, message string)) {
	if _, err := endpoint(s.Endpoint); err != nil {
		report("endpoint", err.Error())
	}
}

func endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address, want one like https://s3.example.com", address)
	}
	if u.User != nil {
		return nil, errors.New("credentials do not belong into an address")
	}
	return u, secure(u.Scheme, u.Host)
}

// Client makes a client, which connects when it is used, and what closes its idle connections.
func (s *S3Server) Client(ctx context.Context, env Env) (*minio.Client, func(), error) {
	u, err := endpoint(s.Endpoint)
	if err != nil {
		return nil, nil, err
	}
	id, err := env.secret(ctx, s.AccessKey, "access key")
	if err != nil {
		return nil, nil, err
	}
	key, err := env.secret(ctx, s.SecretKey, "secret key")
	if err != nil {
		return nil, nil, err
	}
	transport, err := env.transport(s.CA)
	if err != nil {
		return nil, nil, err
	}
	style := minio.BucketLookupAuto
	if s.PathStyle {
		style = minio.BucketLookupPath
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(id, key, ""), Secure: u.Scheme == "https", Transport: transport, Region: s.Region, BucketLookup: style, MaxRetries: 1,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("client of %s: %w", s.Endpoint, err)
	}
	return client, transport.CloseIdleConnections, nil
}

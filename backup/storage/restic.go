package storage

import (
	"strconv"

	"goodstate.dev/goodstate/core/config"
)

// Restic is how the program restic reaches a place, for people who recover without goodstate.
type Restic struct {
	Args    []string     // of its command line, with -r, not quoted for a shell
	Secrets []ResticNeed // that it takes from its environment
}

// ResticNeed is an environment variable of restic whose value is a secret.
type ResticNeed struct {
	Env    string
	What   string // for people
	Secret config.Secret
}

// ByRestic says how restic reaches a place; false where it cannot. Relative files are taken from base.
func ByRestic(p Place, base string) (Restic, bool) {
	r, ok := p.(interface{ restic(env Env) Restic })
	if !ok {
		return Restic{}, false
	}
	return r.restic(Env{Base: base}), true
}

func (p *folderPlace) restic(env Env) Restic { return Restic{Args: []string{"-r", env.path(p.path)}} }

// restic reaches the host by the program ssh. sftp.args is of restic 0.15.
func (p *sftpPlace) restic(env Env) Restic {
	host := p.Host
	if p.User != "" {
		host = p.User + "@" + host
	}
	r := Restic{Args: []string{"-r", "sftp:" + host + ":" + p.Folder}}
	var ssh string
	if p.Port != 0 {
		ssh += " -p " + strconv.Itoa(p.Port)
	}
	if p.Key != "" {
		ssh += ` -i "` + env.path(p.Key) + `"`
	}
	if p.Config != "" && p.Config != "none" {
		ssh += ` -F "` + env.path(p.Config) + `"`
	}
	if ssh != "" {
		r.Args = append(r.Args, "-o", "sftp.args="+ssh[1:])
	}
	return r
}

func (p *s3Place) restic(env Env) Restic {
	r := Restic{
		Args:    []string{"-r", "s3:" + p.Endpoint + "/" + joined(p.Bucket, p.Prefix)},
		Secrets: []ResticNeed{{"AWS_ACCESS_KEY_ID", "ID of the access key", p.AccessKey}, {"AWS_SECRET_ACCESS_KEY", "access key", p.SecretKey}},
	}
	if p.Region != "" {
		r.Args = append(r.Args, "-o", "s3.region="+p.Region)
	}
	if p.PathStyle {
		r.Args = append(r.Args, "-o", "s3.bucket-lookup=path")
	}
	if p.CA != "" {
		r.Args = append(r.Args, "--cacert", env.path(p.CA))
	}
	return r
}

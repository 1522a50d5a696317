package storage

import (
	"slices"
	"testing"

	"goodstate.dev/goodstate/core/config"
)

func TestResticIsToldHowToReachEachPlace(t *testing.T) {
	for _, c := range []struct {
		kind     string
		settings map[string]any
		want     []string
		secrets  int
	}{
		{"sftp", map[string]any{"host": "backup.example.com", "folder": "/srv/shop"}, []string{"-r", "sftp:backup.example.com:/srv/shop"}, 0},
		{
			"sftp",
			map[string]any{"host": "backup.example.com", "user": "keeper", "port": 2222, "key": "backup.key", "config": "/etc/ssh_config", "folder": "shop"},
			[]string{"-r", "sftp:keeper@backup.example.com:shop", "-o", `sftp.args=-p 2222 -i "/conf/backup.key" -F "/etc/ssh_config"`},
			0,
		},
		{
			"s3",
			map[string]any{"endpoint": "https://s3.example.com", "bucket": "backup", "prefix": "shop", "region": "eu-1", "path_style": true, "ca": "ca.pem", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"}},
			[]string{"-r", "s3:https://s3.example.com/backup/shop", "-o", "s3.region=eu-1", "-o", "s3.bucket-lookup=path", "--cacert", "/conf/ca.pem"},
			2,
		},
	} {
		choice, err := config.Choose[Place](c.kind, c.settings)
		if err != nil {
			t.Fatal(err)
		}
		place, err := choice.New()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ByRestic(place, "/conf")
		if !ok || !slices.Equal(got.Args, c.want) || len(got.Secrets) != c.secrets {
			t.Errorf("%s: %v %q with %d secrets, want %q with %d", c.kind, ok, got.Args, len(got.Secrets), c.want, c.secrets)
		}
	}
}

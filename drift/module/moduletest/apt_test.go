package moduletest

// repository makes packages and a folder that apt fetches them from: gs-one in two versions, gs-two that needs gs-one, gs-old installed in version 1.
const repository = `
mkdir -p /repo; cd /repo
deb() { d=$(mktemp -d); mkdir -p $d/DEBIAN $d/usr/share/$1 $d/etc; echo "$1 $2" > $d/usr/share/$1/v; echo "$2" > $d/etc/$1.conf; echo /etc/$1.conf > $d/DEBIAN/conffiles
printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: gs <gs@example.com>\nDescription: test\n%s' $1 $2 "${3:-}" > $d/DEBIAN/control; dpkg-deb -b $d $1_$2.deb >/dev/null; rm -r $d; }
deb gs-one 1.0; deb gs-one 2.0-1; deb gs-two 1.0 'Depends: gs-one
Provides: gs-virtual
'; deb gs-old 1.0; deb gs-old 1.5
for f in *.deb; do dpkg-deb -f $f; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"; echo "SHA256: $(sha256sum $f | cut -d' ' -f1)"; echo; done > Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/repo ./' > /etc/apt/sources.list
apt-get -q update >/dev/null 2>&1; dpkg -i gs-old_1.0.deb >/dev/null; touch -d '2 hours ago' /var/lib/apt/lists /var/lib/apt/periodic/update-success-stamp 2>/dev/null || true`

func init() {
	apt := func(name string, a args, more ...string) {
		add(Scenario{
			Module: "apt", Name: name, Setup: repository, Args: a, Verify: "dpkg-query -W 'gs-*' 2>/dev/null || :",
			Ignore: append([]string{"stdout", "stderr", "cache_update_time"}, more...), IgnoreCheck: []string{"diff"},
			Paths: `^/(var/lib/(dpkg|apt|systemd)|repo|etc/apt|usr/share)(/|$)`,
		})
	}
	apt("a new one", args{"name": "gs-one"})
	apt("there already", args{"name": "gs-old"})
	apt("a version", args{"name": "gs-one=1.0"})
	apt("a version by a pattern", args{"name": "gs-one=2.*"})
	apt("no such version", args{"name": "gs-one=9"})
	apt("no such package", args{"name": "gs-none"})
	apt("what another provides", args{"name": "gs-virtual"})
	apt("with what it needs", args{"name": []any{"gs-two", "gs-old"}})
	apt("the latest", args{"name": "gs-old", "state": "latest"})
	apt("only upgrades", args{"name": []any{"gs-one", "gs-old"}, "state": "latest", "only_upgrade": true})
	apt("gone", args{"name": "gs-old", "state": "absent"})
	apt("gone with its configuration", args{"name": "gs-old", "state": "absent", "purge": true})
	apt("nothing to remove", args{"name": "gs-one", "state": "absent"})
	apt("nothing of that name to remove", args{"name": "gs-none", "state": "absent"})
	slow := len(scenarios)
	apt("new lists", args{"update_cache": true, "cache_valid_time": 60})
	apt("young lists", args{"update_cache": true, "cache_valid_time": 86400})
	apt("new lists and a package", args{"name": "gs-one", "update_cache": true}, "cache_updated")
	apt("a file", args{"deb": "/repo/gs-one_1.0.deb"}, "diff")
	apt("a newer file", args{"deb": "/repo/gs-old_1.5.deb"}, "diff")
	apt("no file", args{"deb": "/repo/none.deb"}, "msg", "rc", "cache_updated")
	apt("upgrade", args{"upgrade": "dist"}, "diff", "msg")
	apt("autoremove", args{"autoremove": true}, "msg")
	apt("clean", args{"clean": true})
	apt("nothing asked", args{"state": "present"}, "msg")
	apt("too much asked", args{"name": "gs-one", "deb": "/x"})
	scenarios[slow].Blind = true // the repository may have nothing new
	for i := range scenarios {
		if s := &scenarios[i]; s.Module == "apt" {
			s.Slow = s.Name != "a new one" && s.Name != "there already" && s.Name != "gone" && s.Name != "no such package"
		}
	}
}

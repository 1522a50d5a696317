package rule

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "permalinks",
		Aliases: []string{"check-vcs-permalinks"},
		Help:    "a link to a line of source names a commit, so that it stays right",
		Example: "{domains: [github.com, git.example.org]}",
		Args:    []Arg{{Flags: []string{"--additional-github-domain"}, Option: "domains", Takes: Each}},
		New: func(decode func(any) error) (any, error) {
			r := &permalinks{}
			if err := decode(r); err != nil {
				return nil, err
			}
			var hosts []string
			for _, domain := range append([]string{"github.com"}, r.Domains...) {
				hosts = append(hosts, regexp.QuoteMeta(domain))
			}
			r.pattern = sync.OnceValue(func() *regexp.Regexp {
				return regexp.MustCompile(`https://(?:` + strings.Join(hosts, "|") + `)/[^/ \n]+/[^/ \n]+/blob/([^/. \n]+)/[^# \n]+#L[0-9]+`)
			})
			return r, nil
		},
	})
}

type permalinks struct {
	Domains []string `json:"domains"` // hosts beside github.com that are laid out like it
	pattern func() *regexp.Regexp
}

var commitID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-fA-F]{4,64}$`) })

func (*permalinks) Wants(f *File) bool { return f.HasText() && f.Size > 20 }

func (r *permalinks) Check(f *File) ([]Finding, error) {
	return Text("permalinks", f, func(text []byte) []Finding {
		if !bytes.Contains(text, []byte("/blob/")) {
			return nil
		}
		var found []Finding
		where := &cursor{text: text}
		for _, span := range r.pattern().FindAllSubmatchIndex(text, -1) {
			ref := text[span[2]:span[3]]
			if !commitID().Match(ref) {
				found = append(found, where.at(span[0], "the link goes to a line on branch %s, which will be another line; press y on that page and take the link from there", ref))
			}
		}
		return found
	})
}

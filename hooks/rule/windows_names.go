package rule

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "windows-names",
		Aliases: []string{"check-illegal-windows-names"},
		Help:    "every path can be created on Windows",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &windowsNames{}
			return r, decode(r)
		},
	})
}

type windowsNames struct{}

// reserved are the names of devices, which are files in no folder, and what no name may have in it or end in
// (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
var reserved = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|/)(CON|PRN|AUX|NUL|COM[\d¹²³]|LPT[\d¹²³])(\.|/|$)|[<>:"\\|?*\x00-\x1F]|[.\s](/|$)`)
})

func (*windowsNames) Wants(*File) bool { return true }

func (*windowsNames) Check(f *File) ([]Finding, error) {
	span := reserved().FindStringIndex(f.Path)
	if span == nil {
		return nil, nil
	}
	return []Finding{{
		Rule: "windows-names", Path: f.Path,
		Message: fmt.Sprintf("Windows cannot create this path because of %q; rename it", strings.Trim(f.Path[span[0]:span[1]], "/")),
	}}, nil
}

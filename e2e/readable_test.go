package e2e

import (
	_ "embed"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// readable holds the page to what people with poor sight, a screen reader or a keyboard need (WCAG 2.2, level AA), in light colours and in dark ones.
func (b *browser) readable() {
	b.d.t.Helper()
	for _, colours := range []string{"dark", "light"} {
		if _, err := chromedp.Call(b.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}},
		}); err != nil {
			b.d.t.Fatal(err)
		}
		at := get(b, "address", chromedp.Location())
		problems := get(b, "look with "+colours+" colours", chromedp.Evaluate[[]string](fmt.Sprintf("(%s)()", problemsOf)))
		for _, p := range problems {
			b.d.t.Errorf("%s with %s colours: %s", at, colours, p)
		}
	}
}

//go:embed readable.js
var problemsOf string

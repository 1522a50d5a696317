package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"goodstate.dev/goodstate/backup"
)

// What a person did to the moving part of a page stays when the page moves: here a mark on a node and the place of the cursor.
func TestALivePageKeepsTheNodesThatDidNotChange(t *testing.T) {
	d := newVault(t)
	if d == nil {
		return
	}
	copies := func() {
		info, err := d.a.Backups.Start(t.Context(), backup.KindCopy, "shop", "test", "", backup.Request{})
		d.must(err)
		_, err = d.a.Engine.Wait(t.Context(), info.ID)
		d.must(err)
	}
	copies()
	vera := d.browser("vera", true)
	vera.login()
	vera.open("/backups")
	vera.sees("All backups are as promised")
	vera.do("wait for the stream", chromedp.WaitReady(`//*[@id="stream"][.="Live"]`))
	vera.do("mark nodes", chromedp.Evaluate[chromedp.Void](`(() => {
		document.querySelector("tr[data-key=shop]").marked = true;
		document.querySelector("tr[data-key=shop] a").focus();
	})()`))
	d.must(os.Remove(filepath.Join(d.dir, "backup.key")))
	info, err := d.a.Backups.Start(t.Context(), backup.KindCopy, "shop", "test", "", backup.Request{})
	d.must(err)
	_, err = d.a.Engine.Wait(t.Context(), info.ID)
	d.must(err)
	vera.sees("the last try made no copy")
	if !get(vera, "look whether the row is the same", chromedp.Evaluate[bool](`document.querySelector("tr[data-key=shop]").marked === true`)) {
		t.Error("the row was made anew")
	}
	if !get(vera, "look where the cursor is", chromedp.Evaluate[bool](`document.activeElement === document.querySelector("tr[data-key=shop] a")`)) {
		t.Error("the cursor is lost")
	}
}

// The change of one tree into another is tried in a browser with many trees: the end is what was wanted, and what has a key stays the same node.
func TestMorphingEndsWithWhatTheServerSent(t *testing.T) {
	d := newVault(t)
	if d == nil {
		return
	}
	vera := d.browser("vera", true)
	vera.login()
	vera.open("/backups")
	text, err := os.ReadFile(filepath.Join("..", "web", "static", "live.js"))
	d.must(err)
	got := get(vera, "morph", chromedp.Evaluate[string](`(() => {
		let listener;
		const EventSource = function () { this.addEventListener = (name, f) => { if (name === "live") listener = f; }; };
		window.EventSource = EventSource;
		`+string(text)+`
		const region = document.getElementById("live");
		let seed = 7;
		const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
		const tree = (depth) => {
			let out = "";
			const keys = [...Array(8).keys()].sort(() => random(3) - 1);
			for (let i = random(6); i > 0; i--) {
				const tag = ["p", "div", "details", "ul"][random(4)];
				const key = random(2) ? " data-key=\"k" + keys.pop() + "\"" : "";
				out += random(4) ? "<" + tag + key + " class=\"c" + random(3) + "\">" + "text " + random(9) + (depth && tag !== "p" ? tree(depth - 1) : "") + "</" + tag + ">" : "plain " + random(9) + "<b>bold</b>";
			}
			return out;
		};
		for (let n = 0; n < 2000; n++) {
			const want = document.createElement("div");
			want.innerHTML = tree(3);
			const kept = new Map([...region.children].filter((c) => c.dataset.key).map((c) => [c.dataset.key + c.nodeName, c]));
			listener({ data: want.innerHTML });
			if (region.innerHTML !== want.innerHTML) return "step " + n + ": " + region.innerHTML + " is not " + want.innerHTML;
			for (const c of region.children) {
				const was = c.dataset.key && kept.get(c.dataset.key + c.nodeName);
				if (was && was !== c) return "step " + n + ": " + c.dataset.key + " was made anew";
			}
		}
		region.innerHTML = "";
		listener({ data: "<details><summary>s</summary></details><input id=\"i\">" });
		region.querySelector("details").open = true;
		region.querySelector("input").value = "typed";
		listener({ data: "<p>new</p><details><summary>t</summary></details><input id=\"i\">" });
		return region.querySelector("input").value + " " + region.querySelector("summary").textContent;
	})()`))
	if got != "typed t" {
		t.Error(got)
	}
}

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/drift/report"
	"goodstate.dev/goodstate/web/api"
)

// seal writes a report as evidence.
func seal(w io.Writer, data string, r report.Report) error {
	signer, err := report.OpenSigner(data)
	if err != nil {
		return err
	}
	text, err := signer.Seal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func reportSend(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "send NAME", Short: "Make a report of drift.reports now, and send it", Args: args(1, 1, "the NAME of a report")}
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		files, err := client.SendReport(ctx, args[0])
		if err != nil || t.json {
			return t.told(err, files, "")
		}
		for _, f := range files {
			t.say("%s  %s, %d bytes", f.SHA256, f.Name, f.Bytes)
		}
		t.say("report %s is sent to who is told of drift.report.%s", args[0], args[0])
		return nil
	})
	return c
}

func reportVerify(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "verify FILE", Short: "Say whether a report is as it was made", Args: args(1, 1, "one FILE"),
		Long: "Say whether a report is as it was made. Evidence is held against its signature and the data directory's key, or the key that --key names. The file of another\n" +
			"format is held against the digests of what was sent, which are in the journal; goodstate history --verify proves the journal.",
	}
	key := c.Flags().String("key", "", "public key that must have signed it, where this is another data directory")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := t.bounded(args[0], largestExport)
		if err != nil {
			return err
		}
		if report.IsEvidence(text) {
			return t.verifyEvidence(text, *key)
		}
		return t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
			return t.verifySent(ctx, client, args[0], text)
		})(cmd, args)
	}
	return c
}

func (t *terminal) verifyEvidence(text []byte, key string) error {
	if key == "" {
		conf, _, err := t.load()
		if err != nil {
			return err
		}
		signer, err := report.OpenSigner(conf.Data)
		if err != nil {
			return err
		}
		key = signer.Public()
	}
	v, err := report.Verify(text, key)
	if err != nil {
		return err
	}
	if t.json {
		t.document(v)
		return nil
	}
	count := map[string]int{}
	for _, p := range v.Proofs {
		count[p.Result]++
		t.say("%-10s %s, hosts: %d, looked at between %s and %s", p.Result, p.Control, p.Hosts, p.Oldest.UTC().Format("2006-01-02 15:04:05Z"), p.Newest.UTC().Format("2006-01-02 15:04:05Z"))
	}
	t.say("it is as it was made at %s, and signed with key %s", v.At.UTC().Format("2006-01-02 15:04:05Z"), v.Key)
	t.say("controls: %d passed, %d failed, %d excepted, %d unknown", count["passed"], count["failed"], count["excepted"], count["unknown"])
	return nil
}

// verifySent looks for the digest of a file among those that were sent.
func (t *terminal) verifySent(ctx context.Context, client *api.Client, path string, text []byte) error {
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	const page = 500
	for before := int64(0); ; {
		entries, err := client.JournalOf(ctx, report.Made, before, page)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if f, ok := madeFile(e, digest); ok {
				return t.told(nil, e, "it is as it was made: %s, at %s by %s, entry %d of the journal", f.Name, e.At.UTC().Format("2006-01-02 15:04:05Z"), e.Actor, e.Seq)
			}
		}
		if len(entries) < page {
			return fmt.Errorf("%s is no report that was sent from here, or it was changed: no entry of the journal has its digest %s", path, digest)
		}
		before = entries[len(entries)-1].Seq
	}
}

func madeFile(e journal.Entry, digest string) (report.File, bool) {
	var made struct {
		Files []report.File `json:"files"`
	}
	if json.Unmarshal(e.Data, &made) != nil { // it is of another version, and not what is looked for
		return report.File{}, false
	}
	for _, f := range made.Files {
		if f.SHA256 == digest {
			return f, true
		}
	}
	return report.File{}, false
}

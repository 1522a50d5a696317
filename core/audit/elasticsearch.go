package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Sink]{
		Name:    "elasticsearch",
		Help:    "index entries with the bulk API of Elasticsearch or OpenSearch, in an index or a data stream. Each has an id of its own, so that none is there twice",
		Example: "elasticsearch: {url: 'https://search.example.org:9200', index: logs-goodstate-default, headers: {Authorization: {secret: elastic}}}",
		New: func(decode func(any) error) (Sink, error) {
			e := &elasticsearch{}
			return e, decode(e)
		},
	})
}

// elasticsearch speaks https://www.elastic.co/guide/en/elasticsearch/reference/8.17/docs-bulk.html.
type elasticsearch struct {
	URL     string                  `yaml:"url" help:"address of the cluster, without /_bulk" required:"true" example:"https://search.example.org:9200"`
	Index   string                  `yaml:"index" help:"name of the index or the data stream" default:"logs-goodstate-default"`
	Headers map[string]config.Value `yaml:"headers" help:"more headers, such as Authorization: ApiKey ... or Basic ..."`
	CA      string                  `yaml:"ca" help:"file with the certificates in PEM to trust besides the system's"`

	to poster
}

// Validate wants a web address and a name that an index can have.
func (e *elasticsearch) Validate() error {
	if e.Index == "" || strings.ToLower(e.Index) != e.Index || strings.ContainsAny(e.Index, `\/*?"<>| ,#:`) || strings.HasPrefix(e.Index, "-") || strings.HasPrefix(e.Index, "_") || len(e.Index) > 255 {
		return fmt.Errorf("index %q is no name of an index: lower case, no spaces and none of \\/*?\"<>|,#:", e.Index)
	}
	return checkURL(e.URL, "https://host:9200")
}

// Send indexes the records. What is there already, because an answer was lost, is taken for done.
func (e *elasticsearch) Send(ctx context.Context, s Secrets, records []Record) error {
	body, err := e.bulk(records)
	if err != nil {
		return err
	}
	to := receiver{name: "elasticsearch", url: strings.TrimRight(e.URL, "/"), headers: e.Headers, ca: e.CA, most: bulkAnswerMost}
	answer, err := e.to.post(ctx, s, to, "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason", "application/x-ndjson", body)
	if err != nil {
		return err
	}
	return e.judge(answer, len(records))
}

const bulkAnswerMost = 8 << 20

func (e *elasticsearch) bulk(records []Record) ([]byte, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var body bytes.Buffer
	out := json.NewEncoder(&body)
	for _, r := range records {
		// data streams take nothing but create, and a create of what is there is a conflict and no copy
		action := map[string]any{"create": map[string]string{"_index": e.Index, "_id": fmt.Sprintf("%s-%s-%d-%d", r.Log, host, r.At.UnixMilli(), r.Seq)}}
		if err := errors.Join(out.Encode(action), out.Encode(document(r, host))); err != nil {
			return nil, fmt.Errorf("elasticsearch: entry %d: %w", r.Seq, err)
		}
	}
	return body.Bytes(), nil
}

var levels = map[int]string{SeverityError: "error", SeverityWarning: "warning", SeverityNotice: "notice", SeverityInfo: "info"}

// document is a record with the names of the Elastic Common Schema where it has any.
func document(r Record, controller string) map[string]any {
	fields := map[string]any{"seq": r.Seq, "log": r.Log}
	for _, f := range r.Fields {
		if f.Value != "" {
			fields[f.Name] = f.Value
		}
	}
	doc := map[string]any{
		"@timestamp": r.At.UTC().Format(time.RFC3339Nano), "message": r.Text, "log": map[string]string{"level": levels[r.Severity]},
		"event": map[string]string{"kind": "event", "dataset": "goodstate." + r.Log, "action": r.Event}, "observer": map[string]string{"name": controller, "product": "goodstate"}, "goodstate": fields,
	}
	if host, ok := fields["host"]; ok {
		doc["host"] = map[string]any{"name": host}
	}
	return doc
}

// judge reads the answer: every record has to be in, now or from before.
func (e *elasticsearch) judge(answer []byte, want int) error {
	var got struct {
		Errors bool `json:"errors"`
		Items  []map[string]struct {
			Status int `json:"status"`
			Error  struct{ Type, Reason string }
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("elasticsearch %s: the answer is no JSON of a bulk request: %w", e.URL, err)
	}
	if len(got.Items) != want {
		return fmt.Errorf("elasticsearch %s: answered for %d entries, want %d", e.URL, len(got.Items), want)
	}
	for _, item := range got.Items {
		for _, r := range item {
			if r.Status/100 != 2 && r.Status != http.StatusConflict {
				return fmt.Errorf("elasticsearch %s: index %s refused an entry with %d: %s: %s", e.URL, e.Index, r.Status, r.Error.Type, cut(r.Error.Reason, 200))
			}
		}
	}
	return nil
}

// Close ends idle connections.
func (e *elasticsearch) Close() error {
	if e.to.client != nil {
		e.to.client.CloseIdleConnections()
	}
	return nil
}

package audit

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Sink]{
		Name:    "otlp",
		Help:    "send entries as log records of OpenTelemetry over HTTP",
		Example: "otlp: {url: 'https://collector.example.org:4318/v1/logs'}",
		New: func(decode func(any) error) (Sink, error) {
			o := &otlp{}
			return o, decode(o)
		},
	})
}

type otlp struct {
	URL      string                  `yaml:"url" help:"address of the collector's logs, with its path" required:"true" example:"https://collector.example.org:4318/v1/logs"`
	Headers  map[string]config.Value `yaml:"headers" help:"more headers, such as Authorization"`
	CA       string                  `yaml:"ca" help:"file with the certificates in PEM to trust besides the system's"`
	Encoding string                  `yaml:"encoding" help:"how records are written" enum:"protobuf,json" default:"protobuf"`

	to poster
}

// Validate wants a web address.
func (o *otlp) Validate() error {
	return checkURL(o.URL, "https://host:4318/v1/logs")
}

const answerMost = 64 << 10

// Send posts the entries as one request. A collector that took only a part says so, and is not sent the same again: the protocol forbids it; that is an error of
// the collector's which its answer and our log tell.
func (o *otlp) Send(ctx context.Context, s Secrets, records []Record) error {
	// LogsData has the same bytes as the request of the service, whose package would bring gRPC's gateway along.
	body, kind, err := o.encode(logsOf(records))
	if err != nil {
		return err
	}
	_, err = o.to.post(ctx, s, receiver{name: "otlp", url: o.URL, headers: o.Headers, ca: o.CA, most: answerMost}, "", kind, body)
	return err
}

func (o *otlp) encode(d *logs.LogsData) (body []byte, kind string, err error) {
	if o.Encoding == "json" {
		body, err = protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(d)
		kind = "application/json"
	} else {
		body, err = proto.Marshal(d)
		kind = "application/x-protobuf"
	}
	if err != nil {
		return nil, "", fmt.Errorf("otlp: %w", err)
	}
	return body, kind, nil
}

// logsOf are the records of one log as log records.
func logsOf(records []Record) *logs.LogsData {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	scope := &logs.ScopeLogs{Scope: &common.InstrumentationScope{Name: "goodstate/" + records[0].Log}}
	seen := uint64(time.Now().UnixNano()) //nolint:gosec // after 1970
	for _, e := range records {
		r := &logs.LogRecord{
			TimeUnixNano: uint64(e.At.UnixNano()), ObservedTimeUnixNano: seen, EventName: "goodstate." + e.Event, //nolint:gosec // after 1970
			SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityText: "INFO", Body: text(e.Text),
		}
		switch e.Severity {
		case SeverityWarning:
			r.SeverityNumber, r.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
		case SeverityError:
			r.SeverityNumber, r.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_ERROR, "ERROR"
		}
		r.Attributes = append(r.Attributes, &common.KeyValue{Key: "goodstate.seq", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: e.Seq}}})
		for _, f := range e.Fields {
			if f.Value != "" {
				r.Attributes = append(r.Attributes, &common.KeyValue{Key: "goodstate." + f.Name, Value: text(f.Value)})
			}
		}
		scope.LogRecords = append(scope.LogRecords, r)
	}
	return &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{
			{Key: "service.name", Value: text("goodstate")}, {Key: "host.name", Value: text(host)},
		}},
		ScopeLogs: []*logs.ScopeLogs{scope},
	}}}
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(s, "?")}}
}

// Close ends idle connections.
func (o *otlp) Close() error {
	if o.to.client != nil {
		o.to.client.CloseIdleConnections()
	}
	return nil
}

package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// server is one server of the backend as the running HAProxy has it.
type server struct {
	name    string
	addr    string // host:port
	down    bool   // HAProxy's own checks say so, or it is in maintenance
	maint   bool
	drain   bool
	weight  int
	busy    int64 // requests under way and waiting
	backup  bool
	status  string
	check   string // what its last health check saw
	counter counts
}

// counts are what a server has answered since HAProxy began.
type counts struct{ requests, errors, aborted int64 }

// The bits of srv_admin_state that say that a server is in maintenance or drained, by whatever cause (HAProxy's
// management.txt, "show servers state").
const (
	adminMaint = 0x01 | 0x02 | 0x20
	adminDrain = 0x08 | 0x10
)

// backend is what a backend looks like now.
type backend struct {
	servers []server
	cookie  bool // users are bound to servers: what is drained still gets theirs
	mode    string
	algo    string
}

// look reads all servers of the backend.
func (c *control) look(ctx context.Context, name string) (backend, error) {
	var b backend
	state, err := c.ask(ctx, "show servers state "+name)
	if err != nil {
		return b, err
	}
	if strings.HasPrefix(state, "Can't find") {
		return b, c.noBackend(ctx, name)
	}
	stat, err := c.ask(ctx, "show stat "+name+" 6 -1")
	if err != nil {
		return b, err
	}
	byName := map[string]*server{}
	for _, s := range statesOf(state) {
		b.servers = append(b.servers, s)
	}
	for i := range b.servers {
		byName[b.servers[i].name] = &b.servers[i]
	}
	rows, err := rowsOf(stat)
	if err != nil {
		return b, fmt.Errorf("haproxy %s: its statistics: %w", c.socket, err)
	}
	for _, row := range rows {
		if row["svname"] == "BACKEND" {
			b.cookie, b.mode, b.algo = row["cookie"] != "", row["mode"], row["algo"]
			continue
		}
		if s := byName[row["svname"]]; s != nil {
			row.into(s)
		}
	}
	return b, nil
}

func (c *control) noBackend(ctx context.Context, name string) error {
	all, err := c.ask(ctx, "show backend")
	if err != nil {
		return err
	}
	names := strings.Fields(strings.TrimPrefix(all, "# name"))
	return &missingError{
		what: fmt.Sprintf("haproxy %s: it has no backend %s, only %v", c.socket, name, names), wanted: "a backend for the service",
		hint: fmt.Sprintf("write into its configuration: backend %s, and a server-template line in it", name),
	}
}

// statesOf reads `show servers state`: a version, a line of names, then a line a server. Lines that are no server are left out.
func statesOf(text string) []server {
	var columns map[string]int
	var out []server
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0] == "#" {
			columns = map[string]int{}
			for i, name := range words[1:] {
				columns[name] = i
			}
			continue
		}
		at := func(name string) string {
			if i, ok := columns[name]; ok && i < len(words) {
				return words[i]
			}
			return ""
		}
		if columns == nil || at("srv_name") == "" {
			continue
		}
		s := server{name: at("srv_name"), addr: net.JoinHostPort(at("srv_addr"), at("srv_port"))}
		admin := number(at("srv_admin_state"))
		s.maint, s.drain = admin&adminMaint != 0, admin&adminDrain != 0
		s.down = at("srv_op_state") == "0"
		s.weight = int(number(at("srv_uweight")))
		out = append(out, s)
	}
	return out
}

// row is a line of `show stat` by the names of its columns.
type row map[string]string

func rowsOf(text string) ([]row, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# ")))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	names, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%.60q is no table: %w", text, err)
	}
	var out []row
	for {
		line, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		one := row{}
		for i, value := range line {
			if i < len(names) {
				one[names[i]] = value
			}
		}
		out = append(out, one)
	}
}

// into adds what the statistics know. A server's own answers are counted by class; connections that could not be made and
// answers that did not come are errors of their own. In TCP mode there are only sessions.
func (r row) into(s *server) {
	n := func(name string) int64 { return number(r[name]) }
	s.busy = n("scur") + n("qcur")
	s.backup, s.status = r["bck"] == "1", r["status"]
	s.check = strings.TrimSpace(r["check_status"] + " " + r["last_chk"])
	failed := n("econ") + n("eresp")
	s.counter = counts{requests: n("stot"), errors: failed, aborted: n("cli_abrt")}
	if r["mode"] == "http" || r["hrsp_2xx"] != "" {
		s.counter.requests = n("hrsp_2xx") + n("hrsp_3xx") + n("hrsp_4xx") + n("hrsp_5xx") + n("hrsp_other") + failed
		s.counter.errors = n("hrsp_5xx") + failed
	}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0 // empty where HAProxy has nothing to say
	}
	return n
}

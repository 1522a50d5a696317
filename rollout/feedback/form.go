package feedback

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

var form = template.Must(template.ParseFS(files, "page/form.html"))

// Visitor is who sends a report, as the server that was asked knows it.
type Visitor struct {
	Address string // IP address
	Session string // what tells sessions apart; empty: the address and the browser do
	Release string // id of the release that served the visitor last; empty: not known
}

// Desk takes reports of one service in over HTTP. Its pages are below Base: feedback, feedback.js, feedback.css and feedback/ID.
type Desk struct {
	Service string
	Base    string // "/.goodstate"
	Spool   *Spool
	Log     *slog.Logger
	Visitor func(r *http.Request) Visitor
	Known   func(ctx context.Context, release string) bool // whether there is such a release: what a page says about itself is not believed else

	limits limits
}

// The form is shown in a dialog of the service's own pages, and nowhere else.
const policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"

var sameOrigin = http.NewCrossOriginProtection()

// Serve answers a request below the base, by the settings in force now.
func (d *Desk) Serve(w http.ResponseWriter, r *http.Request, c Config) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	path := strings.TrimPrefix(r.URL.Path, d.Base+"/")
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch id, isReport := strings.CutPrefix(path, "feedback/"); {
	case read && path == "feedback":
		d.show(w, r, http.StatusOK, c, Report{Kind: r.FormValue("kind"), Page: cutPage(r.FormValue("page")), Release: d.release(r.Context(), r.FormValue("release"))}, "")
	case read && (path == "feedback.js" || path == "feedback.css"):
		h.Set("Cache-Control", "public, max-age=300")
		http.ServeFileFS(w, r, files, "page/"+path)
	case read && isReport && isID(id):
		d.thank(w, id)
	case r.Method == http.MethodPost && path == "feedback":
		d.take(w, r, c)
	default:
		http.Error(w, "There is no such page.", http.StatusNotFound)
	}
}

// release is the id when it is known, else "".
func (d *Desk) release(ctx context.Context, id string) string {
	if id != "" && len(id) < 200 && d.Known(ctx, id) {
		return id
	}
	return ""
}

func cutPage(page string) string {
	page = strings.ToValidUTF8(page, "")
	if len(page) > mostPage || !strings.HasPrefix(page, "/") {
		return ""
	}
	return page
}

type shownForm struct {
	Config
	Base, Ticket, Refused                  string
	Release, Kind, Text, Page, ContactText string
	Sent                                   bool
	Answer                                 *Answer
}

func (d *Desk) show(w http.ResponseWriter, r *http.Request, status int, c Config, was Report, refused string) {
	ticket, err := d.Spool.ticket(d.Service, time.Now())
	if err != nil {
		d.failed(w, r, err)
		return
	}
	d.render(w, status, shownForm{Config: c, Base: d.Base, Ticket: ticket, Refused: refused, Release: was.Release, Kind: was.Kind, Text: was.Text, Page: was.Page, ContactText: was.Contact})
}

func (d *Desk) thank(w http.ResponseWriter, id string) {
	page := shownForm{Config: Config{Title: "Thank you"}, Base: d.Base, Sent: true}
	if a, ok := d.Spool.answered(id); ok {
		page.Answer = &a
	}
	d.render(w, http.StatusOK, page)
}

func (d *Desk) render(w http.ResponseWriter, status int, page shownForm) {
	var text bytes.Buffer
	if err := form.Execute(&text, page); err != nil {
		d.Log.Error("feedback form not made", slog.Any("error", err))
		http.Error(w, "The form could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // a reader that is gone needs no answer
}

// take reads a report: a form, or JSON from a program.
func (d *Desk) take(w http.ResponseWriter, r *http.Request, c Config) {
	if err := sameOrigin.Check(r); err != nil {
		http.Error(w, "This came from a page of another site.", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var report Report
	switch {
	case err == nil && kind == "application/json":
		report, err = d.program(r)
	case err == nil && kind == "application/x-www-form-urlencoded":
		report, err = d.person(r)
	default:
		err = &refusal{http.StatusUnsupportedMediaType, "Send a form or JSON."}
	}
	if err == nil {
		err = d.keep(r, c, &report)
	}
	var no *refusal
	asks := kind == "application/json"
	switch {
	case errors.As(err, &no) && asks:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(no.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": no.why}) // as render
	case errors.As(err, &no):
		d.show(w, r, no.status, c, report, no.why)
	case err != nil:
		d.failed(w, r, err)
	case asks:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": report.ID, "answer": d.Base + "/feedback/" + report.ID}) // as render
	default:
		http.Redirect(w, r, d.Base+"/feedback/"+report.ID, http.StatusSeeOther)
	}
}

func (d *Desk) failed(w http.ResponseWriter, r *http.Request, err error) {
	d.Log.ErrorContext(r.Context(), "report not taken", slog.String("service", d.Service), slog.Any("error", err))
	http.Error(w, "The report could not be taken. Please try again later.", http.StatusInternalServerError)
}

// person reads the form. Fields that the consent is for are dropped without it.
func (d *Desk) person(r *http.Request) (Report, error) {
	if err := r.ParseForm(); err != nil {
		return Report{}, tooLong(err)
	}
	f := r.PostForm
	report := Report{Kind: f.Get("kind"), Text: f.Get("text"), Contact: f.Get("contact"), Page: cutPage(f.Get("page")), Release: d.release(r.Context(), f.Get("release"))}
	if f.Get("website") != "" { // people do not see this field
		return report, &refusal{http.StatusBadRequest, "This looks like it was sent by a program."}
	}
	if err := d.Spool.checkTicket(d.Service, f.Get("ticket"), time.Now()); err != nil {
		return report, err
	}
	if err := report.clean(); err != nil {
		return report, err
	}
	if f.Get("consent") == "yes" {
		report.Agent = cutTo(r.UserAgent(), mostAgent)
	} else {
		report.Page = ""
	}
	return report, nil
}

// program reads JSON. Who writes a program that sends page or agent has asked for consent there.
func (d *Desk) program(r *http.Request) (Report, error) {
	var in struct {
		Kind    string `json:"kind"`
		Text    string `json:"text"`
		Contact string `json:"contact"`
		Page    string `json:"page"`
		Agent   string `json:"agent"`
		Release string `json:"release"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return Report{}, tooLong(err)
	}
	report := Report{Kind: in.Kind, Text: in.Text, Contact: in.Contact, Page: in.Page, Agent: in.Agent, Release: d.release(r.Context(), in.Release)}
	return report, report.clean()
}

func tooLong(err error) error {
	var most *http.MaxBytesError
	if errors.As(err, &most) {
		return &refusal{http.StatusRequestEntityTooLarge, "That is too long."}
	}
	return &refusal{http.StatusBadRequest, "That could not be read."}
}

func cutTo(s string, most int) string {
	runes := []rune(strings.ToValidUTF8(s, ""))
	return string(runes[:min(len(runes), most)])
}

// keep adds what the server knows, holds the report against the limits and puts it on the disk.
func (d *Desk) keep(r *http.Request, c Config, report *Report) error {
	v := d.Visitor(r)
	source, err := d.Spool.hash("source", place(v.Address))
	if err != nil {
		return err
	}
	session := v.Session
	if session == "" {
		session = v.Address + "\x00" + r.UserAgent()
	}
	if report.Session, err = d.Spool.hash("session", session); err != nil {
		return err
	}
	if err := d.limits.allow(source, c.Address, time.Now()); err != nil {
		return err
	}
	if !c.Contact {
		report.Contact = ""
	}
	if report.Release == "" {
		report.Release = d.release(r.Context(), v.Release)
	}
	report.ID, report.At, report.Service, report.Source = newID(), time.Now(), d.Service, source
	return d.Spool.Put(*report)
}

package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Hello is the first thing that an agent says.
type Hello struct {
	Version int    `json:"version"`
	PID     int    `json:"pid"`
	UID     int    `json:"uid"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Call is one task for the agent. What the modules of the agent need is as in module.Call.
type Call struct {
	Module    string            `json:"module"`
	Args      map[string]any    `json:"args,omitempty"`
	Check     bool              `json:"check,omitempty"`
	Diff      bool              `json:"diff,omitempty"`
	NoLog     bool              `json:"no_log,omitempty"`
	Verbosity int               `json:"verbosity,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	Dir       string            `json:"dir,omitempty"`
	Tmp       string            `json:"tmp,omitempty"`
	Umask     *int              `json:"umask,omitempty"`
	MaxOutput int64             `json:"max_output,omitempty"`
	// Chained is not carried out when the call before it failed; its result is {"not_run": true}.
	Chained bool    `json:"chained,omitempty"`
	Python  *Python `json:"python,omitempty"` // not a module of the agent's own
	Async   *Async  `json:"async,omitempty"`  // in the background
}

// Python is a module that the agent runs by an interpreter of the host.
type Python struct {
	Interpreters []string `json:"interpreters"`      // the first that is there is taken
	Base         string   `json:"base,omitempty"`    // hash of the archive with what all modules share
	Payload      string   `json:"payload"`           // hash of the archive with the module, or of the module's file
	Main         string   `json:"main,omitempty"`    // the module's dotted name in the archive
	Style        string   `json:"style"`             // new, json, old, binary
	Version      string   `json:"version,omitempty"` // of Ansible, for the module
}

// Async asks for a job in the background.
type Async struct {
	ID      string `json:"id"`
	Seconds int    `json:"seconds"`
	Dir     string `json:"dir,omitempty"` // where its state goes; empty is ~/.ansible_async
}

// Decode reads JSON with numbers as they are written.
func Decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	return nil
}

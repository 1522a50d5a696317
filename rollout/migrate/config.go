// Package migrate moves a service's database to a release's schema and back, with its data. Every operation looks before it
// acts, so it may be run again after it was killed at any point. What a migration drops or rewrites is put aside first and is
// there again after the way back; this package never destroys data before the watch over the release has ended.
package migrate

import (
	"fmt"
	"regexp"

	"goodstate.dev/goodstate/core/config"
)

// Config says where a service's migrations are and how the database is reached. It is the value of `migrations:`.
type Config struct {
	Dir              string            `yaml:"dir" json:"dir,omitempty" default:"migrations" help:"folder of the migrations inside the release, in goose's format: 00001_name.sql with -- +goose Up and Down"`
	Driver           string            `yaml:"driver" json:"driver,omitempty" enum:"postgres,mysql,sqlite" help:"kind of database; mysql is MariaDB as well"`
	URL              config.Value      `yaml:"url" json:"url,omitempty" help:"how to connect, in the driver's form; with a password in it, {secret: name}"`
	LockTimeout      config.Duration   `yaml:"lock_timeout" json:"lock_timeout,omitempty" default:"2s" help:"how long a statement waits for a lock that another session holds; it is tried again a few times"`
	StatementTimeout config.Duration   `yaml:"statement_timeout" json:"statement_timeout,omitempty" default:"5m" help:"how long one statement may take"`
	Table            string            `yaml:"table" json:"table,omitempty" default:"goose_db_version" help:"table in which goose notes the versions"`
	Keep             config.Duration   `yaml:"keep" json:"keep,omitempty" default:"7d" help:"how long data that was put aside is kept after the watch is over"`
	Irreversible     string            `yaml:"irreversible" json:"irreversible,omitempty" default:"refuse" enum:"refuse,allow" help:"what to do with a migration that cannot be undone: refuse it, or run it after a restore point was taken"`
	Fill             map[string]string `yaml:"fill" json:"fill,omitempty" help:"SQL expression for the rows that were written while a NOT NULL column without a default was put aside, by table.column" example:"{users.nick: \"''\"}"`
	Command          *Command          `yaml:"command" json:"command,omitempty" help:"another tool in place of goose's format; then dir is not read"`
}

// Command is a migration tool of the user's own. Its commands run in the release's folder with DATABASE_URL set.
type Command struct {
	Up     string `yaml:"up" json:"up" required:"true" help:"command that applies what is pending"`
	Down   string `yaml:"down" json:"down,omitempty" help:"command that undoes what up did; without it the migrations count as irreversible"`
	Status string `yaml:"status" json:"status" required:"true" help:"command that prints each pending migration on a line, and nothing when there is none"`
}

var (
	tableName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$`)
	columnName = regexp.MustCompile(`^[^.]+\.[^.]+$`)
)

// Validate reports what the single values cannot know of each other.
func (c *Config) Validate(report func(path, message string)) {
	if !tableName.MatchString(c.Table) {
		report("table", fmt.Sprintf("%q is not the name of a table", c.Table))
	}
	if c.Command == nil && c.Driver == "" {
		report("driver", "no driver, want postgres, mysql or sqlite, or a command that migrates")
	}
	if c.Command == nil && c.URL.IsZero() {
		report("url", "no url, want how to connect to the database; with a password in it, {secret: name}")
	}
	if c.LockTimeout <= 0 || c.StatementTimeout <= 0 {
		report("lock_timeout", "a migration that waits without a limit stops everything behind it; want more than 0s, as for statement_timeout")
	}
	for name := range c.Fill {
		if !columnName.MatchString(name) {
			report("fill", fmt.Sprintf("%q is not table.column", name))
		}
	}
}

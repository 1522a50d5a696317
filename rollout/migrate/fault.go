package migrate

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3/database"
)

func insert(v int64) database.InsertRequest { return database.InsertRequest{Version: v} }

// faults of the databases that are said in other words. Sources: PostgreSQL's appendix A, MariaDB's error codes.
func code(err error) (pg string, my uint16) {
	var p *pgconn.PgError
	var m *mysql.MySQLError
	if errors.As(err, &p) {
		pg = p.Code
	}
	if errors.As(err, &m) {
		my = m.Number
	}
	return pg, my
}

func isLockTimeout(err error) bool {
	pg, my := code(err)
	return pg == "55P03" || pg == "40P01" || my == 1205 || my == 1213 || isBusy(err)
}

func isLost(err error) bool {
	pg, _ := code(err)
	var network net.Error
	return pg == "57P01" || pg == "57P02" || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) && !network.Timeout()
}

func isDenied(err error) bool {
	pg, my := code(err)
	return pg == "42501" || pg == "25006" || slices.Contains([]uint16{1044, 1142, 1143, 1227, 1290, 1792}, my) || isReadOnly(err)
}

func isSlow(err error) bool {
	pg, my := code(err)
	return pg == "57014" || my == 1969 || my == 3024
}

// explain says what failed, where, and what to do.
func (s *session) explain(ctx context.Context, c Change, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "2BP01" && pg.Detail != "" { // other details hold data
		err = fmt.Errorf("%w: %s; drop that first, by name", err, pg.Detail)
	}
	if c.Line > 0 {
		err = fmt.Errorf("%s:%d: %s: %w", c.File, c.Line+lineIn(c.SQL, err), c.excerpt(), err)
	}
	safe := "nothing of this file was changed"
	if !s.engine.transactional() {
		safe = "whether it was done is looked up when it is run again"
	}
	switch {
	case isLost(err):
		return fmt.Errorf("%w; the connection was lost and %s; run it again", err, safe)
	case isLockTimeout(err):
		who := s.engine.holders(ctx, s, c.Table)
		return fmt.Errorf("%w; tried %d times, each time for %s; %s; end that session or try again later", err, tries, s.config.LockTimeout, who)
	case isDenied(err):
		return fmt.Errorf("%w; the database's user may not do that; give it the right, or put a user that may into migrations.url", err)
	case isSlow(err):
		return fmt.Errorf("%w; it took longer than statement_timeout, %s; set more if it may", err, s.config.StatementTimeout)
	}
	return err
}

var atLine = regexp.MustCompile(`at line (\d+)$`)

// lineIn is how many lines into the statement the database saw the fault.
func lineIn(sql string, err error) int {
	var p *pgconn.PgError
	if errors.As(err, &p) && p.Position > 0 {
		before := []rune(sql)
		return strings.Count(string(before[:min(int(p.Position)-1, len(before))]), "\n")
	}
	if m := atLine.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n <= strings.Count(sql, "\n")+1 {
			return n - 1
		}
	}
	return 0
}

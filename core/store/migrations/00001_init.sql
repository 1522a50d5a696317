-- Times are Unix milliseconds, JSON is text, names are text.

-- +goose Up

-- The record of everything that happened; see core/journal. Rows are only ever added.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    run    TEXT NOT NULL,
    step   TEXT NOT NULL,
    event  TEXT NOT NULL,
    target TEXT NOT NULL,
    actor  TEXT NOT NULL,
    text   TEXT NOT NULL,
    data   TEXT NOT NULL,
    key    TEXT UNIQUE,
    prev   TEXT NOT NULL,
    hash   TEXT NOT NULL
);
CREATE INDEX journal_run ON journal (run, seq);
CREATE INDEX journal_target ON journal (target, seq);
CREATE INDEX journal_event ON journal (event, seq);
CREATE INDEX journal_actor ON journal (actor, seq);
CREATE INDEX journal_at ON journal (at, seq);

-- +goose StatementBegin
CREATE TRIGGER journal_keeps_entries BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal only grows: entries cannot be deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_keeps_words BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal only grows: entries cannot be changed');
END;
-- +goose StatementEnd

-- Runs, what waits for them to read, and who owns a target; see core/run.
CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    target     TEXT NOT NULL,
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    state      TEXT NOT NULL,
    error      TEXT NOT NULL DEFAULT '',
    note       TEXT NOT NULL DEFAULT '',
    input      TEXT NOT NULL,
    result     TEXT NOT NULL DEFAULT '',
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0,
    seq        INTEGER NOT NULL UNIQUE
);
CREATE INDEX runs_target ON runs (target, seq);
CREATE INDEX runs_kind ON runs (kind, seq);
CREATE INDEX runs_state ON runs (state, seq);

CREATE TABLE signals (
    seq  INTEGER PRIMARY KEY,
    run  TEXT NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    who  TEXT NOT NULL,
    why  TEXT NOT NULL,
    data TEXT NOT NULL,
    at   INTEGER NOT NULL
);
CREATE INDEX signals_run ON signals (run, seq);

CREATE TABLE leases (
    target TEXT PRIMARY KEY,
    run    TEXT NOT NULL,
    at     INTEGER NOT NULL
);
CREATE INDEX leases_run ON leases (run);

-- What is kept with a run for its page and its report.
CREATE TABLE documents (
    run  TEXT NOT NULL,
    name TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (run, name)
);

-- Known-good points, the releases that are kept on this machine, and the releases that may not be released.
CREATE TABLE points (
    id            TEXT PRIMARY KEY,
    service       TEXT NOT NULL,
    release       TEXT NOT NULL, -- JSON
    restore_point TEXT NOT NULL,
    run           TEXT NOT NULL,
    at            INTEGER NOT NULL,
    evidence      TEXT NOT NULL -- JSON
);
CREATE INDEX points_service ON points (service, at);

CREATE TABLE releases (
    service TEXT NOT NULL,
    id      TEXT NOT NULL,
    release TEXT NOT NULL, -- JSON
    config  TEXT NOT NULL, -- JSON, the configuration that belongs to it
    dir     TEXT NOT NULL,
    state   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (service, id)
);

CREATE TABLE holds (
    service TEXT NOT NULL,
    id      TEXT NOT NULL, -- good.Release.ID
    version TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    why     TEXT NOT NULL,
    who     TEXT NOT NULL,
    run     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (service, id)
);

-- Who may do what; see core/auth.
CREATE TABLE users (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user       TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created_at INTEGER,
    expires_at INTEGER
);
CREATE INDEX sessions_user ON sessions (user);

-- What is to be told to people; see core/notify.
CREATE TABLE notices (
    id         TEXT PRIMARY KEY,
    run        TEXT,
    channel    TEXT,
    payload    TEXT,
    state      TEXT,
    attempts   INTEGER,
    next_at    INTEGER,
    error      TEXT,
    created_at INTEGER
);
CREATE INDEX notices_due ON notices (state, next_at);

-- +goose Down
DROP TABLE notices;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE holds;
DROP TABLE releases;
DROP TABLE points;
DROP TABLE documents;
DROP TABLE leases;
DROP TABLE signals;
DROP TABLE runs;
DROP TABLE journal;

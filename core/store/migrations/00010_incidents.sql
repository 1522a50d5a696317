-- +goose Up

-- What people have to do after an incident, reminded of until it is done.
CREATE TABLE actions (
    id       TEXT PRIMARY KEY,
    run      TEXT NOT NULL, -- the rollout that it comes from; empty: none
    service  TEXT NOT NULL,
    text     TEXT NOT NULL,
    owner    TEXT NOT NULL,
    due      INTEGER NOT NULL,
    who      TEXT NOT NULL, -- who added it
    at       INTEGER NOT NULL,
    done_at  INTEGER NOT NULL DEFAULT 0,
    done_by  TEXT NOT NULL DEFAULT '',
    note     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX actions_due ON actions (done_at, due);

-- Where notices of one run went, so that the next one is written under the first; see core/notify.
CREATE TABLE notice_threads (
    channel TEXT NOT NULL,
    run     TEXT NOT NULL,
    thread  TEXT NOT NULL, -- what the service needs to find it again
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, run)
);

-- How far the journal has been exported; see core/audit.
CREATE TABLE audit_cursors (
    sink   TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    error  TEXT NOT NULL DEFAULT '', -- of the last attempt
    failed INTEGER NOT NULL DEFAULT 0 -- since when; 0: it works
);

-- +goose Down
DROP TABLE audit_cursors;
DROP TABLE notice_threads;
DROP TABLE actions;

-- +goose Up

-- What rules look at, what a resource is about on the host, what is guessed about who changed it, and looks in a row at which the task wanted something else each time.
ALTER TABLE drift_resources ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE drift_resources ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE drift_resources ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE drift_resources ADD COLUMN restless INTEGER NOT NULL DEFAULT 0;

-- 1: the task acted; 0: it only looked.
ALTER TABLE drift_results ADD COLUMN acted INTEGER NOT NULL DEFAULT 0;

-- Which run has which hosts in hand. What a run that is over holds, nobody holds.
CREATE TABLE drift_leases (
    address TEXT PRIMARY KEY,
    host    TEXT NOT NULL,
    run     TEXT NOT NULL,
    at      INTEGER NOT NULL
);
CREATE INDEX drift_leases_run ON drift_leases (run);

-- What became of the hosts that a run corrects.
CREATE TABLE drift_corrections (
    run   TEXT NOT NULL,
    host  TEXT NOT NULL,
    state TEXT NOT NULL, -- waiting, begun, corrected, failed
    why   TEXT NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (run, host)
);

-- Corrections that wait for an approver.
CREATE TABLE drift_asks (
    id          TEXT PRIMARY KEY,
    playbook    TEXT NOT NULL,
    cause       TEXT NOT NULL, -- empty: all that differs on the hosts
    task        TEXT NOT NULL,
    hosts       TEXT NOT NULL, -- JSON
    why         TEXT NOT NULL,
    run         TEXT NOT NULL, -- that asks
    at          INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    answer      TEXT NOT NULL, -- approved, rejected; empty: nobody has answered
    who         TEXT NOT NULL,
    said        TEXT NOT NULL,
    answered_at INTEGER NOT NULL
);
CREATE INDEX drift_asks_playbook ON drift_asks (playbook, at);

-- When schedules were due last, and what came of it.
CREATE TABLE drift_schedules (
    name    TEXT PRIMARY KEY, -- of the playbook, and the schedule's place in it
    last_at INTEGER NOT NULL,
    said    TEXT NOT NULL
);

-- +goose Down
DROP TABLE drift_schedules;
DROP TABLE drift_asks;
DROP TABLE drift_corrections;
DROP TABLE drift_leases;
ALTER TABLE drift_results DROP COLUMN acted;
ALTER TABLE drift_resources DROP COLUMN restless;
ALTER TABLE drift_resources DROP COLUMN hint;
ALTER TABLE drift_resources DROP COLUMN about;
ALTER TABLE drift_resources DROP COLUMN tags;

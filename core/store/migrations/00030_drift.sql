-- +goose Up

-- What playbooks say and hosts are; see drift/state and drift/record. Times are milliseconds since 1970; 0 is never.
CREATE TABLE drift_runs (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    playbook    TEXT NOT NULL,
    mode        TEXT NOT NULL, -- detect, correct
    who         TEXT NOT NULL,
    why         TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    error       TEXT NOT NULL,
    hosts       INTEGER NOT NULL,
    unreached   INTEGER NOT NULL,
    good        INTEGER NOT NULL,
    drifted     INTEGER NOT NULL,
    pending     INTEGER NOT NULL,
    flapping    INTEGER NOT NULL,
    uncheckable INTEGER NOT NULL,
    unknown     INTEGER NOT NULL,
    corrected   INTEGER NOT NULL
);
CREATE INDEX drift_runs_playbook ON drift_runs (playbook, seq);

CREATE TABLE drift_hosts (
    host        TEXT NOT NULL,
    playbook    TEXT NOT NULL,
    run         TEXT NOT NULL, -- the last one
    seen_at     INTEGER NOT NULL, -- when it was last reached
    tried_at    INTEGER NOT NULL,
    trouble     TEXT NOT NULL, -- why it was not reached or not gone through; empty: it was
    good        INTEGER NOT NULL,
    drifted     INTEGER NOT NULL,
    pending     INTEGER NOT NULL,
    flapping    INTEGER NOT NULL,
    uncheckable INTEGER NOT NULL,
    unknown     INTEGER NOT NULL,
    PRIMARY KEY (host, playbook)
);
CREATE INDEX drift_hosts_playbook ON drift_hosts (playbook, host);

CREATE TABLE drift_resources (
    id               TEXT NOT NULL, -- of the task and its item, the same on all hosts
    host             TEXT NOT NULL,
    playbook         TEXT NOT NULL,
    play             TEXT NOT NULL,
    role             TEXT NOT NULL,
    task             TEXT NOT NULL,
    action           TEXT NOT NULL,
    path             TEXT NOT NULL,
    line             INTEGER NOT NULL,
    item             TEXT NOT NULL,
    state            TEXT NOT NULL,
    reason           TEXT NOT NULL,
    cause            TEXT NOT NULL, -- drift_causes; empty: nothing differs
    fingerprint      TEXT NOT NULL,
    good_fingerprint TEXT NOT NULL,
    good_at          INTEGER NOT NULL,
    differs_at       INTEGER NOT NULL,
    corrected_at     INTEGER NOT NULL,
    seen_at          INTEGER NOT NULL,
    unheld           INTEGER NOT NULL,
    relapses         INTEGER NOT NULL,
    run              TEXT NOT NULL,
    PRIMARY KEY (host, playbook, id)
);
CREATE INDEX drift_resources_cause ON drift_resources (cause, host);

-- Equal differences, once.
CREATE TABLE drift_causes (
    cause    TEXT PRIMARY KEY,
    diff     TEXT NOT NULL,
    first_at INTEGER NOT NULL
);

-- What changed its state: the time line of hosts.
CREATE TABLE drift_changes (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    run      TEXT NOT NULL,
    host     TEXT NOT NULL,
    playbook TEXT NOT NULL,
    resource TEXT NOT NULL,
    task     TEXT NOT NULL,
    item     TEXT NOT NULL,
    before   TEXT NOT NULL,
    after    TEXT NOT NULL,
    cause    TEXT NOT NULL
);
CREATE INDEX drift_changes_host ON drift_changes (host, seq);

-- Results of tasks, row by row as they come.
CREATE TABLE drift_results (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    host    TEXT NOT NULL,
    play    TEXT NOT NULL,
    task    TEXT NOT NULL,
    action  TEXT NOT NULL,
    item    TEXT NOT NULL,
    outcome TEXT NOT NULL, -- ok, changed, failed, ignored, skipped, uncheckable, unreachable
    text    TEXT NOT NULL,
    cause   TEXT NOT NULL
);
CREATE INDEX drift_results_run ON drift_results (run, seq);

-- Differences that somebody has said may stay, for a time.
CREATE TABLE drift_ignored (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    playbook TEXT NOT NULL,
    cause    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    who      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    until    INTEGER NOT NULL
);
CREATE INDEX drift_ignored_cause ON drift_ignored (playbook, cause, until);

-- +goose Down
DROP TABLE drift_ignored;
DROP TABLE drift_results;
DROP TABLE drift_changes;
DROP TABLE drift_causes;
DROP TABLE drift_resources;
DROP TABLE drift_hosts;
DROP TABLE drift_runs;

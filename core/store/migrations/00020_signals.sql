-- +goose Up

-- What users say about a release, and reports that say the same; see rollout/feedback.
CREATE TABLE feedback_groups (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    service  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    text     TEXT NOT NULL, -- of the first report
    count    INTEGER NOT NULL,
    state    TEXT NOT NULL,
    answer   TEXT NOT NULL,
    who      TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
);
CREATE INDEX feedback_groups_service ON feedback_groups (service, last_at);

CREATE TABLE feedback (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    release TEXT NOT NULL, -- good.Release.ID
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    text    TEXT NOT NULL,
    contact TEXT NOT NULL,
    page    TEXT NOT NULL,
    agent   TEXT NOT NULL,
    session TEXT NOT NULL, -- keyed hash
    source  TEXT NOT NULL, -- keyed hash of the address
    grp     INTEGER NOT NULL REFERENCES feedback_groups (id)
);
CREATE INDEX feedback_service ON feedback (service, seq);
CREATE INDEX feedback_group ON feedback (grp, seq);

-- Alerts that monitoring has sent; see rollout/alert.
CREATE TABLE alerts (
    service     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL, -- 0: it is still firing
    name        TEXT NOT NULL,
    release     TEXT NOT NULL, -- as the alert says it; empty: it does not
    severity    TEXT NOT NULL,
    summary     TEXT NOT NULL,
    receiver    TEXT NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (service, fingerprint, starts_at)
);
CREATE INDEX alerts_open ON alerts (service, ends_at);

-- +goose Down
DROP TABLE alerts;
DROP TABLE feedback;
DROP TABLE feedback_groups;

-- +goose Up

-- Deletions that one person asked for and another one has to agree to; see backup/second.go.
CREATE TABLE backup_requests (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    repository TEXT NOT NULL,
    what       TEXT NOT NULL, -- equal requests have equal ones
    text       TEXT NOT NULL, -- what would be done, in words
    input      TEXT NOT NULL, -- JSON
    who        TEXT NOT NULL, -- empty: the configuration, which nobody signs
    why        TEXT NOT NULL,
    at         INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    needs      INTEGER NOT NULL, -- persons who have to agree
    state      TEXT NOT NULL, -- waiting, agreed, done, refused, expired, failed
    ended_at   INTEGER NOT NULL DEFAULT 0,
    outcome    TEXT NOT NULL DEFAULT '' -- the run that it became, or why there is none
);
CREATE INDEX backup_requests_state ON backup_requests (state, at);

-- Who agreed.
CREATE TABLE backup_agreements (
    request TEXT NOT NULL,
    who     TEXT NOT NULL,
    why     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (request, who)
);

-- What is promised of a repository and holds until two persons agree to less: the rule itself (application ''), and what is kept of an application.
CREATE TABLE backup_promises (
    repository  TEXT NOT NULL,
    application TEXT NOT NULL,
    json        TEXT NOT NULL,
    PRIMARY KEY (repository, application)
);

-- +goose Down
DROP TABLE backup_promises;
DROP TABLE backup_agreements;
DROP TABLE backup_requests;

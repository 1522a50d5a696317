-- +goose Up

-- Projects, inventories, credentials, templates and schedules of playbooks, as JSON by kind; see drift/desk.
CREATE TABLE desk_items (
    kind    TEXT NOT NULL,
    project TEXT NOT NULL, -- a project's own name for the project itself
    name    TEXT NOT NULL,
    json    TEXT NOT NULL,
    PRIMARY KEY (kind, project, name)
);

-- The values of credentials, sealed with the data directory's key. They are apart so that whoever reads items has none in hand.
CREATE TABLE desk_secrets (
    project    TEXT NOT NULL,
    credential TEXT NOT NULL,
    field      TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    PRIMARY KEY (project, credential, field)
);

-- What came of every task on every host of a run that was launched from the desk.
CREATE TABLE desk_results (
    run      TEXT NOT NULL,
    seq      INTEGER NOT NULL, -- order in the run
    at       INTEGER NOT NULL,
    play     TEXT NOT NULL,
    task     TEXT NOT NULL,
    action   TEXT NOT NULL,
    place    TEXT NOT NULL, -- file:line
    host     TEXT NOT NULL,
    item     TEXT NOT NULL,
    state    TEXT NOT NULL,
    text     TEXT NOT NULL,
    diff     TEXT NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE INDEX desk_results_state ON desk_results (run, state, seq);
CREATE INDEX desk_results_host ON desk_results (run, host, seq);

-- +goose Down
DROP TABLE desk_results;
DROP TABLE desk_secrets;
DROP TABLE desk_items;

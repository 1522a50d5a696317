-- +goose Up

-- What is known of restore points: how they were made and how far each is proven; see backup/ledger.
CREATE TABLE restore_points (
    repository  TEXT NOT NULL,
    id          TEXT NOT NULL,
    application TEXT NOT NULL,
    at          INTEGER NOT NULL,
    bytes       INTEGER NOT NULL, -- read
    fresh       INTEGER NOT NULL, -- bytes of it that the repository did not have
    written     INTEGER NOT NULL, -- bytes that they took
    files       INTEGER NOT NULL,
    complete    INTEGER NOT NULL,
    level       INTEGER NOT NULL, -- 0 written, 1 listed, 2 read back, 3 restored, 4 proven
    level_at    INTEGER NOT NULL,
    run         TEXT NOT NULL, -- what brought it to the level
    damage      TEXT NOT NULL, -- empty: none is known
    gone_at     INTEGER NOT NULL DEFAULT 0, -- when goodstate itself let it go
    gone_by     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (repository, id)
);
CREATE INDEX restore_points_application ON restore_points (application, at);

-- What looks like an attack on the copies or a mistake with them; see backup/watch.
CREATE TABLE backup_alerts (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    repository  TEXT NOT NULL,
    application TEXT NOT NULL,
    severity    TEXT NOT NULL,
    text        TEXT NOT NULL,
    evidence    TEXT NOT NULL, -- JSON
    at          INTEGER NOT NULL,
    closed_at   INTEGER NOT NULL DEFAULT 0,
    closed_by   TEXT NOT NULL DEFAULT '',
    note        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX backup_alerts_open ON backup_alerts (closed_at, at);

-- Repositories of which nothing is deleted until a person lets them go.
CREATE TABLE backup_frozen (
    repository TEXT PRIMARY KEY,
    why        TEXT NOT NULL,
    at         INTEGER NOT NULL
);

-- What the watch saw last of each repository.
CREATE TABLE backup_looks (
    repository TEXT PRIMARY KEY,
    json       TEXT NOT NULL
);

-- +goose Down
DROP TABLE backup_looks;
DROP TABLE backup_frozen;
DROP TABLE backup_alerts;
DROP TABLE restore_points;

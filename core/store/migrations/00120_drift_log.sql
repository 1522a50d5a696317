-- +goose Up

-- How many entries of a log a sink never got, because they were too many or too old.
ALTER TABLE audit_cursors ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;

-- The log of results is read by host and by time, and old ones are removed.
CREATE INDEX drift_results_host ON drift_results (host, seq);
CREATE INDEX drift_results_at ON drift_results (at);

-- Reports that are sent by schedules: when one was due last, and what came of it.
CREATE TABLE drift_report_sent (
    name    TEXT PRIMARY KEY,
    last_at INTEGER NOT NULL,
    said    TEXT NOT NULL
);

-- +goose Down
DROP TABLE drift_report_sent;
DROP INDEX drift_results_at;
DROP INDEX drift_results_host;

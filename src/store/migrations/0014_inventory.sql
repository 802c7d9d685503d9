-- What the daily inventory of an instance found, one row a day (UTC); document is JSON.
CREATE TABLE inventory_runs (
    instance TEXT NOT NULL,
    day TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    finished_at BIGINT,
    document TEXT,
    PRIMARY KEY (instance, day)
);

-- By what a leaked secret is known again: a keyed fingerprint, and the beginning that Zendesk itself shows. Written
-- before the credential is handed over, and never deleted.
CREATE TABLE fingerprints (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    visible TEXT,
    project_id BIGINT NOT NULL,
    iid BIGINT NOT NULL,
    number BIGINT NOT NULL,
    kept_at BIGINT NOT NULL,
    FOREIGN KEY (project_id, iid, number) REFERENCES attempts (project_id, iid, number)
);
CREATE INDEX fingerprints_by_visible ON fingerprints (visible);
CREATE INDEX fingerprints_by_attempt ON fingerprints (project_id, iid, number);

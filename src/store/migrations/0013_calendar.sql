-- Addresses of calendars: only a hash of the token that opens one. scope and subject: an instance's key, or a GitLab id.
CREATE TABLE calendar_feeds (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('instance', 'person')),
    subject TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    revoked_at BIGINT
);

-- One row for each credential that was handed over; sequence grows with each change that a calendar must show.
CREATE TABLE calendar_dates (
    uid TEXT NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    person BIGINT NOT NULL,
    summary TEXT NOT NULL,
    url TEXT NOT NULL,
    last_day TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    cancelled BIGINT NOT NULL CHECK (cancelled IN (0, 1)),
    sequence BIGINT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL
);
CREATE INDEX calendar_dates_by_instance ON calendar_dates (instance, ends_at);
CREATE INDEX calendar_dates_by_person ON calendar_dates (person, ends_at);

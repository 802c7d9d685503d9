-- One row for each API token for which an issue was opened to move it to OAuth, written before the issue is.
CREATE TABLE retirements (
    instance TEXT NOT NULL,
    token_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    owner_id BIGINT,
    owner TEXT NOT NULL,
    project_id BIGINT NOT NULL,
    iid BIGINT,
    url TEXT,
    intended_at BIGINT NOT NULL,
    opened_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (instance, token_id)
);

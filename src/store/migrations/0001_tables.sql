-- One text for SQLite and PostgreSQL: only BIGINT and TEXT. Times are milliseconds since 1970 (UTC), truth is 0 or 1,
-- documents are JSON in TEXT.

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE projects (
    id BIGINT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    set_up_at BIGINT NOT NULL,
    manager_label_id BIGINT NOT NULL,
    manager_label_name TEXT NOT NULL,
    provisioner_label_id BIGINT NOT NULL,
    provisioner_label_name TEXT NOT NULL,
    denied_label_id BIGINT,
    denied_label_name TEXT,
    swept_to BIGINT,
    sweep_wanted BIGINT NOT NULL DEFAULT 0
);

-- phase: a key of the domain's phases, 'unseen' from the first mark to the first look, 'no_request' for other issues.
CREATE TABLE requests (
    project_id BIGINT NOT NULL,
    iid BIGINT NOT NULL,
    phase TEXT NOT NULL,
    adopted BIGINT NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    record TEXT,
    next_look_at BIGINT,
    marks BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL DEFAULT 0,
    held_by TEXT,
    held_until BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, iid)
);
CREATE INDEX requests_by_next_look ON requests (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE INDEX requests_by_phase ON requests (phase);

CREATE TABLE attempts (
    project_id BIGINT NOT NULL,
    iid BIGINT NOT NULL,
    number BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    state TEXT NOT NULL,
    credential_id BIGINT,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (project_id, iid, number),
    FOREIGN KEY (project_id, iid) REFERENCES requests (project_id, iid)
);

CREATE TABLE orders (
    id TEXT NOT NULL PRIMARY KEY,
    project_id BIGINT NOT NULL,
    iid BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('revoke', 'retry')),
    why TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    done_at BIGINT,
    FOREIGN KEY (project_id, iid) REFERENCES requests (project_id, iid)
);
CREATE INDEX orders_by_request ON orders (project_id, iid);

CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    project_id BIGINT,
    iid BIGINT,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_by_request ON audit (project_id, iid, seq);

CREATE TABLE chain_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

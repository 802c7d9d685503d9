-- How far the audit entries have reached a second place, and who writes there now.
CREATE TABLE audit_sinks (
    name TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

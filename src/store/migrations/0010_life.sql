-- The label that revokes; null until a person pins it.
ALTER TABLE projects ADD COLUMN revoke_label_id BIGINT;
ALTER TABLE projects ADD COLUMN revoke_label_name TEXT;

-- The brake: endings for a reason that concerns many at once. One row is locked by whoever asks.
CREATE TABLE brake (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    asked BIGINT NOT NULL
);
INSERT INTO brake (id, asked) VALUES (1, 0);

-- state: 'counted' went on and counts for an hour; 'held' waits for a person; 'released' may go on by a person's word.
CREATE TABLE mass_endings (
    subject TEXT NOT NULL PRIMARY KEY,
    cause TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('counted', 'held', 'released')),
    since BIGINT NOT NULL,
    asked_at BIGINT NOT NULL
);
CREATE INDEX mass_endings_by_state ON mass_endings (state, asked_at);

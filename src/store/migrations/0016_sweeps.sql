-- requests.seen: how the issue was listed when it was last looked at completely; the sweep passes over what is still so.
-- requests.swept: the look was asked for by a sweep or a start and not by anything that happened: it stands behind those.
ALTER TABLE requests ADD COLUMN seen TEXT;
ALTER TABLE requests ADD COLUMN swept BIGINT NOT NULL DEFAULT 0;
DROP INDEX requests_by_next_look;
CREATE INDEX requests_by_turn ON requests (swept, next_look_at) WHERE next_look_at IS NOT NULL;

-- projects.swept_at: when the last sweep ended, by our clock (swept_to is GitLab's).
ALTER TABLE projects ADD COLUMN swept_at BIGINT;

-- A sweep under way, so that one that was stopped goes on where it was and one process at a time makes it.
CREATE TABLE sweeps (
    project_id BIGINT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    begun_at BIGINT,
    since BIGINT,
    created_after BIGINT,
    page BIGINT NOT NULL,
    page_size BIGINT NOT NULL,
    total BIGINT,
    wanted BIGINT NOT NULL
);

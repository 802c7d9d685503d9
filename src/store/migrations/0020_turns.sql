-- The whole order of a claim is in the index. Without the key at its end, each claim sorted everything that was due at the
-- same moment, and after a start that is everything that waits.
CREATE INDEX requests_in_turn ON requests (swept, next_look_at, project_id, iid) WHERE next_look_at IS NOT NULL;
DROP INDEX requests_by_turn;

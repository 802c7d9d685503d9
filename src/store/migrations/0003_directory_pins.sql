-- Which GitLab account an entry of a directory, with its user name, was resolved to. Rows are only added: a name that
-- somebody had before must be known when somebody else has it.
CREATE TABLE directory_pins (
    source TEXT NOT NULL,
    entry_key TEXT NOT NULL,
    username TEXT NOT NULL,
    gitlab_id BIGINT NOT NULL,
    pinned_at BIGINT NOT NULL,
    PRIMARY KEY (source, entry_key, username)
);
CREATE INDEX directory_pins_by_username ON directory_pins (username);
CREATE INDEX directory_pins_by_account ON directory_pins (gitlab_id);

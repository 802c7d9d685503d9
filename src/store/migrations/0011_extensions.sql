-- Which request extends which: a row for each generation whose credential was handed over.
CREATE TABLE extensions (
    project_id BIGINT NOT NULL,
    iid BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    earlier_project_id BIGINT NOT NULL,
    earlier_iid BIGINT NOT NULL,
    url TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, iid, generation)
);
CREATE INDEX extensions_by_earlier ON extensions (earlier_project_id, earlier_iid);

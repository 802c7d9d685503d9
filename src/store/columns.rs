//! The columns that this release reads of each table, by name.
//!
//! Never `*`: during a rolling upgrade a later release adds columns while this one runs. Then PostgreSQL refuses a
//! prepared `*` whose answer has changed, and the SQLite driver loses its connection over it. Columns that this
//! release does not know are none of its business.

macro_rules! columns {
    (requests) => {
        "project_id, iid, phase, adopted, record, next_look_at, marks, lease_owner, lease_until, fence,
         held_by, held_until, failures, last_error, updated_at"
    };
    (attempts) => {
        "project_id, iid, number, generation, state, credential_id, name, document"
    };
    (audit) => {
        "seq, at, kind, project_id, iid, detail, prev, hash"
    };
    (calendar_feeds) => {
        "id, scope, subject, made_at, made_by, revoked_at"
    };
    (calendar_dates) => {
        "uid, instance, person, summary, url, last_day, ends_at, cancelled, sequence, changed_at"
    };
    (fingerprints) => {
        "fingerprint, visible, project_id, iid, number"
    };
    (inventory_runs) => {
        "instance, day, begun_at, document"
    };
    (orders) => {
        "id, project_id, iid, kind, why, by_whom, given_at, deed"
    };
    (projects) => {
        "id, path, set_up_at, manager_label_id, manager_label_name, provisioner_label_id,
         provisioner_label_name, denied_label_id, denied_label_name, revoke_label_id, revoke_label_name, swept_to, swept_at, sweep_wanted"
    };
    (retirements) => {
        "instance, token_id, name, owner_id, owner, project_id, iid, url, intended_at, opened_at,
         ended_at"
    };
    (sweeps) => {
        "project_id, owner, begun_at, since, created_after, page, page_size, total, wanted"
    };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn no_statement_asks_for_whatever_columns_there_are() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut searched = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            searched += usize::from(code.contains("SELECT"));
            for star in ["SELECT *", ".*,", "RETURNING *"] {
                assert!(
                    !code.contains(star),
                    "{} says {star}: name the columns (columns.rs)",
                    path.display()
                );
            }
        }
        assert!(searched > 5, "the statements are there");
    }
}

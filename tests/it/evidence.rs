//! What an auditor gets, with the database or a copy of it, the audit key, and nothing else.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::database::{Database, sql_on};
use crate::harness::{House, says};

/// The program, in a folder without a configuration: whatever it needs is on the command line.
fn offline(arguments: &[&str]) -> Output {
    let nowhere = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_countersign")).current_dir(&nowhere).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A house in which one request was issued and another was refused.
async fn eventful() -> (House, i64) {
    let house = House::open().await;
    let iid = house.approved().await;
    let refused = house.opens("requester", &crate::harness::Form::default().text()).await;
    house.settle().await;
    house.labels("colleague", refused, "manager-approved").await;
    house.settle().await;
    (house, iid)
}

struct Files {
    database: String,
    key: String,
    folder: tempfile::TempDir,
}

impl Files {
    /// A copy of the database as it is, and the key. `None` on PostgreSQL, which has no file to copy: what is offline
    /// there is the export.
    async fn of(house: &House) -> Option<Self> {
        if matches!(house.database, Database::Server { .. }) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("copy.db");
        std::fs::copy(house.backup().await, &database).unwrap();
        let key = folder.path().join("audit.key");
        std::fs::copy(house.path("audit.key"), &key).unwrap();
        Some(Self { database: shown(&database), key: shown(&key), folder })
    }

    fn verify(&self) -> Output {
        offline(&["audit", "verify", "--database", &self.database, "--key-file", &self.key])
    }

    fn export(&self, format: &str) -> String {
        let file = shown(&self.folder.path().join(format!("export.{format}")));
        let done = offline(&[
            "audit",
            "export",
            "--database",
            &self.database,
            "--format",
            format,
            "--output",
            &file,
        ]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        file
    }

    fn verify_export(&self, file: &str, more: &[&str]) -> Output {
        offline(&[&["audit", "verify", "--export", file, "--key-file", &self.key], more].concat())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn the_whole_population_is_exported_refusals_too_and_the_file_proves_itself() {
    let (house, _) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let head = house.service().context.store().head().await.unwrap();
    for format in ["csv", "json"] {
        let file = files.export(format);
        let head = format!("{}:{}", head.seq, &head.hash[..12]);
        let found = files.verify_export(&file, &["--head", &head]);
        assert!(found.status.success(), "{}", text(&found.stderr));
        says(
            &text(&found.stderr),
            &format!("Entries 1 to {0}, {0} in all, are whole.", house_entries(&house).await),
        );
    }
    let rows = std::fs::read_to_string(files.export("json")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let of = |kind: &str| {
        rows.iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
    };
    assert_eq!(of("approval.refused")["actor"], "casey (GitLab 105)");
    assert_eq!(of("approval.bound")["actor"], "kim (GitLab 102)");
    assert_eq!(of("request.seen")["time"], "2026-12-01T09:00:30.000Z");
    assert_eq!(of("mint.made")["issue"], "42#4");
    house.leave().await;
}

async fn house_entries(house: &House) -> i64 {
    house.service().context.store().head().await.unwrap().seq
}

#[tokio::test]
async fn an_export_that_was_cut_is_found_by_a_head_that_a_comment_published() {
    let (house, iid) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let file = files.export("json");
    let whole = std::fs::read_to_string(&file).unwrap();
    let cut: Vec<&str> = whole.lines().take(3).collect();
    std::fs::write(&file, cut.join("\n")).unwrap();
    assert!(files.verify_export(&file, &[]).status.success());
    let comment = house.sealed_comment(iid).await;
    let value = |name: &str| comment.split(name).nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let head = format!("{}:{}", value(" sequence="), value(" head="));
    let found = files.verify_export(&file, &["--head", &head]);
    assert_eq!(found.status.code(), Some(1));
    says(&text(&found.stderr), "is not what was published");
    house.leave().await;
}

#[tokio::test]
async fn t32_a_history_that_somebody_rewrote_is_found_offline_and_the_first_bad_entry_is_named() {
    let (house, _) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let whole = files.verify();
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    let lift = "DROP TRIGGER audit_refuses_update; DROP TRIGGER audit_refuses_delete;";
    let rewrite = [
        (
            "changed",
            "UPDATE audit SET detail = replace(detail, 'kim', 'pat') WHERE seq = 5;
                     UPDATE audit SET kind = 'x' WHERE seq = 5;",
            "entry 5: it is not what was written",
        ),
        ("removed", "DELETE FROM audit WHERE seq = 5;", "entry 5: the numbers have a gap"),
        (
            "reordered",
            "UPDATE audit SET seq = -5 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6;
                       UPDATE audit SET seq = 6 WHERE seq = -5;",
            "entry 5: it does not follow the one before it",
        ),
        (
            "re-chained",
            "UPDATE audit SET kind = 'x', hash = substr(hash, 33) || substr(hash, 1, 32) WHERE seq = 5;
                        UPDATE audit SET prev = (SELECT hash FROM audit WHERE seq = 5) WHERE seq = 6;",
            "entry 5: it is not what was written: changed, or chained anew without the key",
        ),
        (
            "cut off",
            "DELETE FROM audit WHERE seq > 5;",
            "entry 5: it is the last one there, and not the recorded end",
        ),
    ];
    for (what, statements, expected) in rewrite {
        let files = Files::of(&house).await.unwrap();
        sql_on(Path::new(&files.database), &format!("{lift} {statements}")).await;
        let found = files.verify();
        assert_eq!(found.status.code(), Some(1), "{what}");
        says(&text(&found.stderr), expected);
    }
    house.leave().await;
}

#[tokio::test]
async fn t32_an_end_that_was_cut_off_and_covered_up_is_found_by_a_head_that_a_comment_published() {
    let (house, _) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let head = house.service().context.store().head().await.unwrap();
    let cover = "DROP TRIGGER audit_refuses_delete; DELETE FROM audit WHERE seq > 5;
        UPDATE chain_head SET seq = 5, hash = (SELECT hash FROM audit WHERE seq = 5)";
    sql_on(Path::new(&files.database), cover).await;
    assert!(files.verify().status.success(), "the chain alone cannot tell");
    let published = format!("{}:{}", head.seq, head.hash);
    let verify = ["audit", "verify", "--database", &files.database, "--key-file", &files.key];
    let found = offline(&[&verify[..], &["--head", &published]].concat());
    assert_eq!(found.status.code(), Some(1));
    says(&text(&found.stderr), "is not what was published");
    house.leave().await;
}

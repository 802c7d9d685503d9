//! What an auditor gets, with the database or a copy of it, the audit key, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

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

/// The files of an archive, by their names below its folder.
pub(super) fn unpacked(archive: &Path) -> std::collections::BTreeMap<String, String> {
    let mut files = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(std::fs::File::open(archive).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = String::new();
        std::io::Read::read_to_string(&mut entry, &mut content).unwrap();
        files.insert(path.split_once('/').unwrap().1.to_owned(), content);
    }
    files
}

/// Each approval tells who gets the credential and who manages them, with the entry that says so.
fn as_the_directory_said(content: &BTreeMap<String, String>) {
    let read: Vec<Value> = content
        .iter()
        .filter(|(name, _)| name.ends_with("/directory.json"))
        .map(|(_, text)| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(read.len(), 2, "one for each approval");
    for one in read {
        assert_eq!((&one["beneficiary"], &one["manager"]["id"]), (&json!(101), &json!(102)), "{one:#}");
        let authority = &one["manager"]["authority"];
        says(&authority["source"].as_str().unwrap(), "directory.toml");
        let entry = authority["value"].as_str().unwrap();
        says(&entry, "gitlab_id = 101\nmanager = 102\n");
    }
}

#[tokio::test]
async fn an_archive_of_a_request_tells_its_whole_life_and_proves_it() {
    let (house, iid) = eventful().await;
    house.orders(iid, countersign::domain::snapshot::OrderKind::Revoke).await;
    house.later(jiff::SignedDuration::from_hours(1)).await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let archive = files.folder.path().join("evidence.tar");
    let make = |file: &Path| {
        offline(&["audit", "evidence", "42#4", "--database", &files.database, "--output", &shown(file)])
    };
    let made = make(&archive);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let again = files.folder.path().join("again.tar");
    make(&again);
    let bytes = std::fs::read(&archive).unwrap();
    assert!(bytes == std::fs::read(&again).unwrap(), "the same state is the same bytes");
    for secret in house.secrets() {
        assert!(!String::from_utf8_lossy(&bytes).contains(&secret), "a secret is in the archive");
    }
    let content = unpacked(&archive);
    let names: Vec<&str> = content.keys().map(|name| name.rsplit('/').next().unwrap()).collect();
    for name in [
        "README.txt",
        "MANIFEST.sha256",
        "entries.jsonl",
        "form.md",
        "terms.canonical.json",
        "directory.json",
        "label-events.json",
        "mint.json",
        "delivery.json",
        "end.json",
        "refusals.json",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let manager = content.keys().find(|name| name.ends_with("-manager/approval.json")).unwrap();
    let of = |name: &str| content[&manager.replace("approval.json", name)].clone();
    let approval: Value = serde_json::from_str(&of("approval.json")).unwrap();
    let digest = countersign::domain::terms::hex(&sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        of("terms.canonical.json"),
    )));
    assert_eq!(approval["digest"], digest.as_str());
    assert_eq!(of("form.md"), crate::harness::Form::default().text());
    says(&of("label-events.json"), "\"actor\": 102");
    as_the_directory_said(&content);
    says(&content["end.json"], "credential.gone");
    let facts = content["README.txt"]
        .split("WHAT IS IN HERE")
        .next()
        .unwrap()
        .replace(&house.sandbox.base_url(), "http://sandbox");
    insta::assert_snapshot!(facts.replace(&digest, "[digest]"), @"
    Evidence of one access request, made by countersign
    ===================================================

    WHAT HAPPENED

      issue 42#4
      2026-12-01T09:00:30Z  first seen; http://sandbox/gitlab/company/access-requests/-/issues/4, by GitLab user 101 (entry 2)
      2026-12-01T09:01:00Z  approved as manager by kim (GitLab user 102), terms [digest] (entry 4)
      2026-12-01T09:01:30Z  approved as provisioner by pat (GitLab user 104), terms [digest] (entry 6)
      2026-12-01T09:01:30Z  credential 10002 made at Zendesk (entry 9)
      2026-12-01T09:01:30Z  handed over by Slack (entry 12)
      2026-12-01T09:02:30Z  ordered by oda: revoke (entry 17)
      2026-12-01T09:02:30Z  credential 10002 proven gone (entry 20)
    ");
    house.leave().await;
}

#[tokio::test]
async fn an_archive_that_somebody_changed_is_found() {
    let (house, _) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let archive = shown(&files.folder.path().join("evidence.tar"));
    offline(&["audit", "evidence", "42#4", "--database", &files.database, "--output", &archive]);
    let verify = || offline(&["audit", "verify", "--evidence", &archive, "--key-file", &files.key]);
    let whole = verify();
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    let bytes = std::fs::read(&archive).unwrap();
    let changed = String::from_utf8(bytes.clone()).unwrap().replacen("Export solved", "Import solved", 1);
    std::fs::write(&archive, changed).unwrap();
    let found = verify();
    assert_eq!(found.status.code(), Some(1));
    says(&text(&found.stderr), "form.md is not what its entries make of it");
    std::fs::write(&archive, bytes).unwrap();
    let other = files.folder.path().join("other.key");
    std::fs::write(&other, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let found = offline(&["audit", "verify", "--evidence", &archive, "--key-file", &shown(&other)]);
    assert_eq!(found.status.code(), Some(1));
    says(&text(&found.stderr), "entry 1 of entries.jsonl is not what was written");
    house.leave().await;
}

/// The same archive after `change` was made to its files, with a manifest that fits.
fn forged(archive: &Path, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Vec<u8> {
    let mut files = unpacked(archive);
    files.remove("MANIFEST.sha256");
    change(&mut files);
    let sum = |text: &String| countersign::domain::terms::hex(&<sha2::Sha256 as sha2::Digest>::digest(text));
    let manifest: Vec<String> = files.iter().map(|(name, text)| format!("{}  {name}\n", sum(text))).collect();
    files.insert("MANIFEST.sha256".to_owned(), manifest.concat());
    let mut packed = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        let path = format!("countersign-evidence-42-4/{name}");
        packed.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    packed.into_inner().unwrap()
}

/// What somebody does to the files of an archive.
type Change<'a> = Box<dyn Fn(&mut BTreeMap<String, String>) + 'a>;

#[tokio::test]
async fn t32_an_archive_that_was_forged_with_its_manifest_is_found() {
    let (house, _) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let archive = files.folder.path().join("evidence.tar");
    let name = shown(&archive);
    let make = |issue: &str, file: &str| {
        let made = offline(&["audit", "evidence", issue, "--database", &files.database, "--output", file]);
        assert!(made.status.success(), "{}", text(&made.stderr));
    };
    make("42#4", &name);
    let others = files.folder.path().join("others.tar");
    make("42#5", &shown(&others));
    let others = unpacked(&others)["entries.jsonl"].clone();
    let whole = std::fs::read(&archive).unwrap();
    let verify = |more: &[&str]| {
        let verify = ["audit", "verify", "--evidence", &name, "--key-file", &files.key];
        let found = offline(&[&verify[..], more].concat());
        (found.status.code(), text(&found.stderr))
    };
    let database = ["--database", files.database.as_str()];
    let (alone, beside) = (verify(&[]), verify(&database));
    assert_eq!((alone.0, beside.0), (Some(0), Some(0)));
    insta::assert_snapshot!(format!("{}\n{}", alone.1, beside.1), @"
    All 11 entries about 42#4 are what was written, and every file is what they make of it.
    That none is left out, only the database tells: add --database FILE, a copy of it is enough.

    All 11 entries about 42#4 are what was written, and every file is what they make of it.
    The chain in the database is whole, and has no other entry about it.
    ");
    let replaced = |name: &'static str, by: &'static str| -> Change<'_> {
        Box::new(move |files| drop(files.insert(name.to_owned(), by.to_owned())))
    };
    let entries = |change: &'static dyn Fn(&str) -> String| -> Change<'_> {
        Box::new(move |files| drop(files.insert("entries.jsonl".to_owned(), change(&files["entries.jsonl"]))))
    };
    let changes: [(Change<'_>, &str); 7] = [
        (replaced("mint.json", "[]\n"), "mint.json is not what its entries make of it"),
        (replaced("README.txt", "All is well.\n"), "README.txt is not what its entries make of it"),
        (replaced("more.txt", "And more.\n"), "more.txt is not what its entries make of it"),
        (Box::new(|files| drop(files.remove("refusals.json"))), "refusals.json is not what its entries make"),
        (entries(&|_| String::new()), "there is no entry in it"),
        (
            entries(&|lines| lines.lines().rev().flat_map(|line| [line, "\n"]).collect()),
            "entry 2 of entries.jsonl is out of order, or of another issue",
        ),
        (
            Box::new(|files| {
                drop(files.insert("entries.jsonl".to_owned(), format!("{}{others}", files["entries.jsonl"])));
            }),
            "is out of order, or of another issue",
        ),
    ];
    for (change, expected) in changes {
        std::fs::write(&archive, &whole).unwrap();
        std::fs::write(&archive, forged(&archive, change)).unwrap();
        let (status, said) = verify(&[]);
        assert_eq!(status, Some(1), "{said}");
        says(&said, expected);
    }
    house.leave().await;
}

#[tokio::test]
async fn t32_entries_that_were_left_out_of_an_archive_are_missed_where_the_database_is_at_hand() {
    let (house, _) = eventful().await;
    let Some(files) = Files::of(&house).await else { return house.leave().await };
    let archive = shown(&files.folder.path().join("evidence.tar"));
    let make = |database: &str| {
        offline(&["audit", "evidence", "42#4", "--database", database, "--output", &archive]).status.success()
    };
    let lift = "DROP TRIGGER audit_refuses_update; DROP TRIGGER audit_refuses_delete;";
    for left_out in ["kind LIKE 'mint.%' OR kind LIKE 'delivery.%'", "kind LIKE 'delivery.%'", "seq > 8"] {
        let copy = Files::of(&house).await.unwrap();
        sql_on(Path::new(&copy.database), &format!("{lift} DELETE FROM audit WHERE {left_out}")).await;
        assert!(make(&copy.database), "{left_out}");
        let verify = ["audit", "verify", "--evidence", &archive, "--key-file", &files.key];
        let alone = offline(&verify);
        says(&text(&alone.stderr), "That none is left out, only the database tells");
        let found = offline(&[&verify[..], &["--database", &files.database]].concat());
        assert_eq!(found.status.code(), Some(1), "{left_out}");
        says(&text(&found.stderr), "is in the database and not in the archive");
        // The database that they were taken out of proves nothing either.
        let found = offline(&[&verify[..], &["--database", &copy.database]].concat());
        assert_eq!(found.status.code(), Some(1), "{left_out}");
    }
    house.leave().await;
}

fn number(lines: &str) -> i64 {
    i64::try_from(lines.lines().count()).unwrap()
}

fn second_verified(house: &House, file: &Path) -> Output {
    let key = shown(&house.path("audit.key"));
    offline(&["audit", "verify", "--export", &shown(file), "--key-file", &key])
}

#[tokio::test]
async fn a_second_place_gets_every_entry_in_order_and_a_restart_goes_on_without_a_gap() {
    let mut house = House::open_with(|config| {
        *config = config.replace("[audit]\n", "[audit]\nsink = \"second.jsonl\"\n");
    })
    .await;
    let drain = async |house: &House| house.service().sink.clone().unwrap().drain().await;
    house.approved().await;
    let first = drain(&house).await.unwrap();
    assert_eq!(
        (i64::try_from(first).unwrap(), drain(&house).await.unwrap()),
        (house_entries(&house).await, 0)
    );
    house.restart().await;
    house.opens("requester", &crate::harness::Form::default().text()).await;
    house.settle().await;
    assert!(drain(&house).await.unwrap() > 0);
    let lines = std::fs::read_to_string(house.path("second.jsonl")).unwrap();
    assert_eq!(number(&lines), house_entries(&house).await);
    let verified = second_verified(&house, &house.path("second.jsonl"));
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    house.leave().await;
}

#[tokio::test]
async fn a_second_place_that_takes_nothing_stops_nothing_and_gets_everything_later() {
    let mut house = House::open_with(|config| {
        *config = config.replace("[audit]\n", "[audit]\nsink = \"place/second.jsonl\"\n");
    })
    .await;
    house.service().sink.clone().unwrap().drain().await.unwrap_err();
    let iid = house.approved().await;
    house.has_exactly_one(iid).await;
    std::fs::create_dir(house.path("place")).unwrap();
    // The process died after it wrote and before it noted so: everything once more, and nothing is missing.
    house.service().sink.clone().unwrap().drain().await.unwrap();
    house.sql("UPDATE audit_sinks SET seq = 3").await;
    house.restart().await;
    house.service().sink.clone().unwrap().drain().await.unwrap();
    let second = house.path("place").join("second.jsonl");
    let lines = std::fs::read_to_string(&second).unwrap();
    assert!(number(&lines) > house_entries(&house).await);
    let verified = second_verified(&house, &second);
    says(&text(&verified.stderr), "are whole");
    house.leave().await;
}

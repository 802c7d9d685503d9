//! People in a TOML or YAML file, as `deploy/directory.example.toml` shows.
//!
//! The file is reread when it is seen to have changed, so that a correction needs no restart; what cannot
//! be read now is never answered from memory, since the change may have been somebody's dismissal. At
//! start every fault refuses the file. Later, a file that cannot be understood is unreachable as a whole,
//! while a person who stands in it twice is ambiguous and everybody else is answered.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;

use super::entries::Entries;
use super::{DirectoryError, Found, Person};
use crate::clock::SharedClock;
use crate::reader::Fault;

/// A file of people.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    clock: SharedClock,
    last: Mutex<Option<Reading>>,
}

/// Everything that is wrong with the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFaults(pub Vec<Fault>);

impl fmt::Display for FileFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}directory: {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileFaults {}

#[derive(Debug)]
struct Reading {
    stamp: Stamp,
    entries: Arc<Entries>,
}

/// What changes when a file does. Time and length are not enough alone: a package store gives every file
/// one time, and `manager = 102` is as long as `manager = 103`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    identity: [i64; 3],
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            #[cfg(unix)]
            identity: [metadata.ino().cast_signed(), metadata.ctime(), metadata.ctime_nsec()],
        }
    }
}

impl File {
    /// Opens the file for the first time: every fault in it is told at once, and none is tolerated.
    pub async fn load(path: PathBuf, clock: SharedClock) -> Result<Self, FileFaults> {
        let reading = read(&path).await.map_err(FileFaults)?;
        let twins = reading.entries.inconsistencies();
        if !twins.is_empty() {
            return Err(FileFaults(twins));
        }
        Ok(Self { path, clock, last: Mutex::new(Some(reading)) })
    }

    /// The one person of whom `wanted` is true.
    pub(super) async fn find(&self, wanted: impl Fn(&Person) -> bool) -> Result<Found, DirectoryError> {
        let entries = self.entries().await?;
        entries.answer(wanted, (format!("file {}", self.path.display()), self.clock.now()))
    }

    /// Whether nobody is reading it.
    pub(super) fn is_at_rest(&self) -> bool {
        self.last.try_lock().is_ok()
    }

    /// What the file says now.
    async fn entries(&self) -> Result<Arc<Entries>, DirectoryError> {
        let mut last = self.last.lock().await;
        let present = tokio::fs::metadata(&self.path).await.ok().map(|metadata| Stamp::of(&metadata));
        if let Some(reading) = last.as_ref().filter(|reading| Some(reading.stamp) == present) {
            return Ok(Arc::clone(&reading.entries));
        }
        *last = None;
        let reading = read(&self.path).await.map_err(|faults| {
            let faults = FileFaults(faults);
            tracing::error!(file = %self.path.display(), "the directory cannot be read: {faults}");
            DirectoryError::Unreachable
        })?;
        warn_of(&reading.entries.inconsistencies());
        Ok(Arc::clone(&last.insert(reading).entries))
    }
}

fn warn_of(faults: &[Fault]) {
    for fault in faults {
        tracing::warn!("directory: {fault}");
    }
}

async fn read(path: &Path) -> Result<Reading, Vec<Fault>> {
    let (stamp, text) = read_text(path).await.map_err(|error| {
        vec![Fault {
            key: path.display().to_string(),
            message: format!("cannot be read: {}", crate::reader::why_unreadable(&error)),
        }]
    })?;
    let entries = Entries::parse(&text, &path.display().to_string())?;
    Ok(Reading { stamp, entries: Arc::new(entries) })
}

/// The stamp is taken before the text and from the same open file: a change in between is seen next time.
async fn read_text(path: &Path) -> io::Result<(Stamp, String)> {
    let mut file = tokio::fs::File::open(path).await?;
    let stamp = Stamp::of(&file.metadata().await?);
    let mut text = String::new();
    file.read_to_string(&mut text).await?;
    Ok((stamp, text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::super::{Directory, Freshness};
    use super::*;
    use crate::clock::AdjustableClock;
    use crate::domain::ids::{Email, UserId};

    const EXAMPLE: &str = include_str!("../../deploy/directory.example.toml");

    struct Scene {
        folder: tempfile::TempDir,
        directory: Directory,
    }

    fn now() -> Timestamp {
        "2026-12-01T10:00:00Z".parse().unwrap()
    }

    async fn load(text: &str) -> Result<Scene, Vec<String>> {
        load_as("directory.toml", text).await
    }

    async fn load_as(name: &str, text: &str) -> Result<Scene, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        match File::load(path, AdjustableClock::frozen(now())).await {
            Ok(file) => Ok(Scene { folder, directory: Directory::File(file) }),
            Err(faults) => Err(faults.to_string().lines().map(str::to_owned).collect()),
        }
    }

    impl Scene {
        /// As an editor saves: a new file in the place of the old.
        fn write(&self, text: &str) {
            let new = self.folder.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.folder.path().join("directory.toml")).unwrap();
        }

        async fn by_id(&self, id: i64) -> Result<Found, DirectoryError> {
            self.directory.person_by_gitlab_id(UserId(id), Freshness::Cached).await
        }

        async fn by_email(&self, email: &str) -> Result<Found, DirectoryError> {
            self.directory.person_by_email(&Email(email.to_owned()), Freshness::Now).await
        }
    }

    #[tokio::test]
    async fn a_person_is_found_by_account_and_by_address() {
        let scene = load(EXAMPLE).await.map_err(|faults| faults.join("\n")).unwrap_or_else(|_| panic!());
        let found = scene.by_id(101).await.unwrap();
        assert_eq!(found.person.manager, Ok(Some(UserId(102))));
        assert!(found.person.active);
        assert_eq!(found.read_at, now());
        assert!(found.source.starts_with("file ") && found.source.ends_with("directory.toml"));
        assert!(found.value.contains("gitlab_id = 101") && found.value.contains("manager = 102"));
        let by_email = scene.by_email("Robin@Example.COM").await;
        assert_eq!(by_email, Ok(found));
        assert_eq!(scene.by_id(103).await, Err(DirectoryError::NotFound));
    }

    #[tokio::test]
    async fn a_change_of_the_file_is_seen_even_if_its_time_and_length_stay() {
        let scene = load(EXAMPLE).await.unwrap_or_else(|faults| panic!("{faults:?}"));
        let path = scene.folder.path().join("directory.toml");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        scene.write(&EXAMPLE.replace("manager = 102", "manager = 999"));
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(scene.by_id(101).await.unwrap().person.manager, Ok(Some(UserId(999))));
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_parsed_again() {
        let scene = load(EXAMPLE).await.unwrap_or_else(|faults| panic!("{faults:?}"));
        let Directory::File(file) = &scene.directory else { panic!("a file") };
        let first = file.entries().await.unwrap();
        assert!(Arc::ptr_eq(&first, &file.entries().await.unwrap()));
        scene.write(EXAMPLE);
        assert!(!Arc::ptr_eq(&first, &file.entries().await.unwrap()));
    }

    #[tokio::test]
    async fn a_file_that_is_gone_or_faulty_is_unreachable_until_it_is_mended() {
        let scene = load(EXAMPLE).await.unwrap_or_else(|faults| panic!("{faults:?}"));
        fs::remove_file(scene.folder.path().join("directory.toml")).unwrap();
        assert_eq!(scene.by_id(101).await, Err(DirectoryError::Unreachable));
        for faulty in ["[[people", "", "[[people]]\nname = 'A'\n", &EXAMPLE.replace("manager", "boss")] {
            scene.write(faulty);
            assert_eq!(scene.by_id(101).await, Err(DirectoryError::Unreachable), "{faulty}");
            assert_eq!(scene.by_id(101).await, Err(DirectoryError::Unreachable), "{faulty}");
        }
        scene.write(EXAMPLE);
        assert!(scene.by_id(101).await.is_ok());
    }

    #[tokio::test]
    async fn who_stands_there_twice_is_ambiguous_and_others_are_answered() {
        let scene = load(EXAMPLE).await.unwrap_or_else(|faults| panic!("{faults:?}"));
        let twin = "[[people]]\nname = 'Twin'\nemail = 'ROBIN@example.com'\ngitlab_id = 105\n";
        scene.write(&format!("{EXAMPLE}\n{twin}"));
        let by_email = scene.by_email("robin@example.com").await;
        assert_eq!(by_email, Err(DirectoryError::Ambiguous));
        assert_eq!(scene.by_id(101).await, Err(DirectoryError::Ambiguous));
        assert_eq!(scene.by_id(105).await, Err(DirectoryError::Ambiguous));
        assert!(scene.by_id(102).await.is_ok());
    }

    #[tokio::test]
    async fn yaml_is_read_like_toml() {
        let yaml = "people:\n\
                    - {name: Kim Manager, email: kim@example.com, gitlab_id: 102}\n\
                    - name: Robin Requester\n  email: robin@example.com\n  gitlab_id: 101\n  manager: 102\n  active: true\n";
        let (in_yaml, in_toml) = (load_as("people.yaml", yaml).await, load(EXAMPLE).await);
        let (in_yaml, in_toml) = (in_yaml.unwrap_or_else(|_| panic!()), in_toml.unwrap_or_else(|_| panic!()));
        let (yaml, toml) = (in_yaml.by_id(101).await.unwrap(), in_toml.by_id(101).await.unwrap());
        assert_eq!((yaml.person, yaml.value), (toml.person, toml.value));
        for (faulty, expected) in [
            ("people: 3", "people: must be an array"),
            ("people: []", "people: is empty"),
            (
                "people:\n- {name: A, email: a@x, gitlab_id: '1'}",
                "people[0].gitlab_id: must be a whole number",
            ),
            ("people:\n- {name: A, email: a@x, gitlab_id: 1, boss: 2}", "people[0].boss: is not a key"),
            ("people:\n- {name: A, name: B, email: a@x, gitlab_id: 1}", ": line 2: "),
            ("people: [", ": line "),
        ] {
            let faults = load_as("people.yml", faulty).await.err().unwrap();
            assert!(faults[0].contains(expected), "{faulty}: {faults:?}");
        }
    }

    #[tokio::test]
    async fn managers_that_lead_in_a_circle_are_refused_at_start_and_doubted_later() {
        let person = |id: i64, manager: i64| {
            format!("[[people]]\nname = 'P'\nemail = '{id}@x'\ngitlab_id = {id}\nmanager = {manager}\n")
        };
        let circle = format!("{}{}{}", person(1, 2), person(2, 3), person(3, 2));
        let faults = load(&circle).await.err().unwrap();
        assert_eq!(faults.len(), 3);
        assert!(faults.iter().all(|fault| fault.ends_with("leads in a circle")), "{faults:?}");
        let scene = load(EXAMPLE).await.unwrap_or_else(|faults| panic!("{faults:?}"));
        let top = "[[people]]\nname = 'T'\nemail = '9@x'\ngitlab_id = 9\nmanager = 9\n";
        scene.write(&format!("{circle}{}{top}", person(8, 9)));
        for id in [1, 2, 3] {
            assert_eq!(scene.by_id(id).await.unwrap().person.manager, Err(DirectoryError::Cycle));
        }
        assert_eq!(scene.by_id(8).await.unwrap().person.manager, Ok(Some(UserId(9))));
        assert_eq!(scene.by_id(9).await.unwrap().person.manager, Ok(Some(UserId(9))));
    }

    #[tokio::test]
    async fn at_start_every_fault_is_told() {
        let text = "[[people]]\nname = 'A'\nemail = 'a@x'\ngitlab_id = 1\nmanager = 1\n\
                    [[people]]\nname = 'B'\nemail = 'A@X'\ngitlab_id = 1\nmanager = 9\n";
        let faults = load(text).await.err().unwrap();
        assert_eq!(
            faults,
            [
                "directory: people[0].manager: is the person's own account",
                "directory: people[1].gitlab_id: is the same as people[0].gitlab_id",
                "directory: people[1].email: is the same as people[0].email",
                "directory: people[1].manager: has no entry",
            ]
        );
        let missing = File::load("/nonexistent/people".into(), AdjustableClock::frozen(now())).await;
        assert_eq!(
            missing.unwrap_err().to_string(),
            "directory: /nonexistent/people: cannot be read: there is no such file"
        );
    }
}

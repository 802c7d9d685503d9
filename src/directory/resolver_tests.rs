use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::testing::{Bench, id};
use super::*;

/// Entries of a list, and how often it was asked.
#[derive(Debug, Default)]
struct Listed {
    entries: Arc<Mutex<Vec<Entry>>>,
    asked: Arc<AtomicUsize>,
    lies: bool,
}

#[async_trait]
impl Source for Listed {
    fn kind(&self) -> &'static str {
        "listed"
    }

    async fn find(&self, wanted: Wanted<'_>, _: Freshness) -> Result<Entry, DirectoryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let entries = self.entries.lock().unwrap();
        let fits = |entry: &&Entry| match wanted {
            Wanted::Key(key) => entry.key == key,
            Wanted::Username(_) | Wanted::Email(_) => self.lies || wanted.fits(entry),
        };
        let entry = entries.iter().find(fits).cloned().ok_or(DirectoryError::NotFound)?;
        wanted.check(&entry)?;
        Ok(entry)
    }
}

struct Scene {
    bench: Bench,
    entries: Arc<Mutex<Vec<Entry>>>,
    asked: Arc<AtomicUsize>,
    resolver: Resolver,
}

fn entry(name: &str, manager: &str) -> Entry {
    Entry {
        key: format!("key-{name}"),
        name: name.to_owned(),
        username: Single::One(name.to_owned()),
        email: Single::One(Email(format!("{name}@example.com"))),
        manager: if manager.is_empty() { Single::None } else { Single::One(format!("key-{manager}")) },
        active: true,
        source: "a list".to_owned(),
        value: format!("{name} below {manager}"),
    }
}

impl Scene {
    fn of(entries: Vec<Entry>) -> Self {
        Self::with(entries, false)
    }

    fn with(entries: Vec<Entry>, lies: bool) -> Self {
        let bench = Bench::new();
        let source = Listed { entries: Arc::new(Mutex::new(entries)), lies, ..Listed::default() };
        let (entries, asked) = (source.entries.clone(), source.asked.clone());
        let resolver = Resolver::new(source, bench.parts.clone());
        Self { bench, entries, asked, resolver }
    }

    async fn manager(&self) -> Result<Option<UserId>, DirectoryError> {
        self.resolver.by_id(id(101), Freshness::Now).await.and_then(|found| found.person.manager)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) {
        change(&mut self.entries.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_person_is_found_by_account_and_by_address_with_the_managers_account() {
    let scene = Scene::of(vec![entry("robin", "kim"), entry("kim", "oda"), entry("oda", "")]);
    let found = scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert_eq!((found.person.gitlab_id, found.person.manager), (id(101), Ok(Some(id(102)))));
    assert_eq!(found.person.email, Some(Email("robin@example.com".to_owned())));
    assert_eq!((found.source.as_str(), found.value.as_str()), ("a list", "robin below kim"));
    let email = Email("ROBIN@example.com".to_owned());
    let again = scene.resolver.by_email(&email, Freshness::Cached).await.unwrap();
    assert_eq!((again.person.gitlab_id, again.person.manager), (id(101), Ok(Some(id(102)))));
    let top = scene.resolver.by_id(id(107), Freshness::Cached).await.unwrap();
    assert_eq!(top.person.manager, Ok(None));
}

#[tokio::test]
async fn an_answer_is_kept_for_a_while_and_never_used_where_it_must_be_new() {
    let scene = Scene::of(vec![entry("robin", "kim"), entry("kim", ""), entry("oda", "")]);
    scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert!(scene.asked() > 0);
    scene.change(|entries| entries[0] = entry("robin", "oda"));
    let kept = scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert_eq!((scene.asked(), kept.person.manager), (0, Ok(Some(id(102)))));
    assert_eq!(scene.manager().await, Ok(Some(id(107))));
    let kept = scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert_eq!(kept.person.manager, Ok(Some(id(107))), "the newer answer is the one that is kept");
    scene.asked();
    scene.bench.clock.advance(SignedDuration::from_mins(5));
    scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert!(scene.asked() > 0);
}

#[tokio::test]
async fn a_doubt_is_not_kept() {
    let scene = Scene::of(vec![entry("robin", "kim")]);
    let found = scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert_eq!(found.person.manager, Err(DirectoryError::NotFound));
    scene.change(|entries| entries.push(entry("kim", "")));
    let found = scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    assert_eq!(found.person.manager, Ok(Some(id(102))));
}

#[tokio::test]
async fn what_could_not_be_answered_anew_is_not_answered_from_memory_either() {
    let scene = Scene::of(vec![entry("robin", "kim"), entry("kim", "")]);
    scene.resolver.by_id(id(101), Freshness::Cached).await.unwrap();
    scene.change(Vec::clear);
    assert!(scene.resolver.by_id(id(101), Freshness::Cached).await.is_ok());
    for freshness in [Freshness::Now, Freshness::Cached] {
        let found = scene.resolver.by_id(id(101), freshness).await;
        assert_eq!(found.unwrap_err(), DirectoryError::NotFound);
    }
}

#[tokio::test]
async fn every_manager_that_is_not_certain_is_a_doubt() {
    let several = Entry { manager: Single::Several, ..entry("robin", "") };
    let stranger = Entry { username: Single::One("nobody".to_owned()), ..entry("kim", "") };
    let nameless = Entry { username: Single::None, ..entry("kim", "") };
    for (entries, expected) in [
        (vec![entry("robin", "")], Ok(None)),
        (vec![several], Err(DirectoryError::Ambiguous)),
        (vec![entry("robin", "robin")], Ok(Some(id(101)))),
        (vec![entry("robin", "kim")], Err(DirectoryError::NotFound)),
        (vec![entry("robin", "kim"), stranger], Err(DirectoryError::Unmappable)),
        (vec![entry("robin", "kim"), nameless], Err(DirectoryError::Unmappable)),
        (vec![entry("robin", "kim"), entry("kim", "robin")], Err(DirectoryError::Cycle)),
        (vec![entry("robin", "kim"), entry("kim", "oda"), entry("oda", "kim")], Err(DirectoryError::Cycle)),
        (vec![entry("robin", "kim"), entry("kim", "kim")], Ok(Some(id(102)))),
        (vec![entry("robin", "kim"), entry("kim", "gone")], Ok(Some(id(102)))),
    ] {
        let shown = format!("{entries:?}");
        assert_eq!(Scene::of(entries).manager().await, expected, "{shown}");
    }
}

#[tokio::test]
async fn who_is_not_there_has_no_account_or_cannot_be_asked_about_is_told_apart() {
    let scene = Scene::of(vec![entry("robin", ""), entry("nobody", "")]);
    let by_id = |number| scene.resolver.by_id(id(number), Freshness::Now);
    assert_eq!(by_id(102).await.unwrap_err(), DirectoryError::NotFound);
    assert_eq!(by_id(999).await.unwrap_err(), DirectoryError::NotFound);
    let email = Email("nobody@example.com".to_owned());
    let nobody = scene.resolver.by_email(&email, Freshness::Now).await;
    assert_eq!(nobody.unwrap_err(), DirectoryError::Unmappable);
    scene.bench.change(|world| world.up = false);
    assert_eq!(by_id(101).await.unwrap_err(), DirectoryError::GitLabUnreachable);
}

#[tokio::test]
async fn a_user_name_that_changed_hands_is_noticed() {
    let scene = Scene::of(vec![entry("robin", "kim"), entry("kim", "")]);
    assert_eq!(scene.manager().await, Ok(Some(id(102))));
    scene.bench.hand_over("kim", 900);
    assert_eq!(scene.manager().await, Err(DirectoryError::ChangedHands));
    let themselves = scene.resolver.by_id(id(900), Freshness::Now).await;
    assert_eq!(themselves.unwrap_err(), DirectoryError::ChangedHands);
}

#[tokio::test]
async fn an_entry_that_becomes_another_account_is_noticed() {
    let scene = Scene::of(vec![entry("robin", "kim"), entry("kim", "")]);
    assert_eq!(scene.manager().await, Ok(Some(id(102))));
    scene.change(|entries| entries[1].username = Single::One("oda".to_owned()));
    assert_eq!(scene.manager().await, Err(DirectoryError::ChangedHands));
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_not_believed() {
    let scene = Scene::with(vec![entry("kim", ""), entry("robin", "")], true);
    assert_eq!(scene.manager().await, Err(DirectoryError::Unreachable));
    let email = Email("robin@example.com".to_owned());
    let found = scene.resolver.by_email(&email, Freshness::Now).await;
    assert_eq!(found.unwrap_err(), DirectoryError::Unreachable);
    let several = Entry { email: Single::Several, ..entry("robin", "") };
    let scene = Scene::with(vec![several], true);
    let found = scene.resolver.by_email(&email, Freshness::Now).await;
    assert_eq!(found.unwrap_err(), DirectoryError::Ambiguous);
    assert_eq!(scene.resolver.by_id(id(101), Freshness::Now).await.unwrap().person.email, None);
}

use super::super::testing::{Bench, id};
use super::super::{Directory, Handbook};
use super::*;
use crate::domain::ids::Email;
use crate::vendors::testing::lines;

const PLAIN: &str = "people:\n\
    - {name: Kim Manager, email: kim@example.com, gitlab_id: 102}\n\
    - {name: Robin Requester, email: robin@example.com, gitlab_id: 101, manager: 102}\n";

/// In the form of GitLab's handbook, with much that is not looked at.
const TEAM: &str = "---
- slug: kim-manager
  type: person
  name: Kim Manager
  gitlab: Kim
  reports_to:
  departments:
    - Support
  story: |
    Kim likes: colons, and # signs
- slug: open-position
  type: vacancy
  name: A new colleague
  reports_to: kim-manager
- slug: robin-requester
  type: person
  name: Robin Requester
  gitlab: robin
  reports_to: kim-manager
  projects:
    handbook: [reviewer, trainee_maintainer]
  start_date: 2020-02-30
- slug: twin-one
  type: person
  gitlab: oda
  email: oda@elsewhere.example
- slug: twin-two
  type: person
  gitlab: Oda
";

fn settings() -> RepositorySettings {
    RepositorySettings { project: ProjectId(7), path: "data/team.yml".to_owned(), branch: "main".to_owned() }
}

fn plain(file: &str) -> (Bench, Directory) {
    let bench = Bench::new();
    bench.change(|world| world.file = Some(file.to_owned()));
    let parts = bench.parts.clone();
    let file = GitLabFile::new(parts.gitlab, settings(), (parts.clock, parts.cache_for));
    (bench, Directory::GitLabFile(file))
}

fn handbook(file: &str, address: Option<&str>) -> (Bench, Directory) {
    let bench = Bench::new();
    bench.change(|world| world.file = Some(file.to_owned()));
    let resolver = Handbook::resolver(settings(), address.map(str::to_owned), bench.parts.clone());
    (bench, Directory::Resolved(resolver))
}

async fn robin(directory: &Directory, freshness: Freshness) -> Result<Found, DirectoryError> {
    directory.person_by_gitlab_id(id(101), freshness).await
}

#[tokio::test]
async fn the_plain_form_is_read_at_a_commit_that_is_the_evidence() {
    let (bench, directory) = plain(PLAIN);
    let found = robin(&directory, Freshness::Now).await.unwrap();
    assert_eq!(found.person.manager, Ok(Some(id(102))));
    assert_eq!(found.source, format!("GitLab project 7, data/team.yml at {} (main)", "a".repeat(40)));
    assert!(found.value.contains("manager = 102"));
    let asked = lines(&bench.log);
    assert_eq!(asked[0], "GET /api/v4/projects/7/repository/branches/main");
    assert!(asked[1].ends_with(&format!("/raw?ref={}", "a".repeat(40))), "{asked:?}");
}

#[tokio::test]
async fn the_file_is_read_again_when_the_branch_moved_and_asked_about_when_it_must_be() {
    let (bench, directory) = plain(PLAIN);
    robin(&directory, Freshness::Cached).await.unwrap();
    robin(&directory, Freshness::Cached).await.unwrap();
    assert_eq!(lines(&bench.log).len(), 2);
    robin(&directory, Freshness::Now).await.unwrap();
    assert_eq!(lines(&bench.log).len(), 3, "the branch stands where it stood");
    bench.change(|world| {
        world.commit = "b".repeat(40);
        world.file = Some(PLAIN.replace("manager: 102", "manager: 107"));
    });
    let kept = robin(&directory, Freshness::Cached).await.unwrap();
    assert_eq!(kept.person.manager, Ok(Some(id(102))));
    bench.clock.advance(SignedDuration::from_mins(5));
    let moved = robin(&directory, Freshness::Cached).await.unwrap();
    assert_eq!(moved.person.manager, Ok(Some(id(107))));
    assert!(moved.source.contains(&"b".repeat(40)));
}

#[tokio::test]
async fn a_branch_that_is_not_protected_is_refused_however_good_the_file_is() {
    for (protected, developers_can_push) in [(false, false), (true, true)] {
        let (bench, directory) = plain(PLAIN);
        robin(&directory, Freshness::Now).await.unwrap();
        bench.change(|world| {
            (world.protected, world.developers_can_push) = (protected, developers_can_push);
        });
        assert_eq!(robin(&directory, Freshness::Now).await, Err(DirectoryError::Unreachable));
        assert_eq!(robin(&directory, Freshness::Cached).await, Err(DirectoryError::Unreachable));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_unreachable_and_never_answered_from_memory() {
    let (bench, directory) = plain(PLAIN);
    robin(&directory, Freshness::Now).await.unwrap();
    bench.change(|world| world.up = false);
    assert_eq!(robin(&directory, Freshness::Now).await, Err(DirectoryError::Unreachable));
    assert_eq!(robin(&directory, Freshness::Cached).await, Err(DirectoryError::Unreachable));
    bench.change(|world| (world.up, world.file) = (true, None));
    assert_eq!(robin(&directory, Freshness::Cached).await, Err(DirectoryError::Unreachable));
    for faulty in ["people: []", "- slug: a", "people: [", ""] {
        bench.change(|world| world.file = Some(faulty.to_owned()));
        assert_eq!(robin(&directory, Freshness::Cached).await, Err(DirectoryError::Unreachable), "{faulty}");
    }
    bench.change(|world| (world.commit, world.file) = ("main".to_owned(), Some(PLAIN.to_owned())));
    assert_eq!(robin(&directory, Freshness::Cached).await, Err(DirectoryError::Unreachable));
}

#[tokio::test]
async fn the_handbooks_form_is_read_by_slug_and_user_name() {
    let (_bench, directory) = handbook(TEAM, Some("{gitlab}@example.com"));
    let found = robin(&directory, Freshness::Now).await.unwrap();
    assert_eq!(found.person.name, "Robin Requester");
    assert_eq!(found.person.manager, Ok(Some(id(102))));
    assert_eq!(found.person.email, Some(Email("robin@example.com".to_owned())));
    assert_eq!(
        found.value,
        "slug: robin-requester\ngitlab: robin\nreports_to: kim-manager\nemail: robin@example.com"
    );
    let by_email = directory.person_by_email(&Email("Kim@example.com".to_owned()), Freshness::Now).await;
    assert_eq!(by_email.unwrap().person.manager, Ok(None));
    let twin = directory.person_by_gitlab_id(id(107), Freshness::Now).await;
    assert_eq!(twin, Err(DirectoryError::Ambiguous));
}

#[tokio::test]
async fn without_a_template_the_handbook_has_addresses_only_where_they_are_written() {
    let (_bench, directory) = handbook(&TEAM.replace("gitlab: Oda", "gitlab: odo"), None);
    assert_eq!(robin(&directory, Freshness::Now).await.unwrap().person.email, None);
    let written = Email("oda@elsewhere.example".to_owned());
    let found = directory.person_by_email(&written, Freshness::Now).await.unwrap();
    assert_eq!((found.person.gitlab_id, found.person.name.as_str()), (id(107), "oda"));
}

#[tokio::test]
async fn in_the_handbook_nobody_reports_to_a_vacancy_or_to_a_slug_that_stands_there_twice() {
    for (from, to, expected) in [
        (
            "reports_to: kim-manager\n  projects",
            "reports_to: open-position\n  projects",
            DirectoryError::NotFound,
        ),
        ("slug: twin-one", "slug: Kim-Manager", DirectoryError::Ambiguous),
        ("gitlab: Kim", "gitlab: nobody", DirectoryError::Unmappable),
        ("reports_to:\n", "reports_to: robin-requester\n", DirectoryError::Cycle),
    ] {
        assert!(TEAM.contains(from), "{from}");
        let (_bench, directory) = handbook(&TEAM.replacen(from, to, 1), None);
        let found = robin(&directory, Freshness::Now).await.unwrap();
        assert_eq!(found.person.manager, Err(expected), "{to}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_list_of_people_is_refused() {
    for file in ["people: []", "[]", "- type: vacancy\n  slug: a", "- slug: [a]", "- slug: a\n  slug: b"] {
        let (_bench, directory) = handbook(file, None);
        assert_eq!(robin(&directory, Freshness::Now).await, Err(DirectoryError::Unreachable), "{file}");
    }
}

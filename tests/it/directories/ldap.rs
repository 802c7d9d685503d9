//! LDAP, against OpenLDAP's own server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::directory::{
    Attributes, Directory, DirectoryError, Found, Freshness, Inactive, Ldap, LdapSettings, Parts,
};
use countersign::domain::ids::{Email, UserId};
use countersign::secret::Secret;
use ldap3::Mod;
use serde_json::json;

use super::slapd::{Slapd, dn};
use super::with_directory;
use crate::harness::{Form, House};

const ROBIN: UserId = UserId(101);
const KIM: UserId = UserId(102);

/// slapd with a house before it that has another directory, and is only there for GitLab and the pins.
struct Bench {
    slapd: Slapd,
    house: House,
}

impl Bench {
    async fn open() -> Option<Self> {
        let slapd = Slapd::start()?;
        Some(Self { slapd, house: House::open().await })
    }

    fn settings(&self) -> LdapSettings {
        LdapSettings {
            url: format!("ldap://127.0.0.1:{}", self.slapd.port).parse().unwrap(),
            start_tls: false,
            authorities: None,
            bind_dn: Slapd::reader().to_owned(),
            password: Secret::new("a secret with spaces".to_owned()),
            base: "ou=people,dc=example,dc=com".to_owned(),
            attributes: Attributes {
                username: "uid".to_owned(),
                mail: "mail".to_owned(),
                manager: "manager".to_owned(),
                name: "cn".to_owned(),
                inactive: None,
            },
            timeout: Duration::from_secs(10),
        }
    }

    /// A directory with changed settings.
    fn directory(&self, change: impl FnOnce(&mut LdapSettings)) -> Directory {
        let mut settings = self.settings();
        change(&mut settings);
        let context = &self.house.service().context;
        let parts = Parts {
            gitlab: context.gitlab().clone(),
            pins: Arc::new(context.store().clone()),
            clock: self.house.clock.clone(),
            cache_for: jiff::SignedDuration::from_mins(5),
        };
        Directory::Resolved(Ldap::resolver(settings, parts).unwrap())
    }

    fn authorities(&self) -> String {
        std::fs::read_to_string(self.slapd.folder.path().join("ca.pem")).unwrap()
    }
}

async fn robin(directory: &Directory) -> Result<Found, DirectoryError> {
    directory.person_by_gitlab_id(ROBIN, Freshness::Now).await
}

async fn by_email(directory: &Directory, email: &str) -> Result<Found, DirectoryError> {
    directory.person_by_email(&Email(email.to_owned()), Freshness::Now).await
}

#[tokio::test]
async fn the_manager_by_ldap_approves_and_a_token_is_made() {
    let Some(slapd) = Slapd::start() else { return };
    let house = House::open_with(|text| with_directory(text, &slapd.section())).await;
    let iid = house.approved().await;
    house.has_exactly_one(iid).await;
    let history = house.service().context.store().history(House::key(iid)).await.unwrap();
    let told = history.iter().any(|entry| {
        entry.detail.contains("dn: uid=robin,ou=people,dc=example,dc=com")
            && entry.detail.contains("manager: uid=kim,ou=people,dc=example,dc=com")
    });
    assert!(told, "the evidence is in the audit chain");
    let robin = json!({
        "source": "ldap", "entry": "uid=robin,ou=people,dc=example,dc=com", "username": "robin", "gitlab_id": 101,
    });
    assert!(house.pinned().await.contains(&robin));
    house.leave().await;
}

#[tokio::test]
async fn the_managers_manager_by_ldap_approves_where_the_chain_is_that_long() {
    let Some(slapd) = Slapd::start() else { return };
    let house = House::open_with(|text| {
        with_directory(text, &slapd.section());
        text.push_str("\n[absence]\nchain_depth = 2\n");
    })
    .await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.labels("owner", iid, "manager-approved").await;
    house.settle().await;
    house.provisioner_approves(iid).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_delegate_of_the_manager_by_ldap_approves_in_their_time() {
    let Some(slapd) = Slapd::start() else { return };
    let house = House::open_with(|text| {
        with_directory(text, &slapd.section());
        text.push_str("\n[absence]\ndelegates = [{ of = 102, to = 105, from = \"2026-12-01\", until = \"2026-12-01\" }]\n");
    })
    .await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    assert!(house.comment(iid).await.contains("@casey, who may act for them"));
    house.labels("colleague", iid, "manager-approved").await;
    house.settle().await;
    house.provisioner_approves(iid).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn each_doubt_of_the_directory_is_said_and_nothing_is_issued() {
    let Some(slapd) = Slapd::start() else { return };
    let house = House::open_with(|text| with_directory(text, &slapd.section())).await;
    for (role, expected) in [
        ("newcomer", "The directory names no manager for the requester"),
        ("colleague", "The directory has the manager twice"),
        ("guest", "The directory names the requester as their own manager"),
        ("maintainer", "The directory does not know the manager"),
        ("provisioner", "The directory has the manager without a GitLab account that exists"),
        ("contractor", "chain of managers leads back to itself"),
    ] {
        let comment = house.doubt_about(role).await;
        assert!(comment.contains(expected), "{role}: {comment}");
        assert!(
            comment.contains("can add one")
                || comment.contains("can mend that")
                || comment.contains("can add them")
        );
    }
    let typed = Form { requester: "nobody*)(uid=*@example.com", ..Form::default() };
    let iid = house.opens("requester", &typed.text()).await;
    house.settle().await;
    let comment = house.comment(iid).await;
    assert!(comment.contains("Nobody is known as `nobody*)(uid=*@example.com`"), "{comment}");
    assert_eq!(house.secrets(), Vec::<String>::new());
    house.leave().await;
}

#[tokio::test]
async fn a_manager_who_changes_after_approving_is_no_manager_when_it_counts() {
    let Some(slapd) = Slapd::start() else { return };
    let house = House::open_with(|text| with_directory(text, &slapd.section())).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    let oda = dn("oda");
    slapd.changes("robin", Mod::Replace("manager", HashSet::from([oda.as_str()]))).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.tokens(iid).await.len(), 0, "what is cached does not decide");
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_user_name_that_changed_hands_stays_without_an_answer_until_an_operator_looked() {
    let Some(slapd) = Slapd::start() else { return };
    let house = House::open_with(|text| with_directory(text, &slapd.section())).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.control("people/102", json!({"username": "kim-who-left"})).await;
    house.control("people/105", json!({"username": "kim"})).await;
    house.labels("colleague", iid, "manager-approved").await;
    house.settle().await;
    house.provisioner_approves(iid).await;
    let comment = house.comment(iid).await;
    assert!(comment.contains("the manager changed hands: an operator must look"), "{comment}");
    house.nothing_issued(iid).await;
    let store = house.service().context.store();
    assert_eq!(store.forget_account(KIM).await.unwrap(), 1);
    house.labels("colleague", iid, "manager-approved").await;
    house.settle().await;
    house.provisioner_approves(iid).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn what_an_under_privileged_bind_is_told_is_no_answer() {
    let Some(bench) = Bench::open().await else { return };
    // To this bind the server says `noSuchObject` (32), as if nobody were there.
    let poor = bench.directory(|settings| settings.bind_dn = Slapd::poor().to_owned());
    assert_eq!(robin(&poor).await, Err(DirectoryError::Unreachable));
    assert_eq!(by_email(&poor, "nobody@example.com").await, Err(DirectoryError::Unreachable));
    let wrong_password = bench.directory(|settings| settings.password = Secret::new("wrong".to_owned()));
    assert_eq!(robin(&wrong_password).await, Err(DirectoryError::Unreachable));
    let no_such_base = bench.directory(|settings| settings.base = "ou=none,dc=example,dc=com".to_owned());
    assert_eq!(robin(&no_such_base).await, Err(DirectoryError::Unreachable));
    let good = bench.directory(|_| {});
    assert_eq!(by_email(&good, "nobody@example.com").await, Err(DirectoryError::NotFound));
    bench.house.leave().await;
}

#[tokio::test]
async fn only_one_exact_entry_is_an_answer() {
    let Some(bench) = Bench::open().await else { return };
    let directory = bench.directory(|_| {});
    let found = by_email(&directory, "ROBIN@example.com").await.unwrap();
    assert_eq!((found.person.gitlab_id, &found.person.manager), (ROBIN, &Ok(Some(KIM))));
    assert_eq!(found.person.name, "robin of LDAP");
    assert_eq!(found.source, format!("LDAP ldap://127.0.0.1:{}", bench.slapd.port));
    for typed in
        ["*@example.com", "r*@example.com", "x)(uid=robin@example.com", "\\2a@example.com", "\0@example.com"]
    {
        assert_eq!(by_email(&directory, typed).await, Err(DirectoryError::NotFound), "{typed:?}");
    }
    // A name with an asterisk is that name, and has no GitLab account.
    let starred = by_email(&directory, "manager*star@example.com").await;
    assert_eq!(starred, Err(DirectoryError::Unmappable));
    assert_eq!(by_email(&directory, "twin@example.com").await, Err(DirectoryError::Ambiguous));
    bench.house.leave().await;
}

#[tokio::test]
async fn a_server_that_refers_to_another_is_not_followed() {
    let Some(bench) = Bench::open().await else { return };
    let wide = bench.directory(|settings| settings.base = "dc=example,dc=com".to_owned());
    assert_eq!(robin(&wide).await, Err(DirectoryError::Unreachable));
    let elsewhere = bench.directory(|settings| settings.base = "ou=far,dc=example,dc=com".to_owned());
    assert_eq!(robin(&elsewhere).await, Err(DirectoryError::Unreachable));
    bench.house.leave().await;
}

#[tokio::test]
async fn tls_is_spoken_with_the_server_that_was_meant_and_with_no_other() {
    let Some(bench) = Bench::open().await else { return };
    let (port, tls_port) = (bench.slapd.port, bench.slapd.tls_port);
    for (url, start_tls, known, fine) in [
        (format!("ldaps://localhost:{tls_port}"), false, true, true),
        (format!("ldap://localhost:{port}"), true, true, true),
        (format!("ldaps://localhost:{tls_port}"), false, false, false),
        (format!("ldap://localhost:{port}"), true, false, false),
        (format!("ldaps://127.0.0.1:{tls_port}"), false, true, false),
        (format!("ldap://127.0.0.1:{port}"), true, true, false),
        (format!("ldaps://localhost:{port}"), false, true, false),
    ] {
        let directory = bench.directory(|settings| {
            settings.url = url.parse().unwrap();
            settings.start_tls = start_tls;
            settings.authorities = known.then(|| bench.authorities());
            settings.timeout = Duration::from_secs(3);
        });
        let found = robin(&directory).await;
        let expected = if fine { Ok(ROBIN) } else { Err(DirectoryError::Unreachable) };
        assert_eq!(found.map(|found| found.person.gitlab_id), expected, "{url} {start_tls} {known}");
    }
    bench.house.leave().await;
}

/// The library's own task panics on such an answer; it ends, and nothing else does.
#[tokio::test]
async fn an_answer_that_is_no_ldap_is_no_answer() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Some(bench) = Bench::open().await else { return };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 512];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&[0x30, 0x00]).await;
        }
    });
    let directory =
        bench.directory(|settings| settings.url = format!("ldap://127.0.0.1:{port}").parse().unwrap());
    assert_eq!(robin(&directory).await.unwrap_err(), DirectoryError::Unreachable);
    answering.abort();
    bench.house.leave().await;
}

#[tokio::test]
async fn a_connection_that_broke_is_made_anew() {
    let Some(mut bench) = Bench::open().await else { return };
    let directory = bench.directory(|_| {});
    assert!(robin(&directory).await.is_ok());
    bench.slapd = bench.slapd.restart();
    assert!(robin(&directory).await.is_ok());
    drop(bench.slapd);
    assert_eq!(robin(&directory).await, Err(DirectoryError::Unreachable));
    bench.house.leave().await;
}

#[tokio::test]
async fn an_account_that_is_switched_off_is_told() {
    let Some(bench) = Bench::open().await else { return };
    let number = |mask| Inactive::Bits { attribute: "employeeNumber".to_owned(), mask };
    let text =
        |value: &str| Inactive::Value { attribute: "employeeNumber".to_owned(), value: value.to_owned() };
    let absent = Inactive::Bits { attribute: "userAccountControl".to_owned(), mask: 2 };
    for (inactive, expected) in [
        (number(2), Ok(true)),
        (number(512), Ok(false)),
        (text("512"), Ok(false)),
        (text("gone"), Ok(true)),
        (absent, Err(DirectoryError::Unreachable)),
    ] {
        let shown = format!("{inactive:?}");
        let directory = bench.directory(|settings| settings.attributes.inactive = Some(inactive));
        assert_eq!(robin(&directory).await.map(|found| found.person.active), expected, "{shown}");
    }
    bench.house.leave().await;
}

#[tokio::test]
async fn several_user_names_or_addresses_are_not_one() {
    let Some(bench) = Bench::open().await else { return };
    bench.slapd.changes("robin", Mod::Add("mail", HashSet::from(["other@example.com"]))).await;
    bench.slapd.changes("kim", Mod::Add("uid", HashSet::from(["casey"]))).await;
    let directory = bench.directory(|_| {});
    let found = robin(&directory).await.unwrap();
    assert_eq!((found.person.email, found.person.manager), (None, Err(DirectoryError::Unmappable)));
    assert_eq!(by_email(&directory, "other@example.com").await, Err(DirectoryError::Ambiguous));
    let kim = directory.person_by_gitlab_id(KIM, Freshness::Now).await;
    assert_eq!(kim, Err(DirectoryError::Ambiguous));
    bench.house.leave().await;
}

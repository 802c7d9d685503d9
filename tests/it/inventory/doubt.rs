//! Where it is not sure whose a credential is, nothing is taken away and nothing revoked.

use countersign::cli::inventory::take_away::{Sayso, take_away};
use countersign::cli::whose::{by_secret, by_text, only, tell};
use countersign::cli::{ExitStatus, Failure};
use countersign::domain::inventory::deeds::Deed;
use countersign::reconcile::{Context, adopt_all};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::memory::is_sealed_anew;
use crate::harness::{House, says};

const STAGING: &str = "\n[[instances.exceptions]]\nfor = \"script\"\npattern = \"countersign_staging_login\"\ncreators = [9001]\n";

fn with_staging(text: &mut String) {
    *text = text.replacen("\n[instances.login]", &format!("{STAGING}\n[instances.login]"), 1);
}

/// Why no orphan is taken away.
async fn orphans_refused(context: &Context) -> String {
    let sayso = Sayso { why: "left over".to_owned(), by: "oda".to_owned() };
    let failure: Failure = take_away(context, Some("global"), &sayso, &mut |_| Ok(true)).await.unwrap_err();
    assert_eq!(failure.status, ExitStatus::Usage);
    format!("{} ({})", failure.message, failure.hint.unwrap_or_default())
}

impl House {
    /// The standing of the client with this identifier.
    async fn standing_of_client(&self, identifier: &str) -> Value {
        let lines = self.lines().await;
        let line = lines.iter().find(|line| line["identifier"] == identifier);
        line.unwrap_or_else(|| panic!("no {identifier} in {lines:#?}"))["standing"].clone()
    }

    /// The program with this configuration and a database file that is not there: its status, what it says, and
    /// whether there is such a file afterwards.
    async fn elsewhere(&self, arguments: &[&str]) -> (Option<i32>, String, bool) {
        let text = std::fs::read_to_string(self.path("countersign.toml")).unwrap();
        let ours = format!("url = \"{}\"", self.database.url());
        assert!(text.contains(&ours));
        let file = self.path("elsewhere.toml");
        std::fs::write(&file, text.replace(&ours, "url = \"elsewhere.db\"")).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).arg("--config").arg(&file);
        // The sandbox answers in this process, whatever is asked of it.
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        (done.status.code(), said, self.path("elsewhere.db").exists())
    }
}

#[tokio::test]
async fn an_exception_and_another_installations_client_are_no_orphans_by_their_identifier() {
    let house = House::open_with(with_staging).await;
    house.approved().await;
    house.client_made_for(("countersign_staging_login", "Staging"), 9001).await;
    house
        .client_made_for(("countersign_0123456789abcdef", "https://elsewhere.example/-/issues/1"), 9001)
        .await;
    let mine = house.url(house.approved().await).await;
    house.client_made_for(("countersign_fedcba9876543210", &format!("{mine}9")), 9003).await;
    assert_eq!(house.standing_of_client("countersign_staging_login").await, "exception");
    assert_eq!(house.standing_of_client("countersign_0123456789abcdef").await, "foreign");
    assert_eq!(house.standing_of_client("countersign_fedcba9876543210").await, "orphan");
    house.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(house.take_orphans().await, ExitStatus::Done);
    let taken = house.orders_written("orphan.taken").await;
    assert_eq!(taken.len(), 1, "only what an issue of a project of ours is the name of: {taken:#?}");
    assert_eq!(house.standing_of_client("countersign_staging_login").await, "exception");
    assert_eq!(house.standing_of_client("countersign_0123456789abcdef").await, "foreign");
    house.leave().await;
}

#[tokio::test]
async fn a_database_that_knows_nothing_that_was_issued_takes_no_orphan_away() {
    let house = House::open().await;
    let iid = house.approved().await;
    let other = house.twin().await;
    house.clock.advance(SignedDuration::from_hours(2));
    says(&orphans_refused(&other.context).await, "knows nothing that was issued: is it the right one?");
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn without_a_database_no_orphan_is_taken_away_and_none_is_made() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.clock.advance(SignedDuration::from_hours(2));
    let found = house.elsewhere(&["inventory", "--take-away", "orphans", "--yes"]).await;
    assert_eq!(found.0, Some(2), "{}", found.1);
    says(&found.1, "is it the right one?");
    assert!(!found.2, "a database was made");
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t39_while_halted_no_orphan_is_taken_away_and_nothing_of_ours_switched_on() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    let orphan = format!("{}9", house.url(iid).await);
    house.made_by_our_user(&orphan).await;
    house.clock.advance(SignedDuration::from_hours(2));
    house.credential(&id, Deed::Deactivate).await.unwrap();
    is_sealed_anew(&house, iid, |seal| seal.sequence += 10_000).await;
    says(&orphans_refused(&house.service().context).await, "countersign adopt --all");
    assert_eq!(house.orders_written("orphan.ordered").await, Vec::<Value>::new());
    says(&house.hand_refused(&id, Deed::Reactivate).await, "countersign adopt --all");
    house.credential(&id, Deed::Deactivate).await.unwrap();
    adopt_all(&house.service().context, "oda").await.unwrap();
    house.credential(&id, Deed::Reactivate).await.unwrap();
    assert_eq!(house.take_orphans().await, ExitStatus::Done);
    assert_eq!(house.orders_written("orphan.taken").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn nothing_is_revoked_by_a_beginning_where_a_list_could_not_be_read() {
    let house = House::open().await;
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    let context = &house.service().context;
    let revoked = async |leaked| only(&leaked, &tell(context, &leaked).await.unwrap());
    assert_eq!(revoked(by_text(&secret[..4]).unwrap()).await.unwrap(), House::key(iid));
    house.next_inventory().await;
    let fault = json!({"vendor": "zendesk", "path": "api_tokens", "effect": "status:500", "times": 0});
    house.fault(fault).await;
    let refused = revoked(by_text(&secret[..4]).unwrap()).await.unwrap_err();
    assert_eq!(refused.status, ExitStatus::Usage);
    says(&refused.message, "could not be read, so another credential may fit as well: nothing was revoked");
    // The whole of it needs no list.
    let whole = by_secret(&mut secret.as_bytes()).unwrap();
    assert_eq!(revoked(whole).await.unwrap(), House::key(iid));
    house.leave().await;
}

#[tokio::test]
async fn a_whole_secret_that_only_begins_like_one_of_ours_revokes_nothing() {
    let house = House::open().await;
    house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    let another = format!("{}another", &secret[..20]);
    let leaked = by_secret(&mut another.as_bytes()).unwrap();
    let found = tell(&house.service().context, &leaked).await.unwrap();
    assert_eq!(
        (found.traces.len(), found.traces[0].exact),
        (1, false),
        "it is told, and by its beginning alone"
    );
    let refused = only(&leaked, &found).unwrap_err();
    assert_eq!(refused.status, ExitStatus::Usage);
    says(&refused.message, "this secret is not known here, only one that begins alike: nothing was revoked");
    house.leave().await;
}

#[tokio::test]
async fn without_a_database_reading_makes_none() {
    let house = House::open().await;
    house.approved().await;
    for arguments in [
        &["inventory"][..],
        &["whose", "abcd"],
        &["show"],
        &["retire", "plan"],
        &["brake", "show"],
        &["calendar", "list"],
        &["audit", "verify"],
    ] {
        let found = house.elsewhere(arguments).await;
        assert_eq!(found.0, Some(2), "{arguments:?}: {}", found.1);
        says(&found.1, "is it the right one?");
        assert!(!found.2, "{arguments:?} made a database");
    }
    house.leave().await;
}

//! One installation, one memory: what is done when there are two, when it is an old one, and when it cannot be written.

use countersign::domain::comment::{Seal, read_seal, sealed, unsealed};
use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::{Step, Worker, adopt_all};
use countersign::store::Entry;
use insta::{allow_duplicates, assert_snapshot};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Form, House, PROJECT, says};

async fn seal_of(house: &House, iid: i64) -> Seal {
    read_seal(&house.sealed_comment(iid).await).unwrap()
}

/// Our comment under another seal, as it would be found.
pub(crate) async fn is_sealed_anew(house: &House, iid: i64, change: impl Fn(&mut Seal)) {
    let comment = house.sealed_comment(iid).await;
    let mut seal = read_seal(&comment).unwrap();
    change(&mut seal);
    let seal = house.service().context.store().coded(House::key(iid), seal);
    house.comment_is_written_over(iid, &sealed(unsealed(&comment), &seal)).await;
    house.look(iid).await;
}

#[tokio::test]
async fn the_comment_carries_the_installation_and_the_chain_as_of_its_last_change() {
    let house = House::open().await;
    let iid = house.approved().await;
    let seal = seal_of(&house, iid).await;
    let store = house.service().context.store();
    assert_eq!(seal.installation, store.installation());
    assert!(store.contains(seal.sequence, &seal.head).await.unwrap(), "the published head is ours");
    let comment = house.sealed_comment(iid).await;
    let other = house.approved().await;
    house.look(iid).await;
    assert_eq!(house.sealed_comment(iid).await, comment, "a longer chain alone changes no comment");
    assert!(seal_of(&house, other).await.sequence > seal.sequence);
    house.leave().await;
}

/// Nothing is issued anywhere, endings go on, and `adopt --all` lifts it.
async fn halts_until_adopted(change: impl Fn(&mut Seal)) {
    let house = House::open().await;
    let first = house.approved().await;
    is_sealed_anew(&house, first, change).await;
    says(&house.comment(first).await, "**Nothing is issued anywhere at the moment.**");
    let second = house.approved().await;
    assert_eq!((house.phase(second).await.as_str(), house.creations()), ("issuing", 1));
    let comment = house.comment(second).await;
    allow_duplicates! {
        assert_snapshot!(comment, @"
        #### Access request: Approved, and nothing is issued now

        Both approved.

        **Nothing is issued anywhere at the moment.** A comment of ours was written by another installation of countersign, or by a later state of this one. An operator must look and run `countersign adopt --all`.

        1. **Form**: ✓ complete
        1. **Manager**: ✓ approved by @kim, 2026-12-01 09:02 UTC (terms `…`)
        1. **Provisioner**: ✓ approved by @pat, 2026-12-01 09:03 UTC (terms `…`)
        1. **Hand-over**: not yet
        1. **Taken away**: not yet

        **What would be issued** (terms `…`)

        - API token for Zendesk Global (http://sandbox/zendesk/global)
        - named `http://sandbox/gitlab/company/access-requests/-/issues/5`
        - for @robin, by Slack direct message
        - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
        - Business purpose: `Export solved tickets every night.`
        - Why admin access is needed: `The export reads tickets of all groups.`

        **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
        ");
    }
    house.later(SignedDuration::from_hours(24)).await;
    assert_eq!(house.creations(), 1);
    house.orders(first, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(first).await, "ended");
    assert!(!house.comment(first).await.contains("Nothing is issued anywhere"), "it waits for nothing");
    assert_eq!(adopt_all(&house.service().context, "oda").await.unwrap(), 0, "the look sealed it already");
    house.settle().await;
    house.has_exactly_one(second).await;
    assert!(!house.comment(second).await.contains("Nothing is issued anywhere"));
    house.leave().await;
}

#[tokio::test]
async fn t39_a_comment_of_another_installation_halts_issuing_everywhere() {
    halts_until_adopted(|seal| seal.installation = "11111111-2222-4333-8444-555555555555".to_owned()).await;
}

#[tokio::test]
async fn t39_a_comment_that_is_ahead_of_the_database_halts_issuing_everywhere() {
    halts_until_adopted(|seal| seal.sequence += 10_000).await;
}

#[tokio::test]
async fn t39_a_seal_that_somebody_changed_in_our_name_halts_nothing_and_is_written_over() {
    let house = House::open().await;
    let other = house.approved().await;
    let of_other = seal_of(&house, other).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    for forged in [
        Seal { sequence: 99_999, ..seal_of(&house, iid).await },
        Seal { sequence: 99_999, code: None, ..seal_of(&house, iid).await },
        // What would be ours on another issue.
        house.service().context.store().coded(House::key(other), Seal { sequence: 99_999, ..of_other }),
    ] {
        let ours = house.sealed_comment(iid).await;
        house.comment_is_written_over(iid, &sealed(unsealed(&ours), &forged)).await;
        house.look(iid).await;
        assert!(!house.comment(iid).await.contains("Nothing is issued anywhere"), "{forged:?}");
        assert!(seal_of(&house, iid).await.sequence < 99_999, "it is as it should be again");
    }
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.phase(iid).await, "active");
    house.leave().await;
}

#[tokio::test]
async fn t39_a_seal_written_by_anybody_else_halts_nothing() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    let seal =
        Seal { installation: "another".to_owned(), sequence: 99_999, head: "ab".repeat(32), code: None };
    let path = format!("projects/{PROJECT}/issues/{iid}/notes");
    let body = json!({"body": sealed("Hello", &seal)});
    let (status, _) = house.gitlab("colleague", reqwest::Method::POST, &path, body).await;
    assert!(status.is_success());
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t39_a_restored_backup_issues_nothing_twice() {
    let mut house = House::open().await;
    let iid = house.approved_unseen().await;
    let backup = house.backup().await;
    house.settle().await;
    house.has_exactly_one(iid).await;
    let alive = house.alive();
    house.restore(Some(backup)).await;
    house.settle().await;
    assert_eq!(house.creations(), 1, "the comment is ahead of the backup");
    says(&house.comment(iid).await, "**Nothing is issued anywhere at the moment.**");
    adopt_all(&house.service().context, "oda").await.unwrap();
    house.settle().await;
    // What the comment said was not what the backup remembers to have shown, so the approvals are needed anew.
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.creations(), 1, "what the backup does not know of is still alive");
    assert_eq!(house.alive()[0]["id"], alive[0]["id"]);
    assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Blocked

    Zendesk already has a live credential of exactly this name, made by us, that this installation does not remember: perhaps its database was restored from a backup. A second one is not made beside it: somebody must find out who has it, and delete it at Zendesk. A person must look: an operator runs `countersign retry`, or the provisioner takes the label ~"provisioner-approved" off and puts it on again.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @kim, 2026-12-01 09:01 UTC (terms `…`)
    1. **Provisioner**: ✓ approved by @pat, 2026-12-01 09:08 UTC (terms `…`)
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    house.deleted_by_hand(&alive[0]["id"]).await;
    house.orders(iid, OrderKind::Retry).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t39_two_installations_that_begin_at_the_same_moment_issue_nothing() {
    let house = House::open().await;
    let twin = house.twin().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.sandbox.deliveries_settled().await;
    let (key, worker) = (House::key(iid), Worker::new(twin.context.clone()));
    twin.context.store().mark(key).await.unwrap();
    let ours = house.another_worker();
    let (one, other) = tokio::join!(ours.step_on(key), worker.step_on(key));
    assert_eq!((one.unwrap(), other.unwrap()), (Step::Looked(key), Step::Looked(key)));
    house.labels("manager", iid, "manager-approved").await;
    house.look(iid).await;
    worker.step_on(key).await.unwrap();
    house.labels("provisioner", iid, "provisioner-approved").await;
    house.look(iid).await;
    worker.step_on(key).await.unwrap();
    assert_eq!(house.creations(), 0, "each sees the other's comment");
    twin.context.store().close().await;
    house.leave().await;
}

#[tokio::test]
async fn t41_an_older_issue_is_left_alone_until_it_is_adopted() {
    let house = House::before_setup(|_| {}).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.clock.advance(SignedDuration::from_mins(1));
    house.set_up().await;
    house.service().watch().await.unwrap();
    house.labels("manager", iid, "manager-approved").await;
    house.labels("provisioner", iid, "provisioner-approved").await;
    house.settle().await;
    house.sweep().await;
    assert_eq!(house.notes(iid).await, [""; 0]);
    assert_eq!(house.issue_labels(iid).await, ["manager-approved", "provisioner-approved"]);
    assert_eq!(house.creations(), 0);
    let (key, kind) = (House::key(iid), "request.adopted".into());
    let entry = Entry { kind, key: Some(key), detail: Value::Null };
    house.service().context.store().adopt(key, entry).await.unwrap();
    house.settle().await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_lost_database_leaves_older_issues_alone_and_issues_nothing_for_them() {
    let mut house = House::open().await;
    let iid = house.approved().await;
    house.restore(None).await;
    house.set_up().await;
    house.service().watch().await.unwrap();
    house.changes("requester", iid, json!({"title": "Please"})).await;
    house.settle().await;
    house.sweep().await;
    assert_eq!((house.alive().len(), house.creations()), (1, 1));
    let new = house.approved().await;
    assert_eq!(
        (house.phase(new).await.as_str(), house.creations()),
        ("issuing", 1),
        "the other memory may still be there"
    );
    adopt_all(&house.service().context, "oda").await.unwrap();
    house.settle().await;
    assert_eq!((house.phase(new).await.as_str(), house.creations()), ("active", 2));
    house.leave().await;
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_issued() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    house.audit_refuses("NEW.seq > 0").await;
    house.try_step().await.unwrap_err();
    for _ in 0..20 {
        house.clock.advance(SignedDuration::from_mins(6));
        house.try_step().await.unwrap_err();
    }
    house.nothing_issued(iid).await;
    assert_eq!(house.creations(), 0);
    house.audit_writes().await;
    house.later(SignedDuration::from_mins(6)).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn what_was_minted_and_cannot_be_written_down_is_taken_away_at_once() {
    for kind in ["mint.made", "delivery.intended"] {
        let house = House::open().await;
        let iid = house.approved_unseen().await;
        house.audit_refuses(&format!("NEW.kind = '{kind}'")).await;
        house.try_step().await.unwrap_err();
        assert_eq!(house.secrets().len(), 1, "{kind}");
        assert_eq!(house.calls("slack", "POST", "chat.postMessage"), 0);
        if kind == "mint.made" {
            house.all_is_dead().await;
        }
        house.audit_writes().await;
        for _ in 0..30 {
            house.later(SignedDuration::from_mins(1)).await;
        }
        house.has_exactly_one(iid).await;
        house.leave().await;
    }
}

#[tokio::test]
async fn a_message_whose_sending_cannot_be_written_down_is_found_again() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    house.audit_refuses("NEW.kind = 'delivery.sent'").await;
    house.try_step().await.unwrap_err();
    house.audit_writes().await;
    house.later(SignedDuration::from_mins(6)).await;
    house.has_exactly_one(iid).await;
    assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (1, 1));
    house.leave().await;
}

#[tokio::test]
async fn an_ending_that_is_due_goes_ahead_unwritten_and_is_written_down_later() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.audit_refuses("NEW.seq > 0").await;
    house.clock.advance("2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap().duration_since(house.now()));
    house.try_step().await.unwrap_err();
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "active", "nothing could be written");
    house.audit_writes().await;
    house.later(SignedDuration::from_mins(6)).await;
    assert_eq!(house.phase(iid).await, "ended");
    assert_eq!(house.entries(iid, "credential.gone").await.len(), 1);
    says(&house.comment(iid).await, "Its end date came.");
    house.leave().await;
}

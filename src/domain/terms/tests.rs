//! The digest covers everything that is approved.

use proptest::prelude::*;

use super::{Digest, Terms, hex};
use crate::domain::ids::{IssueId, SlackUserId, UserId, ZendeskUserId};
use crate::domain::testing::{terms, time};

/// Each way in which terms can be others: the field, and what changes it.
fn changes(text: &str, number: i64) -> Vec<(&'static str, Terms)> {
    let (text, terms) = (text.to_owned(), terms());
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut changed = terms.clone();
        change(&mut changed);
        changed
    };
    vec![
        ("installation", with(&|terms| terms.installation.push_str(&text))),
        ("issue", with(&|terms| terms.issue = IssueId(terms.issue.0 + number))),
        ("generation", with(&|terms| terms.generation += 1)),
        ("instance key", with(&|terms| terms.instance.push_str(&text))),
        ("instance", with(&|terms| terms.instance_name.push_str(&text))),
        ("instance", with(&|terms| terms.instance_url.push_str(&text))),
        ("name", with(&|terms| terms.name.push_str(&text))),
        ("owner", with(&|terms| terms.owner = ZendeskUserId(terms.owner.0 + number))),
        ("scopes", with(&|terms| terms.scopes.push(text.clone()))),
        ("ends", with(&|terms| terms.ends_at = time("2027-03-02T00:00:00.000000001Z"))),
        ("for", with(&|terms| terms.beneficiary = UserId(terms.beneficiary.0 + number))),
        ("Slack user", with(&|terms| terms.slack_user = SlackUserId(text.clone()))),
        ("form: purpose", with(&|terms| drop(terms.fields.insert("purpose".to_owned(), text.clone())))),
        ("form: replaces", with(&|terms| drop(terms.fields.insert("replaces".to_owned(), text.clone())))),
        ("form: purpose", with(&|terms| drop(terms.fields.remove("purpose")))),
        ("policy", with(&|terms| terms.policy.push_str(&text))),
    ]
}

#[test]
fn the_digest_of_the_same_terms_is_the_same_for_ever() {
    // Approvals that are stored hold digests: another value here voids every one of them.
    assert_eq!(
        terms().digest().to_string(),
        "bbf3c309e55f1b6ce9a17894727c759a2adb986c92d78b0151547976cf727ee0"
    );
}

#[test]
fn the_same_terms_do_not_differ() {
    assert_eq!(terms().differences(&terms()), []);
}

#[test]
fn text_cannot_move_from_one_field_to_the_next() {
    let moved =
        Terms { instance: "globalZendesk".to_owned(), instance_name: " Global".to_owned(), ..terms() };
    assert_ne!(moved.digest(), terms().digest());
}

#[test]
fn a_digest_is_cut_short_without_a_panic() {
    assert_eq!(terms().digest().short().len(), 12);
    assert_eq!(Digest("é".repeat(11)).short(), "é".repeat(6));
    assert_eq!(Digest("abc".to_owned()).short(), "abc");
    assert_eq!(Digest("abcdefghijké".to_owned()).short(), "abcdefghijké");
    assert_eq!(hex(&[0, 255, 16]), "00ff10");
}

#[test]
fn terms_are_read_back_from_the_ledger_as_they_were() {
    let stored = serde_json::to_string(&terms()).unwrap();
    let read: Terms = serde_json::from_str(&stored).unwrap();
    assert_eq!((read.digest(), read), (terms().digest(), terms()));
}

proptest! {
    #[test]
    fn every_field_changes_the_digest_and_is_told_as_a_difference(text in ".{1,20}", number in 1..1_000_000_i64) {
        prop_assume!(text != "U10" && text != terms().fields["purpose"]);
        for (field, changed) in changes(&text, number) {
            prop_assert_ne!(changed.digest(), terms().digest(), "{}", field);
            let differences = terms().differences(&changed);
            let told: Vec<&str> = differences.iter().map(|one| one.field.as_str()).collect();
            prop_assert_eq!(told, vec![field]);
            prop_assert!(differences[0].was != differences[0].is);
        }
    }
}

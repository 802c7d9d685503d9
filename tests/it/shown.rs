//! What `countersign show` tells an operator of one request, in words and as JSON.

use countersign::cli::show::{as_json, in_words};
use countersign::domain::inventory::deeds::Deed;
use countersign::domain::snapshot::OrderKind;
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::Value;

use crate::harness::{Form, House};

impl House {
    /// What `countersign show ISSUE` says, without what differs from run to run.
    async fn shown(&self, iid: i64) -> String {
        let store = self.service().context.store();
        let told = in_words(store, &self.config, &iid.to_string()).await.unwrap();
        let told = told.replace(&self.sandbox.base_url(), "http://sandbox");
        let mut parts = told.split("(terms ");
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            out.push_str("(terms …");
            out.push_str(&part[12..]);
        }
        out
    }
}

#[tokio::test]
async fn what_a_request_waits_for_is_told_in_words_and_why_a_label_did_not_count() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.labels("colleague", iid, "manager-approved").await;
    house.settle().await;
    assert_snapshot!(house.shown(iid).await, @"
    Access request http://sandbox/gitlab/company/access-requests/-/issues/4
    Waiting for the manager since 2026-12-01 09:00 UTC (first seen 2026-12-01 09:00 UTC)

    Next:         the manager approves by label, or closes the issue
                  It is looked at again by 2026-12-01 21:01 UTC, or when something happens.
    Opened by:    the person with GitLab id 101
    Manager:      not yet; a label by @casey did not count on 2026-12-01 09:01 UTC (`countersign explain` says why)
    Provisioner:  not yet

    No credential was made.

    In the audit chain, the last of 3 (--json has all):
           2  2026-12-01 09:00 UTC  request.seen
           3  2026-12-01 09:00 UTC  phase.entered  awaiting_manager
           4  2026-12-01 09:01 UTC  approval.refused  manager
    ");
    house.leave().await;
}

#[tokio::test]
async fn a_credential_is_told_in_words_until_it_has_ended() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_snapshot!(house.shown(iid).await, @"
    Access request http://sandbox/gitlab/company/access-requests/-/issues/4
    Active since 2026-12-01 09:01 UTC (first seen 2026-12-01 09:00 UTC)

    Next:         the credential is taken away at its end, 2026-12-31, end of the day (2027-01-01 00:00 UTC)
                  It is looked at again by 2026-12-02 09:01 UTC, or when something happens.
    Opened by:    the person with GitLab id 101
    Manager:      approved by @kim on 2026-12-01 09:01 UTC (terms …)
    Provisioner:  approved by @pat on 2026-12-01 09:01 UTC (terms …)
    Approved:     API token at Zendesk Global, until 2026-12-31, end of the day (2027-01-01 00:00 UTC) (terms …)
    For:          the person with GitLab id 101
    Purpose:      Export solved tickets every night.

    Credentials, a line for each try:
      1. API token 10002 at global: handed over 2026-12-01 09:01 UTC, works
         named http://sandbox/gitlab/company/access-requests/-/issues/4

    In the audit chain, the last of 11 (--json has all):
           5  2026-12-01 09:01 UTC  phase.entered  awaiting_provisioner
           6  2026-12-01 09:01 UTC  approval.bound  provisioner
           7  2026-12-01 09:01 UTC  phase.entered  issuing
           8  2026-12-01 09:01 UTC  mint.intended
           9  2026-12-01 09:01 UTC  mint.made
          10  2026-12-01 09:01 UTC  phase.entered  delivering
          11  2026-12-01 09:01 UTC  delivery.intended
          12  2026-12-01 09:01 UTC  delivery.sent
    ");
    let id = house.tokens(iid).await[0]["id"].clone();
    house.credential(&id, Deed::Deactivate).await.unwrap();
    house.orders(iid, OrderKind::Revoke).await;
    house.later(SignedDuration::from_hours(1)).await;
    assert_snapshot!(house.shown(iid).await, @"
    Access request http://sandbox/gitlab/company/access-requests/-/issues/4
    Ended since 2026-12-01 09:01 UTC (first seen 2026-12-01 09:00 UTC)

    Next:         nothing, unless the issue is reopened; then both approve anew. An operator revoked it: `because`.
    Opened by:    the person with GitLab id 101
    Manager:      approved by @kim on 2026-12-01 09:01 UTC (terms …)
    Provisioner:  approved by @pat on 2026-12-01 09:01 UTC (terms …)
    Approved:     API token at Zendesk Global, until 2026-12-31, end of the day (2027-01-01 00:00 UTC) (terms …)
    For:          the person with GitLab id 101
    Purpose:      Export solved tickets every night.

    Credentials, a line for each try:
      1. API token 10002 at global: handed over 2026-12-01 09:01 UTC, taken away and seen to be gone
         named http://sandbox/gitlab/company/access-requests/-/issues/4

    Messages by Slack besides the credential:
      2026-12-01 09:01 UTC  to GitLab id 101, that an operator switched it off: sent
      2026-12-01 09:01 UTC  to GitLab id 101, that it ended before its day: sent

    In the audit chain, the last of 24 (--json has all):
          18  2026-12-01 09:01 UTC  phase.entered  ending
          19  2026-12-01 09:01 UTC  order.taken  revoke, because, oda
          20  2026-12-01 09:01 UTC  credential.taking_away  ending
          21  2026-12-01 09:01 UTC  notice.decided
          22  2026-12-01 09:01 UTC  credential.gone
          23  2026-12-01 09:01 UTC  phase.entered  ended
          24  2026-12-01 09:01 UTC  issue.closed
          25  2026-12-01 09:01 UTC  notice.sent
    ");
    house.leave().await;
}

#[tokio::test]
async fn a_form_with_faults_and_a_doubt_are_told_with_what_is_expected() {
    let house = House::open().await;
    let faulty = house.opens("requester", &Form { purpose: "", ..Form::default() }.text()).await;
    let nobodys = house.opens("requester", &Form { requester: "@nobody", ..Form::default() }.text()).await;
    house.settle().await;
    assert_snapshot!(house.shown(faulty).await, @"
    Access request http://sandbox/gitlab/company/access-requests/-/issues/4
    Incomplete since 2026-12-01 09:01 UTC (first seen 2026-12-01 09:01 UTC)

    Next:         whoever opened it corrects the form
                  - purpose: expected what will use the credential, and what for
                  It is looked at again by 2026-12-31 09:01 UTC, or when something happens.
    Opened by:    the person with GitLab id 101
    Manager:      not yet
    Provisioner:  not yet

    No credential was made.

    In the audit chain, the last of 4 (--json has all):
           2  2026-12-01 09:01 UTC  request.seen
           3  2026-12-01 09:01 UTC  form.faults
           4  2026-12-01 09:01 UTC  phase.entered  incomplete
           5  2026-12-01 09:01 UTC  issue.closed
    ");
    assert_snapshot!(house.shown(nobodys).await, @"
    Access request http://sandbox/gitlab/company/access-requests/-/issues/5
    Waiting for the manager since 2026-12-01 09:01 UTC (first seen 2026-12-01 09:01 UTC)

    Next:         nothing is issued before this is put right or certain:
                  - Nobody is known as `@nobody`: correct the requester in the form.
                  It is looked at again by 2026-12-01 09:06 UTC, or when something happens.
    Opened by:    the person with GitLab id 101
    Manager:      not yet
    Provisioner:  not yet

    No credential was made.

    In the audit chain, the last of 3 (--json has all):
           6  2026-12-01 09:01 UTC  request.seen
           7  2026-12-01 09:01 UTC  request.doubts
           8  2026-12-01 09:01 UTC  phase.entered  awaiting_manager
    ");
    house.leave().await;
}

#[tokio::test]
async fn everything_that_is_kept_is_there_as_json() {
    let house = House::open().await;
    let iid = house.approved().await;
    let json = as_json(house.service().context.store(), &house.config, &iid.to_string()).await.unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["phase"], &json["attempts"][0]["state"]["state"]),
        (&"active".into(), &"delivered".into())
    );
    let history = json["history"].as_array().unwrap();
    assert!(
        history.iter().any(|entry| entry["kind"] == "approval.bound" && entry["detail"]["role"] == "manager")
    );
    assert_eq!(json["record"]["manager"]["bound"]["username"], "kim");
    house.leave().await;
}

//! What people read, phase by phase.

use super::{LONGEST, View, render};
use crate::domain::form::Field;
use crate::domain::phase::{BlockReason, EndReason, Phase};
use crate::domain::record::{Attempt, AttemptState, TakeAwayReason};
use crate::domain::snapshot::{Doubt, OrderKind, Origin, Role};
use crate::domain::testing::{
    AUTHOR, ENDS, Look, MANAGER, MANAGER_LABEL, PROVISIONER_LABEL, REVOKE_LABEL, STRANGER, attempt, form,
    time,
};

const NOW: &str = "2026-12-01T09:00:00Z";
const LATER: &str = "2026-12-01T09:10:00Z";

/// The comment after this look.
fn comment(look: &Look) -> String {
    let plan = look.decide();
    let mut attempts = look.snapshot.attempts.clone();
    for attempt in &mut attempts {
        if let Some(changed) = plan.attempts.iter().find(|one| one.number == attempt.number) {
            attempt.clone_from(changed);
        }
    }
    render(&View {
        record: plan.record.as_ref().expect("it is a request"),
        attempts: &attempts,
        status: &plan.status,
        manager_label: MANAGER_LABEL,
        provisioner_label: PROVISIONER_LABEL,
        revoke_label: Some(REVOKE_LABEL),
        titles: &look.policy.titles,
        zone: &look.policy.zone,
    })
}

fn active() -> Look {
    let phase = Phase::Active { since: time(NOW), ends_at: time(ENDS) };
    Look::in_phase(NOW, phase, vec![attempt(1, AttemptState::Delivered)]).later(LATER)
}

/// What the comment says happens next.
fn next(look: &Look) -> String {
    let comment = comment(look);
    comment.split("\n\n1. **Form**").next().unwrap().to_owned()
}

#[test]
fn awaiting_the_manager() {
    insta::assert_snapshot!(comment(&Look::at(NOW)), @r#"
    #### Access request: Waiting for the manager

    Waiting for @user20, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @user10 has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
}

#[test]
fn awaiting_the_provisioner() {
    insta::assert_snapshot!(comment(&Look::at(NOW).labelled(MANAGER, "2026-12-01T08:30Z")), @r#"
    #### Access request: Waiting for the provisioner

    Waiting for @user30 or @user20, the provisioner, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"provisioner-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @user10 has nothing to do now: when the provisioner has approved, the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @user20, 2026-12-01 08:30 UTC (terms `bbf3c309e55f`)
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
}

#[test]
fn a_label_that_does_not_count() {
    insta::assert_snapshot!(comment(&Look::at(NOW).labelled(AUTHOR, "2026-12-01T08:30Z")), @r#"
    #### Access request: Waiting for the manager

    Waiting for @user20, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @user10 has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > The label ~"manager-approved" set by `@user10` does not count and was taken off (2026-12-01 09:00 UTC): nobody approves an issue that they opened.

    **What would be issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
}

#[test]
fn terms_that_changed_after_the_approval() {
    let look = Look::at(NOW).labelled(MANAGER, "2026-12-01T08:30Z").after(LATER);
    insta::assert_snapshot!(comment(&look.edited(&[(Field::Purpose, "/approve @all")], LATER)), @r#"
    #### Access request: Waiting for the manager

    Waiting for @user20, the manager, since 2026-12-01 09:10 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @user10 has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > After `@user20` had approved, this issue's text was edited by `@user10` (2026-12-01 09:10 UTC). An approval is for exactly what was read, so it is needed anew: the manager reads it again and, if they agree, puts the label ~"manager-approved" on again. What changed:
    > - Business purpose: approved was `Nightly export of tickets`, now it is `/approve @all`

    **What would be issued** (terms `2a4ebce976b9`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `/approve @all`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
}

#[test]
fn a_form_without_a_purpose() {
    let look = Look::at(NOW).described(&form(&[(Field::Purpose, ""), (Field::RemoveOn, "soon\n/close")]));
    insta::assert_snapshot!(comment(&look), @r"
    #### Access request: Incomplete

    There is nothing to approve yet, so this issue was closed. Please **edit the description**, then **reopen the issue**:

    - **Business purpose** is empty; expected: `what will use the credential, and what for`
    - **Remove on** says `soon /close`; expected: `the last day it should work, as YYYY-MM-DD`

    1. **Form**: ✗ needs a correction
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet
    ");
}

#[test]
fn a_form_mended_while_the_issue_is_closed() {
    let look =
        Look::at(NOW).described(&form(&[(Field::Purpose, "")])).carried_out(LATER).described(&form(&[]));
    insta::assert_snapshot!(next(&look), @r"
    #### Access request: Incomplete

    The form is complete now. **Reopen the issue** to go on.
    ");
}

#[test]
fn what_is_not_certain() {
    let look = Look::at(NOW).with(|look| {
        look.snapshot.parties.manager = Err(Doubt::NotInDirectory { who: Role::Manager });
        look.snapshot.parties.slack = Err(Doubt::NotOnSlack);
    });
    insta::assert_snapshot!(next(&look), @"
    #### Access request: Waiting for the manager

    **Nothing can be issued now**, because something is missing. It is looked at again by itself:

    - Slack has nobody with the requester's address in the directory: one of the two must be corrected.
    - The directory does not know the manager: whoever keeps it can add them.
    ");
}

#[test]
fn issuing() {
    insta::assert_snapshot!(comment(&Look::approved(NOW)), @"
    #### Access request: Issuing

    Both approved. The credential is being made.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @user20, 2026-12-01 08:10 UTC (terms `bbf3c309e55f`)
    1. **Provisioner**: ✓ approved by @user30, 2026-12-01 08:20 UTC (terms `bbf3c309e55f`)
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    ");
}

#[test]
fn an_unanswered_call() {
    let phase = Phase::Issuing { since: time(NOW) };
    insta::assert_snapshot!(next(&Look::in_phase(NOW, phase, vec![attempt(1, AttemptState::Intended)])), @r"
    #### Access request: Issuing

    Zendesk did not answer when the credential was to be made. What it may have made all the same is being looked for and taken away; then it is tried again.
    ");
}

#[test]
fn delivering() {
    let phase = Phase::Delivering { since: time(NOW) };
    let ledger = vec![attempt(1, AttemptState::Gone), attempt(2, AttemptState::Minted)];
    insta::assert_snapshot!(comment(&Look::in_phase(NOW, phase, ledger).in_hand(2)), @"
    #### Access request: Handing over

    The credential is made and on its way by Slack direct message.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @user20, 2026-12-01 08:10 UTC (terms `bbf3c309e55f`)
    1. **Provisioner**: ✓ approved by @user30, 2026-12-01 08:20 UTC (terms `bbf3c309e55f`)
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > Attempt 1 made a credential that reached nobody for certain; it was taken away and is dead.

    **What would be issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    ");
}

#[test]
fn active_whatever_the_issue_says_by_now() {
    let says = comment(&active());
    insta::assert_snapshot!(says, @r#"
    #### Access request: Active

    @user10 has the credential; it came as a Slack direct message.

    From here on, editing, closing, reopening or relabelling this issue changes nothing about it. To have it taken away early, the requester, the manager or a provisioner puts the label ~"revoke" on, or an operator runs `countersign revoke`.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @user20, 2026-12-01 08:10 UTC (terms `bbf3c309e55f`)
    1. **Provisioner**: ✓ approved by @user30, 2026-12-01 08:20 UTC (terms `bbf3c309e55f`)
    1. **Hand-over**: ✓ by Slack direct message, 2026-12-01 09:00 UTC
    1. **Taken away**: on 2027-03-01, end of the day (2027-03-02 00:00 UTC)

    **What was issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.**
    "#);
    let edited = active().edited(&[(Field::Purpose, "something else")], LATER).closed(AUTHOR);
    assert_eq!(comment(&edited), says);
}

#[test]
fn a_credential_that_zendesk_does_not_let_go_of() {
    let why = TakeAwayReason::Ending;
    let stubborn = Attempt { failures: 4, ..attempt(1, AttemptState::TakingAway { why }) };
    let phase = Phase::Ending { since: time(ENDS), why: EndReason::Due };
    insta::assert_snapshot!(next(&Look::in_phase(NOW, phase, vec![stubborn])), @r"
    #### Access request: Being taken away

    Its end date came. The credential is being taken away.

    Zendesk has not let go of it in 4 tries. It is tried again until it is seen to be gone.
    ");
}

#[test]
fn ended() {
    let phase = Phase::Ending { since: time(ENDS), why: EndReason::Due };
    let gone = Attempt { state: AttemptState::Gone, ..attempt(1, AttemptState::Delivered) };
    insta::assert_snapshot!(comment(&Look::in_phase(NOW, phase, vec![gone]).later("2027-03-02T00:01Z")), @"
    #### Access request: Ended

    Its end date came. The credential was taken away and seen to be gone. To ask for a new one, reopen this issue: both approvals are then needed anew.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @user20, 2026-12-01 08:10 UTC (terms `bbf3c309e55f`)
    1. **Provisioner**: ✓ approved by @user30, 2026-12-01 08:20 UTC (terms `bbf3c309e55f`)
    1. **Hand-over**: ✓ by Slack direct message, 2026-12-01 09:00 UTC
    1. **Taken away**: ✓ seen to be gone, 2027-03-02 00:01 UTC

    **What was issued** (terms `bbf3c309e55f`)

    - API token for Zendesk Global (https://global.zendesk.example)
    - named `https://gitlab.example/team/access/-/issues/7`
    - for @user10, by Slack direct message
    - until 2027-03-01, end of the day (2027-03-02 00:00 UTC)
    - Business purpose: `Nightly export of tickets`
    - Why admin access is needed: `The export reads every ticket`

    **Any holder of an API token can act as any user of that account, admins included.**
    ");
}

#[test]
fn blocked() {
    let why = BlockReason::DeliveryRefused { code: "`/close`".to_owned() };
    let phase = Phase::Blocked { since: time(NOW), why };
    insta::assert_snapshot!(next(&Look::in_phase(NOW, phase, vec![attempt(1, AttemptState::Gone)])), @r#"
    #### Access request: Blocked

    Slack refuses to deliver the message (`` `/close` ``). The credential is taken away; nobody has it. A person must look: an operator runs `countersign retry`, or the provisioner takes the label ~"provisioner-approved" off and puts it on again.
    "#);
}

#[test]
fn denied_withdrawn_and_refused() {
    insta::assert_snapshot!(next(&Look::at(NOW).closed(MANAGER)), @r"
    #### Access request: Denied

    @user20 said no by closing this issue. Reopening begins anew.
    ");
    insta::assert_snapshot!(next(&Look::at(NOW).closed(STRANGER)), @r"
    #### Access request: Withdrawn

    Closed by @user40 before it was decided. Reopening begins anew.
    ");
    insta::assert_snapshot!(next(&Look::at(NOW).ordered(OrderKind::Revoke)), @"
    #### Access request: Withdrawn

    An operator withdrew this request: `because`. Nothing was handed over. Reopening the issue begins anew.
    ");
    insta::assert_snapshot!(next(&Look::at(NOW).described(&form(&[(Field::AdminAccess, "no")]))), @"
    #### Access request: Denied

    The form says under “Why admin access is needed” that admin access is not needed. An API token always has it, so none is issued. This instance offers no kind with scopes: ask an operator. Or, if admin access is needed after all, change that part and reopen the issue.
    ");
    insta::assert_snapshot!(comment(&Look::at(NOW).with(|look| look.snapshot.origin = Origin::Moved)), @r"
    #### Access request: Refused

    This issue was moved, and approvals do not move along. Please open a new one.
    ");
}

#[test]
fn nothing_is_issued_anywhere() {
    insta::assert_snapshot!(next(&Look::approved(NOW).halted()), @"
    #### Access request: Approved, and nothing is issued now

    Both approved.

    **Nothing is issued anywhere at the moment.** A comment of ours was written by another installation of countersign, or by a later state of this one. An operator must look and run `countersign adopt --all`.
    ");
}

#[test]
fn waiting_for_an_earlier_credential_to_be_gone() {
    let why = TakeAwayReason::RequestGone;
    let look = Look::at(NOW).closed(AUTHOR).after(LATER).reopened();
    let taking = look.ledger(vec![attempt(1, AttemptState::TakingAway { why })]);
    insta::assert_snapshot!(next(&taking), @r"
    #### Access request: Withdrawn

    Closed by @user10 before it was decided. Reopening begins anew.

    An earlier credential of this request must be gone before a new one can be asked for.
    ");
}

#[test]
fn a_failed_attempt_does_not_hide_what_is_to_be_approved_now() {
    let failed = Look::approved(NOW)
        .carried_out(LATER)
        .with(|look| look.snapshot.attempts[0].state = AttemptState::NotMade)
        .edited(&[(Field::Purpose, "something else")], LATER);
    assert!(comment(&failed).contains("Business purpose: `something else`"));
}

#[test]
fn nobody_is_named_whose_name_is_not_known() {
    let look = Look::at(NOW).with(|look| look.snapshot.parties.names.clear());
    assert!(comment(&look).contains("Waiting for the person with GitLab id 20, the manager,"));
}

#[test]
fn what_people_typed_never_begins_a_line_and_never_outgrows_the_comment() {
    let hostile = format!("/close\n@all --> ```\n{}", "x".repeat(100_000));
    let fields = [Field::Purpose, Field::AdminAccess, Field::RemoveOn, Field::Replaces, Field::Requester];
    let changed = fields.map(|field| (field, hostile.as_str()));
    let looks = [
        Look::at(NOW).described(&form(&changed)),
        Look::at(NOW).described(&form(&changed[..2])),
        Look::approved(NOW).halted().after(LATER).edited(&changed[..2], LATER),
        active().ordered(OrderKind::Revoke).with(|look| look.snapshot.orders[0].why.clone_from(&hostile)),
    ];
    for look in looks {
        let comment = comment(&look);
        assert!(
            comment.lines().all(|line| !line.trim_start_matches(['>', ' ', '-']).starts_with('/')),
            "{comment}"
        );
        assert!(comment.chars().count() < LONGEST / 10, "{}", comment.chars().count());
        assert!(comment.contains("/close"), "it is shown, but harmless");
    }
}

#[test]
fn approvers_read_what_any_holder_can_do() {
    let looks = [Look::at(NOW), Look::at(NOW).labelled(MANAGER, "2026-12-01T08:30Z"), Look::approved(NOW)];
    for look in looks {
        assert!(comment(&look).contains("can act as any user of that account, admins included"));
    }
}

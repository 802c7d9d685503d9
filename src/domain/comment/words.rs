//! The sentences of the comment: what happened, what it means, what to do.

use super::{View, closed_for_faults, kinds, life, stubborn};
use crate::domain::form::Field;
use crate::domain::ids::UserId;
use crate::domain::notice::About;
use crate::domain::phase::{BlockReason, DenyReason, EndReason, Phase, RefuseReason, WithdrawReason};
use crate::domain::plan::Status;
use crate::domain::record::{Attempt, AttemptState, Record, Reminder};
use crate::domain::snapshot::{Doubt, Role, Vendor};
use crate::domain::text;

/// What happens next, who must do it, and since when: one paragraph each.
pub fn next_step(view: &View<'_>) -> Vec<String> {
    let mut paragraphs = match &view.record.phase {
        Phase::New => vec!["This request was just seen.".to_owned()],
        Phase::Incomplete { .. } => incomplete(view),
        Phase::AwaitingManager { since } => awaiting(view, *since, true),
        Phase::AwaitingProvisioner { since } => awaiting(view, *since, false),
        Phase::Issuing { since } => vec![issuing(view, *since)],
        Phase::Delivering { .. } => {
            vec!["The credential is made and on its way by Slack direct message.".to_owned()]
        }
        Phase::Active { .. } => life::active(view),
        Phase::Ending { why, .. } => ending(view, why),
        Phase::Ended { why, found_gone, .. } => vec![ended(why, *found_gone, view)],
        Phase::Blocked { why, .. } => vec![blocked(why, view)],
        Phase::Refused { why, .. } => vec![refused(*why).to_owned()],
        Phase::Denied { why, .. } => vec![denied(why, view)],
        Phase::Withdrawn { why, .. } => vec![withdrawn(why, view)],
    };
    if view.status.waits_for_gone {
        paragraphs.push(
            "An earlier credential of this request must be gone before a new one can be asked for."
                .to_owned(),
        );
    }
    if view.status.halted && !is_over(&view.record.phase) {
        paragraphs.push(
            "**Nothing is issued anywhere at the moment.** A comment of ours was written by another installation of \
             countersign, or by a later state of this one. An operator must look and run `countersign adopt --all`."
                .to_owned(),
        );
    }
    if let Some(pause) = view.status.paused.as_ref().filter(|_| waits_for_issuing(&view.record.phase)) {
        paragraphs.push(format!(
            "**Issuing is paused** by an operator since {}: {}. Nothing is lost: approvals are taken as usual, and it goes \
             on by itself when the operator lets it (`countersign resume`). What was handed over still ends on its day.",
            text::time(pause.since),
            text::quote(&pause.why)
        ));
    }
    paragraphs
}

/// Whether something may still be issued for it.
fn waits_for_issuing(phase: &Phase) -> bool {
    !is_over(phase) && !matches!(phase, Phase::Active { .. } | Phase::Ending { .. })
}

/// Whether nothing of this request waits for anything to be issued.
fn is_over(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Ended { .. } | Phase::Denied { .. } | Phase::Withdrawn { .. } | Phase::Refused { .. }
    )
}

fn incomplete(view: &View<'_>) -> Vec<String> {
    let faults = &view.record.faults;
    if faults.is_empty() {
        return vec!["The form is complete now. **Reopen the issue** to go on.".to_owned()];
    }
    let opening = if closed_for_faults(view) {
        "There is nothing to approve yet, so this issue was closed. Please **edit the description**, then **reopen the \
         issue**:"
    } else {
        "Nobody can approve this yet. Please **edit the description**; this comment follows:"
    };
    let lines = faults.iter().map(|fault| {
        let title = fault.field.map_or("The form", |field| view.title(field));
        let found = if fault.found.is_empty() {
            "is empty".to_owned()
        } else {
            format!("says {}", text::quote(&fault.found))
        };
        format!("- **{title}** {found}; expected: {}", text::quote(&fault.expected))
    });
    vec![opening.to_owned(), lines.collect::<Vec<_>>().join("\n")]
}

fn awaiting(view: &View<'_>, since: jiff::Timestamp, manager: bool) -> Vec<String> {
    let doubts = &view.record.doubts;
    if !doubts.is_empty() {
        let lines: Vec<String> = doubts.iter().map(|one| format!("- {}", doubt(one))).collect();
        let opening = if doubts.iter().all(is_missing) {
            "**Nothing can be issued now**, because something is missing. It is looked at again by itself:"
        } else {
            "**Nothing can be issued now**, because something is not certain. It is looked at again by itself:"
        };
        return vec![opening.to_owned(), lines.join("\n")];
    }
    let (who, label) = if manager {
        (the_manager(view), view.manager_label)
    } else {
        (the_provisioner(view), view.provisioner_label)
    };
    let since = text::time(since);
    let mut paragraphs = vec![format!(
        "Waiting for {who} since {since}. Whoever approves reads what would be issued, below, and sets the label \
         ~\"{label}\" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue."
    )];
    paragraphs.push(for_the_requester(view, manager));
    paragraphs.extend(view.record.reminders.iter().map(|reminder| reminded(view, reminder)));
    paragraphs
}

/// What somebody who asks for the first time wants to know.
fn for_the_requester(view: &View<'_>, manager: bool) -> String {
    let who = view.terms().map_or("The requester".to_owned(), |terms| view.mention(terms.beneficiary));
    let then = if manager {
        "when the manager has approved, a provisioner does, and the credential comes as a Slack direct message"
    } else {
        "when the provisioner has approved, the credential comes as a Slack direct message"
    };
    format!("{who} has nothing to do now: {then}. Editing the description asks for the approvals anew.")
}

/// Whether it is known what is wrong, and somebody must put it right; not that something could not be asked.
fn is_missing(doubt: &Doubt) -> bool {
    !matches!(doubt, Doubt::DirectoryUnreachable | Doubt::Unreachable { .. } | Doubt::NoForm)
}

/// `@kim, the manager,`; and who may act for them, if anybody may.
fn the_manager(view: &View<'_>) -> String {
    match view.status.managers.as_slice() {
        [] => "the manager".to_owned(),
        [one] => format!("{}, the manager,", view.mention(*one)),
        [one, others @ ..] => {
            format!(
                "{}, the manager, or {}, who may act for them,",
                view.mention(*one),
                view.mentions(others)
            )
        }
    }
}

fn the_provisioner(view: &View<'_>) -> String {
    let all = view.provisioners();
    if all.is_empty() {
        return "a provisioner (none is configured: ask an operator)".to_owned();
    }
    format!("{}, the provisioner,", all.join(" or "))
}

fn reminded(view: &View<'_>, reminder: &Reminder) -> String {
    let when = text::time(reminder.at);
    if reminder.role == "escalation" {
        let who = view.mentions(&reminder.to);
        return format!("{who}, who manages the manager, was asked in on {when} and may approve as well.");
    }
    let (people, groups) = whom(view, reminder);
    match (people.as_slice(), groups.as_slice()) {
        ([one], []) => format!("{one} was reminded on {when}."),
        _ => format!("Reminded on {when}: {}.", [people, groups].concat().join(", ")),
    }
}

/// Each by name; of a group that provisions no member is named beside it.
fn whom(view: &View<'_>, reminder: &Reminder) -> (Vec<String>, Vec<String>) {
    let Status { provisioners, provisioner_groups, .. } = view.status;
    let in_no_group = reminder.role != "provisioner" || provisioner_groups.is_empty();
    let is_named = |person: &&UserId| in_no_group || provisioners.contains(person);
    let named: Vec<String> =
        reminder.to.iter().filter(is_named).map(|person| view.mention(*person)).collect();
    let reached: &[String] = if named.len() < reminder.to.len() { provisioner_groups } else { &[] };
    let groups = reached.iter().map(|group| format!("the members of {}", text::quote(group)));
    (named, groups.collect())
}

fn issuing(view: &View<'_>, since: jiff::Timestamp) -> String {
    let unanswered = view.attempts.iter().any(|attempt| attempt.state == AttemptState::Intended);
    if unanswered {
        return "Zendesk did not answer when the credential was to be made. What it may have made all the same is being \
                looked for and taken away; then it is tried again."
            .to_owned();
    }
    if let Some(attempt) = stubborn(view) {
        return format!(
            "A credential that was not handed over must be taken away first; Zendesk refused {} times so far. It is \
             tried again by itself.",
            attempt.failures
        );
    }
    let refused = |attempt: &&Attempt| {
        attempt.state == AttemptState::NotMade && attempt.generation == view.record.generation
    };
    match view.attempts.last().filter(refused) {
        Some(_) => format!(
            "Both approved. Waiting for Zendesk since {}: it takes no calls just now.",
            text::time(since)
        ),
        None if view.status.halted || view.status.paused.is_some() => "Both approved.".to_owned(),
        None => "Both approved. The credential is being made.".to_owned(),
    }
}

fn ending(view: &View<'_>, why: &EndReason) -> Vec<String> {
    let told = life::told(&About::Ended, view).unwrap_or_default();
    let waiting = view.attempts.iter().find(|attempt| attempt.is_unsettled());
    if let Some((off, deleted)) = waiting.and_then(|one| Some((one.switched_off_at?, one.not_before?)))
        && stubborn(view).is_none()
    {
        return vec![format!(
            "{} The credential was switched off on {} and works no more.{told} It stays so and is deleted on {}; it cannot be \
             switched on again. If that was a mistake, open a new issue; this one can be reopened for a new credential \
             only once it is deleted.",
            life::end_reason(why),
            text::time(off),
            text::time(deleted)
        )];
    }
    let mut paragraphs = vec![format!("{} The credential is being taken away.{told}", life::end_reason(why))];
    if let Some(attempt) = stubborn(view) {
        paragraphs.push(format!(
            "Zendesk has not let go of it in {} tries. It is tried again until it is seen to be gone.",
            attempt.failures
        ));
    }
    paragraphs
}

fn ended(why: &EndReason, found_gone: bool, view: &View<'_>) -> String {
    let told = life::told(&About::Ended, view).unwrap_or_default();
    let gone = if found_gone {
        "It was found gone at Zendesk already"
    } else {
        "The credential was taken away and seen to be gone"
    };
    format!(
        "{} {gone}.{told} To ask for a new one, reopen this issue: both approvals are then needed anew.",
        life::end_reason(why)
    )
}

fn blocked(why: &BlockReason, view: &View<'_>) -> String {
    let reason = match why {
        BlockReason::IssueGone => "This issue was moved, converted or not to be seen for a while. Nothing is issued for it.".to_owned(),
        BlockReason::CreationRefused => return kinds::creation_refused(view),
        BlockReason::WrongCredential => {
            "Zendesk gave a credential that does not work, or that is not what was approved. It was not handed over, and \
             is taken away."
                .to_owned()
        }
        BlockReason::DeliveryRefused { code } => format!(
            "Slack refuses to deliver the message ({}). The credential is taken away; nobody has it.",
            text::quote(code)
        ),
        BlockReason::UnknownCredential => {
            "Zendesk already has a live credential of exactly this name, made by us, that this installation does not \
             remember: perhaps its database was restored from a backup. A second one is not made beside it: somebody \
             must find out who has it, and delete it at Zendesk."
                .to_owned()
        }
        BlockReason::TooManyAttempts => "Three attempts failed. Whatever they made is taken away; nobody has it.".to_owned(),
    };
    format!(
        "{reason} A person must look: an operator runs `countersign retry`, or the provisioner takes the label ~\"{}\" off \
         and puts it on again.",
        view.provisioner_label
    )
}

fn refused(why: RefuseReason) -> &'static str {
    match why {
        RefuseReason::Moved => {
            "This issue was moved, and approvals do not move along. Please open a new one."
        }
        RefuseReason::Cloned => {
            "This issue was copied from another, and approvals do not copy. Please open a new one."
        }
        RefuseReason::NoAuthor => {
            "The account that opened this issue no longer exists. Please open a new one."
        }
    }
}

fn denied(why: &DenyReason, view: &View<'_>) -> String {
    let reason = view
        .record
        .last_words
        .as_ref()
        .map_or_else(String::new, |words| format!(" They wrote: {}.", text::quote(words)));
    match why {
        DenyReason::AdminNotNeeded { instead } => format!(
            "The form says under “{}” that admin access is not needed. An API token always has it, so none is issued. \
             {} Or, if admin access is needed after all, change that part and reopen the issue.",
            view.title(Field::AdminAccess),
            kinds::smaller(view, instead)
        ),
        DenyReason::ClosedBy { by } => {
            format!("{} said no by closing this issue.{reason} Reopening begins anew.", view.mention(*by))
        }
        DenyReason::LabelledBy { by } => {
            format!("{} said no by label.{reason} Reopening begins anew.", view.mention(*by))
        }
    }
}

fn withdrawn(why: &WithdrawReason, view: &View<'_>) -> String {
    match why {
        WithdrawReason::ClosedBy { by: Some(by) } => {
            format!("Closed by {} before it was decided. Reopening begins anew.", view.mention(*by))
        }
        WithdrawReason::ClosedBy { by: None } => {
            "Closed before it was decided. Reopening begins anew.".to_owned()
        }
        WithdrawReason::TooLong => "Nobody decided in time. Reopening begins anew.".to_owned(),
        WithdrawReason::RevokedByLabel { username, .. } => {
            format!("Taken back by @{username} with the label that revokes, before anything was handed over.")
        }
        WithdrawReason::Revoked { why } => {
            format!(
                "An operator withdrew this request: {}. Nothing was handed over. Reopening the issue begins anew.",
                text::quote(why)
            )
        }
    }
}

/// What happened to an attempt that did not reach its person.
pub(super) fn attempt(attempt: &Attempt, record: &Record) -> Option<String> {
    let AttemptState::Gone = attempt.state else { return None };
    let delivered = attempt.delivery.as_ref().is_some_and(|delivery| delivery.message.is_some());
    if delivered || matches!(record.phase, Phase::Ended { .. }) {
        return None;
    }
    Some(format!(
        "Attempt {} made a credential that reached nobody for certain; it was taken away and is dead.",
        attempt.number
    ))
}

/// What is not certain, and who can help.
pub fn doubt(doubt: &Doubt) -> String {
    let who = |role: &Role| match role {
        Role::Requester => "the requester",
        Role::Manager => "the manager",
    };
    match doubt {
        Doubt::NoForm => "The form could not be read.".to_owned(),
        Doubt::UnknownRequester { text } => format!("Nobody is known as {}: correct the requester in the form.", text::quote(text)),
        Doubt::DirectoryUnreachable => "The directory cannot be read: an operator must mend it.".to_owned(),
        Doubt::NotInDirectory { who: role } => format!("The directory does not know {}: whoever keeps it can add them.", who(role)),
        Doubt::AmbiguousInDirectory { who: role } => format!("The directory has {} twice: whoever keeps it can mend that.", who(role)),
        Doubt::InactiveInDirectory { who: role } => format!("The directory says that {} has left.", who(role)),
        Doubt::NoAccountInDirectory { who: role } => format!("The directory has {} without a GitLab account that exists: whoever keeps it can mend that.", who(role)),
        Doubt::ChangedHands { who: role } => format!("The GitLab user name that the directory has for {} changed hands: an operator must look and run `countersign directory forget`.", who(role)),
        Doubt::NoAddressInDirectory => "The directory has no e-mail address of the requester, or several: whoever keeps it can mend that.".to_owned(),
        Doubt::NoManager => "The directory names no manager for the requester: whoever keeps it can add one.".to_owned(),
        Doubt::OwnManager => "The directory names the requester as their own manager: whoever keeps it can mend that.".to_owned(),
        Doubt::ManagersInACircle => {
            "The directory's chain of managers leads back to itself: whoever keeps it can mend that.".to_owned()
        }
        Doubt::NobodyCanApprove { role } => format!(
            "Nobody can give the {role}'s approval: whoever could is the author, the requester, or already the other \
             approver. An operator can name a delegate or another provisioner."
        ),
        Doubt::NotOnSlack => "Slack has nobody with the requester's address in the directory: one of the two must be corrected.".to_owned(),
        Doubt::UnfitSlackAccount => "The requester's Slack account is deactivated, a guest's, a bot's or has another address; a secret is not sent there.".to_owned(),
        Doubt::Unreachable { vendor } => format!("{} does not answer at the moment.", vendor.name()),
        Doubt::RefusesUs { vendor } => format!("{} refuses our access: an operator must mend it.", vendor.name()),
        Doubt::TokensSwitchedOff => format!("API token access is switched off in this {} account: its admin can switch it on.", Vendor::Zendesk.name()),
        Doubt::NameTooLong => "The credential's name would be longer than Zendesk takes: an operator can shorten the naming template.".to_owned(),
        Doubt::LabelsChanged => "The approval labels are not the ones that were pinned: an operator must look and run `countersign labels pin`.".to_owned(),
        Doubt::ClocksDiffer => "GitLab's clock and that of this service are minutes apart: an operator must set the service's clock.".to_owned(),
        Doubt::UnknownInstance => "This instance does not offer that kind of credential any more: an operator can say what it offers.".to_owned(),
    }
}

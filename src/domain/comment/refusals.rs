//! What the comment says of labels that do not count, and of tries that reached nobody.
//!
//! Kind to whoever put the label on: it says what happened, who could do what now, and blames nobody.

use std::fmt::Write as _;

use super::{View, life, words};
use crate::domain::record::{Edited, Refusal, RefusalReason};
use crate::domain::text;

/// One remark each.
pub(super) fn remarks(body: &mut String, view: &View<'_>) {
    let slots = [
        (&view.record.manager, view.manager_label, "manager"),
        (&view.record.provisioner, view.provisioner_label, "provisioner"),
    ];
    for (slot, label, role) in slots {
        if let Some(last) = &slot.last_refusal {
            remark(body, view, last, (label, role));
        }
    }
    if let (Some(last), Some(label)) = (&view.record.revocation.last_refusal, view.revoke_label) {
        let _ = writeln!(body, "> {}\n", life::not_revoked(last, label, view));
    }
    for attempt in view.attempts.iter().filter(|attempt| attempt.generation == view.record.generation) {
        if let Some(words) = words::attempt(attempt, view.record) {
            let _ = writeln!(body, "> {words}\n");
        }
    }
    if view.status.removals_capped {
        let _ = writeln!(
            body,
            "> Labels were taken off five times within the hour; until that hour is over, wrong labels stay on and are \
             only listed here.\n"
        );
    }
}

fn somebody(name: Option<&str>) -> String {
    name.map_or("somebody".to_owned(), |name| format!("`@{name}`"))
}

fn remark(body: &mut String, view: &View<'_>, last: &Refusal, (label, role): (&str, &str)) {
    let who = somebody(last.username.as_deref());
    let what = match (&last.why, &last.edited) {
        (RefusalReason::TakenOff, _) => {
            format!("The approval by {who} was taken back: the label ~\"{label}\" is off again.")
        }
        (RefusalReason::TermsChanged { .. }, None) => format!(
            "What would be issued has changed since {who} approved it, so the approval is needed anew and the label \
             ~\"{label}\" was taken off ({}). If the {role} agrees with what is written now, they put it on again. What \
             changed:",
            text::time(last.at)
        ),
        (why, Some(edited)) => after_an_edit(why, edited, (&who, label, role)),
        _ => format!(
            "The label ~\"{label}\" set by {who} does not count and was taken off ({}): {}",
            text::time(last.at),
            refusal(&last.why, role, view)
        ),
    };
    let _ = writeln!(body, "> {what}");
    if let RefusalReason::TermsChanged { differences } = &last.why {
        for one in differences {
            let (was, is) = (text::quote(&one.was), text::quote(&one.is));
            let _ = writeln!(body, "> - {}: approved was {was}, now it is {is}", view.field(&one.field));
        }
    }
    body.push('\n');
}

/// An approval is of a text, so an edit after it asks for it anew. That is nobody's fault.
fn after_an_edit(why: &RefusalReason, edited: &Edited, (who, label, role): (&str, &str, &str)) -> String {
    let editor = edited.username.as_deref().map_or(String::new(), |name| format!(" by `@{name}`"));
    let edit = format!("this issue's text was edited{editor} ({})", text::time(edited.at));
    let again = format!("the {role} reads it again and, if they agree, puts the label ~\"{label}\" on again");
    match why {
        RefusalReason::TermsChanged { .. } => format!(
            "After {who} had approved, {edit}. An approval is for exactly what was read, so it is needed anew: {again}. \
             What changed:"
        ),
        RefusalReason::FormFaults => format!(
            "After {who} had approved, {edit}, and the form has faults now. An approval is for exactly what was read, so \
             it is needed anew: once the form is right, {again}."
        ),
        _ => format!(
            "{} after {who} had put the label ~\"{label}\" on, or in the same moment. Nobody can tell which text was \
             read, so the approval is needed anew: {again}.",
            capitalized(&edit)
        ),
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Why a label does not count, and who could.
pub fn refusal(why: &RefusalReason, role: &str, view: &View<'_>) -> String {
    let manager = match view.status.managers.first() {
        Some(one) => format!("{}, the manager,", view.mention(*one)),
        None => "the manager".to_owned(),
    };
    match why {
        RefusalReason::NoEvent => "GitLab does not say who put it there.".to_owned(),
        RefusalReason::NoActor => "the account that put it there no longer exists.".to_owned(),
        RefusalReason::Author => "nobody approves an issue that they opened.".to_owned(),
        RefusalReason::Beneficiary => "nobody approves a credential for themselves.".to_owned(),
        RefusalReason::Ourselves | RefusalReason::Bot => "a bot cannot approve.".to_owned(),
        RefusalReason::InactiveAccount => "that account is blocked or deactivated.".to_owned(),
        RefusalReason::NotAMember => {
            "they are not a member of this project with the role it takes.".to_owned()
        }
        RefusalReason::NotTheManager => format!("only {manager} can give this approval."),
        RefusalReason::NotAProvisioner => {
            format!(
                "only a provisioner of the instance can give it: {}.",
                view.provisioners().join(" or ")
            )
        }
        RefusalReason::MayNotRevoke => life::who_may_revoke(view),
        RefusalReason::SamePerson => "the two approvals must come from two people.".to_owned(),
        RefusalReason::ManagerFirst => {
            format!("{manager} approves first. Then put it on again.")
        }
        RefusalReason::EditedSince => {
            format!(
                "the description was edited after it. The {role} should read it again, then put the label on again."
            )
        }
        RefusalReason::CommentChanged => {
            "this comment had been changed or taken away by somebody else. It is as it should be again: read it, then \
             put the label on again."
                .to_owned()
        }
        RefusalReason::ClosedSince => "the issue was closed after it. Put it on again.".to_owned(),
        RefusalReason::TermsChanged { .. } => {
            "what would be issued is no longer what was approved.".to_owned()
        }
        RefusalReason::TooOld => "it is too old. Put it on again.".to_owned(),
        RefusalReason::TakenOff => "it was taken off again.".to_owned(),
        RefusalReason::FormFaults => "the form has faults; there is nothing to approve yet.".to_owned(),
        RefusalReason::EarlierGeneration => "it is left over from before this issue was reopened.".to_owned(),
        RefusalReason::Foreign => "it came along from another issue.".to_owned(),
    }
}

//! The sentences of the comment while a credential lives, and why it ends.

use std::fmt::Write as _;

use super::View;
use super::refusals::refusal;
use crate::domain::notice::{self, About, Notice, NoticeState};
use crate::domain::phase::EndReason;
use crate::domain::record::{ByHand, Deed, Leaver, Refusal, RefusalReason};
use crate::domain::snapshot::Role;
use crate::domain::terms::Terms;
use crate::domain::text;

/// What an active credential's people read.
pub(super) fn active(view: &View<'_>) -> Vec<String> {
    let who = view.terms().map_or("the requester".to_owned(), |terms| view.mention(terms.beneficiary));
    let mut paragraphs = vec![format!("{who} has the credential; it came as a Slack direct message.")];
    paragraphs.extend(view.record.by_hand.iter().filter_map(|done| by_hand(done, view)));
    paragraphs.extend(
        view.record
            .leavers
            .iter()
            .enumerate()
            .map(|(place, leaver)| left(leaver, view, view.status.leavers_end.get(place).copied().flatten())),
    );
    paragraphs.extend(reminded(view));
    paragraphs.extend(extended(view));
    paragraphs.push(format!(
        "From here on, editing, closing, reopening or relabelling this issue changes nothing about it. {}",
        how_to_revoke(view)
    ));
    if let Some(doubt) = &view.status.revocation_unknown {
        paragraphs.push(format!(
            "Whether the label that revokes counts cannot be told yet: {} It is looked at again by itself; \
             `countersign revoke` does not wait for it.",
            super::doubt(doubt)
        ));
    }
    paragraphs
}

/// What an operator did to it at Zendesk.
fn by_hand(done: &ByHand, view: &View<'_>) -> Option<String> {
    let (when, why) = (text::time(done.at), text::quote(&done.why));
    let told = told(&About::ByHand { deed: done.deed }, view).unwrap_or_default();
    Some(match done.deed {
        Deed::SwitchedOff => format!(
            "**An operator switched it off on {when}**: {why}. It does not work until an operator switches it on again, and \
             still ends on its day.{told}"
        ),
        Deed::SwitchedOn => {
            format!("An operator switched it on again on {when}: {why}. It works as before.{told}")
        }
        Deed::Renamed => format!(
            "An operator gave it its name at Zendesk back on {when}: {why}. Nothing else changed.{told}"
        ),
        Deed::Deleted => return None,
    })
}

/// That the holder knows, once a message went.
pub(super) fn told(about: &About, view: &View<'_>) -> Option<String> {
    let went = |one: &&Notice| one.about == *about && one.state == NoticeState::Told;
    let last = view.record.notices.iter().rev().find(went)?;
    Some(format!(" {} was told by Slack.", view.mention(last.to)))
}

fn how_to_revoke(view: &View<'_>) -> String {
    match view.revoke_label {
        Some(label) => format!(
            "To have it taken away early, the requester, the manager or a provisioner puts the label ~\"{label}\" on, or an \
             operator runs `countersign revoke`."
        ),
        None => "To have it taken away early, ask an operator (`countersign revoke`).".to_owned(),
    }
}

/// The last reminder of the end.
fn reminded(view: &View<'_>) -> Option<String> {
    let end = |one: &&Notice| matches!(one.about, About::End { .. });
    let last = view.record.notices.iter().rev().find(end)?;
    let About::End { days, last_used, by_us } = &last.about else { return None };
    let kind = view.terms()?.kind;
    let who = view.mention(last.to);
    let extend = match view.status.successors.last() {
        Some(_) => String::new(),
        None => " To keep access, open a new request that names this one as what it replaces.".to_owned(),
    };
    Some(format!(
        "{who} was reminded of the end on {} ({days} days before or less). The credential was last used: {}.{extend}",
        text::time(last.at),
        notice::last_use(kind, *last_used, *by_us)
    ))
}

/// What approvers compare, and what becomes of the earlier credential.
pub(super) fn extension(body: &mut String, terms: &Terms, view: &View<'_>) {
    let Some(extends) = &terms.extends else { return };
    let _ = writeln!(
        body,
        "- extends {}: the credential of that request still ends on its own day at the latest ({}), whatever becomes of this one",
        extends.url,
        text::end(extends.ends_at, view.zone)
    );
    let Some(differences) = &view.status.compared else { return };
    if differences.is_empty() {
        let _ = writeln!(body, "\nCompared with the earlier one, nothing differs.");
        return;
    }
    let _ = writeln!(body, "\n**Compared with the earlier one**\n");
    for one in differences {
        let (was, is) = (text::quote(&one.was), text::quote(&one.is));
        let _ = writeln!(body, "- {}: was {was}, would be {is}", view.field(&one.field));
    }
}

fn extended(view: &View<'_>) -> Option<String> {
    let newer = view.status.successors.last()?;
    Some(format!(
        "It is extended by {}, whose own credential works until {}. This one still ends on its own day, or when somebody \
         revokes it.",
        newer.url,
        text::end(newer.ends_at, view.zone)
    ))
}

fn left(leaver: &Leaver, view: &View<'_>, ends: Option<jiff::Timestamp>) -> String {
    let who = match leaver.who {
        Role::Requester => format!("{}, who has it, seems to have left", view.mention(leaver.person)),
        Role::Manager => {
            format!("{}, who approved it as the manager, seems to have left", view.mention(leaver.person))
        }
    };
    let told = match view.provisioners().as_slice() {
        [] => String::new(),
        people => format!(" {}: please look.", people.join(" or ")),
    };
    let then = match ends {
        _ if leaver.held => "It was to be taken away, and **the brake holds it back**, because too many would end at once: an \
                             operator must look (`countersign brake show`)."
            .to_owned(),
        Some(at) => format!("It is taken away on {}, unless that changes before.", text::time(at)),
        None => "It goes on until its own end, unless somebody revokes it.".to_owned(),
    };
    format!("**{who}.** {} (seen {}).{told} {then}", notice::sentence(leaver), text::time(leaver.since))
}

/// Why it ends or ended.
pub fn end_reason(why: &EndReason) -> String {
    match why {
        EndReason::Due => "Its end date came.".to_owned(),
        EndReason::Revoked { why } => format!("An operator revoked it: {}.", text::quote(why)),
        EndReason::RevokedByLabel { username, .. } => {
            format!("@{username} revoked it with the label for that.")
        }
        EndReason::Left { who: Role::Requester, .. } => "The person who had it has left.".to_owned(),
        EndReason::Left { who: Role::Manager, .. } => {
            "The manager who had approved it has left, and nobody had it approved anew.".to_owned()
        }
        EndReason::FoundGone => "Somebody deleted it at Zendesk before its end.".to_owned(),
    }
}

/// A label that did not revoke.
pub(super) fn not_revoked(last: &Refusal, label: &str, view: &View<'_>) -> String {
    let who = last.username.as_deref().map_or("somebody".to_owned(), |name| format!("`@{name}`"));
    let why = match last.why {
        RefusalReason::Bot | RefusalReason::Ourselves => "a bot cannot revoke.".to_owned(),
        ref other => refusal(other, "person", view),
    };
    format!(
        "The label ~\"{label}\" set by {who} does not count and was taken off ({}): {why}",
        text::time(last.at)
    )
}

/// Who could.
pub(super) fn who_may_revoke(view: &View<'_>) -> String {
    let beneficiary = view.terms().map(|terms| terms.beneficiary);
    let manager = view.record.manager.bound.as_ref().map(|bound| bound.actor);
    let mut people = vec![view.record.author];
    people.extend(beneficiary.into_iter().chain(manager));
    people.extend(&view.status.provisioners);
    let all = people.clone();
    let mut place = 0..all.len();
    people.retain(|person| place.next().is_some_and(|place| !all[..place].contains(person)));
    let all: Vec<String> =
        people.iter().map(|person| view.mention(*person)).chain(view.provisioner_groups()).collect();
    format!(
        "only the requester, their manager or a provisioner of the instance can have it taken away: {}.",
        all.join(" or ")
    )
}

//! Who put the labels on, and whether the labels are still the ones that were pinned.
//!
//! A pair of title and id that was once seen to have changed stays distrusted until a person pins it again, even if
//! it is changed back: in between, anything may have been approved with it.

use serde_json::json;

use super::context::Context;
use super::parties;
use crate::domain::approval::last_event;
use crate::domain::form;
use crate::domain::ids::{ProjectId, UserId};
use crate::domain::observed::{Account, Issue, LabelEvent, Note};
use crate::domain::policy::{Instance, Pin, Pins};
use crate::domain::snapshot::{Doubt, Snapshot, Vendor};
use crate::store::{Entry, Store, StoreError};
use crate::vendors::VendorError;
use crate::vendors::gitlab::Label;

const UNREACHABLE: Doubt = Doubt::Unreachable { vendor: Vendor::GitLab };

/// The accounts behind the last event of each pinned label, the groups they are in, and what a denier wrote last.
/// `labels`: the project's, where they were read with the issue.
pub(super) async fn find(
    context: &Context,
    snapshot: &mut Snapshot,
    issue: &Issue,
    labels: Option<Result<Vec<Label>, VendorError>>,
) {
    let Some(pins) = snapshot.project.pins.clone() else { return };
    let on_issue: Vec<&Pin> = all(&pins).filter(|pin| issue.labels.contains(&pin.name)).collect();
    if !on_issue.is_empty() {
        trust_or_doubt(context, snapshot, &pins, labels).await;
    }
    for pin in on_issue {
        let Some(LabelEvent { actor: Some(actor), .. }) = last_event(snapshot, pin) else { continue };
        let actor = *actor;
        if !snapshot.accounts.contains_key(&actor) {
            account(context, snapshot, actor).await;
        }
        if *pin != pins.manager {
            group(context, snapshot, issue, actor).await;
        }
    }
    said_no(context, snapshot, issue, &pins).await;
}

/// Where a label may count, the pins are only those that still hold.
async fn trust_or_doubt(
    context: &Context,
    snapshot: &mut Snapshot,
    pins: &Pins,
    labels: Option<Result<Vec<Label>, VendorError>>,
) {
    let project = snapshot.key.project;
    let hold = match labels {
        Some(Ok(labels)) => Ok(hold_or_distrust(context, project, pins, &labels).await),
        Some(Err(error)) => Err(error),
        None => pins_hold(context, project, pins).await,
    };
    match hold {
        Ok(true) => {}
        Ok(false) => snapshot.project.pins = None,
        Err(_) => (snapshot.project.pins, snapshot.project.pins_doubt) = (None, Some(UNREACHABLE)),
    }
}

/// Who put the label on that revokes, and what makes them somebody who may, for what the ledger alone rules.
pub(super) async fn find_revoker(
    context: &Context,
    snapshot: &mut Snapshot,
    issue: &Issue,
    labels: Option<Result<Vec<Label>, VendorError>>,
) {
    let Some(pins) = snapshot.project.pins.clone() else { return };
    let Some(pin) = pins.revoke.as_ref().filter(|pin| issue.labels.contains(&pin.name)) else { return };
    trust_or_doubt(context, snapshot, &pins, labels).await;
    let Some(LabelEvent { actor: Some(actor), .. }) = last_event(snapshot, pin) else { return };
    let actor = *actor;
    account(context, snapshot, actor).await;
    let issued = snapshot.record.as_ref().and_then(|record| record.issued.clone());
    let Some(terms) = issued else { return };
    if let Some(instance) = context.policy.instance(&terms.instance) {
        in_groups(context, snapshot, instance, actor).await;
    }
    parties::find_manager_of(context, snapshot, terms.beneficiary).await;
}

async fn account(context: &Context, snapshot: &mut Snapshot, actor: UserId) {
    let account = context.gitlab.account(snapshot.key.project, actor).await;
    if let Ok(Account { username, .. }) = &account {
        context.note_name(actor, username);
    }
    snapshot.accounts.insert(actor, account.map_err(|_| UNREACHABLE));
}

/// Whether a person is in one of the groups whose members are provisioners of the form's instance.
async fn group(context: &Context, snapshot: &mut Snapshot, issue: &Issue, person: UserId) {
    let Some(instance) = instance(context, issue) else { return };
    in_groups(context, snapshot, instance, person).await;
}

async fn in_groups(context: &Context, snapshot: &mut Snapshot, instance: &Instance, person: UserId) {
    let mut found = Ok(None);
    for path in &instance.provisioner_groups {
        match context.gitlab.group_member(path, person).await {
            Ok(Some(member)) if member.is_in_force(context.now()) => {
                found = Ok(Some(path.clone()));
                break;
            }
            Ok(_) => {}
            Err(_) => found = Err(UNREACHABLE),
        }
    }
    snapshot.groups.insert(person, found);
}

fn instance<'c>(context: &'c Context, issue: &Issue) -> Option<&'c Instance> {
    let answers = form::read(&issue.description, &context.policy.titles);
    let form = form::check(&answers, &context.policy, context.now()).ok()?;
    context.policy.instance(&form.instance)
}

/// Somebody closed the issue, or put the label on that denies: what they wrote last, as their reason.
async fn said_no(context: &Context, snapshot: &mut Snapshot, issue: &Issue, pins: &Pins) {
    let by_label = pins.denied.as_ref().filter(|pin| issue.labels.contains(&pin.name));
    let by_label = by_label.and_then(|pin| last_event(snapshot, pin)).and_then(|event| event.actor);
    let Some(person) = issue.closed_by.filter(|by| !issue.open && *by != snapshot.ourselves).or(by_label)
    else {
        return;
    };
    group(context, snapshot, issue, person).await;
    let theirs = |note: &Note| !note.system && note.author == Some(person);
    let Ok(notes) = context.gitlab.notes(snapshot.key, theirs).await else { return };
    snapshot.last_words = notes.into_iter().max_by_key(|note| note.id).map(|note| note.body);
}

/// The pinned labels of a project, one after the other.
pub fn all(pins: &Pins) -> impl Iterator<Item = &Pin> {
    [&pins.manager, &pins.provisioner].into_iter().chain(&pins.denied).chain(&pins.revoke)
}

/// Whether each pinned label still has the title it was pinned with, and no other label has it. A change is kept.
pub(super) async fn pins_hold(
    context: &Context,
    project: ProjectId,
    pins: &Pins,
) -> Result<bool, VendorError> {
    let labels = context.gitlab.labels(project).await?;
    Ok(hold_or_distrust(context, project, pins, &labels).await)
}

async fn hold_or_distrust(context: &Context, project: ProjectId, pins: &Pins, labels: &[Label]) -> bool {
    let holds = |pin: &Pin| {
        let named: Vec<_> = labels.iter().filter(|label| label.name == pin.name).collect();
        matches!(named.as_slice(), [one] if one.id == pin.id)
    };
    let hold = all(pins).all(holds);
    if !hold && let Err(error) = distrust(&context.store, project).await {
        tracing::error!(error = %error, "that the labels changed could not be written down");
    }
    hold
}

async fn distrust(store: &Store, project: ProjectId) -> Result<(), StoreError> {
    tracing::error!(%project, "the approval labels are not the ones that were pinned; nothing is issued until \
        `countersign labels pin`");
    if labels_changed(store, project).await? {
        return Ok(());
    }
    let entry = Entry { kind: "labels.changed".into(), key: None, detail: json!({"project": project}) };
    store.append(vec![entry]).await?;
    store.set_setting(&setting(project), "changed").await
}

fn setting(project: ProjectId) -> String {
    format!("labels_changed:{project}")
}

/// Whether the labels of a project were seen changed since a person pinned them.
pub(super) async fn labels_changed(store: &Store, project: ProjectId) -> Result<bool, StoreError> {
    Ok(store.setting(&setting(project)).await?.is_some())
}

/// A person has pinned the labels anew: they are trusted again.
pub async fn trust_labels(store: &Store, project: ProjectId) -> Result<(), StoreError> {
    store.remove_setting(&setting(project)).await
}

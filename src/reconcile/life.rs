//! What a look reads besides the issue, and only when it is due: whether the people behind an active credential are
//! still here, when it was last used, and who is in a group that is to be reminded. None of it depends on whether GitLab
//! shows us the issue.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::context::Context;
use super::credentials;
use super::provisioners;
use super::reading::is_undecided;
use crate::directory::{DirectoryError, Freshness};
use crate::domain::decide::{people_behind, wants_group, wants_last_use, wants_people};
use crate::domain::ids::UserId;
use crate::domain::notice::{About, Notice};
use crate::domain::policy::Instance;
use crate::domain::snapshot::{IssueView, People, Presence, Snapshot, Standing};
use crate::vendors::VendorError;

/// Reads what is due.
pub(super) async fn find(context: &Context, snapshot: &mut Snapshot) {
    let now = context.now();
    let Some(record) = snapshot.record.clone() else { return };
    if wants_people(snapshot, &context.policy, now)
        && let Some((requester, manager)) = people_behind(&record)
    {
        let (requester, manager) = tokio::join!(
            biased;
            presence(context, snapshot, requester),
            presence(context, snapshot, manager),
        );
        let people = People { requester, manager };
        snapshot.people = Some(people);
        if !is_everybody_here(people) {
            let issued = record.issued.as_ref().and_then(|terms| context.policy.instance(&terms.instance));
            snapshot.group_provisioners = group_provisioners(context, snapshot, issued).await;
        }
    }
    if let Some(awaited) = wants_group(snapshot, &context.policy, now) {
        snapshot.group_provisioners = group_provisioners(context, snapshot, Some(awaited)).await;
    }
    if wants_last_use(snapshot, &context.policy, now) {
        snapshot.last_used = last_used(context, snapshot).await;
    }
    if matches!(snapshot.issue, IssueView::Seen(_)) && !is_undecided(snapshot) {
        snapshot.parties.names = names(context, snapshot).await;
    }
}

fn is_everybody_here(people: People) -> bool {
    people.requester.is_here() && people.manager.is_here()
}

/// Who is told besides those of the list. A group that cannot be read is asked for again with a later look.
async fn group_provisioners(
    context: &Context,
    snapshot: &Snapshot,
    instance: Option<&Instance>,
) -> Vec<UserId> {
    let Some(instance) = instance else { return Vec::new() };
    match provisioners::of_groups(context, instance).await {
        Ok(people) => people,
        Err(error) => {
            tracing::warn!(issue.key = %snapshot.key, error = %error, "a group of provisioners could not be read");
            Vec::new()
        }
    }
}

/// When what was handed over was last used; not known where Zendesk cannot be asked.
async fn last_used(context: &Context, snapshot: &Snapshot) -> Option<Timestamp> {
    let attempt = snapshot.attempts.iter().find(|attempt| attempt.is_live())?;
    let zendesk = context.zendesk.get(&attempt.instance)?;
    match credentials::last_used(zendesk, attempt).await {
        Ok(last_used) => last_used,
        Err(error) => {
            tracing::warn!(issue.key = %snapshot.key, error = %error, "when it was last used cannot be seen");
            None
        }
    }
}

async fn presence(context: &Context, snapshot: &Snapshot, person: UserId) -> Presence {
    let (directory, account) = tokio::join!(
        biased;
        context.directory.person_by_gitlab_id(person, Freshness::Now),
        context.gitlab.account(snapshot.key.project, person)
    );
    let directory = match directory {
        Ok(found) if found.person.active => Standing::Here,
        Ok(_) => Standing::Inactive,
        Err(DirectoryError::NotFound) => Standing::Absent,
        Err(_) => Standing::Unknown,
    };
    let account = match account {
        Ok(account) => {
            context.note_name(person, &account.username);
            if account.active { Standing::Here } else { Standing::Inactive }
        }
        Err(VendorError::NotFound { .. }) => Standing::Absent,
        Err(_) => Standing::Unknown,
    };
    Presence { directory, account }
}

/// The names of whoever the comment mentions, once nothing is decided any more.
async fn names(context: &Context, snapshot: &Snapshot) -> BTreeMap<UserId, String> {
    let Some(record) = &snapshot.record else { return BTreeMap::new() };
    let Some(terms) = &record.issued else { return BTreeMap::new() };
    let mut people = vec![terms.beneficiary];
    people.extend(record.notices.iter().map(|notice| notice.to));
    let pins = snapshot.project.pins.as_ref();
    let revoke = pins.and_then(|pins| pins.revoke.as_ref());
    let labelled =
        snapshot.events.iter().any(|event| event.label.is_some() && event.label == revoke.map(|pin| pin.id));
    let of_the_holder = |notice: &Notice| matches!(notice.about, About::ByHand { .. } | About::Ended);
    let told = !snapshot.orders.is_empty() || record.notices.iter().any(of_the_holder);
    // Seen to have left by this very look: the comment names them before the record does.
    let leaving = snapshot.people.is_some_and(|people| !is_everybody_here(people));
    if labelled || told || leaving || !record.leavers.is_empty() {
        people.push(record.author);
        people.extend(people_behind(record).map(|(_, manager)| manager));
        let instance = context.policy.instance(&terms.instance);
        people.extend(instance.iter().flat_map(|instance| instance.provisioners.iter().copied()));
    }
    people.sort_unstable();
    people.dedup();
    context.names(&people).await
}

//! Which earlier request a form names: looked up in our own memory, whatever its issue says now.

use super::context::Context;
use super::reading::is_undecided;
use crate::domain::extension::{Earlier, Reference, reference};
use crate::domain::form::{self, Answer, Field};
use crate::domain::ids::IssueKey;
use crate::domain::snapshot::{IssueView, Predecessor, Snapshot};
use crate::store::StoreError;

/// Finds the earlier request, while anything is still to be decided.
pub(super) async fn find(context: &Context, snapshot: &mut Snapshot) -> Result<(), StoreError> {
    let IssueView::Seen(issue) = &snapshot.issue else { return Ok(()) };
    if !is_undecided(snapshot) {
        return Ok(());
    }
    let answers = form::read(&issue.description, &context.policy.titles);
    let named = answers.by_field.get(&Field::Replaces).map(Answer::whole);
    let Some(reference) = named.and_then(|text| reference(&text)) else { return Ok(()) };
    let Some(key) = key(context, snapshot, (&reference, &issue.url)).await? else { return Ok(()) };
    let Some(record) = context.store.request(key).await?.and_then(|row| row.record) else { return Ok(()) };
    snapshot.predecessor = Predecessor::Found(Box::new(Earlier {
        key,
        issue: record.issue,
        url: record.url,
        generation: record.generation,
        phase: record.phase,
        issued: record.issued,
    }));
    Ok(())
}

/// An address counts only if it is of the GitLab that the new issue is on, and of a project that was set up.
async fn key(
    context: &Context,
    snapshot: &Snapshot,
    (reference, url): (&Reference, &str),
) -> Result<Option<IssueKey>, StoreError> {
    match reference {
        Reference::Number(iid) => Ok(Some(IssueKey { project: snapshot.key.project, iid: *iid })),
        Reference::Address { project, iid } => {
            let projects = context.store.projects().await?;
            let own = projects.iter().find(|one| one.id == snapshot.key.project);
            // The address of our own project, as GitLab writes it, tells where GitLab is.
            let base = own.and_then(|own| url.split_once("/-/")?.0.strip_suffix(own.path.as_str()));
            let named = base.and_then(|base| project.strip_prefix(base));
            let found = projects.iter().find(|one| Some(one.path.as_str()) == named);
            Ok(found.map(|one| IssueKey { project: one.id, iid: *iid }))
        }
    }
}

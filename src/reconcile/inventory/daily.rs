//! The inventory of every day: issues, ledger and Zendesk held against each other, written down, and alarmed on where
//! they tell different stories.
//!
//! Something foreign that was there yesterday is no alarm of today; something foreign that is new is one. Whoever
//! comes first takes the run of an instance's day, however many processes there are.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Orphans, take};
use crate::domain::ids::CredentialId;
use crate::domain::inventory::summary::AuditLogRead;
use crate::domain::inventory::{Finding, Line, ListedKind, Standing, Summary};
use crate::domain::policy::Instance;
use crate::reconcile::context::Context;
use crate::reconcile::retire;
use crate::store::{Entry, InventoryRun, StoreError};

/// As many lines of an inventory are written down; the sums are of all.
const KEPT: usize = 100;

/// The first run looks so far back into Zendesk's audit log.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Each next one from the begin of the one before, and this much earlier.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// What a run gathers.
#[derive(Default)]
struct Gathered {
    differences: Vec<Value>,
    more: usize,
    foreign: BTreeSet<String>,
    /// Of what is ours: the beginning that Zendesk shows.
    beginnings: Vec<(CredentialId, String)>,
}

impl Gathered {
    fn take(&mut self, line: &Line) {
        if line.standing == Standing::Foreign {
            self.foreign.insert(name(line));
        }
        if let (Standing::Ours, ListedKind::ApiToken, Some(visible)) =
            (line.standing, line.kind, &line.visible)
        {
            self.beginnings.push((line.id, visible.clone()));
        }
        let differs: Vec<&str> = line
            .findings
            .iter()
            .filter(|finding| finding.is_difference())
            .map(|finding| finding.key())
            .collect();
        if differs.is_empty() {
            return;
        }
        if self.differences.len() == KEPT {
            self.more += 1;
            return;
        }
        self.differences
            .push(json!({"kind": line.kind, "id": line.id, "name": line.name, "findings": differs,
            "issue": line.issue, "creator": line.creator}));
    }
}

fn name(line: &Line) -> String {
    format!("{}/{}", line.kind.key(), line.id)
}

/// Takes the inventory of every instance whose run of today nobody took yet.
pub async fn daily(context: &Context) -> Result<(), StoreError> {
    let mut taken = false;
    let day = context.now().to_zoned(TimeZone::UTC).date();
    for instance in &context.policy.instances {
        let last = context.store.last_inventory(&instance.key).await?;
        if last.is_some_and(|run| run.day >= day) {
            continue;
        }
        if context.store.begin_inventory(&instance.key, day).await? {
            let (document, entry) = run(context, instance).await?;
            context.store.finish_inventory((&instance.key, day), &document, entry).await?;
            taken = true;
        }
    }
    if taken && let Err(error) = retire::follow(context).await {
        tracing::warn!(error = %error, "the campaign against API tokens could not be followed; it is tried tomorrow");
    }
    Ok(())
}

async fn run(context: &Context, instance: &Instance) -> Result<(Value, Entry), StoreError> {
    let before = context.store.last_inventory(&instance.key).await?;
    let mut gathered = Gathered::default();
    let mut orphans = Orphans::of(context, &instance.key);
    let mut tell = |line: &Line| {
        gathered.take(line);
        orphans.see(line);
    };
    let since = before
        .as_ref()
        .map_or_else(|| context.now().checked_sub(BACK), |run| run.begun_at.checked_sub(OVERLAP));
    let summary = take(context, instance, since.unwrap_or_else(|_| context.now()), &mut tell).await?;
    keep_beginnings(context, &gathered).await?;
    orphans.forget_others(context, &summary).await?;
    say_once(context, instance, &summary).await?;
    let known = before.as_ref().and_then(foreign_of);
    let is_new = |name: &&String| known.as_ref().is_some_and(|known| !known.contains(*name));
    let new: Vec<&String> = gathered.foreign.iter().filter(is_new).collect();
    let foreign = remembered(&gathered.foreign, known.as_ref(), &summary);
    let differs = summary.differs() || !new.is_empty();
    let document = json!({
        "listed": summary.listed, "standings": summary.standings, "findings": summary.findings,
        "unreadable": summary.unreadable, "differences": gathered.differences, "and_more": gathered.more,
        "outside": summary.outside, "audit_log": summary.audit_log, "of_ours": summary.of_ours, "new_foreign": new, "foreign": foreign, "differs": differs,
    });
    if differs {
        let found: Vec<String> = summary
            .findings
            .iter()
            .filter(|(finding, _)| finding.is_difference())
            .map(|(finding, count)| format!("{} {count}", finding.key()))
            .collect();
        tracing::error!(
            instance = instance.key,
            found = found.join(", "),
            new_foreign = new.len(),
            "issues, ledger and Zendesk tell different stories: see `countersign inventory`"
        );
    }
    let detail = json!({"instance": instance.key, "findings": summary.findings, "unreadable": summary.unreadable,
        "differences": gathered.differences, "and_more": gathered.more, "outside": summary.outside, "new_foreign": new});
    Ok((document, Entry { kind: "inventory.taken".into(), key: None, detail }))
}

/// A leaked token is often known by its beginning alone: kept while Zendesk still shows it.
async fn keep_beginnings(context: &Context, gathered: &Gathered) -> Result<(), StoreError> {
    for (credential, visible) in &gathered.beginnings {
        context.store.keep_visible(*credential, visible).await?;
    }
    Ok(())
}

/// That an account has no audit log is said once, and never again.
async fn say_once(context: &Context, instance: &Instance, summary: &Summary) -> Result<(), StoreError> {
    if summary.audit_log != AuditLogRead::NotInPlan {
        return Ok(());
    }
    let setting = format!("no_audit_log:{}", instance.key);
    if context.store.setting(&setting).await?.is_none() {
        tracing::warn!(
            instance = instance.key,
            "this Zendesk plan has no audit log: creations by others are only seen as foreign"
        );
        context.store.set_setting(&setting, "said").await?;
    }
    Ok(())
}

/// What is foreign, for the next day to compare with. What could not be read today is what it was before; `None` where
/// that was never read: it is no news then.
fn remembered(
    found: &BTreeSet<String>,
    before: Option<&BTreeSet<String>>,
    summary: &Summary,
) -> Option<BTreeSet<String>> {
    if summary.unreadable.is_empty() {
        return Some(found.clone());
    }
    before.map(|before| before.union(found).cloned().collect())
}

fn foreign_of(run: &InventoryRun) -> Option<BTreeSet<String>> {
    let names = run.document["foreign"].as_array()?.iter();
    Some(names.filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// A line for people: what the last run of an instance found; `None` where it found nothing that differs.
pub fn told(run: &InventoryRun) -> Option<String> {
    if run.document["differs"] != json!(true) {
        return None;
    }
    let count = |finding: &Finding| run.document["findings"][finding.key()].as_u64().unwrap_or_default();
    let mut found: Vec<String> = Finding::ALL
        .iter()
        .filter(|finding| finding.is_difference() && count(finding) > 0)
        .map(|finding| format!("{} {}", finding.key(), count(finding)))
        .collect();
    let new = run.document["new_foreign"].as_array().map_or(0, Vec::len);
    if new > 0 {
        found.push(format!("new foreign {new}"));
    }
    Some(format!(
        "The inventory of {} of {} found: {}. See `countersign inventory --instance {}`.",
        run.instance,
        run.day,
        found.join(", "),
        run.instance
    ))
}

/// How often it is looked whether a day began whose inventory nobody took.
const ASKED: std::time::Duration = std::time::Duration::from_mins(10);

/// Takes the inventory of every day until told to stop.
pub async fn keep_daily(context: std::sync::Arc<Context>, stop: tokio_util::sync::CancellationToken) {
    while !stop.is_cancelled() {
        let work = daily(&context);
        tokio::select! {
            () = stop.cancelled() => return,
            done = work => if let Err(error) = done {
                tracing::error!(error = %error, "the inventory of the day could not be taken; it is tried again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(ASKED) => {}
        }
    }
}

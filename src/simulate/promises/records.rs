//! Promises 4 and 7: acknowledged webhooks have had their look, and the audit chain is whole and says what happened.

use super::super::facts::Token;
use super::super::people::key;
use super::super::scene::{Fault, Scene};
use super::super::trouble::{Target, issue_of};
use super::Promise;
use crate::sandbox::seed::PROJECT;

impl Scene {
    /// The scene rests: whatever was acknowledged was looked at since, or is written down to be.
    pub(in super::super) async fn at_rest(&mut self) -> Result<(), Fault> {
        let now = self.now();
        for (iid, since) in std::mem::take(&mut self.facts.acknowledged) {
            if self.was_read(iid, since) {
                self.checked(Promise::Hint);
            } else if self.books.owes_a_look(iid, now).await? {
                self.facts.acknowledged.push((iid, since));
            } else {
                self.breaks(
                    Promise::Hint,
                    format!("a webhook about #{iid} was acknowledged, and nobody looked"),
                );
            }
        }
        self.promise_what_is_active();
        self.what_has_ended_is_dead();
        Ok(())
    }

    /// At a quiet end nothing is owed any more.
    pub(in super::super) fn nothing_is_owed(&mut self) {
        self.checked(Promise::Hint);
        if let Some((iid, _)) = self.facts.acknowledged.first() {
            self.breaks(Promise::Hint, format!("a webhook about #{iid} was acknowledged, and nobody looked"));
        }
    }

    /// Whether the issue itself was asked for after so many calls.
    fn was_read(&self, iid: u64, since: usize) -> bool {
        let calls = &self.sandbox.world.calls[since.min(self.sandbox.world.calls.len())..];
        calls.iter().any(|call| {
            let of_issue =
                issue_of(&call.path).is_some_and(|(project, it, _)| (project, it) == (PROJECT, iid));
            of_issue && Target::Issue.has(&call.method, &call.path)
        })
    }

    /// The chain is whole, and has an entry for everything that the vendors know to have happened.
    pub(in super::super) async fn everything_is_written_down(&mut self) -> Result<(), Fault> {
        let running = self.processes.iter().find_map(|process| process.running.as_ref());
        let Some(store) = running.map(|running| running.service.context.store().clone()) else {
            return Ok(());
        };
        self.checked(Promise::WrittenDown);
        if let Err(error) = store.verify().await {
            self.breaks(Promise::WrittenDown, format!("the audit chain is not whole: {error}"));
        }
        for (token, minted) in self.facts.minted.clone() {
            let issue = self.issues.values().find(|issue| issue.id == minted.issue).copied();
            let Some(issue) = issue.filter(|_| self.is_delivered(&token)) else { continue };
            self.checked(Promise::WrittenDown);
            let named = |entries: &[String]| entries.iter().any(|detail| names(detail, &token));
            let place = (issue.project, issue.iid);
            let made = self.books.entries(place, "mint.made").await?;
            if !named(&made) {
                let what = format!("token {} was handed over, and its making is not written down", token.1);
                self.breaks(Promise::WrittenDown, what);
            }
            let gone = self.books.entries(place, "credential.gone").await?;
            let deleted = self.is_deleted(&token);
            if deleted && !named(&gone) && !self.facts.deleted_by_hand.contains(&token) {
                self.breaks(Promise::WrittenDown, format!("token {} is gone, and nothing says so", token.1));
            }
        }
        Ok(())
    }

    /// A look at a request at rest changes nothing.
    pub(in super::super) async fn looking_again_changes_nothing(&mut self) -> Result<(), Fault> {
        // Days have passed, and a date that was good may be none by now: the first look may say so, the second not.
        self.look_at_everything().await?;
        let before = self.sandbox.world.calls.len();
        let comments: Vec<String> = self.issues.values().map(|one| self.comment(*one)).collect();
        self.look_at_everything().await?;
        self.checked(Promise::Comment);
        let changes = self.sandbox.world.calls[before..].iter().find(|call| {
            let asks = call.path.contains("graphql")
                || Target::Grant.has(&call.method, &call.path)
                || call.path.contains("/slack/");
            call.method != "GET" && !asks
        });
        if let Some(call) = changes {
            let mut what = format!("all was quiet, and looking again did {} {}", call.method, call.path);
            for (issue, before) in self.issues.values().zip(&comments) {
                what.extend(difference(before, &self.comment(*issue)));
            }
            self.breaks(Promise::Comment, what);
        }
        Ok(())
    }

    async fn look_at_everything(&mut self) -> Result<(), Fault> {
        let running = self.processes.iter().find_map(|process| process.running.as_ref());
        let Some(store) = running.map(|running| running.service.context.store().clone()) else {
            return Ok(());
        };
        for issue in self.issues.values() {
            store.mark(key(*issue)).await.map_err(Fault::of)?;
        }
        self.stirred += 1;
        let mut chance = super::super::chance::Chance::new(self.seed);
        Box::pin(self.settle(&mut chance)).await
    }
}

/// Whether an entry's detail is about this credential.
fn names(detail: &str, token: &Token) -> bool {
    let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    detail["credential"].as_u64() == Some(token.1)
}

/// The first line that differs, as it was and as it is.
fn difference(before: &str, after: &str) -> Option<String> {
    let (was, is) = before.lines().zip(after.lines()).find(|(was, is)| was != is)?;
    Some(format!("\n  was: {was}\n  is:  {is}"))
}

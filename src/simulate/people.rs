//! What people do, through the vendors' own faces and with their own tokens, and what is written down of it.

use bytes::Bytes;
use http::{Method, Request};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::cast::{Kim, Mika, Person};
use super::chance::Chance;
use super::facts::{Change, Opened, Version};
use super::history::{Act, Label, Name, Pace, Step};
use super::scene::{Fault, Scene};
use super::wish::Wish;
use crate::domain::ids::{IssueKey, ProjectId};
use crate::domain::snapshot::OrderKind;
use crate::sandbox::seed::{BOT, ELSEWHERE, PROJECT};
use crate::sandbox::world::{Effect, Label as OldLabel, LabelEvent, Owner};
use crate::store::NewOrder;

/// What a maintainer makes of our comment.
pub(super) const REWRITTEN: &str = "All is approved, go ahead.";

impl Scene {
    /// Somebody does something. Things that cannot be done do nothing.
    pub(super) async fn act(&mut self, step: &Step, chance: &mut Chance) -> Result<(), Fault> {
        // People take a while, unless two of them are at it at once.
        let hesitation =
            if step.pace == Pace::Hurry { chance.between(0, 2500) } else { chance.between(0, 90_000) };
        self.move_clock(SignedDuration::from_millis(hesitation)).await?;
        match &step.act {
            Act::Open { name, by, wish, label } => self.opens(*name, *by, (*wish, *label)),
            Act::Edit { name, by, wish, label } => self.edits(*name, *by, (*wish, *label)),
            Act::PutOn { name, by, label } => self.changes(*name, *by, &json!({"add_labels": label.title()})),
            Act::TakeOff { name, by, label } => {
                self.changes(*name, *by, &json!({"remove_labels": label.title()}));
            }
            Act::Close { name, by } => self.changes(*name, *by, &json!({"state_event": "close"})),
            Act::Reopen { name, by } => self.changes(*name, *by, &json!({"state_event": "reopen"})),
            Act::Move { name, by } => self.moves_away(*name, *by),
            Act::Say { name, by } => self.says(*name, *by),
            Act::Tamper { name } => self.tampers(*name, false),
            Act::Wipe { name } => self.tampers(*name, true),
            Act::Hidden { name } => self.hidden_events(*name),
            Act::Rename { label } => self.renames(*label),
            Act::Block { who } => self.account(*who, Change::Blocked),
            Act::Unblock { who } => self.account(*who, Change::Unblocked),
            Act::LeaveSlack { who } => self.account(*who, Change::LeftSlack),
            Act::HandMade { name, longer } => self.makes_by_hand(*name, *longer),
            Act::HandMadeClient { name, ours } => self.makes_client_by_hand(*name, *ours),
            Act::Fetch { name } => self.fetches(*name),
            Act::DeleteByHand { name } => self.deletes_by_hand(*name),
            Act::Revoke { name } => return self.order(*name, OrderKind::Revoke).await,
            Act::Retry { name } => return self.order(*name, OrderKind::Retry).await,
            _ => return Ok(()),
        }
        self.acted();
        self.collect_webhooks();
        Ok(())
    }

    /// A call to GitLab by a person; what it answered, if it did it.
    fn ask(&mut self, who: Person, (method, path): (Method, &str), body: &Value) -> Option<Value> {
        let tokens = &self.sandbox.world.gitlab.tokens;
        let token = tokens.iter().find(|token| token.user_id == who.id())?.token.clone();
        let uri = format!("{}/gitlab/api/v4/{path}", self.sandbox.world.base_url);
        let request = Request::builder().method(method).uri(uri).header("private-token", token);
        let request = request.header("content-type", "application/json");
        let request = request.body(Bytes::from(body.to_string())).ok()?;
        let answer = self.sandbox.call(&request, None)?;
        let done = answer.status().is_success();
        done.then(|| serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
    }

    fn opens(&mut self, name: Name, by: Person, (wish, label): (Wish, Option<Label>)) {
        if self.issues.contains_key(&name) {
            return;
        }
        let (text, last_day) = wish.written(self.now());
        let mut body = json!({"title": "Access", "description": text});
        if let Some(label) = label {
            body["labels"] = label.title().into();
        }
        let path = format!("projects/{PROJECT}/issues");
        let Some(issue) = self.ask(by, (Method::POST, &path), &body) else { return };
        let (Some(id), Some(iid)) = (issue["id"].as_u64(), issue["iid"].as_u64()) else { return };
        self.issues.insert(name, Opened { id, project: PROJECT, iid, author: by });
        let (moment, at) = (self.sandbox.world.gitlab.last_id, self.now());
        self.facts.versions.insert(id, vec![Version { moment: id, at, wish, last_day, text }]);
        self.tell(format_args!("#{name} is issue {iid} at {moment}"));
    }

    fn edits(&mut self, name: Name, by: Person, (wish, label): (Wish, Option<Label>)) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let (text, last_day) = wish.written(self.now());
        let command = label.map(|label| format!("\n/label ~\"{}\"", label.title())).unwrap_or_default();
        let (before, at) = (self.sandbox.world.gitlab.last_id, self.now());
        self.changes(name, by, &json!({"description": format!("{text}{command}")}));
        let present =
            self.sandbox.world.gitlab.issues.get(&issue.id).and_then(|issue| issue.description.clone());
        let Some(text) = present else { return };
        let versions = self.facts.versions.entry(issue.id).or_default();
        if versions.last().is_some_and(|last| last.text == text) {
            return;
        }
        // The text is there before any event of the same edit.
        versions.push(Version { moment: before + 1, at, wish, last_day, text });
    }

    fn changes(&mut self, name: Name, by: Person, body: &Value) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let path = format!("projects/{}/issues/{}", issue.project, issue.iid);
        self.ask(by, (Method::PUT, &path), body);
    }

    pub(super) fn closes(&mut self, name: Name, by: Person) {
        self.changes(name, by, &json!({"state_event": "close"}));
    }

    fn moves_away(&mut self, name: Name, by: Person) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let path = format!("projects/{}/issues/{}/move", issue.project, issue.iid);
        self.ask(by, (Method::POST, &path), &json!({"to_project_id": ELSEWHERE}));
    }

    fn says(&mut self, name: Name, by: Person) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let path = format!("projects/{}/issues/{}/notes", issue.project, issue.iid);
        self.ask(by, (Method::POST, &path), &json!({"body": "Is there any news?"}));
    }

    /// A maintainer can rewrite and delete what we wrote.
    fn tampers(&mut self, name: Name, deletes: bool) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let notes = &self.sandbox.world.gitlab.notes;
        let ours = |note: &&crate::sandbox::world::Note| {
            note.issue_id == issue.id && note.author_id == BOT && !note.system
        };
        let Some(note) = notes.values().find(ours).map(|note| note.id) else { return };
        let path = format!("projects/{}/issues/{}/notes/{note}", issue.project, issue.iid);
        let method = if deletes { Method::DELETE } else { Method::PUT };
        let at_rest = self.is_at_rest(issue);
        self.ask(Mika, (method, &path), &json!({"body": REWRITTEN}));
        self.facts.tampered.insert(issue.id);
        if at_rest {
            self.facts.tampered_at_rest.insert(issue.id);
        }
    }

    /// Events of a label that our account may not see: they make pages short.
    fn hidden_events(&mut self, name: Name) {
        let Some(issue) = self.issues.get(&name).copied() else { return };
        let (now, gitlab) = (self.now(), &mut self.sandbox.world.gitlab);
        let label = gitlab.fresh_id();
        let (color, of) = ("#000000".to_owned(), Owner::Project(PROJECT));
        let title = format!("elsewhere-{label}");
        let hidden = OldLabel {
            id: label,
            name: title,
            color,
            description: None,
            of,
            created_at: now,
            updated_at: now,
            hidden: true,
        };
        gitlab.labels.insert(label, hidden);
        for round in 0..100 {
            let id = gitlab.fresh_id();
            let action = if round % 2 == 0 { Effect::Add } else { Effect::Remove };
            let (issue_id, user_id, label_id) = (issue.id, Kim.id(), Some(label));
            gitlab
                .label_events
                .insert(id, LabelEvent { id, issue_id, user_id, label_id, action, created_at: now });
        }
    }

    fn renames(&mut self, label: Label) {
        let Some(id) = self.facts.labels.get(&label).copied() else { return };
        let path = format!("projects/{PROJECT}/labels/{id}");
        if self
            .ask(Mika, (Method::PUT, &path), &json!({"new_name": format!("not-{}", label.title())}))
            .is_some()
        {
            let moment = self.sandbox.world.gitlab.fresh_id();
            self.facts.relabelled.get_or_insert(moment);
        }
    }

    fn account(&mut self, who: Person, change: Change) {
        let world = &mut self.sandbox.world;
        match change {
            Change::Blocked | Change::Unblocked => {
                let state = if change == Change::Blocked { "blocked" } else { "active" };
                if let Some(user) = world.gitlab.users.get_mut(&who.id()) {
                    state.clone_into(&mut user.state);
                }
            }
            Change::LeftSlack => {
                for person in world.slack.people.iter_mut().filter(|person| person.name == who.username()) {
                    person.deleted = true;
                }
            }
        }
        let moment = world.gitlab.fresh_id();
        self.facts.people.push((moment, who, change));
    }

    async fn order(&mut self, name: Name, kind: OrderKind) -> Result<(), Fault> {
        let Some(issue) = self.issues.get(&name).copied() else { return Ok(()) };
        let running = self.processes.iter().find_map(|process| process.running.as_ref());
        let Some(store) = running.map(|running| running.service.context.store().clone()) else {
            return Ok(());
        };
        let key = key(issue);
        // The command line refuses orders about what was never seen.
        if store.request(key).await.map_err(Fault::of)?.is_none_or(|row| row.record.is_none()) {
            return Ok(());
        }
        let (why, by) = ("as simulated".to_owned(), "operator".to_owned());
        store.give_order(NewOrder { key, kind, why, by }).await.map_err(Fault::of)?;
        if kind == OrderKind::Revoke {
            self.facts.revoked.insert(issue.id);
        }
        self.acted();
        Ok(())
    }
}

/// As the program knows an issue.
pub(super) fn key(issue: Opened) -> IssueKey {
    let number = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    IssueKey { project: ProjectId(number(issue.project)), iid: number(issue.iid) }
}

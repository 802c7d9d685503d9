//! Snapshots for tests: a look at a sound request, to which a test adds the one thing it is about.
//!
//! `Look::at("2026-12-01T09:00Z").labelled(MANAGER, "2026-12-01T08:00Z").decide()` reads as it happens. A look
//! leads to the next one by [`Look::after`] (nothing of the plan was carried out) or [`Look::carried_out`].

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::approval::{Approver, Case, Verdict, judge_manager, judge_provisioner};
use super::decide::decide;
use super::form::{Field, Titles};
use super::ids::{
    CredentialId, Email, EventId, IssueId, IssueKey, LabelId, ProjectId, SlackUserId, UserId, ZendeskUserId,
};
use super::observed::{Account, Edit, Issue, LabelEvent, Listed, Membership, SlackPerson};
use super::phase::{Closing, Phase};
use super::plan::{Action, Mint, Plan};
use super::policy::{Instance, OnIncomplete, Pin, Pins, Policy};
use super::record::{Attempt, AttemptState, Authority, Delivery, Record, Slot};
use super::snapshot::{
    Doubt, IssueView, Manager, Order, OrderKind, Origin, Parties, Pause, Person, Predecessor, Project,
    Snapshot,
};
use super::terms::{Kind, Terms};

pub(crate) const AUTHOR: UserId = UserId(10);
pub(crate) const MANAGER: UserId = UserId(20);
pub(crate) const PROVISIONER: UserId = UserId(30);
pub(crate) const STRANGER: UserId = UserId(40);
pub(crate) const OURSELVES: UserId = UserId(90);
pub(crate) const ISSUE: IssueId = IssueId(7000);
pub(crate) const MARKER: &str = "<!-- countersign: API_Token_Request -->";
pub(crate) const URL: &str = "https://gitlab.example/team/access/-/issues/7";
/// When the issue of every look was opened.
pub(crate) const CREATED: &str = "2026-12-01T08:00:00Z";
/// When the credential of the sound form ends.
pub(crate) const ENDS: &str = "2027-03-02T00:00:00Z";

pub(crate) const MANAGER_LABEL: &str = "manager-approved";
pub(crate) const PROVISIONER_LABEL: &str = "provisioner-approved";
pub(crate) const REVOKE_LABEL: &str = "revoke";
pub(crate) const DENIED_LABEL: &str = "denied";

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn titles() -> Titles {
    let one = |(field, title): (Field, &str)| (field, vec![title.to_owned()]);
    Field::ALL.map(|field| one((field, title(field)))).into_iter().collect()
}

/// The title of the shipped template.
pub(crate) fn title(field: Field) -> &'static str {
    match field {
        Field::Instance => "Zendesk instance",
        Field::Kind => "Kind of credential",
        Field::Purpose => "Business purpose",
        Field::AdminAccess => "Why admin access is needed",
        Field::Scopes => "Scopes",
        Field::RemoveOn => "Remove on",
        Field::Replaces => "Replaces",
        Field::Requester => "Requester",
    }
}

/// What a sound form says.
pub(crate) fn answer(field: Field) -> &'static str {
    match field {
        Field::Instance => "- [x] Zendesk Global\n- [ ] Zendesk US Government",
        Field::Kind => "- [x] API token",
        Field::Purpose => "Nightly export of tickets",
        Field::AdminAccess => "The export reads every ticket",
        Field::RemoveOn => "2027-03-01",
        Field::Scopes | Field::Replaces | Field::Requester => "",
    }
}

/// A sound form in the order of the template, with these answers in place of its own.
pub(crate) fn form(changes: &[(Field, &str)]) -> String {
    let answer_of = |field: Field| {
        changes.iter().find(|(changed, _)| *changed == field).map_or(answer(field), |(_, text)| text)
    };
    let sections = Field::ALL.map(|field| format!("### {}\n\n{}\n", title(field), answer_of(field)));
    format!("{MARKER}\n\n{}", sections.join("\n"))
}

pub(crate) fn policy() -> Policy {
    let instance = |key: &str, name: &str, provisioners: Vec<UserId>| Instance {
        key: key.to_owned(),
        name: name.to_owned(),
        url: format!("https://{key}.zendesk.example"),
        kinds: vec![Kind::ApiToken],
        provisioners,
        provisioner_groups: vec![],
        integrations: false,
        integration_user: None,
        sensitive_scopes: vec![],
        delete_after_days: 0,
        name_template: "{issue_url}".to_owned(),
        exceptions: vec![],
    };
    Policy {
        projects: vec!["company/access-requests".to_owned()],
        installation: "installation-1".to_owned(),
        marker: MARKER.to_owned(),
        titles: titles(),
        zone: jiff::tz::TimeZone::UTC,
        max_lifetime_days: 365,
        on_incomplete: OnIncomplete::Close,
        approval_max_age: jiff::SignedDuration::from_hours(14 * 24),
        pending_max: jiff::SignedDuration::from_hours(30 * 24),
        minimum_access_level: 15,
        absence: crate::domain::policy::Absence::none(),
        ending: crate::domain::policy::Ending::quiet(),
        instances: vec![
            instance("global", "Zendesk Global", vec![PROVISIONER, MANAGER]),
            instance("government", "Zendesk US Government", vec![]),
        ],
    }
}

/// The same, with every kind and integrations at Zendesk Global.
pub(crate) fn policy_of_every_kind() -> Policy {
    let mut policy = policy();
    policy.instances[0].kinds = Kind::ALL.to_vec();
    policy.instances[0].integrations = true;
    policy
}

pub(crate) fn pins() -> Pins {
    let pin = |id: i64, name: &str| Pin { id: LabelId(id), name: name.to_owned() };
    Pins {
        manager: pin(1, MANAGER_LABEL),
        provisioner: pin(2, PROVISIONER_LABEL),
        denied: Some(pin(3, DENIED_LABEL)),
        revoke: Some(pin(4, REVOKE_LABEL)),
    }
}

pub(crate) fn account(id: UserId) -> Account {
    let membership = Membership { access_level: 30, expires_on: None, active: true };
    Account {
        id,
        username: format!("user{id}"),
        bot: id == OURSELVES,
        active: true,
        membership: Some(membership),
    }
}

pub(crate) fn authority() -> Authority {
    Authority { source: "file".to_owned(), value: "manager".to_owned(), read_at: time(CREATED) }
}

/// The terms of the sound form.
pub(crate) fn terms() -> Terms {
    let plan = Look::at("2026-12-01T09:00Z").decide();
    plan.status.terms.expect("the sound form has terms")
}

pub(crate) fn attempt(number: u32, state: AttemptState) -> Attempt {
    let made = !matches!(state, AttemptState::Intended | AttemptState::NotMade | AttemptState::NotFound);
    let sent = matches!(state, AttemptState::Sending | AttemptState::Delivered);
    let intent_at = time("2026-12-01T09:00Z");
    let message = (state == AttemptState::Delivered).then(|| "1796.0001".to_owned());
    Attempt {
        number,
        generation: 1,
        nonce: format!("nonce{number}"),
        instance: "global".to_owned(),
        kind: Kind::ApiToken,
        name: URL.to_owned(),
        identifier: None,
        owner: ZendeskUserId(500),
        listed_before: Vec::new(),
        intent_at,
        deadline: time("2026-12-01T09:00:30Z"),
        state,
        credential: made.then_some(CredentialId(i64::from(number) + 900)),
        tokens: Vec::new(),
        secret_discarded_at: None,
        minted_at: made.then_some(intent_at),
        seen_listed: false,
        found_gone: false,
        missing_since: None,
        switched_off_at: None,
        touched: false,
        delivery: sent.then(|| Delivery {
            id: format!("delivery{number}"),
            channel: "D1".to_owned(),
            slack_user: SlackUserId("U10".to_owned()),
            sent_at: time("2026-12-01T09:00:10Z"),
            message,
        }),
        looks: Vec::new(),
        failures: 0,
        not_before: None,
    }
}

/// A token as Zendesk lists it: ours, of the first attempt.
pub(crate) fn token(id: i64) -> Listed {
    Listed {
        id: CredentialId(id),
        name: URL.to_owned(),
        identifier: None,
        creator: Some(ZendeskUserId(500)),
        active: true,
        created_at: Some(time("2026-12-01T09:00:05Z")),
        last_used: None,
    }
}

/// A look in the making.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) snapshot: Snapshot,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
}

impl Look {
    /// The first look at a sound request without labels.
    pub(crate) fn at(now: &str) -> Self {
        Self { snapshot: sound(), policy: policy(), now: time(now) }
    }

    /// A request that both people approved.
    pub(crate) fn approved(now: &str) -> Self {
        Self::at(now)
            .labelled(MANAGER, "2026-12-01T08:10Z")
            .labelled_by_provisioner(PROVISIONER, "2026-12-01T08:20Z")
    }

    /// A request in that phase with that ledger, approved in the first generation.
    pub(crate) fn in_phase(now: &str, phase: Phase, attempts: Vec<Attempt>) -> Self {
        let approved = Self::approved(now);
        let mut record = approved.decide().record.expect("it is a request");
        record.phase = phase;
        record.issued = (!attempts.is_empty()).then(terms);
        approved.remembering(record).ledger(attempts)
    }

    pub(crate) fn issue(&mut self) -> &mut Issue {
        match &mut self.snapshot.issue {
            IssueView::Seen(issue) => issue,
            other => panic!("the issue is {other:?}"),
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn later(mut self, now: &str) -> Self {
        self.now = time(now);
        self
    }

    pub(crate) fn described(mut self, text: &str) -> Self {
        text.clone_into(&mut self.issue().description);
        self
    }

    /// The sound form with these answers, edited at that time.
    pub(crate) fn edited(mut self, changes: &[(Field, &str)], at: &str) -> Self {
        self.snapshot.last_edit = Some(Edit { at: time(at), by: Some(AUTHOR) });
        self.described(&form(changes))
    }

    /// The manager's label is put on.
    pub(crate) fn labelled(self, by: UserId, at: &str) -> Self {
        self.label(&pins().manager, by, at)
    }

    /// The provisioner's label is put on.
    pub(crate) fn labelled_by_provisioner(self, by: UserId, at: &str) -> Self {
        self.label(&pins().provisioner, by, at)
    }

    /// The label that denies is put on.
    pub(crate) fn denied(self, by: UserId, at: &str) -> Self {
        self.label(&pins().denied.expect("the tests pin one"), by, at)
    }

    /// The label that revokes is put on.
    pub(crate) fn revoked(self, by: UserId, at: &str) -> Self {
        self.label(&pins().revoke.expect("the tests pin one"), by, at)
    }

    pub(crate) fn label(mut self, pin: &Pin, by: UserId, at: &str) -> Self {
        self.event(pin, by, (at, true));
        if !self.issue().labels.contains(&pin.name) {
            let name = pin.name.clone();
            self.issue().labels.push(name);
        }
        self
    }

    pub(crate) fn unlabel(mut self, pin: &Pin, by: UserId, at: &str) -> Self {
        self.event(pin, by, (at, false));
        self.issue().labels.retain(|name| *name != pin.name);
        self
    }

    fn event(&mut self, pin: &Pin, by: UserId, (at, added): (&str, bool)) {
        let id = EventId(self.snapshot.events.iter().map(|event| event.id.0).max().unwrap_or(100) + 1);
        let (actor, at, label) = (Some(by), time(at), Some(pin.id));
        self.snapshot.events.push(LabelEvent { id, issue: ISSUE, actor, at, label, added });
    }

    pub(crate) fn closed(mut self, by: UserId) -> Self {
        (self.issue().open, self.issue().closed_by) = (false, Some(by));
        self
    }

    pub(crate) fn reopened(mut self) -> Self {
        (self.issue().open, self.issue().closed_by) = (true, None);
        self
    }

    pub(crate) fn gone(mut self) -> Self {
        self.snapshot.issue = IssueView::Gone;
        self
    }

    pub(crate) fn unanswered(mut self) -> Self {
        self.snapshot.issue = IssueView::Unknown;
        self
    }

    pub(crate) fn halted(mut self) -> Self {
        self.snapshot.halted = Some("a twin".to_owned());
        self
    }

    pub(crate) fn paused(mut self) -> Self {
        let (why, by) = ("an incident".to_owned(), "operator".to_owned());
        self.snapshot.paused = Some(Pause { why, by, since: self.now });
        self
    }

    pub(crate) fn ordered(mut self, kind: OrderKind) -> Self {
        let id = format!("order{}", self.snapshot.orders.len());
        let (why, by) = ("because".to_owned(), "operator".to_owned());
        self.snapshot.orders.push(Order { id, kind, why, by });
        self
    }

    pub(crate) fn account(mut self, id: UserId, change: impl FnOnce(&mut Account)) -> Self {
        let mut changed = account(id);
        change(&mut changed);
        self.snapshot.accounts.insert(id, Ok(changed));
        self
    }

    pub(crate) fn in_hand(mut self, attempt: u32) -> Self {
        self.snapshot.in_hand = Some(attempt);
        self
    }

    pub(crate) fn remembering(mut self, record: Record) -> Self {
        self.snapshot.record = Some(record);
        self
    }

    pub(crate) fn ledger(mut self, attempts: Vec<Attempt>) -> Self {
        self.snapshot.attempts = attempts;
        self
    }

    pub(crate) fn decide(&self) -> Plan {
        decide(&self.snapshot, &self.policy, self.now)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.decide().record.expect("it is a request").phase
    }

    /// The next look, when nothing of the plan was carried out, but all of it remembered.
    pub(crate) fn after(mut self, now: &str) -> Self {
        let plan = self.decide();
        self.remember(&plan);
        self.later(now)
    }

    /// The next look, when labels were taken off, the issue was closed, and a mint was begun.
    pub(crate) fn carried_out(mut self, now: &str) -> Self {
        let plan = self.decide();
        self.remember(&plan);
        let at = self.now.to_string();
        for action in &plan.actions {
            match action {
                Action::RemoveLabel { name } => {
                    let pins = pins();
                    let all = [Some(pins.manager), Some(pins.provisioner), pins.revoke];
                    let pin = all.into_iter().flatten().find(|pin| pin.name == *name);
                    self = self.unlabel(&pin.expect("only these are taken off"), OURSELVES, &at);
                }
                Action::CloseIssue => {
                    self = self.closed(OURSELVES);
                    let record = self.snapshot.record.as_mut().expect("it was remembered");
                    record.phase.set_closing(Closing::Seen);
                }
                Action::Mint(mint) => self.snapshot.attempts.push(intended(mint, self.now)),
                _ => {}
            }
        }
        self.later(now)
    }

    fn remember(&mut self, plan: &Plan) {
        self.snapshot.record.clone_from(&plan.record);
        self.snapshot.orders.retain(|order| !plan.orders_done.contains(&order.id));
        for changed in &plan.attempts {
            let place = self.snapshot.attempts.iter_mut().find(|attempt| attempt.number == changed.number);
            place.expect("only the executor makes rows").clone_from(changed);
        }
    }

    /// What the label of one person amounts to, for empty slots.
    pub(crate) fn verdict(&self, role: Approver) -> Verdict {
        self.verdict_for(role, (&Slot::default(), &Slot::default()))
    }

    /// What a label amounts to, given what is remembered of the manager's and the provisioner's.
    pub(crate) fn verdict_for(&self, role: Approver, (manager, provisioner): (&Slot, &Slot)) -> Verdict {
        let terms = self.terms();
        let IssueView::Seen(issue) = &self.snapshot.issue else { panic!("no issue is seen") };
        let (snapshot, policy, now) = (&self.snapshot, &self.policy, self.now);
        let case = Case { snapshot, issue, author: AUTHOR, escalated: false, policy, terms: &terms, now };
        let pins = self.snapshot.project.pins.clone().expect("the tests pin labels");
        let first = judge_manager(&case, manager, &pins.manager);
        match role {
            Approver::Manager => first,
            Approver::Provisioner => judge_provisioner(&case, provisioner, &pins.provisioner, &first),
        }
    }

    /// The terms of this look, as `decide` finds them.
    pub(crate) fn terms(&self) -> Result<Terms, Doubt> {
        let unlabelled = self.clone().with(|look| look.snapshot.record = None);
        unlabelled.decide().status.terms.ok_or(Doubt::NoForm)
    }
}

/// The row that is written before the call.
pub(crate) fn intended(mint: &Mint, now: Timestamp) -> Attempt {
    let listed_before = mint.listed_before.clone();
    let kind = mint.terms.kind;
    Attempt {
        kind,
        identifier: kind.is_oauth().then(|| format!("countersign_nonce{}", mint.number)),
        generation: mint.generation,
        intent_at: now,
        deadline: now + jiff::SignedDuration::from_secs(30),
        listed_before,
        ..attempt(mint.number, AttemptState::Intended)
    }
}

fn sound() -> Snapshot {
    let key = IssueKey { project: ProjectId(3), iid: 7 };
    let everybody = [AUTHOR, MANAGER, PROVISIONER, STRANGER, OURSELVES];
    Snapshot {
        key,
        project: Project { set_up_at: Some(time("2026-11-01T00:00Z")), pins: Some(pins()), pins_doubt: None },
        adopted: false,
        halted: None,
        clock_is_off: false,
        paused: None,
        ourselves: OURSELVES,
        issue: IssueView::Seen(Box::new(Issue {
            id: ISSUE,
            key,
            url: URL.to_owned(),
            title: "A token".to_owned(),
            description: form(&[]),
            open: true,
            is_issue: true,
            author: Some(AUTHOR),
            created_at: time(CREATED),
            updated_at: time(CREATED),
            closed_by: None,
            labels: Vec::new(),
            moved_to: None,
        })),
        events: Vec::new(),
        last_edit: None,
        last_closing: None,
        origin: Origin::Here,
        accounts: everybody.map(|id| (id, Ok(account(id)))).into_iter().collect(),
        groups: std::collections::BTreeMap::new(),
        last_used: None,
        group_provisioners: Vec::new(),
        comment_changed: false,
        last_words: None,
        parties: Parties {
            beneficiary: Ok(Person {
                id: AUTHOR,
                name: "Ada Lovelace".to_owned(),
                email: Email("ada@example.com".to_owned()),
            }),
            manager: Ok(Manager { id: MANAGER, authority: authority() }),
            ancestors: Ok(Vec::new()),
            slack: Ok(SlackPerson {
                id: SlackUserId("U10".to_owned()),
                team: "T1".to_owned(),
                email: Some(Email("ada@example.com".to_owned())),
                deleted: false,
                bot: false,
                guest: false,
            }),
            owner: Ok(ZendeskUserId(500)),
            names: everybody.map(|id| (id, format!("user{id}"))).into_iter().collect::<BTreeMap<_, _>>(),
        },
        record: None,
        attempts: Vec::new(),
        orders: Vec::new(),
        listing: Some(Ok(Vec::new())),
        handed_over_is_listed: None,
        people: None,
        predecessor: Predecessor::None,
        successors: Vec::new(),
        in_hand: None,
    }
}

/// The kinds of a plan's events, in order.
pub(crate) fn kinds(plan: &Plan) -> Vec<&'static str> {
    plan.events.iter().map(|event| event.kind).collect()
}

/// What a plan mints.
pub(crate) fn mints(plan: &Plan) -> Vec<&Mint> {
    let mut mints = Vec::new();
    for action in &plan.actions {
        if let Action::Mint(mint) = action {
            mints.push(mint.as_ref());
        }
    }
    mints
}

/// The titles of the labels a plan takes off.
pub(crate) fn removed(plan: &Plan) -> Vec<&str> {
    let mut names = Vec::new();
    for action in &plan.actions {
        if let Action::RemoveLabel { name } = action {
            names.push(name.as_str());
        }
    }
    names
}

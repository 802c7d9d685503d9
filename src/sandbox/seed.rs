//! The world as it is before anybody did anything.
//!
//! A project without labels, template or hook (making those is what `countersign setup` does), a few ordinary
//! issues, people of every role, and people with whom something is wrong. Ids are fixed; tokens are random.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::clock::{AdjustableClock, SharedRandomness};
use crate::sandbox::times;
use crate::sandbox::world::{
    AccessToken, Account, Agent, ApiToken, Bearer, Channel, Client, Effect, GitLab, Group, Issue, Label,
    LabelEvent, Member, Owner, Person, Project, Quirks, Slack, StoredFile, User, World,
};

/// The group `company`.
pub(crate) const GROUP: u64 = 7;
/// `company/access-requests`
pub(crate) const PROJECT: u64 = 42;
/// `company/elsewhere`
pub(crate) const ELSEWHERE: u64 = 43;
/// The address of countersign's own user at Zendesk.
pub(crate) const INTEGRATION: &str = "integration@example.com";
/// The identifier of countersign's own OAuth client at Zendesk.
pub(crate) const CLIENT: &str = "countersign";

/// One line of the cast.
#[derive(Debug)]
pub(crate) struct Character {
    pub(crate) role: &'static str,
    pub(crate) id: u64,
    pub(crate) username: &'static str,
    pub(crate) name: &'static str,
    /// In `company/access-requests`; 0 = not a member of it.
    level: u8,
    /// In `company/elsewhere`.
    elsewhere: u8,
    slack: &'static str,
}

const fn character(
    role: &'static str,
    (id, username, name): (u64, &'static str, &'static str),
    (level, elsewhere): (u8, u8),
    slack: &'static str,
) -> Character {
    Character { role, id, username, name, level, elsewhere, slack }
}

/// Everybody but the bot.
pub(crate) const CAST: [Character; 9] = [
    character("requester", (101, "robin", "Robin Requester"), (20, 20), "U0000ROBIN"),
    character("manager", (102, "kim", "Kim Manager"), (30, 30), "U00000KIM0"),
    character("provisioner", (104, "pat", "Pat Provisioner"), (30, 30), "U00000PAT0"),
    character("colleague", (105, "casey", "Casey Colleague"), (20, 20), "U0000CASEY"),
    character("guest", (106, "gil", "Gil Guest"), (10, 10), "U00000GIL0"),
    character("owner", (107, "oda", "Oda Owner"), (0, 0), "U00000ODA0"),
    character("maintainer", (108, "mika", "Mika Maintainer"), (40, 40), "U0000MIKA0"),
    character("newcomer", (109, "nova", "Nova Newcomer"), (20, 0), "U0000NOVA0"),
    character("contractor", (110, "cory", "Cory Contractor"), (20, 0), "U0000CORY0"),
];

/// The bot's GitLab user id.
pub(crate) const BOT: u64 = 150;

impl Character {
    pub(crate) fn email(&self) -> String {
        format!("{}@example.com", self.username)
    }
}

/// The world at its start.
pub(crate) fn world(base_url: String, clock: Arc<AdjustableClock>, randomness: SharedRandomness) -> World {
    let mut world = World {
        clock,
        randomness,
        base_url,
        gitlab: GitLab { last_id: 1000, ..GitLab::default() },
        zendesk: BTreeMap::new(),
        slack: Slack { team_id: "T0COMPANY0".to_owned(), team: "Company".to_owned(), ..Slack::default() },
        calls: Vec::new(),
        faults: Vec::new(),
        late: Vec::new(),
        record: None,
    };
    populate_gitlab(&mut world);
    for past in OLD_ISSUES {
        old_issue(&mut world, past);
    }
    let global = account(&world, "global", "Zendesk Global", true);
    let government = account(&world, "us-government", "Zendesk US Government", false);
    world.zendesk = BTreeMap::from([(global.key.clone(), global), (government.key.clone(), government)]);
    populate_slack(&mut world);
    world
}

fn ago(world: &World, days: i64) -> Timestamp {
    let now = world.now();
    now.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now)
}

fn populate_gitlab(world: &mut World) {
    let group = Group { id: GROUP, path: "company".to_owned(), name: "Company".to_owned() };
    world.gitlab.groups.insert(GROUP, group);
    for (id, path, name) in
        [(PROJECT, "access-requests", "Access Requests"), (ELSEWHERE, "elsewhere", "Elsewhere")]
    {
        let project = project(world, (id, path, name));
        world.gitlab.projects.insert(id, project);
    }
    for character in &CAST {
        user(world, (character.id, character.username, character.name), &character.email());
        membership(world, Owner::Project(PROJECT), (character.id, character.level));
        membership(world, Owner::Project(ELSEWHERE), (character.id, character.elsewhere));
        personal_token(world, character.id, "glpat");
    }
    membership(world, Owner::Group(GROUP), (107, 50));
    let username = format!("project_{PROJECT}_bot_{}", world.random_text(12).to_lowercase());
    let email = format!("{username}@noreply.example.com");
    user(world, (BOT, &username, "countersign-bot"), &email);
    membership(world, Owner::Project(PROJECT), (BOT, 20));
    personal_token(world, BOT, "glpat");
}

fn project(world: &World, (id, path, name): (u64, &str, &str)) -> Project {
    let readme = StoredFile { content: format!("# {name}\n").into_bytes(), commit: "0".repeat(40) };
    Project {
        id,
        group_id: GROUP,
        path: path.to_owned(),
        name: name.to_owned(),
        full_path: format!("company/{path}"),
        default_branch: "main".to_owned(),
        created_at: ago(world, 400),
        last_iid: 0,
        head: "0".repeat(40),
        protected: true,
        files: BTreeMap::from([("README.md".to_owned(), readme)]),
    }
}

fn user(world: &mut World, (id, username, name): (u64, &str, &str), email: &str) {
    let created_at = ago(world, 300);
    let (username, name, email, state) =
        (username.to_owned(), name.to_owned(), email.to_owned(), "active".to_owned());
    world
        .gitlab
        .users
        .insert(id, User { id, username, name, email, state, bot: id == BOT, unlisted: false, created_at });
}

fn membership(world: &mut World, of: Owner, (user_id, access_level): (u64, u8)) {
    let created_at = ago(world, 290);
    if access_level > 0 {
        world.gitlab.members.push(Member { of, user_id, access_level, expires_at: None, created_at });
    }
}

fn personal_token(world: &mut World, user_id: u64, prefix: &str) {
    let (created_at, expires_at) = (world.now(), times::day(ago(world, -364)));
    world.gitlab.tokens.push(AccessToken {
        id: world.gitlab.last_id + user_id,
        user_id,
        token: format!("{prefix}-{}", world.random_text(20)),
        name: "sandbox".to_owned(),
        scopes: vec!["api".to_owned()],
        created_at,
        last_used_at: None,
        expires_at,
    });
}

/// An issue that is no request: title, days ago, whether it is closed, a label.
type Past = (&'static str, i64, bool, Option<&'static str>);

const OLD_ISSUES: [Past; 3] = [
    ("The link in the README is broken", 120, false, Some("bug")),
    ("Add a template for access requests", 60, true, None),
    ("Who looks after the sandbox instance?", 20, false, None),
];

fn old_issue(world: &mut World, (title, days, closed, label): Past) {
    let at = ago(world, days);
    let labels: Vec<u64> = label.into_iter().map(|name| old_label(world, name, at)).collect();
    let id = world.gitlab.fresh_id();
    let iid = super::gitlab::next_iid(world, PROJECT);
    for label in &labels {
        let (event, label_id) = (world.gitlab.fresh_id(), Some(*label));
        let event = LabelEvent {
            id: event,
            issue_id: id,
            user_id: 105,
            label_id,
            action: Effect::Add,
            created_at: at,
        };
        world.gitlab.label_events.insert(event.id, event);
    }
    let issue = Issue {
        id,
        iid,
        project_id: PROJECT,
        title: title.to_owned(),
        description: Some("Nothing to do with credentials.".to_owned()),
        closed,
        closed_at: closed.then_some(at),
        closed_by: closed.then_some(108),
        created_at: at,
        updated_at: at,
        updated_by: None,
        author_id: 105,
        assignee_ids: Vec::new(),
        labels,
        kind: "issue".to_owned(),
        confidential: false,
        moved_to_id: None,
        last_edited_at: None,
        last_edited_by: None,
    };
    world.gitlab.issues.insert(id, issue);
}

fn old_label(world: &mut World, name: &str, at: Timestamp) -> u64 {
    let id = world.gitlab.fresh_id();
    let (name, color, of) = (name.to_owned(), "#d9534f".to_owned(), Owner::Project(PROJECT));
    let label =
        Label { id, name, color, description: None, of, created_at: at, updated_at: at, hidden: false };
    world.gitlab.labels.insert(id, label);
    id
}

/// An account with an admin, the integration user, and everybody of the cast as an agent.
fn account(world: &World, key: &str, name: &str, creates_api_tokens: bool) -> Account {
    let agent = |id, name: &str, email: String, role: &str| {
        let (name, role) = (name.to_owned(), role.to_owned());
        Agent { id, name, email, role, verified: true, suspended: false }
    };
    let mut agents = vec![
        agent(9001, "Integration bot", INTEGRATION.to_owned(), "admin"),
        agent(9002, "Zendesk Admin", format!("admin-{key}@example.com"), "admin"),
        // Whom OAuth credentials act as, where that is configured: somebody else than who makes them.
        agent(9003, "Systems bot", "systems-bot@example.com".to_owned(), "admin"),
    ];
    agents.extend(CAST.iter().map(|person| agent(9000 + person.id, person.name, person.email(), "agent")));
    let client = client(world, (8001, 9001), CLIENT);
    let tokens = [(8101, 9001, "Integration bot's own login"), (8102, 9002, "Admin's own scripts")];
    let tokens = tokens.map(|(id, user_id, description)| (id, token(world, (id, user_id), description)));
    Account {
        key: key.to_owned(),
        name: name.to_owned(),
        last_id: 10_000,
        creates_api_tokens,
        api_token_cap: 256,
        api_token_access: true,
        has_audit_log: true,
        list_lag_seconds: 0,
        quirks: Quirks::default(),
        agents,
        tokens: BTreeMap::from(tokens),
        clients: BTreeMap::from([(client.id, client)]),
        bearers: BTreeMap::new(),
        audit_log: Vec::new(),
        ever_minted: Vec::new(),
    }
}

/// A confidential client, ninety days old.
pub(crate) fn client(world: &World, (id, user_id): (u64, u64), identifier: &str) -> Client {
    let at = ago(world, 90);
    Client {
        id,
        name: identifier.to_owned(),
        identifier: identifier.to_owned(),
        kind: "confidential".to_owned(),
        description: String::new(),
        company: String::new(),
        redirect_uri: Vec::new(),
        secret: world.random_text(64),
        user_id,
        allowed_scopes: None,
        created_at: at,
        updated_at: at,
        deleted_at: None,
    }
}

/// An access token without an end, as clients of long ago have them.
pub(crate) fn bearer(world: &World, (id, client_id, user_id): (u64, u64, u64)) -> Bearer {
    Bearer {
        id,
        client_id,
        user_id,
        token: world.random_text(64),
        scopes: vec!["read".to_owned()],
        created_at: ago(world, 90),
        expires_at: None,
        used_at: None,
        deleted_at: None,
    }
}

pub(crate) fn token(world: &World, (id, user_id): (u64, u64), description: &str) -> ApiToken {
    let at = ago(world, 90);
    ApiToken {
        id,
        user_id,
        description: description.to_owned(),
        active: true,
        created_at: at,
        updated_at: at,
        last_used: None,
        deleted_at: None,
        secret: world.random_text(40),
    }
}

fn populate_slack(world: &mut World) {
    let updated = world.now().as_second();
    let person = |id: &str, (name, real_name): (&str, &str), token: String| Person {
        id: id.to_owned(),
        name: name.to_owned(),
        real_name: real_name.to_owned(),
        email: format!("{name}@example.com"),
        team_id: world.slack.team_id.clone(),
        token,
        bot_id: None,
        deleted: false,
        is_restricted: name == "cory",
        is_ultra_restricted: false,
        updated,
    };
    let mut people: Vec<Person> = CAST
        .iter()
        .map(|it| person(it.slack, (it.username, it.name), format!("xoxp-{}", world.random_text(40))))
        .collect();
    let mut bot =
        person("U0COUNTERS", ("countersign", "countersign"), format!("xoxb-{}", world.random_text(40)));
    bot.bot_id = Some("B0COUNTERS".to_owned());
    bot.email = String::new();
    people.push(bot);
    let members = CAST.iter().map(|character| character.slack.to_owned()).collect();
    let (id, name) = ("C00GENERAL".to_owned(), "general".to_owned());
    world.slack.channels.push(Channel { id, name, members, created: updated, messages: Vec::new() });
    world.slack.people = people;
}

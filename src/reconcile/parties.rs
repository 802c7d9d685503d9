//! Who a request concerns: the beneficiary, their manager, their Slack account, and our own user at Zendesk.
//!
//! Each step is exact or it is a doubt: nobody is guessed from a part of a name, and no default steps in.

use super::context::Context;
use super::foresight::Early;
use super::observe::{carries, listing, zendesk_doubt};
use crate::directory::{DirectoryError, Found, Freshness};
use crate::domain::form::{self, Field};
use crate::domain::ids::{Email, UserId, ZendeskUserId};
use crate::domain::observed::{Issue, Listed, SlackPerson};
use crate::domain::record::Authority;
use crate::domain::snapshot::{Doubt, Manager, Parties, Person, Role, Snapshot, Vendor};
use crate::domain::terms::Kind;
use crate::planted::{self, Bug};
use crate::vendors::slack::SlackError;

/// Whom a form is for, as far as it says so itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// The issue's author, as fixed at first sight.
    pub(super) author: UserId,
    /// Somebody else, as typed.
    pub(super) requester: Option<String>,
}

/// A kind at an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The instance's key.
    pub(super) instance: String,
    /// What is to be made there.
    pub(super) kind: Kind,
}

/// What an instance says.
pub(super) struct AtInstance {
    /// Who would own it there.
    owner: Result<ZendeskUserId, Doubt>,
    /// What is listed there, where it was asked for.
    listing: Option<Result<Vec<Listed>, Doubt>>,
}

/// Finds everybody concerned, and what is listed at the instance where this look may mint. What was found out on a
/// guess is taken where it answers exactly this.
pub(super) async fn find(context: &Context, snapshot: &mut Snapshot, issue: &Issue, early: Option<Early>) {
    let policy = &context.policy;
    let answers = form::read(&issue.description, &policy.titles);
    let Some(author) = snapshot.record.as_ref().map(|record| record.author).or(issue.author) else { return };
    let requester =
        answers.by_field.get(&Field::Requester).map(form::Answer::whole).filter(|text| !text.is_empty());
    let question = Question { author, requester };
    let (parties, there) = match early {
        Some(Early { question: asked, parties, place, there }) if asked == question => {
            (parties, Some((place, there)))
        }
        _ => (concerned(context, &question, freshness(snapshot, issue)).await, None),
    };
    snapshot.parties = parties;
    if let Ok(manager) = &snapshot.parties.manager {
        context.note_manager(author, manager.id);
    }
    if let Ok(form) = form::check(&answers, policy, context.now())
        && !form.asks_for_too_much()
    {
        let may_mint = issue.open && carries_provisioners(snapshot, issue);
        let place = Place { instance: form.instance, kind: form.kind };
        let there = match there.filter(|(asked, _)| *asked == place) {
            Some((_, there)) => there,
            None => at_instance(context, &place, may_mint).await,
        };
        (snapshot.parties.owner, snapshot.listing) = (there.owner, there.listing.filter(|_| may_mint));
    }
    name_everybody(context, snapshot, issue).await;
}

/// Everybody a form concerns, but for our own user at its instance.
pub(super) async fn concerned(context: &Context, question: &Question, freshness: Freshness) -> Parties {
    let asking = Asking { context, freshness };
    let beneficiary = asking.beneficiary(question.author, question.requester.as_deref()).await;
    let person = beneficiary.as_ref().map(|found| found.person.clone()).map_err(Clone::clone);
    let (manager, slack) = tokio::join!(biased; asking.manager(&beneficiary), asking.slack(&person));
    let ancestors = asking.ancestors(&person, &manager).await;
    Parties { beneficiary: person, manager, ancestors, slack, ..Parties::unknown(&Doubt::NoForm) }
}

/// Who would own a kind at an instance, and the list there, if it is wanted.
pub(super) async fn at_instance(context: &Context, place: &Place, list: bool) -> AtInstance {
    let (instance, kind) = (place.instance.as_str(), place.kind);
    let configured = context.policy.instance(instance).and_then(|instance| instance.integration_user);
    let owner = async {
        if let Some(user) = configured.filter(|_| kind.is_oauth()) {
            return Ok(user);
        }
        let asked = context.owner(instance).await.ok_or(Doubt::UnknownInstance)?;
        asked.map(|owner| owner.id).map_err(|error| zendesk_doubt(&error))
    };
    let listed = async { if list { listing(context, (instance, kind)).await } else { None } };
    let (owner, listing) = tokio::join!(biased; owner, listed);
    AtInstance { owner, listing }
}

/// Who has it by the ledger, and their manager now.
pub(super) async fn find_manager_of(context: &Context, snapshot: &mut Snapshot, person: UserId) {
    let asking = Asking { context, freshness: Freshness::Now };
    let beneficiary = asking.beneficiary(person, None).await;
    snapshot.parties.manager = asking.manager(&beneficiary).await;
    snapshot.parties.beneficiary = beneficiary.map(|found| found.person);
}

/// What decides whether something is minted is read anew for it.
fn freshness(snapshot: &Snapshot, issue: &Issue) -> Freshness {
    if carries_provisioners(snapshot, issue) { Freshness::Now } else { Freshness::Cached }
}

fn carries_provisioners(snapshot: &Snapshot, issue: &Issue) -> bool {
    carries(issue, snapshot.project.pins.as_ref().map(|pins| &pins.provisioner))
}

async fn name_everybody(context: &Context, snapshot: &mut Snapshot, issue: &Issue) {
    let parties = &snapshot.parties;
    let mut people: Vec<UserId> = parties.manager.iter().map(|manager| manager.id).collect();
    people.extend(parties.beneficiary.iter().map(|person| person.id));
    people.extend(context.policy.instances.iter().flat_map(|instance| instance.provisioners.iter().copied()));
    people.extend(parties.ancestors.iter().flatten().map(|one| one.id));
    people.extend(context.policy.absence.delegates.iter().map(|one| one.to));
    people.extend(
        snapshot
            .record
            .iter()
            .flat_map(|record| record.reminders.iter().flat_map(|one| one.to.iter().copied())),
    );
    people.extend(issue.closed_by);
    people.extend(snapshot.last_edit.and_then(|edit| edit.by));
    people.sort_unstable();
    people.dedup();
    snapshot.parties.names = context.names(&people).await;
}

struct Beneficiary {
    person: Person,
    manager: Result<Option<UserId>, DirectoryError>,
    evidence: Authority,
}

/// Questions to the directory, all of one freshness.
struct Asking<'a> {
    context: &'a Context,
    freshness: Freshness,
}

impl Asking<'_> {
    async fn beneficiary(&self, author: UserId, requester: Option<&str>) -> Result<Beneficiary, Doubt> {
        let found = match requester {
            None => self.by_id(author, Role::Requester).await?,
            Some(text) => self.named(text).await?,
        };
        let Found { person, source, value, read_at } = found;
        if !person.active {
            return Err(Doubt::InactiveInDirectory { who: Role::Requester });
        }
        let email = person.email.ok_or(Doubt::NoAddressInDirectory)?;
        Ok(Beneficiary {
            person: Person { id: person.gitlab_id, name: person.name, email },
            manager: person.manager,
            evidence: Authority { source, value, read_at },
        })
    }

    /// The requester as typed: an e-mail address of the directory, or a user name of GitLab.
    async fn named(&self, text: &str) -> Result<Found, Doubt> {
        let unknown = || Doubt::UnknownRequester { text: text.to_owned() };
        let name = text.trim();
        if let Some(username) = name.strip_prefix('@') {
            let user = self.context.gitlab.user_by_name(username).await;
            let user =
                user.map_err(|_| Doubt::Unreachable { vendor: Vendor::GitLab })?.ok_or_else(unknown)?;
            return self.by_id(user, Role::Requester).await;
        }
        if !name.contains('@') || name.contains(char::is_whitespace) {
            return Err(unknown());
        }
        let found = self.context.directory.person_by_email(&Email(name.to_owned()), self.freshness).await;
        found.map_err(|error| match error {
            DirectoryError::NotFound => unknown(),
            other => doubt(other, Role::Requester),
        })
    }

    async fn by_id(&self, id: UserId, who: Role) -> Result<Found, Doubt> {
        let found = self.context.directory.person_by_gitlab_id(id, self.freshness).await;
        found.map_err(|error| doubt(error, who))
    }

    /// Read anew, or as it was when somebody who fits was last found; whoever does not fit is asked about each time.
    async fn slack(&self, person: &Result<Person, Doubt>) -> Result<SlackPerson, Doubt> {
        let person = person.as_ref().map_err(Clone::clone)?;
        if self.freshness == Freshness::Cached
            && let Some(known) = self.context.slack_person(&person.email)
        {
            return Ok(known);
        }
        let found = fresh_on_slack(self.context, person).await;
        self.context.note_slack_person(&person.email, found.as_ref().ok());
        found
    }

    async fn manager(&self, beneficiary: &Result<Beneficiary, Doubt>) -> Result<Manager, Doubt> {
        let beneficiary = beneficiary.as_ref().map_err(Clone::clone)?;
        let id = beneficiary.manager.map_err(|error| doubt(error, Role::Manager))?;
        let id = id.ok_or(Doubt::NoManager)?;
        if id == beneficiary.person.id {
            return Err(Doubt::OwnManager);
        }
        let found = self.by_id(id, Role::Manager).await?;
        if !found.person.active {
            return Err(Doubt::InactiveInDirectory { who: Role::Manager });
        }
        Ok(Manager { id, authority: beneficiary.evidence.clone() })
    }

    /// Who is above the manager, as far as the policy lets them matter. Where the chain ends before, that is all;
    /// whoever is their own manager is the top of it.
    async fn ancestors(
        &self,
        person: &Result<Person, Doubt>,
        manager: &Result<Manager, Doubt>,
    ) -> Result<Vec<Manager>, Doubt> {
        let (Ok(person), Ok(manager)) = (person, manager) else { return Ok(Vec::new()) };
        let mut seen = vec![person.id, manager.id];
        let mut last = manager.id;
        let mut ancestors = Vec::new();
        for _ in 1..self.context.policy.absence.reach() {
            let below = self.by_id(last, Role::Manager).await?;
            let above = below.person.manager.map_err(|error| doubt(error, Role::Manager))?;
            let Some(id) = above.filter(|above| *above != last) else { break };
            if seen.contains(&id) {
                return Err(Doubt::ManagersInACircle);
            }
            let above = self.by_id(id, Role::Manager).await?;
            let Found { source, value, read_at, .. } = below;
            if above.person.active {
                ancestors.push(Manager { id, authority: Authority { source, value, read_at } });
            }
            seen.push(id);
            last = id;
        }
        Ok(ancestors)
    }
}

fn doubt(error: DirectoryError, who: Role) -> Doubt {
    match error {
        DirectoryError::Unreachable => Doubt::DirectoryUnreachable,
        DirectoryError::GitLabUnreachable => Doubt::Unreachable { vendor: Vendor::GitLab },
        DirectoryError::NotFound => Doubt::NotInDirectory { who },
        DirectoryError::Ambiguous => Doubt::AmbiguousInDirectory { who },
        DirectoryError::Unmappable => Doubt::NoAccountInDirectory { who },
        DirectoryError::ChangedHands => Doubt::ChangedHands { who },
        DirectoryError::Cycle => Doubt::ManagersInACircle,
    }
}

async fn fresh_on_slack(context: &Context, person: &Person) -> Result<SlackPerson, Doubt> {
    let (team, found) = tokio::join!(biased; context.team(), context.slack.person_by_email(&person.email));
    let (team, found) =
        (team.map_err(|error| slack_doubt(&error))?, found.map_err(|error| slack_doubt(&error))?);
    let same_address = found.email.as_ref() == Some(&person.email);
    let fit = !found.deleted && !found.bot && !found.guest && found.team == team && same_address;
    if fit || planted::is(Bug::SkipSlackCheck) { Ok(found) } else { Err(Doubt::UnfitSlackAccount) }
}

fn slack_doubt(error: &SlackError) -> Doubt {
    let vendor = Vendor::Slack;
    match error {
        SlackError::Person { .. } => Doubt::NotOnSlack,
        SlackError::Operator { .. } | SlackError::Ours { .. } => Doubt::RefusesUs { vendor },
        SlackError::NotNow { .. } | SlackError::Ambiguous => Doubt::Unreachable { vendor },
    }
}

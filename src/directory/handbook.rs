//! People in the form of GitLab's handbook, `data/team.yml`: one list, `slug`, `gitlab` (the user name) and
//! `reports_to` (the slug of the manager).
//!
//! People who left are taken out of that file, so whoever stands in it is there; entries that are no people
//! (`type: vacancy`) are left out. The public file has no addresses: an entry's own `email` counts, or else the
//! configured template. What the file has besides is not looked at.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde::Deserialize;

use super::gitlab_file::{Reading, Repository, RepositorySettings};
use super::resolver::{Entry, Resolver, Single, Source, Wanted};
use super::{DirectoryError, Freshness, Parts, yaml};
use crate::domain::ids::Email;
use crate::reader::{Fault, email_of};

/// A file in the handbook's form.
#[derive(Debug)]
pub struct Handbook {
    repository: Repository<Vec<Member>>,
    address: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Member {
    slug: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    gitlab: Option<String>,
    reports_to: Option<String>,
    email: Option<String>,
}

impl Handbook {
    /// A directory of this file. Reads nothing yet. `address` is an e-mail address in which `{gitlab}` stands
    /// for the user name and `{slug}` for the slug.
    pub fn resolver(settings: RepositorySettings, address: Option<String>, parts: Parts) -> Resolver {
        let keep: SignedDuration = parts.cache_for;
        let repository =
            Repository::new((parts.gitlab.clone(), settings), (parts.clock.clone(), keep), parse);
        Resolver::new(Self { repository, address }, parts)
    }

    fn entry(&self, member: &Member, reading: &Reading<Vec<Member>>) -> Entry {
        let text = |value: &Option<String>| value.clone().filter(|text| !text.trim().is_empty());
        let email = self.email(member);
        let shown = |value: &Option<String>| value.as_deref().unwrap_or("~").to_owned();
        Entry {
            key: slug(member).unwrap_or_default(),
            name: text(&member.name).or_else(|| text(&member.gitlab)).unwrap_or_default(),
            username: text(&member.gitlab).map_or(Single::None, Single::One),
            value: format!(
                "slug: {}\ngitlab: {}\nreports_to: {}\nemail: {}",
                shown(&member.slug),
                shown(&member.gitlab),
                shown(&member.reports_to),
                email.as_ref().map_or("~", |email| &email.0),
            ),
            email: email.map_or(Single::None, Single::One),
            manager: text(&member.reports_to).map_or(Single::None, Single::One),
            active: true,
            source: self.repository.source(reading),
        }
    }

    fn email(&self, member: &Member) -> Option<Email> {
        let own = member.email.clone();
        let made = || {
            let template = self.address.as_ref()?;
            let gitlab = member.gitlab.as_deref().unwrap_or_default().to_ascii_lowercase();
            Some(template.replace("{gitlab}", &gitlab).replace("{slug}", &slug(member).unwrap_or_default()))
        };
        own.or_else(made).and_then(|text| email_of(&text).ok())
    }
}

#[async_trait]
impl Source for Handbook {
    fn kind(&self) -> &'static str {
        "gitlab_file"
    }

    async fn find(&self, wanted: Wanted<'_>, freshness: Freshness) -> Result<Entry, DirectoryError> {
        let reading = self.repository.read(freshness).await?;
        let entries = reading.content.iter().map(|member| self.entry(member, &reading));
        let fits = |entry: &Entry| match wanted {
            Wanted::Key(key) => entry.key.eq_ignore_ascii_case(key),
            Wanted::Username(_) | Wanted::Email(_) => wanted.fits(entry),
        };
        let mut found = entries.filter(fits);
        match (found.next(), found.next()) {
            (None, _) => Err(DirectoryError::NotFound),
            (Some(entry), None) => Ok(entry),
            (Some(_), Some(_)) => Err(DirectoryError::Ambiguous),
        }
    }
}

fn slug(member: &Member) -> Option<String> {
    member.slug.as_ref().map(|slug| slug.to_ascii_lowercase()).filter(|slug| !slug.is_empty())
}

/// Every person of the file; one without a slug is nobody's manager and cannot be pinned, so it is left out.
fn parse(text: &str, file: &str) -> Result<Vec<Member>, Vec<Fault>> {
    let members: Vec<Member> = yaml::read(text, file).map_err(|fault| vec![fault])?;
    let is_person = |member: &Member| {
        slug(member).is_some() && member.kind.as_deref().is_none_or(|kind| kind == "person")
    };
    let people: Vec<Member> = members.into_iter().filter(is_person).collect();
    if people.is_empty() {
        return Err(vec![Fault { key: file.to_owned(), message: "names nobody".to_owned() }]);
    }
    Ok(people)
}

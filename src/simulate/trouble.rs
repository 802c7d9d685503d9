//! What can go wrong with a call, and which call it is.
//!
//! Most effects are the sandbox's own faults. Those that a server cannot show are made here: an answer that comes
//! too late, an error that is told after the effect, and a success that was none.

use std::fmt;

use jiff::Timestamp;

/// Which calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Any,
    GitLab,
    Zendesk,
    Slack,
    /// Reading the issue itself.
    Issue,
    /// Whatever changes GitLab.
    Change,
    Note,
    Create,
    /// An access token is fetched, by a client of ours or for our own log-in.
    Grant,
    TakeAway,
    List,
    Lookup,
    Send,
    History,
}

impl Target {
    /// Every one of them.
    pub(super) const ALL: [Self; 14] = [
        Self::Any,
        Self::GitLab,
        Self::Zendesk,
        Self::Slack,
        Self::Issue,
        Self::Change,
        Self::Note,
        Self::Create,
        Self::Grant,
        Self::TakeAway,
        Self::List,
        Self::Lookup,
        Self::Send,
        Self::History,
    ];

    /// Whether a call is one of these.
    pub(super) fn has(self, method: &str, path: &str) -> bool {
        let writes = method != "GET";
        match self {
            Self::Any => true,
            Self::GitLab => path.starts_with("/gitlab/"),
            Self::Zendesk => path.starts_with("/zendesk/"),
            Self::Slack => path.starts_with("/slack/"),
            Self::Issue => !writes && issue_of(path).is_some_and(|(_, _, rest)| rest.is_empty()),
            Self::Change => writes && path.starts_with("/gitlab/api/v4/"),
            Self::Note => writes && path.contains("/notes"),
            Self::Create => method == "POST" && is_list(path, &["/api_tokens", "/api/v2/oauth/clients"]),
            Self::Grant => method == "POST" && path.ends_with("/oauth/tokens"),
            Self::TakeAway => {
                let all = ["/api_tokens/", "/api/v2/oauth/clients/", "/api/v2/oauth/tokens/"];
                matches!(method, "PUT" | "DELETE") && all.iter().any(|one| path.contains(one))
            }
            Self::List => {
                !writes && is_list(path, &["/api_tokens", "/api/v2/oauth/clients", "/api/v2/oauth/tokens"])
            }
            Self::Lookup => path.ends_with("/users.lookupByEmail"),
            Self::Send => path.ends_with("/chat.postMessage"),
            Self::History => path.ends_with("/conversations.history"),
        }
    }
}

fn is_list(path: &str, lists: &[&str]) -> bool {
    lists.iter().any(|list| path.ends_with(list))
}

/// Project and number of the issue that a call is about, and the rest of the path.
pub(super) fn issue_of(path: &str) -> Option<(u64, u64, &str)> {
    let (project, rest) = path.strip_prefix("/gitlab/api/v4/projects/")?.split_once("/issues/")?;
    let (iid, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((project.parse().ok()?, iid.parse().ok()?, rest))
}

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Never arrives.
    Dropped,
    /// Takes effect; the answer is lost.
    AnswerLost,
    /// No answer; takes effect so many seconds later.
    Late(u16),
    RateLimited,
    /// Refused with this status.
    Status(u16),
    /// Takes effect, and is answered by 502 all the same.
    BadGateway,
    Html,
    HalfBody,
    /// Takes effect and is answered after so many seconds; too many, and nobody waits any more.
    Slow(u16),
    /// Slack's own way of refusing.
    SlackError(&'static str),
    /// Answered as a success, and nothing happened.
    Hollow,
}

impl Effect {
    /// How the counts name it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Dropped => "request_lost",
            Self::AnswerLost => "answer_lost",
            Self::Late(_) => "late_effect",
            Self::RateLimited => "rate_limited",
            Self::Status(429) => "status_429",
            Self::Status(_) => "refused",
            Self::BadGateway => "error_after_effect",
            Self::Html => "html",
            Self::HalfBody => "half_body",
            Self::Slow(_) => "slow",
            Self::SlackError(_) => "slack_error",
            Self::Hollow => "hollow_success",
        }
    }
}

/// A fault that waits for its calls.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) at: Target,
    pub(super) effect: Effect,
    pub(super) skip: u8,
    /// 0: until its end.
    pub(super) times: u8,
    pub(super) until: Option<Timestamp>,
}

/// The effect that befalls this call, if any does; faults are used up by it.
pub(super) fn strike(
    planned: &mut Vec<Planned>,
    (method, path): (&str, &str),
    now: Timestamp,
) -> Option<Effect> {
    planned.retain(|fault| fault.until.is_none_or(|until| now < until));
    let place = planned.iter().position(|fault| fault.at.has(method, path))?;
    let fault = &mut planned[place];
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    let effect = fault.effect;
    if fault.until.is_none() {
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            planned.remove(place);
        }
    }
    Some(effect)
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Any => "any call",
            Self::GitLab => "GitLab",
            Self::Zendesk => "Zendesk",
            Self::Slack => "Slack",
            Self::Issue => "reading the issue",
            Self::Change => "changing GitLab",
            Self::Note => "writing the comment",
            Self::Create => "the create call",
            Self::Grant => "fetching an access token",
            Self::TakeAway => "taking away",
            Self::List => "the lists of tokens and clients",
            Self::Lookup => "looking a person up at Slack",
            Self::Send => "sending the message",
            Self::History => "looking for the message",
        })
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => write!(out, "no connection"),
            Self::AnswerLost => write!(out, "an answer lost after the effect"),
            Self::Late(seconds) => write!(out, "no answer and the effect {seconds} s later"),
            Self::RateLimited => write!(out, "429"),
            Self::Status(status) => write!(out, "{status}"),
            Self::BadGateway => write!(out, "502 after the effect"),
            Self::Html => write!(out, "a page of HTML"),
            Self::HalfBody => write!(out, "half an answer"),
            Self::Slow(seconds) => write!(out, "an answer after {seconds} s"),
            Self::SlackError(code) => write!(out, "Slack's `{code}`"),
            Self::Hollow => write!(out, "a success that was none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_apart() {
        let issue = "/gitlab/api/v4/projects/42/issues/7";
        assert!(Target::Issue.has("GET", issue) && !Target::Issue.has("PUT", issue));
        assert!(!Target::Issue.has("GET", &format!("{issue}/notes")));
        assert_eq!(issue_of(&format!("{issue}/notes/3")), Some((42, 7, "notes/3")));
        assert!(Target::Create.has("POST", "/zendesk/global/api/v2/api_tokens"));
        assert!(Target::TakeAway.has("DELETE", "/zendesk/global/api/v2/api_tokens/9"));
        assert!(Target::Create.has("POST", "/zendesk/global/api/v2/oauth/clients"));
        assert!(Target::TakeAway.has("PUT", "/zendesk/global/api/v2/oauth/clients/9/generate_secret"));
        assert!(Target::List.has("GET", "/zendesk/global/api/v2/oauth/tokens"));
        let grant = "/zendesk/global/oauth/tokens";
        assert!(Target::Grant.has("POST", grant) && !Target::Create.has("POST", grant));
    }

    #[test]
    fn a_fault_lets_some_pass_and_strikes_so_often() {
        let (at, effect) = (Target::Create, Effect::AnswerLost);
        let mut planned = vec![Planned { at, effect, skip: 1, times: 2, until: None }];
        let mut struck = || strike(&mut planned, ("POST", "/api_tokens"), Timestamp::UNIX_EPOCH).is_some();
        assert_eq!([struck(), struck(), struck(), struck()], [false, true, true, false]);
    }
}

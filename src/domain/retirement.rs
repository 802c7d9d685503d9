//! The campaign that moves every API token to OAuth before Zendesk ends them: the scopes a purpose seems to need, and
//! the text of the issue that is opened for a token.
//!
//! A suggestion, never a decision: whoever owns the token answers for what it needs. The issue carries a mark of its
//! own and never the template's, so that it is no request.

use std::collections::BTreeSet;

use super::ids::CredentialId;
use super::inventory::LAST_DAY;
use super::text;

/// What words of a purpose speak of which resource. Sources of the names: Zendesk, "OAuth Tokens for Grant Types",
/// scopes; `read` is what search needs.
const RESOURCES: [(&str, &str); 22] = [
    ("ticket", "tickets"),
    ("export", "tickets"),
    ("user", "users"),
    ("agent", "users"),
    ("customer", "users"),
    ("organi", "organizations"),
    ("compan", "organizations"),
    ("article", "hc"),
    ("guide", "hc"),
    ("help cent", "hc"),
    ("knowledge", "hc"),
    ("app ", "apps"),
    ("trigger", "triggers"),
    ("automation", "automations"),
    ("target", "targets"),
    ("webhook", "webhooks"),
    ("macro", "macros"),
    ("request form", "requests"),
    ("satisfaction", "satisfaction_ratings"),
    ("csat", "satisfaction_ratings"),
    ("dynamic content", "dynamic_content"),
    ("audit", "auditlogs"),
];
/// Words that speak of changing something.
const CHANGES: [&str; 14] = [
    "writ", "creat", "updat", "chang", "delet", "import", "sync", "post", "manag", "assign", "merg",
    "migrat", "clos", "add",
];

/// The scopes that a purpose seems to need; none where it tells nothing.
pub fn scopes_for(purpose: &str) -> Vec<String> {
    let words = format!("{} ", purpose.to_lowercase());
    let resources: BTreeSet<&str> =
        RESOURCES.iter().filter(|(word, _)| words.contains(word)).map(|(_, resource)| *resource).collect();
    let changes = CHANGES.iter().any(|word| words.contains(word));
    let mut scopes: Vec<String> = Vec::new();
    for resource in resources {
        scopes.push(format!("{resource}:read"));
        // The audit log can only be read.
        if changes && resource != "auditlogs" {
            scopes.push(format!("{resource}:write"));
        }
    }
    if words.contains("search") {
        scopes.push("read".to_owned());
    }
    scopes
}

/// One API token that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The instance's key and name.
    pub instance: (String, String),
    /// The token.
    pub token: CredentialId,
    /// Its name.
    pub name: String,
    /// The issue it was made for.
    pub issue: Option<String>,
    /// What it is for, where a request says so.
    pub purpose: Option<String>,
    /// When it was last used, for people.
    pub last_used: String,
    /// What its purpose seems to need.
    pub scopes: Vec<String>,
    /// Groups whose members provision the instance.
    pub groups: Vec<String>,
    /// An OAuth client may be asked for there.
    pub oauth_client: bool,
    /// Whose it is, for people; `None`: nobody knows.
    pub owner: Option<String>,
}

/// The mark by which the issue of a token is found again.
pub fn mark(installation: &str, instance: &str, token: CredentialId) -> String {
    format!("<!-- countersign retire: {installation} {instance} {token} -->")
}

/// ": members of `company`", where there are groups.
fn members(candidate: &Candidate) -> String {
    let groups: Vec<String> = candidate.groups.iter().map(|group| text::quote(group)).collect();
    if groups.is_empty() {
        String::new()
    } else {
        format!(", members of {} among them", groups.join(" and "))
    }
}

/// Title and description of the issue.
pub fn issue(candidate: &Candidate, installation: &str) -> (String, String) {
    let (key, instance) = &candidate.instance;
    let title = format!("Move API token {} of {instance} to OAuth before {LAST_DAY}", candidate.token);
    let whose = match &candidate.owner {
        Some(owner) => format!("It is {owner}'s, as far as is known."),
        None => format!(
            "Nobody knows whose it is, so this goes to the instance's provisioners{}.",
            members(candidate)
        ),
    };
    let made_for = candidate.issue.as_ref().map_or(String::new(), |url| format!("- Made for: {url}\n"));
    let purpose = candidate.purpose.as_deref().map_or("not known".to_owned(), text::quote);
    let scopes = if candidate.scopes.is_empty() {
        "not clear from its purpose: look at which resources it calls".to_owned()
    } else {
        format!("{} (a guess by its purpose; check it)", text::quote(&candidate.scopes.join(" ")))
    };
    let instead = if candidate.oauth_client {
        format!("Otherwise open an access request for an OAuth client of {instance} with those scopes.")
    } else {
        format!(
            "Otherwise ask a provisioner of {instance} for an OAuth client with those scopes: none can be requested there yet."
        )
    };
    let unused = match (&candidate.issue, &candidate.owner) {
        (Some(_), _) => "say so here; a provisioner deactivates it",
        (None, Some(_)) => "say so here; a provisioner deactivates it in Zendesk's Admin Center",
        (None, None) => "deactivate it in Zendesk's Admin Center, under Apps and integrations > APIs",
    };
    let description = format!(
        "{}\n\nZendesk ends every API token on {LAST_DAY}. After that, every call with this one fails. {whose}\n\n\
         - Token: {} at {instance}, named {}\n\
         - Last used: {}\n{made_for}\
         - Purpose: {purpose}\n\
         - Scopes it seems to need: {scopes}\n\n\
         What to do:\n\n\
         1. If nothing uses it any more, {unused}.\n\
         1. {instead}\n\
         1. Change what uses the token to the new credential, and have the token deactivated.\n\n\
         This issue is closed by itself once the token is deactivated or gone.\n",
        mark(installation, key, candidate.token),
        candidate.token,
        text::quote(&candidate.name),
        candidate.last_used,
    );
    (title, description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(name: &str, purpose: &str) -> Candidate {
        Candidate {
            instance: ("global".to_owned(), "Zendesk Global".to_owned()),
            token: CredentialId(5),
            name: name.to_owned(),
            issue: None,
            purpose: Some(purpose.to_owned()),
            last_used: "2026-12-01".to_owned(),
            scopes: scopes_for(purpose),
            groups: Vec::new(),
            oauth_client: true,
            owner: None,
        }
    }

    #[test]
    fn a_purpose_tells_its_scopes() {
        assert_eq!(scopes_for("Export solved tickets every night."), ["tickets:read"]);
        assert_eq!(
            scopes_for("Sync users and organizations"),
            ["organizations:read", "organizations:write", "users:read", "users:write"]
        );
        assert_eq!(
            scopes_for("Read the audit log and update macros"),
            ["auditlogs:read", "macros:read", "macros:write"]
        );
        assert_eq!(scopes_for("Search tickets"), ["tickets:read", "read"]);
        assert_eq!(scopes_for("xyz"), [""; 0]);
    }

    proptest! {
        #[test]
        fn no_name_or_purpose_begins_a_line_or_pings(name in any::<String>(), purpose in any::<String>()) {
            let (title, description) = issue(&candidate(&name, &purpose), "here");
            prop_assert!(!title.contains('\n'));
            let plain = issue(&candidate("x", "y"), "here").1;
            prop_assert_eq!(description.lines().count(), plain.lines().count());
            prop_assert!(description.lines().all(|line| !line.starts_with('/')));
        }
    }
}

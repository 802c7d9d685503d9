//! The scopes of OAuth credentials: which there are, and which are not given without a word in the policy.
//!
//! A grant without a scope gives everything, so an empty list is refused here, before anybody asks Zendesk. Source:
//! Zendesk, "OAuth Tokens for Grant Types", "Scope".

use super::policy::Instance;

/// Things that have scopes of their own.
const THINGS: [&str; 27] = [
    "tickets",
    "users",
    "auditlogs",
    "organizations",
    "hc",
    "apps",
    "triggers",
    "automations",
    "targets",
    "webhooks",
    "macros",
    "requests",
    "satisfaction_ratings",
    "dynamic_content",
    "any_channel",
    "web_widget",
    "security",
    "themes",
    "zis",
    "account_settings",
    "brands",
    "custom_objects",
    "deletion_schedules",
    "groups",
    "sla_policies",
    "ticket_attachments",
    "ticket_views",
];

/// Given only where an instance's policy names them: everything may be changed, anybody may be acted for, and what
/// Zendesk does not explain.
pub const SENSITIVE: [&str; 4] = ["write", "impersonate", "unrestricted:read", "unrestricted:write"];

/// Whether Zendesk knows it.
pub fn is_known(scope: &str) -> bool {
    let of_a_thing = scope.split_once(':').is_some_and(|(thing, access)| {
        THINGS.contains(&thing)
            && match thing {
                "auditlogs" | "security" => access == "read",
                "any_channel" | "web_widget" => access == "write",
                _ => matches!(access, "read" | "write"),
            }
    });
    scope == "read" || SENSITIVE.contains(&scope) || of_a_thing
}

/// The scopes in what was typed, sorted and each once: separated by spaces, commas or lines, in code or not.
/// `Err`: what was expected instead.
pub fn parse<'a>(
    entries: impl Iterator<Item = &'a str>,
    instance: Option<&Instance>,
) -> Result<Vec<String>, String> {
    let words = entries.flat_map(|entry| entry.split([' ', ',', ';', '\n', '\t']));
    let words = words.map(|word| word.trim_matches(['`', '-', '*', '.']).to_lowercase());
    let mut scopes: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    scopes.sort();
    scopes.dedup();
    if let Some(unknown) = scopes.iter().find(|scope| !is_known(scope)) {
        return Err(format!(
            "scopes that Zendesk knows, like tickets:read; “{unknown}” is not a scope of Zendesk"
        ));
    }
    let given = |scope: &str| instance.is_some_and(|one| one.sensitive_scopes.iter().any(|it| it == scope));
    if let Some(refused) = scopes.iter().find(|one| SENSITIVE.contains(&one.as_str()) && !given(one)) {
        return Err(format!("narrower scopes, like tickets:write: {refused} is not given at this instance"));
    }
    if scopes.is_empty() {
        return Err("at least one scope, like tickets:read".to_owned());
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::policy;
    use proptest::prelude::*;

    fn parsed(text: &str, sensitive: &[&str]) -> Result<Vec<String>, String> {
        let mut instance = policy().instances[0].clone();
        instance.sensitive_scopes = sensitive.iter().map(|&scope| scope.to_owned()).collect();
        parse(text.lines(), Some(&instance))
    }

    #[test]
    fn scopes_are_read_however_they_are_separated_and_named_once() {
        for text in [
            "users:read tickets:read",
            "`tickets:read`, `users:read`",
            "- tickets:read\n- users:read",
            "tickets:read;USERS:READ\ntickets:read",
        ] {
            assert_eq!(parsed(text, &[]), Ok(vec!["tickets:read".into(), "users:read".into()]), "{text}");
        }
    }

    #[test]
    fn what_zendesk_does_not_know_and_an_empty_list_are_refused() {
        for text in [
            "everything",
            "tickets",
            "tickets:delete",
            "auditlogs:write",
            "oauth:read",
            "read:tickets",
            "",
            "``",
        ] {
            assert!(parsed(text, &SENSITIVE).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sensitive_scope_takes_a_word_in_the_policy() {
        for scope in SENSITIVE {
            assert!(parsed(scope, &[]).unwrap_err().contains("is not given"), "{scope}");
            assert_eq!(parsed(scope, &[scope]), Ok(vec![scope.to_owned()]));
        }
        assert!(parsed("read tickets:write", &[]).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_known_scopes_or_a_fault(text in "\\PC{0,60}") {
            if let Ok(scopes) = parsed(&text, &SENSITIVE) {
                prop_assert!(!scopes.is_empty() && scopes.iter().all(|scope| is_known(scope)));
            }
        }
    }
}

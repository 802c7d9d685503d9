//! The direct message that hands a credential over: the only function that puts a secret into text.
//!
//! Slack shows `text` in notifications and on lock screens, so it never holds the secret; the secret is in a
//! preformatted block, literally, and the whole is wiped when dropped.
//! Source: Slack, `chat.postMessage`.

use std::fmt::Write as _;

use super::terms::{Kind, Terms};
use super::text;
use crate::secret::MintedSecret;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A message with a secret in it.
#[derive(Debug)]
pub struct Message {
    /// For notifications. No secret.
    pub text: String,
    /// Slack blocks as JSON text. Holds the secret.
    pub blocks: MintedSecret,
}

/// Writes the message. `earlier_is_dead`: an earlier message may have gone, whose credential was taken away.
pub fn compose(terms: &Terms, issue_url: &str, secret: &MintedSecret, facts: Facts<'_>) -> Message {
    let kind = terms.kind.title();
    let text = format!("Your Zendesk {kind} is here. Open the message to read it. Request: {issue_url}");
    let (name, address) = (&terms.instance_name, &terms.instance_url);
    let mut opening = format!("Your Zendesk {kind} for {name} ({address}), as asked for in {issue_url}:");
    if let Some(extends) = &terms.extends {
        let ends = text::end(extends.ends_at, facts.zone);
        let earlier = &extends.url;
        opening.push_str("\nIt extends ");
        opening.push_str(earlier);
        opening.push_str(". The credential of that request ends on its own day, ");
        opening.push_str(&ends);
        opening.push_str(": change over before.");
    }
    if facts.earlier_is_dead {
        opening.push_str(
            "\nIf you got an earlier message for this request: that credential is dead, use this one.",
        );
    }
    let end = text::end(terms.ends_at, facts.zone);
    let (command, closing) = match terms.kind {
        Kind::ApiToken => (None, api_token(&end)),
        Kind::OauthClient => {
            let identifier = facts.identifier.unwrap_or_default();
            let _ = write!(opening, "\nIts identifier is {identifier}, and this is its secret:");
            (Some(fetching(terms, identifier)), oauth_client(&end))
        }
        Kind::OauthToken => (Some(using(terms)), oauth_token(&end)),
    };
    Message { text, blocks: blocks(&opening, secret, (command.as_deref(), &closing)) }
}

const KEEP: &str = "It cannot be shown again: keep it in a password manager, never in code or in an issue, and delete \
                    this message once you have stored it.";

fn api_token(end: &str) -> String {
    format!(
        "Use it as the password of basic authentication, with YOUR_EMAIL/token as the user name. It works until {end}. \
         It can act as any user of the account: keep it in a password manager, never in code or in an issue. \
         It cannot be shown again; delete this message once you have stored it."
    )
}

fn oauth_client(end: &str) -> String {
    format!(
        "This command asks for the secret and fetches an access token with what was approved; it works for half an hour, \
         then fetch another. Send it as “Authorization: Bearer TOKEN”. The client works until {end}, and whatever it \
         fetched ends with it. {KEEP}"
    )
}

fn oauth_token(end: &str) -> String {
    format!(
        "This command asks for the token and uses it; an answer with status 403 means that its scopes do not cover that \
         call. Send it as “Authorization: Bearer TOKEN”. It works until {end}, when Zendesk ends it; there is no way to \
         lengthen it. {KEEP}"
    )
}

/// Reads the secret without showing it, and keeps it out of the shell's history and of the list of processes.
fn fetching(terms: &Terms, identifier: &str) -> String {
    format!(
        "read -rs SECRET && printf %s \"$SECRET\" | curl -sS {}/oauth/tokens -d grant_type=client_credentials \
         -d client_id={identifier} --data-urlencode 'scope={}' -d expires_in=1800 --data-urlencode client_secret@-",
        terms.instance_url,
        terms.scopes.join(" ")
    )
}

fn using(terms: &Terms) -> String {
    let path = if terms.scopes.iter().any(|scope| scope == "tickets:read") { "tickets" } else { "users/me" };
    format!(
        "read -rs TOKEN && printf 'header = \"Authorization: Bearer %s\"' \"$TOKEN\" | curl -sS -K - {}/api/v2/{path}.json",
        terms.instance_url
    )
}

/// What an approver is reminded of.
#[derive(Debug)]
pub struct Awaited<'a> {
    /// Where.
    pub issue_url: &'a str,
    /// Who would get it, by user name.
    pub holder: &'a str,
    /// What would be issued.
    pub terms: &'a Terms,
    /// Whose approval is awaited: `manager` or `provisioner`.
    pub role: &'a str,
    /// Since when.
    pub since: Timestamp,
    /// The label that approves.
    pub label: &'a str,
}

/// Tells somebody that their approval is awaited. No secret is in it.
pub fn reminder(awaited: &Awaited<'_>, zone: &TimeZone) -> String {
    let Awaited { issue_url, holder, terms, role, since, label } = awaited;
    format!(
        "An access request for @{holder} has waited for the {role}'s approval since {}: {issue_url}\nIt asks for an {} \
         for {}, until {}. If you agree with all that the comment there says, apply the label “{label}”; if not, close \
         the issue.",
        text::time(*since),
        terms.kind.title(),
        terms.instance_name,
        text::end(terms.ends_at, zone)
    )
}

/// The same, where it is not known at this moment what would be issued.
pub fn short_reminder(issue_url: &str) -> String {
    format!(
        "An access request waits for your approval: {issue_url}\nThe comment there says what would be issued. If you \
         agree, apply the label it names; if not, close the issue."
    )
}

/// A message without a secret: the same text in the notification and in the conversation.
pub fn plain(text: String) -> Message {
    let mut json = String::from(r#"[{"type":"section","text":{"type":"plain_text","emoji":false,"text":"#);
    push_json(&mut json, &text);
    json.push_str("}}]");
    Message { text, blocks: MintedSecret::new(json) }
}

/// What else the message depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// An earlier message may have gone.
    pub earlier_is_dead: bool,
    /// What an OAuth client logs in with.
    pub identifier: Option<&'a str>,
    /// The zone in which days end.
    pub zone: &'a TimeZone,
}

const PLAIN: &str = r#"{"type":"section","text":{"type":"plain_text","emoji":false,"text":"#;
const LITERAL: &str =
    r#"{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":"#;

fn blocks(opening: &str, secret: &MintedSecret, (command, closing): (Option<&str>, &str)) -> MintedSecret {
    let length = opening.len() + secret.expose().len() + command.map_or(0, str::len) + closing.len();
    // Room for every character escaped, so that the text never moves and leaves no copy of the secret behind.
    let mut json = String::with_capacity(900 + 6 * length);
    json.push('[');
    json.push_str(PLAIN);
    push_json(&mut json, opening);
    json.push_str("}},");
    json.push_str(LITERAL);
    push_json(&mut json, secret.expose());
    json.push_str("}]}]},");
    if let Some(command) = command {
        json.push_str(LITERAL);
        push_json(&mut json, command);
        json.push_str("}]}]},");
    }
    json.push_str(PLAIN);
    push_json(&mut json, closing);
    json.push_str("}}]");
    MintedSecret::new(json)
}

/// Appends a JSON string literal without any intermediate copy.
fn push_json(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            control if u32::from(control) < 0x20 => json.push(' '),
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{URL, terms};
    use proptest::prelude::*;

    const FACTS: Facts<'_> = Facts { earlier_is_dead: false, identifier: None, zone: &TimeZone::UTC };

    fn composed(terms: &Terms, secret: &str, facts: Facts<'_>) -> Message {
        compose(terms, URL, &MintedSecret::new(secret.to_owned()), facts)
    }

    fn blocks_of(message: &Message) -> serde_json::Value {
        serde_json::from_str(message.blocks.expose()).expect("blocks are JSON")
    }

    fn texts(message: &Message) -> [String; 3] {
        let blocks = blocks_of(message);
        let preformatted = &blocks[1]["elements"][0];
        assert_eq!(preformatted["type"], "rich_text_preformatted");
        let places = [&blocks[0]["text"], &preformatted["elements"][0], &blocks[2]["text"]];
        places.map(|place| place["text"].as_str().expect("a text").to_owned())
    }

    #[test]
    fn the_message_says_what_it_is_and_how_long_it_works() {
        let message = composed(&terms(), "sEcReT", FACTS);
        insta::assert_snapshot!(message.text, @r"
        Your Zendesk API token is here. Open the message to read it. Request: https://gitlab.example/team/access/-/issues/7
        ");
        insta::assert_snapshot!(texts(&message).join("\n---\n"), @r"
        Your Zendesk API token for Zendesk Global (https://global.zendesk.example), as asked for in https://gitlab.example/team/access/-/issues/7:
        ---
        sEcReT
        ---
        Use it as the password of basic authentication, with YOUR_EMAIL/token as the user name. It works until 2027-03-01, end of the day (2027-03-02 00:00 UTC). It can act as any user of the account: keep it in a password manager, never in code or in an issue. It cannot be shown again; delete this message once you have stored it.
        ");
        assert_eq!(blocks_of(&message).as_array().map(Vec::len), Some(3));
    }

    /// All that is read in a message, part by part.
    fn read(message: &Message) -> String {
        let blocks = blocks_of(message);
        let text = |block: &serde_json::Value| {
            let places = [&block["text"]["text"], &block["elements"][0]["elements"][0]["text"]];
            places.iter().find_map(|place| place.as_str()).unwrap().to_owned()
        };
        blocks.as_array().unwrap().iter().map(text).collect::<Vec<_>>().join("\n---\n")
    }

    fn oauth(kind: Kind) -> Terms {
        Terms { kind, scopes: vec!["tickets:read".to_owned(), "users:read".to_owned()], ..terms() }
    }

    #[test]
    fn a_client_comes_with_its_identifier_and_a_command_that_fetches_a_token() {
        let facts = Facts { identifier: Some("countersign_1"), ..FACTS };
        insta::assert_snapshot!(read(&composed(&oauth(Kind::OauthClient), "sEcReT", facts)), @r#"
        Your Zendesk OAuth client for Zendesk Global (https://global.zendesk.example), as asked for in https://gitlab.example/team/access/-/issues/7:
        Its identifier is countersign_1, and this is its secret:
        ---
        sEcReT
        ---
        read -rs SECRET && printf %s "$SECRET" | curl -sS https://global.zendesk.example/oauth/tokens -d grant_type=client_credentials -d client_id=countersign_1 --data-urlencode 'scope=tickets:read users:read' -d expires_in=1800 --data-urlencode client_secret@-
        ---
        This command asks for the secret and fetches an access token with what was approved; it works for half an hour, then fetch another. Send it as “Authorization: Bearer TOKEN”. The client works until 2027-03-01, end of the day (2027-03-02 00:00 UTC), and whatever it fetched ends with it. It cannot be shown again: keep it in a password manager, never in code or in an issue, and delete this message once you have stored it.
        "#);
    }

    #[test]
    fn an_access_token_comes_with_a_command_that_uses_it() {
        insta::assert_snapshot!(read(&composed(&oauth(Kind::OauthToken), "sEcReT", FACTS)), @r#"
        Your Zendesk OAuth access token for Zendesk Global (https://global.zendesk.example), as asked for in https://gitlab.example/team/access/-/issues/7:
        ---
        sEcReT
        ---
        read -rs TOKEN && printf 'header = "Authorization: Bearer %s"' "$TOKEN" | curl -sS -K - https://global.zendesk.example/api/v2/tickets.json
        ---
        This command asks for the token and uses it; an answer with status 403 means that its scopes do not cover that call. Send it as “Authorization: Bearer TOKEN”. It works until 2027-03-01, end of the day (2027-03-02 00:00 UTC), when Zendesk ends it; there is no way to lengthen it. It cannot be shown again: keep it in a password manager, never in code or in an issue, and delete this message once you have stored it.
        "#);
    }

    #[test]
    fn after_a_message_that_may_have_gone_the_new_one_says_so() {
        let again = composed(&terms(), "sEcReT", Facts { earlier_is_dead: true, ..FACTS });
        assert!(texts(&again)[0].contains("that credential is dead"));
        assert!(!texts(&composed(&terms(), "sEcReT", FACTS))[0].contains("dead"));
    }

    proptest! {
        #[test]
        fn the_secret_is_in_the_blocks_once_whole_and_nowhere_else(secret in "[!-~]{8,80}", odd in "\\PC{0,40}") {
            let secret = format!("»{secret}«");
            let mut terms = terms();
            terms.name = odd.clone();
            terms.fields.insert("requester".to_owned(), odd);
            let message = composed(&terms, &secret, FACTS);
            prop_assert!(!message.text.contains(&secret));
            let shown = format!("{message:?}");
            prop_assert!(!shown.contains(&secret));
            let [opening, middle, closing] = texts(&message);
            prop_assert_eq!(&middle, &secret);
            prop_assert!(!opening.contains(&secret) && !closing.contains(&secret));
        }

        #[test]
        fn no_text_breaks_the_blocks(name in any::<String>(), url in any::<String>(), secret in any::<String>()) {
            let mut terms = terms();
            (terms.instance_name, terms.instance_url) = (name.clone(), url);
            let message = composed(&terms, &secret, FACTS);
            let plain = |text: &str| text.replace(|one: char| u32::from(one) < 0x20 && one != '\n', " ");
            let [opening, middle, _] = texts(&message);
            prop_assert_eq!(middle, plain(&secret));
            prop_assert!(opening.contains(&plain(&name)));
        }

        #[test]
        fn the_blocks_never_outgrow_their_room(text in any::<String>()) {
            // Growing would move the text and leave a copy of the secret behind.
            let room = 900 + 6 * (text.len() * 4);
            let blocks = blocks(&text, &MintedSecret::new(text.clone()), (Some(&text), &text));
            prop_assert!(blocks.expose().len() <= room);
        }
    }
}

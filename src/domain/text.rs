//! The one way in which people's text gets into our text, and the one way times are written.
//!
//! A line that starts with `/` in a bot's comment is executed by GitLab; `@all` pings; a comment marker or a
//! fence can swallow the rest. So whatever people typed is one line, capped, and in a code span, where GitLab
//! resolves no references and which never begins a line.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `1 day`, `2 days`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// People's text is cut here.
pub const LONGEST_QUOTE: usize = 200;

/// People's text as a Markdown code span: one line, no control or direction characters, at most
/// [`LONGEST_QUOTE`] characters.
pub fn quote(text: &str) -> String {
    quote_within(text, LONGEST_QUOTE)
}

/// The same with another length, for what approvers must read whole.
pub fn quote_within(text: &str, longest: usize) -> String {
    let words = one_line_within(text, longest);
    if words.is_empty() {
        return "(empty)".to_owned();
    }
    let longest_run = words.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest_run + 1);
    let pad = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{words}{pad}{fence}")
}

/// People's text in a message that knows no Markdown: one line, no control or direction characters, capped.
pub fn one_line(text: &str) -> String {
    one_line_within(text, LONGEST_QUOTE)
}

fn one_line_within(text: &str, longest: usize) -> String {
    let plain: String = text.chars().map(|letter| if hides(letter) { ' ' } else { letter }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= longest {
        return words;
    }
    words.chars().take(longest - 1).chain(['…']).collect()
}

/// Characters that are not seen, or change the order of what is seen.
fn hides(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(letter, '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// `2026-12-01 09:05 UTC`.
pub fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// An end instant as people think of it: the last day in the zone, and the instant it is over.
pub fn end(at: Timestamp, zone: &TimeZone) -> String {
    let last =
        at.saturating_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(at).to_zoned(zone.clone()).date();
    format!("{last}, end of the day ({})", time(at))
}

/// `a`, `a or b`, `a, b or c`.
pub fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quick_action_a_ping_and_a_fence_become_one_harmless_span() {
        assert_eq!(quote("hi\n/close\n@all"), "`hi /close @all`");
        assert_eq!(quote("a ``` b"), "````a ``` b````");
        assert_eq!(quote("--> <!-- \u{202E}x"), "`--> <!-- x`");
        assert_eq!(quote(" \n "), "(empty)");
        for hidden in ["\u{61C}", "\u{AD}", "\u{180E}", "\u{200B}", "\u{2069}", "\u{FEFF}", "\u{E0041}"] {
            assert_eq!(quote(&format!("a{hidden}b")), "`a b`", "{}", hidden.escape_unicode());
        }
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_span_or_its_line(text in "\\PC{0,300}|[`\n/@~ab]{0,300}") {
            let quoted = quote(&text);
            prop_assert!(!quoted.contains('\n'));
            prop_assert!(quoted.chars().count() <= LONGEST_QUOTE * 3);
            if quoted != "(empty)" {
                let fence = quoted.chars().take_while(|letter| *letter == '`').count();
                prop_assert!(fence > 0);
                let inner = &quoted[fence..quoted.len() - fence];
                prop_assert!(!inner.split(|letter| letter != '`').any(|run| run.len() == fence));
            }
        }
    }
}

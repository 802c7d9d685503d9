//! The credential's name at Zendesk, by the template.

use jiff::civil::Date;

/// The longest name that is given. Zendesk's own limit for a description is not published; 255 is its usual column.
pub const LONGEST: usize = 255;

/// The placeholders a template may have; the first one it must have.
pub const PLACEHOLDERS: [&str; 3] = ["{issue_url}", "{requester}", "{expires_on}"];

/// Fills the template. A requester's name is shortened where the whole would be too long; the URL never is.
pub fn render(template: &str, issue_url: &str, requester: &str, expires_on: Date) -> String {
    let with = |name: &str| {
        let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
        // The URL last: a name that contains a placeholder must not be filled in turn.
        template
            .split("{requester}")
            .map(|part| {
                part.replace("{expires_on}", &expires_on.to_string()).replace("{issue_url}", issue_url)
            })
            .collect::<Vec<_>>()
            .join(&name)
    };
    let whole = with(requester);
    let over = whole.chars().count().saturating_sub(LONGEST);
    if over == 0 {
        return whole;
    }
    let kept = requester.chars().count().saturating_sub(over);
    with(&requester.chars().take(kept).collect::<String>())
}

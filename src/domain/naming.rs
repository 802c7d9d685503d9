//! The credential's name at Zendesk, by the template.

use jiff::civil::Date;

/// The longest name that is given. Zendesk's own limit for a description is not published; 255 is its usual column.
pub const LONGEST: usize = 255;

/// Fills the template. A requester's name is shortened where the whole would be too long; the URL never is.
/// `None`: it is too long even without the requester.
pub fn render(template: &str, issue_url: &str, requester: &str, expires_on: Date) -> Option<String> {
    let requester: String = requester.chars().filter(|letter| !letter.is_control()).collect();
    // The requester last: a name that contains a placeholder must not be filled in turn.
    let parts: Vec<String> = template
        .split("{requester}")
        .map(|part| part.replace("{expires_on}", &expires_on.to_string()).replace("{issue_url}", issue_url))
        .collect();
    let whole = parts.join(&requester);
    let over = whole.chars().count().saturating_sub(LONGEST);
    let kept = requester.chars().count().saturating_sub(over);
    let shortened = parts.join(&requester.chars().take(kept).collect::<String>());
    (shortened.chars().count() <= LONGEST).then_some(shortened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const URL: &str = "https://gitlab.example/team/access/-/issues/7";

    fn rendered(template: &str, requester: &str) -> Option<String> {
        render(template, URL, requester, date(2027, 3, 1))
    }

    #[test]
    fn every_placeholder_is_filled_in_wherever_it_stands() {
        let template = "{expires_on} {issue_url} for {requester} ({issue_url})";
        let name = format!("2027-03-01 {URL} for Ada ({URL})");
        assert_eq!(rendered(template, "Ada"), Some(name));
    }

    #[test]
    fn a_requester_named_like_a_placeholder_is_not_filled_in() {
        let name = rendered("{requester} {issue_url}", "{issue_url}{expires_on}{requester}");
        assert_eq!(name, Some(format!("{{issue_url}}{{expires_on}}{{requester}} {URL}")));
    }

    #[test]
    fn a_requesters_name_is_one_line() {
        assert_eq!(rendered("{requester} {issue_url}", "A\nd\u{0}a\r"), Some(format!("Ada {URL}")));
    }

    #[test]
    fn a_long_requester_is_cut_and_the_url_is_not() {
        let name = rendered("{requester} {issue_url}", &"é".repeat(500)).unwrap();
        assert_eq!(name.chars().count(), LONGEST);
        assert!(name.ends_with(&format!("é {URL}")));
    }

    #[test]
    fn a_url_that_does_not_fit_makes_no_name() {
        let url = |length: usize| format!("https://{}", "a".repeat(length - 8));
        let named = |length: usize| render("{requester}{issue_url}", &url(length), "Ada", date(2027, 3, 1));
        assert_eq!(named(LONGEST), Some(url(LONGEST)));
        assert_eq!(named(LONGEST + 1), None);
    }

    proptest! {
        #[test]
        fn a_name_is_short_enough_and_leads_back_to_its_issue(
            requester in prop::collection::vec(any::<char>(), 0..400).prop_map(String::from_iter),
            template in prop::sample::select(vec![
                "{issue_url}", "{requester}{issue_url}", "{requester} {issue_url} {requester} until {expires_on}",
            ]),
        ) {
            let name = rendered(template, &requester).expect("the URL is short");
            prop_assert!(name.chars().count() <= LONGEST);
            prop_assert!(name.contains(URL));
            prop_assert!(!name.contains(char::is_control));
        }
    }
}

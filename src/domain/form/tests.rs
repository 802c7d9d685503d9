//! The form: what is read from Markdown, and which faults it has.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{AdminAccess, Answers, Fault, Field, Form, carries_marker, check, read};
use crate::domain::policy::Policy;
use crate::domain::terms::Kind;
use crate::domain::testing::{MARKER, answer, form, policy, policy_of_every_kind, time, title, titles};

const NOW: &str = "2026-12-01T09:00:00Z";

fn answers(text: &str) -> Answers {
    read(text, &titles())
}

fn checked(text: &str) -> Result<Form, Vec<Fault>> {
    check(&answers(text), &policy(), time(NOW))
}

fn checked_by(policy: &Policy, now: &str, changes: &[(Field, &str)]) -> Result<Form, Vec<Fault>> {
    check(&answers(&form(changes)), policy, time(now))
}

fn faulty(changes: &[(Field, &str)]) -> Vec<Field> {
    let faults = checked(&form(changes)).expect_err("it has faults");
    faults.into_iter().filter_map(|fault| fault.field).collect()
}

fn ends(remove_on: &str, policy: &Policy, now: &str) -> Result<String, String> {
    match checked_by(policy, now, &[(Field::RemoveOn, remove_on)]) {
        Ok(form) => Ok(form.ends_at.to_string()),
        Err(faults) => Err(faults.into_iter().map(|fault| fault.expected).collect()),
    }
}

/// Each section of the sound form with its title as a heading, to be put in any order.
fn sections(changes: &[(Field, &str)]) -> Vec<String> {
    let text = |field: Field| changes.iter().find(|one| one.0 == field).map_or(answer(field), |one| one.1);
    Field::ALL.map(|field| format!("### {}\n\n{}\n\n", title(field), text(field))).to_vec()
}

#[test]
fn a_whole_form_is_read() {
    let form = checked(&form(&[])).unwrap();
    assert_eq!(form.instance, "global");
    assert_eq!(form.kind, Kind::ApiToken);
    assert_eq!(form.admin_access, AdminAccess::Needed("The export reads every ticket".to_owned()));
    assert_eq!(form.remove_on.to_string(), "2027-03-01");
    assert_eq!(form.ends_at, time("2027-03-02T00:00Z"));
    assert_eq!(form.requester, None);
    let fields: Vec<&str> = form.fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["admin_access", "instance", "kind", "purpose", "remove_on"]);
}

#[test]
fn the_shipped_template_unfilled_lacks_every_required_field_and_nothing_else() {
    let template = include_str!("../../../deploy/gitlab/API_Token_Request.md");
    assert!(carries_marker(template, MARKER));
    let faults = checked(template).expect_err("nothing is filled in");
    let fields: Vec<Option<Field>> = faults.iter().map(|fault| fault.field).collect();
    let required =
        [Field::Instance, Field::Kind, Field::Purpose, Field::AdminAccess, Field::RemoveOn].map(Some);
    assert_eq!(fields, required);
    assert!(faults.iter().all(|fault| fault.found.is_empty()), "{faults:?}");
}

#[test]
fn the_shipped_template_filled_in_is_a_whole_form() {
    let template = include_str!("../../../deploy/gitlab/API_Token_Request.md");
    let filled = template
        .replace("- [ ] Zendesk Global", "- [x] Zendesk Global")
        .replace("- [ ] API token", "- [X] API token")
        .replace("<!-- What will use it, and what for? -->", "Nightly export")
        .replace("### Remove on\n", "### Remove on\n\n2027-03-01\n")
        .replace("### Requester\n", "### Requester\n\n@ada\n");
    let start = filled.find("<!-- For an API token only.").unwrap();
    let filled = format!("{}It reads every ticket\n\n{}", &filled[..start], &filled[start..]);
    let form = checked(&filled).unwrap();
    assert_eq!((form.instance.as_str(), form.requester.as_deref()), ("global", Some("@ada")));
    assert_eq!(form.fields["purpose"], "Nightly export");
}

#[test]
fn every_fault_is_said_at_once_in_the_order_of_the_template() {
    let text = format!(
        "{MARKER}\n### Remove on\nsoon\n### Zendesk instance\n- [x] Zendesk Nowhere\n### Scopes\nread\n### Kind of credential\n- [x] API token\n"
    );
    let faults = checked(&text).unwrap_err();
    let fields: Vec<Field> = faults.iter().filter_map(|fault| fault.field).collect();
    assert_eq!(fields, [Field::Instance, Field::Purpose, Field::AdminAccess, Field::Scopes, Field::RemoveOn]);
    assert_eq!(faults[0].found, "Zendesk Nowhere");
    assert_eq!(faults[0].expected, "one of: Zendesk Global, Zendesk US Government");
}

#[test]
fn only_a_missing_purpose_and_a_missing_end_date_leave_nothing_to_decide() {
    for field in Field::ALL {
        let faults = checked(&form(&[(field, "")])).err().unwrap_or_default();
        let essential = faults.iter().any(|fault| fault.essential);
        assert_eq!(essential, matches!(field, Field::Purpose | Field::RemoveOn), "{field:?}");
    }
}

#[test]
fn a_date_is_four_two_and_two_digits_and_nothing_else() {
    for wrong in [
        "2027-3-1",
        "27-03-01",
        "2027/03/01",
        "01.03.2027",
        "2027-03-01 ok",
        "+027-03-01",
        "2027-02-30",
        "2027-13-01",
        "2027-03-01T00:00",
        "２０２７-03-01",
        "20270301",
        "1 March 2027",
    ] {
        let why = ends(wrong, &policy(), NOW);
        assert_eq!(why, Err("the last day it should work, as YYYY-MM-DD".to_owned()), "{wrong}");
    }
}

#[test]
fn a_credential_works_to_the_end_of_its_day_in_the_configured_zone() {
    let berlin = Policy { zone: TimeZone::get("Europe/Berlin").unwrap(), ..policy() };
    assert_eq!(ends("2027-03-01", &policy(), NOW), Ok("2027-03-02T00:00:00Z".to_owned()));
    assert_eq!(ends("2027-03-01", &berlin, NOW), Ok("2027-03-01T23:00:00Z".to_owned()));
    // The day on which the clocks change has 23 hours.
    assert_eq!(ends("2027-03-28", &berlin, NOW), Ok("2027-03-28T22:00:00Z".to_owned()));
}

#[test]
fn the_end_is_at_least_one_whole_day_ahead() {
    let too_soon = Err("a day at least one whole day ahead".to_owned());
    assert_eq!(ends("2026-12-01", &policy(), "2026-12-01T00:00:00Z"), Ok("2026-12-02T00:00:00Z".to_owned()));
    assert_eq!(ends("2026-12-01", &policy(), "2026-12-01T00:00:01Z"), too_soon);
    assert_eq!(ends("2026-11-30", &policy(), NOW), too_soon);
    assert_eq!(ends("0000-01-01", &policy(), NOW), too_soon);
}

#[test]
fn the_end_is_within_the_policys_lifetime() {
    let month = Policy { max_lifetime_days: 30, ..policy() };
    assert!(ends("2026-12-31", &month, NOW).is_ok());
    assert_eq!(
        ends("2027-01-01", &month, NOW),
        Err("a day not after 2026-12-31: at most 30 days".to_owned())
    );
}

#[test]
fn no_api_token_outlives_api_tokens() {
    assert!(ends("2027-04-30", &policy(), NOW).is_ok());
    assert_eq!(
        ends("2027-05-01", &policy(), NOW),
        Err("a day not after 2027-04-30: on that day Zendesk ends all API tokens".to_owned())
    );
}

#[test]
fn a_lifetime_or_a_date_beyond_the_calendar_is_a_fault_and_no_panic() {
    for days in [i32::MAX, i32::MIN, 7_304_485] {
        let odd = Policy { max_lifetime_days: days, ..policy() };
        let _ = ends("2027-03-01", &odd, NOW);
    }
    assert!(ends("9999-12-31", &policy(), NOW).is_err());
}

#[test]
fn the_same_field_twice_is_one_fault_however_often_it_is_there() {
    let again = format!("### {}\n\nagain\n\n", title(Field::Purpose));
    let twice = checked(&format!("{}\n{again}", form(&[]))).unwrap_err();
    assert_eq!((twice.len(), twice[0].field), (1, Some(Field::Purpose)));
    assert_eq!(twice[0].expected, "each part once");
    let often = checked(&format!("{}\n{}", form(&[]), again.repeat(50))).unwrap_err();
    assert_eq!(often.len(), 1, "{often:?}");
}

#[test]
fn admin_access_that_is_not_needed_is_told_from_a_reason() {
    for no in ["not needed", "Not needed.", "NO", "n/a", "None", "not\nneeded", "- [x] Not needed"] {
        let form = checked(&form(&[(Field::AdminAccess, no)])).unwrap();
        assert_eq!(form.admin_access, AdminAccess::NotNeeded, "{no}");
    }
    for reason in ["No other kind reads tickets", "It is needed", "not needed for reading, but for deleting"]
    {
        let form = checked(&form(&[(Field::AdminAccess, reason)])).unwrap();
        assert_eq!(form.admin_access, AdminAccess::Needed(reason.to_owned()));
    }
}

/// The sound form for an OAuth kind, with these answers in place of its own.
fn oauth(kind: &str, changes: &[(Field, &str)]) -> Result<Form, Vec<String>> {
    let kind = format!("- [x] {kind}");
    let mut all = vec![(Field::AdminAccess, ""), (Field::Scopes, "users:read tickets:read")];
    all.push((Field::Kind, &kind));
    all.retain(|(field, _)| !changes.iter().any(|(changed, _)| changed == field));
    all.extend(changes);
    let expected = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.expected).collect();
    checked_by(&policy_of_every_kind(), NOW, &all).map_err(expected)
}

#[test]
fn an_oauth_client_has_scopes_and_needs_no_reason_for_admin_access() {
    let form = oauth("OAuth client", &[]).unwrap();
    assert_eq!((form.kind, form.integration), (Kind::OauthClient, false));
    assert_eq!(form.scopes, ["tickets:read", "users:read"]);
    assert!(!form.asks_for_too_much());
    for (scopes, why) in [
        ("", "at least one scope, like tickets:read"),
        (
            "tickets:burn",
            "scopes that Zendesk knows, like tickets:read; “tickets:burn” is not a scope of Zendesk",
        ),
        ("write", "narrower scopes, like tickets:write: write is not given at this instance"),
        (
            "tickets:read impersonate",
            "narrower scopes, like tickets:write: impersonate is not given at this instance",
        ),
    ] {
        assert_eq!(oauth("OAuth client", &[(Field::Scopes, scopes)]), Err(vec![why.to_owned()]), "{scopes}");
    }
}

#[test]
fn an_access_token_ends_today_or_tomorrow() {
    let ends = |day: &str, now: &str| {
        let changes = [
            (Field::Kind, "- [x] OAuth access token"),
            (Field::Scopes, "tickets:read"),
            (Field::RemoveOn, day),
        ];
        checked_by(&policy_of_every_kind(), now, &changes).map(|form| form.ends_at.to_string()).is_ok()
    };
    assert!(ends("2026-12-01", NOW) && ends("2026-12-02", NOW));
    assert!(!ends("2026-11-30", NOW) && !ends("2026-12-03", NOW));
    // Strictly less than 48 hours, and not too little to be of use.
    assert!(!ends("2026-12-02", "2026-12-01T00:00:00Z") && ends("2026-12-02", "2026-12-01T00:00:01Z"));
    assert!(ends("2026-12-01", "2026-12-01T23:00:00Z") && !ends("2026-12-01", "2026-12-01T23:00:01Z"));
}

#[test]
fn an_integration_is_an_oauth_client_where_the_instance_makes_integrations() {
    let form = oauth("Integration", &[]).unwrap();
    assert_eq!((form.kind, form.integration), (Kind::OauthClient, true));
    let there = [(Field::Instance, "- [x] Zendesk US Government")];
    let refused = oauth("Integration", &there).unwrap_err();
    assert_eq!(
        refused,
        ["one of: API token; integrations are not made for Zendesk US Government"],
        "and nothing else is a fault"
    );
    assert!(oauth("OAuth client", &there).is_err(), "a kind that the instance does not offer");
}

#[test]
fn scopes_filled_in_for_an_api_token_are_a_fault_and_left_empty_are_none() {
    assert_eq!(faulty(&[(Field::Scopes, "tickets:read")]), [Field::Scopes]);
    assert!(checked(&form(&[(Field::Scopes, "<!-- none -->")])).is_ok());
}

#[test]
fn exactly_one_instance_and_one_kind_are_chosen() {
    let both = "- [x] Zendesk Global\n- [x] Zendesk US Government";
    for wrong in [both, "- [ ] Zendesk Global", "Global please", "- [x] Zendesk Global\n\nand more"] {
        assert_eq!(faulty(&[(Field::Instance, wrong)]), [Field::Instance], "{wrong}");
    }
    for right in ["zendesk global", "global", "* [x] ZENDESK GLOBAL"] {
        assert!(checked(&form(&[(Field::Instance, right)])).is_ok(), "{right}");
    }
    assert_eq!(faulty(&[(Field::Kind, "- [x] OAuth client")]), [Field::Kind]);
}

#[test]
fn a_kind_that_the_instance_does_not_offer_is_a_fault() {
    let mut policy = policy();
    policy.instances[0].kinds.clear();
    let faults = checked_by(&policy, NOW, &[]).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), [Some(Field::Kind)]);
}

#[test]
fn bold_lead_ins_name_fields_as_headings_do() {
    let bold: String = Field::ALL
        .map(|field| match answer(field) {
            boxes if boxes.starts_with('-') => format!("**{}**\n\n{boxes}\n\n", title(field)),
            text => format!("**{}:** {text}\n\n", title(field)),
        })
        .concat();
    assert_eq!(answers(&bold), answers(&form(&[])));
}

#[test]
fn a_title_in_a_code_block_or_a_comment_names_nothing() {
    let purpose = "```\n### Remove on\n2030-01-01\n```\n<!--\n### Remove on\n2030-01-01\n-->";
    let answers = answers(&form(&[(Field::Purpose, purpose)]));
    assert!(answers.repeated.is_empty());
    assert_eq!(answers.by_field[&Field::RemoveOn].whole(), "2027-03-01");
    assert_eq!(answers.by_field[&Field::Purpose].whole(), "### Remove on\n2030-01-01");
}

#[test]
fn the_marker_is_a_line_of_its_own() {
    assert!(carries_marker(&format!("hello\r\n  {MARKER}\t\r\nmore"), MARKER));
    for text in ["", "countersign: API_Token_Request", "<!-- countersign: api_token_request -->"] {
        assert!(!carries_marker(text, MARKER), "{text}");
    }
    assert!(!carries_marker(&format!("see {MARKER}"), MARKER));
    assert!(!carries_marker(&format!("{MARKER} see"), MARKER));
}

#[test]
fn no_nesting_is_too_deep() {
    for unit in [
        ">", "- ", "> - ", "1. ", "*", "[", "![", "<b>", "**a ", "~~a ", "`", "* [x] ", "\t", "[a](", "&",
        "<!--",
    ] {
        let text = format!("### {}\n\n{}x", title(Field::Purpose), unit.repeat(20_000));
        let _ = checked(&text);
    }
    let stairs: Vec<String> = (0..300).map(|depth| format!("{}- [x] a", "  ".repeat(depth))).collect();
    let _ = checked(&format!("### {}\n\n{}", title(Field::Purpose), stairs.join("\n")));
}

#[test]
fn nesting_is_read_to_a_fixed_depth() {
    let nested = |depth: usize| {
        answers(&form(&[(Field::Purpose, &format!("{}why", "> ".repeat(depth)))])).by_field[&Field::Purpose]
            .whole()
    };
    assert_eq!(["why", "why", ""], [0, 6, 7].map(nested).each_ref().map(String::as_str));
}

#[test]
fn a_megabyte_is_read() {
    for unit in ["a", "# Purpose\n", "**Remove on** 2027-03-01\n\n", "\u{202E}é\n", "- [x] Zendesk Global\n"]
    {
        let _ = checked(&unit.repeat(1_000_000 / unit.len()));
    }
}

fn markdown() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "#",
        "### ",
        "**",
        "*",
        "- [x] ",
        "- [ ] ",
        "> ",
        "\n",
        "\n\n",
        "\r\n",
        "    ",
        "\t",
        "`",
        "```\n",
        "<!--",
        "-->",
        "<div>",
        "[a](b)",
        "~~",
        "|",
        "---\n",
        "é",
        "\u{202E}",
        "\u{0}",
        "𝒳",
        "Remove on",
        "2027-03-01",
        "Zendesk instance",
        "Zendesk Global",
        "Business purpose",
        "API token",
        "Requester",
        "@ada",
        ":",
        "&amp;",
    ]);
    prop_oneof![
        ".{0,200}",
        prop::collection::vec(any::<char>(), 0..80).prop_map(String::from_iter),
        prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat()),
    ]
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Zé0-9]{1,8}( [a-zA-Zé0-9]{1,8}){0,6}"
}

proptest! {
    #[test]
    fn no_text_panics_and_all_faults_name_what_they_expect(text in markdown()) {
        let _ = carries_marker(&text, MARKER);
        if let Err(faults) = checked(&text) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|fault| !fault.expected.is_empty()));
        }
    }

    #[test]
    fn order_case_line_ends_comments_and_extra_sections_do_not_matter(
        order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
        level in 1..=6_usize,
        upper in any::<bool>(),
        crlf in any::<bool>(),
        comments in any::<bool>(),
        extra in any::<bool>(),
        closing in prop::sample::select(vec!["", ":", "?", " *", "  "]),
    ) {
        let sections = sections(&[]);
        let mut text = String::new();
        for (place, field) in order.iter().map(|index| (index, Field::ALL[*index])) {
            let heading = if upper { title(field).to_uppercase() } else { title(field).to_owned() };
            let body = sections[*place].replace(
                &format!("### {}", title(field)), &format!("{} {heading}{closing}", "#".repeat(level)),
            );
            if comments {
                text.push_str("<!-- help:\n\n### Remove on\n\n2031-01-01 -->\n\n");
            }
            text.push_str(&body);
            if extra {
                text.push_str("## For the team\n\n- [x] lunch\n\nAnything.\n\n");
            }
        }
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        prop_assert_eq!(checked(&text), checked(&form(&[])), "{}", text);
    }

    #[test]
    fn a_whole_form_survives_being_written_again(
        purpose in words(), reason in words(), replaces in words(), requester in "@[a-z]{1,10}", days in 2..100_i64,
    ) {
        let day = time(NOW).to_zoned(TimeZone::UTC).date().saturating_add(jiff::Span::new().days(days)).to_string();
        let written = [
            (Field::Purpose, purpose.as_str()), (Field::AdminAccess, reason.as_str()), (Field::RemoveOn, day.as_str()),
            (Field::Replaces, replaces.as_str()), (Field::Requester, requester.as_str()),
        ];
        let Ok(first) = checked(&form(&written)) else { return Err(TestCaseError::fail("it is whole")) };
        for (field, text) in written {
            prop_assert_eq!(&first.fields[field.key()], text);
        }
        let again: Vec<(Field, &str)> = Field::ALL
            .iter()
            .filter_map(|field| Some((*field, first.fields.get(field.key())?.as_str())))
            .collect();
        prop_assert_eq!(checked(&form(&again)).map(|form| form.fields), Ok(first.fields.clone()));
    }
}

//! `[policy]`: how long, how old, by whom at least, under which name.

use jiff::tz::TimeZone;

use super::values::choice;
use crate::reader::Reader;

/// Ten years: more than any credential should live, and far from where dates overflow.
const MOST_DAYS: i64 = 3650;

/// The placeholders of a name template.
const PLACEHOLDERS: [&str; 3] = ["issue_url", "requester", "expires_on"];

/// The rules that an installation may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// "Remove on" means the end of that day in this time zone.
    pub zone: TimeZone,
    /// The longest life a credential may be asked for, in days.
    pub max_lifetime_days: u32,
    /// What happens to an issue whose form lacks a purpose or an end date.
    pub on_incomplete: OnIncomplete,
    /// An approval older than this many days does not count when minting.
    pub approval_max_age_days: u32,
    /// A request that nobody decides is withdrawn after this many days.
    pub pending_max_days: u32,
    /// The least role of an approver in the project: 10 Guest, 15 Planner, 20 Reporter, 30 Developer,
    /// 40 Maintainer, 50 Owner.
    pub minimum_access_level: i64,
    /// The credential's name at Zendesk. Contains `{issue_url}`; may contain `{requester}` and
    /// `{expires_on}`, and no other placeholder. An instance may have its own.
    pub name_template: String,
}

/// What happens to an issue whose form lacks a purpose or an end date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnIncomplete {
    /// It is closed; reopening tries again.
    Close,
    /// It is left open.
    Ask,
}

impl Policy {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let zone = reader.parsed("zone", zone);
        let max_lifetime_days = days(reader, "max_lifetime_days");
        let ways = [("close", OnIncomplete::Close), ("ask", OnIncomplete::Ask)];
        let on_incomplete = reader.parsed("on_incomplete", |text| choice(text, &ways));
        let approval_max_age_days = days(reader, "approval_max_age_days");
        let pending_max_days = days(reader, "pending_max_days");
        let minimum_access_level = reader.integer("minimum_access_level", 10..=50);
        let name_template = reader.parsed("name_template", name_template);
        Some(Self {
            zone: zone?,
            max_lifetime_days: max_lifetime_days?,
            on_incomplete: on_incomplete?,
            approval_max_age_days: approval_max_age_days?,
            pending_max_days: pending_max_days?,
            minimum_access_level: minimum_access_level?,
            name_template: name_template?,
        })
    }
}

fn days(reader: &mut Reader<'_>, key: &str) -> Option<u32> {
    reader.integer(key, 1..=MOST_DAYS).and_then(|days| u32::try_from(days).ok())
}

fn zone(name: &str) -> Result<TimeZone, String> {
    let unknown = "is not a time zone of the IANA database, like Europe/Berlin";
    match TimeZone::get(name) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err(unknown.to_owned()),
    }
}

/// A name template is fit if it can be filled in and leads back to its issue.
pub(super) fn name_template(text: &str) -> Result<String, String> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some(at) = rest.find(['{', '}']) {
        let (_, from_brace) = rest.split_at(at);
        let inside = from_brace.strip_prefix('{').and_then(|text| text.split_once('}'));
        let (placeholder, behind) = inside.ok_or("has a brace without its other half")?;
        if !PLACEHOLDERS.contains(&placeholder) {
            let all = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
            return Err(format!("has an unknown placeholder; there are {all}"));
        }
        found.push(placeholder);
        rest = behind;
    }
    if text.contains(char::is_control) {
        return Err("must be one line".to_owned());
    }
    if found.contains(&"issue_url") {
        Ok(text.to_owned())
    } else {
        Err("must contain {issue_url}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_issue() {
        for good in
            ["{issue_url}", "bot {requester} {issue_url} until {expires_on}", "{issue_url}{issue_url}"]
        {
            assert_eq!(name_template(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("name", "must contain {issue_url}"),
            ("{requester}", "must contain {issue_url}"),
            ("{issue_url} {user}", "unknown placeholder"),
            ("{issue_url} {}", "unknown placeholder"),
            ("{{issue_url}}", "unknown placeholder"),
            ("{issue_url} {", "brace"),
            ("{issue_url} }", "brace"),
            ("{issue_url}\n", "one line"),
        ] {
            assert!(name_template(bad).unwrap_err().contains(why), "{bad}");
        }
    }

    #[test]
    fn a_zone_is_one_that_exists() {
        assert!(zone("UTC").is_ok());
        assert!(zone("Europe/Berlin").is_ok());
        for bad in ["Europe/Nowhere", "Etc/Unknown", "+02:00", "local", ""] {
            assert!(zone(bad).is_err(), "{bad}");
        }
    }
}

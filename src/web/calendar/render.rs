//! End dates as iCalendar text. Source: RFC 5545; RFC 7986 for the name and the refresh interval.
//!
//! Everything that a library would make up on each rendering (UID, DTSTAMP) is set from what is stored, so that the same
//! state is the same bytes. No alarms: whoever has the credential is reminded by Slack and in the issue.

use icalendar::{Calendar, Component as _, Event, Property};
use jiff::Timestamp;

use crate::store::{Scope, ShownDate};

/// A whole calendar, with CRLF and folded lines.
pub(super) fn render(scope: &Scope, dates: &[ShownDate]) -> String {
    // Not `new`: its PRODID is the library's, and a second one is not allowed.
    let mut calendar = Calendar::empty();
    calendar.append_property(Property::new("VERSION", "2.0"));
    calendar.append_property(Property::new("CALSCALE", "GREGORIAN"));
    let name = match scope {
        Scope::Instance(key) => format!("Zendesk credentials: {key}"),
        Scope::Person(_) => "Zendesk credentials: mine".to_owned(),
    };
    calendar.name(&name);
    calendar.append_property(Property::new("PRODID", "-//countersign//end dates//EN"));
    calendar.append_property(Property::new("METHOD", "PUBLISH"));
    let mut interval = Property::new("REFRESH-INTERVAL", "PT1H");
    interval.add_parameter("VALUE", "DURATION");
    calendar.append_property(interval);
    calendar.append_property(Property::new("X-PUBLISHED-TTL", "PT1H"));
    for date in dates {
        calendar.push(event(date));
    }
    calendar.done().to_string()
}

fn event(shown: &ShownDate) -> Event {
    let (date, changed) = (&shown.date, utc(shown.changed_at));
    // The change is its ending: nothing of a cancelled date changes any more.
    let what = if date.cancelled {
        format!("It ended early, on {}.", utc_text(shown.changed_at))
    } else {
        format!("It is taken away at {}.", utc_text(date.ends_at))
    };
    let mut event = Event::new();
    let mut day = Property::new("DTSTART", date.last_day.replace('-', ""));
    day.add_parameter("VALUE", "DATE");
    event
        .uid(&date.uid)
        .summary(&date.summary)
        .description(&format!("{what} Request: {}", date.url))
        .url(&date.url)
        .append_property(day)
        .add_property("DTSTAMP", &changed)
        .add_property("LAST-MODIFIED", &changed)
        .add_property("SEQUENCE", shown.sequence.to_string())
        .add_property("STATUS", if date.cancelled { "CANCELLED" } else { "CONFIRMED" })
        .add_property("CLASS", "PRIVATE")
        .add_property("TRANSP", "TRANSPARENT");
    event.done()
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn utc_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::domain::calendar::EndDate;
    use crate::domain::ids::UserId;

    fn shown(cancelled: bool) -> ShownDate {
        let date = EndDate {
            uid: "7-1@installation".to_owned(),
            instance: "global".to_owned(),
            person: UserId(12),
            summary: "API token for Zendesk; \"Global, Ünited\" ends".to_owned(),
            url: format!("https://gitlab.example/{}/-/issues/7", "group".repeat(12)),
            last_day: "2026-12-31".to_owned(),
            ends_at: "2027-01-01T00:00:00Z".parse().unwrap(),
            cancelled,
        };
        ShownDate {
            date,
            sequence: i64::from(cancelled),
            changed_at: "2026-12-01T09:01:00.5Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_calendar_is_what_the_standard_says() {
        let text = render(&Scope::Instance("global".to_owned()), &[shown(false), shown(true)]);
        assert_snapshot!(text.replace("\r\n", "\n"), @r#"
        BEGIN:VCALENDAR
        VERSION:2.0
        CALSCALE:GREGORIAN
        NAME:Zendesk credentials: global
        X-WR-CALNAME:Zendesk credentials: global
        PRODID:-//countersign//end dates//EN
        METHOD:PUBLISH
        REFRESH-INTERVAL;VALUE=DURATION:PT1H
        X-PUBLISHED-TTL:PT1H
        BEGIN:VEVENT
        CLASS:PRIVATE
        DESCRIPTION:It is taken away at 2027-01-01 00:00 UTC. Request: https://gitl
         ab.example/groupgroupgroupgroupgroupgroupgroupgroupgroupgroupgroupgroup/-/
         issues/7
        DTSTAMP:20261201T090100Z
        DTSTART;VALUE=DATE:20261231
        LAST-MODIFIED:20261201T090100Z
        SEQUENCE:0
        STATUS:CONFIRMED
        SUMMARY:API token for Zendesk\; "Global\, Ünited" ends
        TRANSP:TRANSPARENT
        UID:7-1@installation
        URL:https://gitlab.example/groupgroupgroupgroupgroupgroupgroupgroupgroupgro
         upgroupgroup/-/issues/7
        END:VEVENT
        BEGIN:VEVENT
        CLASS:PRIVATE
        DESCRIPTION:It ended early\, on 2026-12-01 09:01 UTC. Request: https://gitl
         ab.example/groupgroupgroupgroupgroupgroupgroupgroupgroupgroupgroupgroup/-/
         issues/7
        DTSTAMP:20261201T090100Z
        DTSTART;VALUE=DATE:20261231
        LAST-MODIFIED:20261201T090100Z
        SEQUENCE:1
        STATUS:CANCELLED
        SUMMARY:API token for Zendesk\; "Global\, Ünited" ends
        TRANSP:TRANSPARENT
        UID:7-1@installation
        URL:https://gitlab.example/groupgroupgroupgroupgroupgroupgroupgroupgroupgro
         upgroupgroup/-/issues/7
        END:VEVENT
        END:VCALENDAR
        "#);
        assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
    }

    #[test]
    fn two_renderings_are_the_same_bytes() {
        let dates = [shown(false), shown(true)];
        let render = || render(&Scope::Person(UserId(12)), &dates);
        assert_eq!(render(), render());
    }
}

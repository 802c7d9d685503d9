//! Makes trouble: what the network, the processes and the calendar do while people go about their requests.

use super::chance::Chance;
use super::history::{Act, Fate};
use super::storyline::moment;
use super::trouble::{Effect, Target};

/// The network, the processes, the calendar.
pub(super) fn trouble(chance: &mut Chance) -> Act {
    let process = 0;
    match chance.below(20) {
        0..=6 => fault(chance),
        7 => outage(chance),
        8 => Act::ListLag { seconds: u16::try_from(chance.between(5, 500)).unwrap_or(5) },
        9 => Act::SweepLag { minutes: u8::try_from(chance.between(1, 50)).unwrap_or(1) },
        10..=12 => {
            let late = u16::try_from(chance.between(1, 290)).unwrap_or(1);
            let fate = chance.pick(&[Fate::Lost, Fate::Lost, Fate::Twice, Fate::Late(late)]);
            Act::Webhooks { fate, times: u8::try_from(chance.between(1, 3)).unwrap_or(1) }
        }
        13..=15 => Act::Kill {
            process,
            after: u8::try_from(chance.between(0, 120)).unwrap_or(0),
            back_after: u16::try_from(chance.between(0, 600)).unwrap_or(5),
        },
        16 | 17 => Act::Stall {
            process: u8::try_from(chance.below(2)).unwrap_or(0),
            at: chance.pick(&[
                Target::Any,
                Target::Create,
                Target::Create,
                Target::Send,
                Target::TakeAway,
                Target::Note,
            ]),
            seconds: u16::try_from(chance.between(5, 1200)).unwrap_or(5),
        },
        18 => Act::Twin { seconds: u16::try_from(chance.between(60, 7200)).unwrap_or(60) },
        _ => Act::Wait { seconds: moment(chance) },
    }
}

fn fault(chance: &mut Chance) -> Act {
    let late = u16::try_from(chance.between(1, 2900)).unwrap_or(1);
    let effects = [
        Effect::Dropped,
        Effect::AnswerLost,
        Effect::AnswerLost,
        Effect::Late(late),
        Effect::RateLimited,
        Effect::Status(500),
        Effect::Status(503),
        Effect::BadGateway,
        Effect::Html,
        Effect::HalfBody,
        Effect::Slow(u16::try_from(chance.between(1, 40)).unwrap_or(1)),
    ];
    let (at, effect) = match chance.below(9) {
        8 => (Target::Grant, chance.pick(&effects)),
        0 | 1 => (Target::Create, chance.pick(&effects)),
        2 => (Target::Send, chance.pick(&effects)),
        3 => {
            let code = chance.pick(&[
                "ratelimited",
                "fatal_error",
                "internal_error",
                "request_timeout",
                "channel_not_found",
            ]);
            (Target::Send, Effect::SlackError(code))
        }
        4 => (
            Target::TakeAway,
            chance.pick(&[Effect::Hollow, Effect::AnswerLost, Effect::Status(500), Effect::Late(late)]),
        ),
        5 => (
            Target::List,
            chance.pick(&[
                Effect::Status(404),
                Effect::Status(403),
                Effect::Html,
                Effect::HalfBody,
                Effect::Status(503),
            ]),
        ),
        6 => (Target::Note, chance.pick(&effects)),
        _ => (chance.pick(&Target::ALL), chance.pick(&effects)),
    };
    Act::Fault {
        at,
        effect,
        skip: u8::try_from(chance.pick(&[0, 0, 0, 0, 1, 2, 7])).unwrap_or(0),
        times: u8::try_from(chance.pick(&[1, 1, 1, 2, 3, 6])).unwrap_or(1),
    }
}

fn outage(chance: &mut Chance) -> Act {
    let effect = chance.pick(&[
        Effect::Dropped,
        Effect::Status(503),
        Effect::Status(500),
        Effect::RateLimited,
        Effect::Html,
    ]);
    let at = chance.pick(&[
        Target::GitLab,
        Target::Zendesk,
        Target::Slack,
        Target::Any,
        Target::Lookup,
        Target::Issue,
    ]);
    Act::Outage { at, effect, minutes: u16::try_from(chance.between(1, 3000)).unwrap_or(1) }
}

//! Makes histories: for each issue a storyline that would come true, and everything that keeps it from it.
//!
//! Pure chance would hardly ever come as far as a credential. So each issue begins as the story that the program is
//! for, its people err now and then, and the network, the processes and the calendar are strewn in between. How much
//! goes wrong is chosen for each history: some are calm, and some are a storm.

use super::cast::{Casey, Cory, Gil, Kim, Mika, Nova, Oda, Pat, Person, Robin};
use super::chance::{Chance, mixed};
use super::history::{Act, History, Label, Name, Pace, Step};
use super::trouble::{Effect, Target};
use super::weather::trouble;
use super::wish::{Instance, Kind, Scopes, Wish};

/// Issues of a history at most.
const ISSUES: i64 = 2;

/// The history of a seed.
pub(super) fn history(seed: u64) -> History {
    let mut chance = Chance::new(mixed(seed, 1));
    let weather = chance.pick(&[0, 0, 1, 1, 2, 3, 5]);
    let issues = if chance.percent(70) { 1 } else { chance.between(1, ISSUES) };
    let mut lines: Vec<Vec<Act>> =
        (0..issues).map(|name| storyline(u8::try_from(name).unwrap_or(0), &mut chance)).collect();
    let mut acts = Vec::new();
    while lines.iter().any(|line| !line.is_empty()) {
        let open: Vec<usize> = (0..lines.len()).filter(|line| !lines[*line].is_empty()).collect();
        let line = chance.pick(&open);
        for _ in 0..weather {
            if chance.percent(40) {
                acts.push(trouble(&mut chance));
            }
        }
        acts.push(lines[line].remove(0));
    }
    acts.into_iter().map(|act| step(act, &mut chance)).collect()
}

fn step(act: Act, chance: &mut Chance) -> Step {
    let pace = match &act {
        // Trouble is laid out for what comes next.
        Act::Fault { .. }
        | Act::Outage { .. }
        | Act::Webhooks { .. }
        | Act::Kill { .. }
        | Act::Stall { .. } => Pace::Hurry,
        _ => match chance.below(10) {
            0 | 1 => Pace::Hurry,
            2..=4 => Pace::Turns(u8::try_from(chance.between(1, 40)).unwrap_or(1)),
            _ => Pace::Settle,
        },
    };
    Step { act, pace, seed: chance.next() }
}

fn storyline(name: Name, chance: &mut Chance) -> Vec<Act> {
    let by = requester(chance);
    let wish = wish(chance);
    let mut acts = vec![Act::Open { name, by, wish, label: born_with(chance) }];
    let manager = by.manager().unwrap_or(Kim);
    noise(&mut acts, name, wish, (5, chance));
    acts.push(Act::PutOn { name, by: mostly(manager, chance), label: Label::Manager });
    if chance.percent(10) {
        deceit(&mut acts, name, manager);
    }
    noise(&mut acts, name, wish, (5, chance));
    if wish.kind == Kind::OauthToken && chance.percent(15) {
        // Past midnight, and perhaps past its end.
        acts.push(Act::Wait { seconds: u32::try_from(chance.between(36_000, 140_000)).unwrap_or(36_000) });
    }
    match chance.below(16) {
        0 => namesakes(&mut acts, name, wish.kind, chance),
        1 => two_at_once(&mut acts, name, chance),
        _ => acts.push(Act::PutOn { name, by: mostly(Pat, chance), label: Label::Provisioner }),
    }
    noise(&mut acts, name, wish, (12, chance));
    if wish.kind == Kind::OauthClient {
        is_used(&mut acts, name, wish, chance);
    }
    acts.push(Act::Wait { seconds: span(chance) });
    if chance.percent(50) {
        noise(&mut acts, name, wish, (40, chance));
        acts.push(Act::Wait { seconds: span(chance) });
    }
    if chance.percent(25) {
        ending(&mut acts, name, wish, chance);
    }
    if chance.percent(30) {
        again(&mut acts, name, manager, chance);
    }
    acts
}

/// Robin, as a rule; the others have no manager, or no account at Slack, or a part in the approval.
fn requester(chance: &mut Chance) -> Person {
    if chance.percent(80) { Robin } else { chance.pick(&[Casey, Casey, Gil, Cory, Nova, Pat, Kim]) }
}

/// Hours to years.
fn span(chance: &mut Chance) -> u32 {
    let (low, high) =
        chance.pick(&[(60, 7200), (60, 7200), (3600, 172_800), (86_400, 12_960_000), (86_400, 47_304_000)]);
    u32::try_from(chance.between(low, high)).unwrap_or(3600)
}

/// Shorter, so that a fault meets what comes next.
pub(super) fn moment(chance: &mut Chance) -> u32 {
    u32::try_from(chance.between(1, 900)).unwrap_or(60)
}

fn mostly(right: Person, chance: &mut Chance) -> Person {
    if chance.percent(93) { right } else { chance.pick(&Person::ALL) }
}

fn born_with(chance: &mut Chance) -> Option<Label> {
    chance.percent(4).then(|| chance.pick(&[Label::Manager, Label::Provisioner]))
}

fn wish(chance: &mut Chance) -> Wish {
    use Kind::{ApiToken, OauthClient, OauthToken};
    let rare = |chance: &mut Chance| chance.percent(2);
    let kind = chance.pick(&[ApiToken, ApiToken, ApiToken, OauthClient, OauthClient, OauthToken, OauthToken]);
    let days = if rare(chance) {
        chance.pick(&[None, Some(0), Some(1), Some(400), Some(-3)])
    } else {
        Some(days(kind, chance))
    };
    let elsewhere = if kind == OauthToken { 25 } else { 2 };
    let scopes = if rare(chance) {
        chance.pick(&[None, Some(Scopes::One), Some(Scopes::Writing), Some(Scopes::Unknown)])
    } else {
        kind.is_oauth().then(|| chance.pick(&[Scopes::One, Scopes::Two, Scopes::Reading]))
    };
    Wish {
        instance: if chance.percent(elsewhere) { Instance::Government } else { Instance::Global },
        kind,
        scopes,
        purpose: if rare(chance) { None } else { u8::try_from(chance.between(1, 9)).ok() },
        admin_needed: !rare(chance),
        days,
        on_behalf_of: chance.percent(10).then(|| chance.pick(&[Robin, Casey, Kim, Cory, Nova])),
        marked: !rare(chance),
    }
}

/// Days that may be asked for: an access token ends today or tomorrow.
fn days(kind: Kind, chance: &mut Chance) -> i16 {
    match kind {
        Kind::OauthToken => chance.pick(&[0, 1, 1, 1, 1]),
        Kind::ApiToken | Kind::OauthClient => chance.pick(&[2, 3, 5, 14, 30, 60]),
    }
}

/// What people do besides.
fn noise(acts: &mut Vec<Act>, name: Name, first: Wish, (share, chance): (u64, &mut Chance)) {
    for _ in 0..4 {
        if chance.percent(share) {
            acts.push(one_noise(name, first, chance));
        }
    }
}

fn one_noise(name: Name, first: Wish, chance: &mut Chance) -> Act {
    let by = chance.pick(&[Robin, Robin, Kim, Pat, Casey, Mika, Oda, Gil]);
    let label =
        chance.pick(&[Label::Manager, Label::Manager, Label::Provisioner, Label::Provisioner, Label::Denied]);
    match chance.below(38) {
        0..=4 => Act::PutOn { name, by, label },
        5..=7 => Act::TakeOff { name, by, label },
        8..=12 => edit(name, by, first, chance),
        13 | 14 => Act::Close { name, by },
        15..=17 => Act::Reopen { name, by },
        18 => Act::Move { name, by },
        19 => Act::Say { name, by },
        20 => Act::Tamper { name },
        21 => Act::Wipe { name },
        22 => Act::Hidden { name },
        23 => Act::Rename { label: chance.pick(&[Label::Manager, Label::Provisioner]) },
        24 => Act::Block { who: chance.pick(&[Kim, Pat, Robin]) },
        25 => Act::Unblock { who: chance.pick(&[Kim, Pat, Robin]) },
        26 => Act::LeaveSlack { who: chance.pick(&[Robin, Robin, Casey]) },
        27 if first.kind.is_oauth() => Act::HandMadeClient { name, ours: chance.percent(60) },
        27 => Act::HandMade { name, longer: chance.percent(60) },
        34..=37 if first.kind == Kind::OauthClient => Act::Fetch { name },
        28 => Act::DeleteByHand { name },
        29 | 30 => Act::Revoke { name },
        31 => Act::Retry { name },
        _ => Act::Wait { seconds: moment(chance) },
    }
}

/// Another text: rarely the same again, so that an edit there and back happens.
fn edit(name: Name, by: Person, first: Wish, chance: &mut Chance) -> Act {
    let wish = match chance.below(5) {
        0 => first,
        1 => wish(chance),
        2 if first.kind == Kind::OauthToken => Wish { days: Some(chance.pick(&[0, 1, 2])), ..first },
        2 => Wish { days: Some(chance.pick(&[2, 45, 90])), ..first },
        _ => Wish { purpose: u8::try_from(chance.between(1, 9)).ok(), ..first },
    };
    let label = chance.percent(12).then(|| chance.pick(&[Label::Manager, Label::Provisioner]));
    Act::Edit { name, by, wish, label }
}

/// The right label comes off and a wrong one on, far behind in the list of events.
fn deceit(acts: &mut Vec<Act>, name: Name, manager: Person) {
    acts.push(Act::PutOn { name, by: Pat, label: Label::Provisioner });
    acts.push(Act::Hidden { name });
    acts.push(Act::TakeOff { name, by: manager, label: Label::Manager });
    acts.push(Act::PutOn { name, by: Casey, label: Label::Manager });
}

/// A client is what its holder makes of it: what was fetched soon before its end outlives that, unless it is deleted.
fn is_used(acts: &mut Vec<Act>, name: Name, wish: Wish, chance: &mut Chance) {
    if chance.percent(60) {
        acts.push(Act::Wait { seconds: moment(chance) });
        acts.push(Act::Fetch { name });
    }
    match chance.below(4) {
        0 => acts.push(Act::Revoke { name }),
        1 => {
            // To the last hours of the last day, as histories begin at nine in the morning.
            let nearly =
                i64::from(wish.days.unwrap_or(0).max(0)) * 86_400 + 54_000 - chance.between(600, 80_000);
            acts.push(Act::Wait { seconds: u32::try_from(nearly).unwrap_or(60) });
            acts.push(Act::Fetch { name });
        }
        _ => {}
    }
}

/// A create call is not answered, and before anybody has looked for what it made, somebody makes another by that name.
fn namesakes(acts: &mut Vec<Act>, name: Name, kind: Kind, chance: &mut Chance) {
    let effect = chance.pick(&[Effect::AnswerLost, Effect::HalfBody, Effect::Dropped]);
    acts.push(Act::Fault { at: Target::Create, effect, skip: 0, times: 1 });
    acts.push(Act::PutOn { name, by: Pat, label: Label::Provisioner });
    let ours = chance.percent(60);
    acts.push(if kind.is_oauth() {
        Act::HandMadeClient { name, ours }
    } else {
        Act::HandMade { name, longer: ours }
    });
    acts.push(Act::Wait { seconds: moment(chance) });
}

/// One process stands still in the middle of it, another goes on with the request, and the first wakes again.
fn two_at_once(acts: &mut Vec<Act>, name: Name, chance: &mut Chance) {
    let at = chance.pick(&[Target::Create, Target::Create, Target::Grant, Target::Send]);
    let seconds = u16::try_from(chance.between(200, 1200)).unwrap_or(200);
    acts.push(Act::Stall { process: 0, at, seconds });
    acts.push(Act::PutOn { name, by: Pat, label: Label::Provisioner });
    acts.push(Act::Twin { seconds: u16::try_from(chance.between(1500, 7200)).unwrap_or(1500) });
    acts.push(Act::Wait { seconds: moment(chance) });
}

/// Something is wrong while it ends.
fn ending(acts: &mut Vec<Act>, name: Name, first: Wish, chance: &mut Chance) {
    if chance.percent(50) {
        acts.push(edit(name, Robin, first, chance));
    }
    let (at, effect) = chance.pick(&[
        (Target::List, Effect::Status(404)),
        (Target::List, Effect::Status(503)),
        (Target::TakeAway, Effect::Hollow),
        (Target::TakeAway, Effect::AnswerLost),
        (Target::Zendesk, Effect::Status(500)),
        (Target::GitLab, Effect::Status(502)),
        (Target::Slack, Effect::Dropped),
    ]);
    match chance.below(4) {
        0 => acts.push(Act::Fault {
            at,
            effect,
            skip: 0,
            times: u8::try_from(chance.between(1, 9)).unwrap_or(1),
        }),
        1 => acts.push(Act::TokensOff { minutes: 600 }),
        _ => acts.push(Act::Outage {
            at,
            effect,
            minutes: u16::try_from(chance.between(5, 4000)).unwrap_or(5),
        }),
    }
    if first.kind == Kind::OauthClient {
        acts.push(Act::Fetch { name });
    }
    if chance.percent(50) {
        acts.push(Act::Revoke { name });
    }
    acts.push(Act::Wait { seconds: span(chance) });
}

/// Opened again, and perhaps approved again.
fn again(acts: &mut Vec<Act>, name: Name, manager: Person, chance: &mut Chance) {
    if chance.percent(50) {
        acts.push(Act::Revoke { name });
        acts.push(Act::Wait { seconds: moment(chance) });
    }
    acts.push(Act::Reopen { name, by: chance.pick(&[Robin, Pat, Casey]) });
    if chance.percent(70) {
        acts.push(Act::TakeOff { name, by: manager, label: Label::Manager });
        acts.push(Act::PutOn { name, by: mostly(manager, chance), label: Label::Manager });
        acts.push(Act::TakeOff { name, by: Pat, label: Label::Provisioner });
        acts.push(Act::PutOn { name, by: mostly(Pat, chance), label: Label::Provisioner });
        acts.push(Act::Wait { seconds: moment(chance) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_history() {
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        let lengths: Vec<usize> = (0..200).map(|seed| history(seed).len()).collect();
        assert!(lengths.iter().all(|length| *length >= 4 && *length < 120), "{lengths:?}");
    }
}

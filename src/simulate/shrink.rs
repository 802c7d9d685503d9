//! The shortest history that still breaks the same promise: delta debugging over the steps.
//!
//! Steps are left out in ever smaller pieces (Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing
//! Input", 2002), until none can be. What is left is as long as it must be, one step at a time.

use super::history::History;

/// Leaves out what is not needed. `fails` plays a history and tells whether it still fails; it is asked at most
/// `budget` times.
pub(super) fn shortest(
    history: History,
    mut budget: usize,
    mut fails: impl FnMut(&History) -> bool,
) -> History {
    let mut best = history;
    let mut piece = best.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        let mut from = 0;
        while from < best.len() && budget > 0 {
            let mut without = best.clone();
            without.drain(from..(from + piece).min(best.len()));
            budget -= 1;
            if fails(&without) {
                best = without;
                shorter = true;
            } else {
                from += piece;
            }
        }
        if budget == 0 || (piece == 1 && !shorter) {
            return best;
        }
        piece = if piece > 1 { piece / 2 } else { 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::history::{Act, Pace, Step};

    fn step(seconds: u32) -> Step {
        Step { act: Act::Wait { seconds }, pace: Pace::Settle, seed: 0 }
    }

    #[test]
    fn only_what_is_needed_stays() {
        let history: History = (0..40).map(step).collect();
        let needed = [step(3), step(17), step(39)];
        let left = shortest(history, 1000, |history| needed.iter().all(|step| history.contains(step)));
        assert_eq!(left, needed);
    }

    #[test]
    fn a_budget_ends_the_search() {
        let history: History = (0..8).map(step).collect();
        let mut asked = 0;
        shortest(history, 5, |_| {
            asked += 1;
            false
        });
        assert_eq!(asked, 5);
    }
}

//! What an operator did to a credential at Zendesk: noted, so that its people are told and the comment says it.
//!
//! It is done and proven when the request learns of it. It moves no phase: what lives by the ledger lives on.

use super::Draft;
use crate::domain::notice::{About, NoticeState};
use crate::domain::phase::Phase;
use crate::domain::record::{AttemptState, ByHand, Deed};
use crate::domain::snapshot::Order;

impl Draft<'_> {
    pub(super) fn done_by_hand(&mut self, deed: Deed, order: &Order) {
        match (&self.record.phase, deed) {
            (Phase::Active { .. }, Deed::SwitchedOff | Deed::SwitchedOn | Deed::Renamed) => {
                let done = ByHand { deed, why: order.why.clone(), at: self.now };
                if self.record.note_by_hand(done) {
                    self.tell_the_holder(About::ByHand { deed });
                }
            }
            // What only waited to be deleted need not wait any more: the next try sees that it is gone.
            (_, Deed::Deleted) => {
                let waiting = self.attempts.iter_mut().filter(|one| {
                    matches!(one.state, AttemptState::TakingAway { .. }) && one.switched_off_at.is_some()
                });
                waiting.for_each(|attempt| attempt.not_before = None);
            }
            _ => {}
        }
    }

    /// Tells whoever has it, in place of what they were not told yet and is overtaken by this.
    pub(super) fn tell_the_holder(&mut self, about: About) {
        let Some(holder) = self.record.issued.as_ref().map(|terms| terms.beneficiary) else { return };
        for notice in &mut self.record.notices {
            let overtaken = matches!(notice.about, About::ByHand { deed } if deed != Deed::Renamed);
            if overtaken && matches!(notice.state, NoticeState::Due { .. }) {
                notice.state = NoticeState::GivenUp;
            }
        }
        self.notify(about, holder);
    }
}

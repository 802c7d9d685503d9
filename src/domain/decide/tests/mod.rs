//! What follows from a look: the table of rule 5, the approvals' bookkeeping, the ledger, and what holds always.

mod approvals;
mod ledger;
mod life;
mod oracle;
mod properties;
mod table;

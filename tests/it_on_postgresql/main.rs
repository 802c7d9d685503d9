//! The stories of `tests/it` once more: the same files, and every house has its database on PostgreSQL.

#[path = "../it/main.rs"]
mod stories;

mod proof;

use stories::{contracts, directories, harness};

//! The inventory as one JSON document, written as it comes.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{Sums, Writes};
use crate::domain::inventory::{LAST_DAY, Line, days_left};
use crate::domain::policy::Instance;

pub(super) struct Json<'w> {
    out: &'w mut (dyn Write + Send),
    instances: usize,
    lines: usize,
}

impl<'w> Json<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send)) -> Self {
        Self { out, instances: 0, lines: 0 }
    }

    fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)
    }

    /// What comes between two elements, and nothing before the first.
    fn separate(&mut self, before: usize) -> io::Result<()> {
        self.out.write_all(if before == 0 { b"\n" } else { b",\n" })
    }
}

impl Writes for Json<'_> {
    fn begin(&mut self, at: Timestamp) -> io::Result<()> {
        write!(self.out, "{{\"taken_at\":\"{at}\",\"instances\":[")
    }

    fn instance(&mut self, instance: &Instance) -> io::Result<()> {
        self.separate(self.instances)?;
        (self.instances, self.lines) = (self.instances + 1, 0);
        self.out.write_all(b"{\"instance\":")?;
        self.value(&instance.key)?;
        self.out.write_all(b",\"url\":")?;
        self.value(&instance.url)?;
        self.out.write_all(b",\"credentials\":[")
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.separate(self.lines)?;
        self.lines += 1;
        self.value(line)
    }

    fn summary(&mut self, of: Sums<'_>) -> io::Result<()> {
        self.out.write_all(b"],\"summary\":")?;
        let limit = of.summary.tokens_of_limit().map(|(_, limit)| limit);
        self.value(&json!({
            "listed": of.summary.listed, "standings": of.summary.standings, "findings": of.summary.findings,
            "unreadable": of.summary.unreadable, "audit_log": of.summary.audit_log, "of_ours": of.summary.of_ours, "outside": of.summary.outside, "api_token_limit": limit,
            "api_tokens_end_on": LAST_DAY, "days_left": days_left(of.at),
            "usage": {"public_api": false, "admin_center": of.usage()},
        }))?;
        self.out.write_all(b"}")
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"]}\n")
    }
}

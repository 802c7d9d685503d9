//! The inventory as CSV: a line a credential, safe to open in a spreadsheet.

use std::io::{self, Write};

use jiff::Timestamp;

use super::{Sums, Writes};
use crate::domain::inventory::{LastUse, Line};
use crate::domain::policy::Instance;
use crate::evidence::guarded;

const HEADER: [&str; 20] = [
    "instance",
    "kind",
    "id",
    "standing",
    "exception",
    "findings",
    "name",
    "identifier",
    "client",
    "creator",
    "creator_name",
    "active",
    "created_at",
    "last_used",
    "idle_days",
    "ends_at",
    "issue",
    "holder",
    "expected",
    "deleted_from",
];

pub(super) struct Csv<'w> {
    out: ::csv::Writer<&'w mut (dyn Write + Send)>,
}

impl<'w> Csv<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send)) -> Self {
        Self { out: ::csv::Writer::from_writer(out) }
    }

    fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        let cells = cells.into_iter().map(guarded);
        self.out.write_record(cells.collect::<Vec<_>>()).map_err(io::Error::from)
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn cells(line: &Line) -> [String; 20] {
    let findings: Vec<&str> = line.findings.iter().map(|finding| finding.key()).collect();
    let used = match line.last_use {
        LastUse::At(at) => at.to_string(),
        LastUse::Never => "never".to_owned(),
        LastUse::NotKnown => "not known".to_owned(),
    };
    [
        line.instance.clone(),
        line.kind.key().to_owned(),
        line.id.to_string(),
        line.standing.key().to_owned(),
        line.exception.map(|one| one.key().to_owned()).unwrap_or_default(),
        findings.join(" "),
        line.name.clone(),
        text(line.identifier.as_ref()),
        text(line.client.as_ref()),
        text(line.creator.as_ref()),
        text(line.creator_name.as_ref()),
        text(line.active.as_ref()),
        text(line.created_at.as_ref()),
        used,
        text(line.idle_days.as_ref()),
        text(line.ends_at.as_ref()),
        text(line.issue.as_ref()),
        text(line.holder.as_ref()),
        line.expected.unwrap_or_default().to_owned(),
        text(line.deleted_from.as_ref()),
    ]
}

impl Writes for Csv<'_> {
    fn begin(&mut self, _: Timestamp) -> io::Result<()> {
        self.row(HEADER)
    }

    fn instance(&mut self, _: &Instance) -> io::Result<()> {
        Ok(())
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.row(cells(line).iter().map(String::as_str))
    }

    fn summary(&mut self, _: Sums<'_>) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

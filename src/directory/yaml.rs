//! YAML, read within limits and turned into the table that the same TOML would be.
//!
//! Aliases are what makes a small YAML text large: a few are what generators write, many are an attack. Duplicate
//! and merged keys are what two readers read differently. What is wrong is told by its line and never quotes
//! the text.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use toml::Table;

use crate::reader::Fault;

/// Enough for ten thousand people with a hundred values each.
const MOST_NODES: usize = 2_000_000;

/// Whether a file of this name is YAML.
pub(super) fn is_yaml(file: &str) -> bool {
    let extension = Path::new(file).extension();
    extension.is_some_and(|one| one.eq_ignore_ascii_case("yaml") || one.eq_ignore_ascii_case("yml"))
}

/// Reads a mapping. The fault's message begins with the line, counted from 1.
pub(super) fn parse(text: &str, file: &str) -> Result<Table, Fault> {
    read(text, file)
}

/// Reads one document.
pub(super) fn read<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, Fault> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        budget: serde_saphyr::budget! {
            max_nodes: MOST_NODES,
            max_events: 2 * MOST_NODES,
            max_depth: 16,
            max_aliases: 1_000,
            max_documents: 1,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        Fault {
            key: file.to_owned(),
            message: format!("line {line}: is no YAML of the form that is expected"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dangerous_or_doubtful_is_refused() {
        for text in [
            "a: 1\na: 2",
            "a: {<<: {b: 1}}",
            "a: 1\n---\nb: 2",
            "a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
            "a: null",
            "- a",
            "\u{0}",
        ] {
            assert!(parse(text, "f").is_err(), "{text}");
        }
        let level = |level: u32| match level {
            0 => "a0: &a0 [x, x]\n".to_owned(),
            level => format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(9)),
        };
        let bomb: String = (0..12).map(level).collect();
        assert!(parse(&bomb, "f").is_err());
        assert_eq!(parse("a: &x 1\nb: *x\nb2: yes\nc: 2026-12-01", "f").unwrap().len(), 4);
    }

    #[test]
    fn a_fault_names_the_line_and_nothing_of_the_text() {
        let fault = parse("a: 1\nsecret: {\n", "f").unwrap_err().to_string();
        assert!(fault.starts_with("f: line ") && !fault.contains("secret"), "{fault}");
    }
}

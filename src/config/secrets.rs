//! Where a secret comes from: its variable, the file its variable with `_FILE` names, or the file its
//! `*_file` key names. Exactly one.
//!
//! Two sources are a fault, not a precedence: whoever rotates a secret in one place while another place
//! wins has rotated nothing. No message holds a value or what an unreadable file says.

use std::fs;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use crate::reader::Reader;
use crate::secret::Secret;

/// What a configuration is read from, besides its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The folder that relative paths start from: the configuration file's.
    pub(super) folder: &'a Path,
    /// The variables.
    pub(super) environment: &'a Environment,
}

/// A secret's names: its variable, and its key in the section that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) variable: &'a str,
    pub(super) key: &'a str,
}

enum Source {
    Variable(String),
    File { named_by: String, path: PathBuf },
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Variable(name) | Self::File { named_by: name, .. } => name,
        }
    }
}

impl Origin<'_> {
    /// A secret that must be there, in one line.
    pub(super) fn secret(&self, reader: &mut Reader<'_>, names: Names<'_>) -> Option<Secret> {
        let secret = self.text(reader, names, true)?;
        one_line(reader, names, secret)
    }

    /// A secret that may be absent, in one line.
    pub(super) fn optional_secret(&self, reader: &mut Reader<'_>, names: Names<'_>) -> Option<Secret> {
        let secret = self.text(reader, names, false)?;
        one_line(reader, names, secret)
    }

    /// The whole text of a secret that must be there, without the newline at its end. It may hold spaces.
    pub(super) fn secret_text(&self, reader: &mut Reader<'_>, names: Names<'_>) -> Option<Secret> {
        self.text(reader, names, true)
    }

    /// The whole text of a secret that may be absent, without the newline at its end.
    pub(super) fn optional_secret_text(&self, reader: &mut Reader<'_>, names: Names<'_>) -> Option<Secret> {
        self.text(reader, names, false)
    }

    /// `path`, resolved against the configuration's folder.
    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn text(&self, reader: &mut Reader<'_>, names: Names<'_>, required: bool) -> Option<Secret> {
        let (sources, key_is_faulty) = self.sources(reader, names);
        match sources.as_slice() {
            [] if required && !key_is_faulty => {
                let Names { variable, key } = names;
                let text =
                    format!("is missing: set {variable}, {variable}_FILE or this key (the name of a file)");
                reader.fault(key, text);
                None
            }
            [] => None,
            [source] => {
                let text = self.read(source);
                text.map_err(|message| reader.fault(names.key, message)).ok()
            }
            several => {
                let all: Vec<&str> = several.iter().map(Source::name).collect();
                reader
                    .fault(names.key, format!("is given more than once, by {}: keep one", all.join(" and ")));
                None
            }
        }
    }

    /// All sources that are given, and whether the key itself is there but faulty.
    fn sources(&self, reader: &mut Reader<'_>, names: Names<'_>) -> (Vec<Source>, bool) {
        let file_variable = format!("{}_FILE", names.variable);
        let is_there = reader.value(names.key).is_some();
        let from_key = reader.optional_text(names.key);
        let key_is_faulty = is_there && from_key.is_none();
        let from_key = from_key
            .map(|path| Source::File { named_by: reader.dotted(names.key), path: self.absolute(&path) });
        let from_variable =
            self.environment.get(names.variable).map(|_| Source::Variable(names.variable.to_owned()));
        let from_file_variable = self
            .environment
            .get(&file_variable)
            .map(|path| Source::File { named_by: file_variable.clone(), path: self.absolute(path) });
        (from_variable.into_iter().chain(from_file_variable).chain(from_key).collect(), key_is_faulty)
    }

    fn read(&self, source: &Source) -> Result<Secret, String> {
        let (text, origin) = match source {
            Source::Variable(name) => {
                let text = self.environment.get(name).unwrap_or_default().to_owned();
                (text, format!("{name} is set, but"))
            }
            Source::File { named_by, path } => {
                let origin = format!("the file {} (named by {named_by})", path.display());
                let text = fs::read_to_string(path).map_err(|error| {
                    format!("{origin} cannot be read: {}", crate::reader::why_unreadable(&error))
                })?;
                (text, origin)
            }
        };
        let secret = Secret::new(text);
        let trimmed = secret.expose().trim_end_matches(['\r', '\n']);
        if trimmed.trim().is_empty() {
            return Err(format!("{origin} is empty"));
        }
        Ok(Secret::new(trimmed.to_owned()))
    }
}

/// A secret that goes into a header holds neither spaces nor line breaks; one that does was pasted wrongly.
fn one_line(reader: &mut Reader<'_>, names: Names<'_>, secret: Secret) -> Option<Secret> {
    let unfit = |character: char| character.is_whitespace() || character.is_control();
    if secret.expose().contains(unfit) {
        reader.fault(names.key, "its secret contains a space or a line break");
        return None;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Table;

    const NAMES: Names<'static> = Names { variable: "THE_TOKEN", key: "token_file" };

    struct Case {
        folder: tempfile::TempDir,
        table: Table,
    }

    impl Case {
        fn new(text: &str) -> Self {
            Self { folder: tempfile::tempdir().unwrap(), table: text.parse().unwrap() }
        }

        fn file(self, name: &str, content: &str) -> Self {
            fs::write(self.folder.path().join(name), content).unwrap();
            self
        }

        /// The secret, or the faults.
        fn read(&self, variables: &[(&str, &str)]) -> Result<String, Vec<String>> {
            let environment = Environment::from_pairs(variables.iter().copied());
            let origin = Origin { folder: self.folder.path(), environment: &environment };
            let (secret, gathered) = Reader::read_all(&self.table, |reader| origin.secret(reader, NAMES));
            let folder = self.folder.path().display().to_string();
            let faults = gathered.faults.iter().map(|fault| fault.to_string().replace(&folder, "DIR"));
            let faults: Vec<String> = faults.collect();
            if faults.is_empty() { Ok(secret.unwrap().expose().to_owned()) } else { Err(faults) }
        }
    }

    #[test]
    fn each_of_the_three_sources_works_alone_and_loses_its_newline() {
        let variable = Case::new("").read(&[("THE_TOKEN", "one\n")]);
        assert_eq!(variable, Ok("one".to_owned()));
        let file = Case::new("").file("a", "two\r\n").read(&[("THE_TOKEN_FILE", "a")]);
        assert_eq!(file, Ok("two".to_owned()));
        let key = Case::new("token_file = 'b'").file("b", "three").read(&[]);
        assert_eq!(key, Ok("three".to_owned()));
    }

    #[test]
    fn two_sources_are_a_fault_that_names_both() {
        let case = Case::new("token_file = 'b'").file("b", "three");
        assert_eq!(
            case.read(&[("THE_TOKEN", "one")]).unwrap_err(),
            ["token_file: is given more than once, by THE_TOKEN and token_file: keep one"]
        );
        let variables = [("THE_TOKEN", "one"), ("THE_TOKEN_FILE", "b")];
        assert_eq!(
            Case::new("").file("b", "x").read(&variables).unwrap_err(),
            ["token_file: is given more than once, by THE_TOKEN and THE_TOKEN_FILE: keep one"]
        );
    }

    #[test]
    fn a_missing_secret_names_all_three_ways() {
        assert_eq!(
            Case::new("").read(&[]).unwrap_err(),
            ["token_file: is missing: set THE_TOKEN, THE_TOKEN_FILE or this key (the name of a file)"]
        );
    }

    #[test]
    fn an_unreadable_or_empty_source_is_a_fault() {
        assert_eq!(
            Case::new("token_file = 'gone'").read(&[]).unwrap_err(),
            ["token_file: the file DIR/gone (named by token_file) cannot be read: there is no such file"]
        );
        assert_eq!(
            Case::new("").file("a", "\n").read(&[("THE_TOKEN_FILE", "a")]).unwrap_err(),
            ["token_file: the file DIR/a (named by THE_TOKEN_FILE) is empty"]
        );
        assert_eq!(
            Case::new("").read(&[("THE_TOKEN", "")]).unwrap_err(),
            ["token_file: THE_TOKEN is set, but is empty"]
        );
    }

    #[test]
    fn a_faulty_key_is_one_fault() {
        assert_eq!(
            Case::new("token_file = 3").read(&[]).unwrap_err(),
            ["token_file: must be a string, but its type is integer"]
        );
    }

    #[test]
    fn a_secret_of_two_lines_is_refused_without_being_shown() {
        assert_eq!(
            Case::new("").read(&[("THE_TOKEN", "one\ntwo")]).unwrap_err(),
            ["token_file: its secret contains a space or a line break"]
        );
    }
}

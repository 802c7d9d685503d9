//! Reads a TOML table and collects every fault in it, each with its dotted key.
//!
//! Serde stops at the first fault, and an operator who fixes one fault a start soon stops reading them.
//! A [`Reader`] is asked for each key once; what it cannot give is `None` and a [`Fault`], and what it
//! was never asked for is an unknown key. No message repeats a value: it may be a misplaced secret.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use toml::{Table, Value};

use crate::domain::ids::Email;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The dotted key, as in `instances[1].url`; the file itself where no key can be named.
    pub key: String,
    /// What is wrong, as the rest of a sentence about the key.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.message)
    }
}

/// Why a file cannot be read, for people.
pub fn why_unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        other => other.to_string(),
    }
}

/// Parses TOML. The fault's message begins with the line, counted from 1.
pub fn parse(text: &str, file: &str) -> Result<Table, Fault> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Fault { key: file.to_owned(), message: format!("line {line}: {}", error.message()) }
    })
}

/// What a finished reading has gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Everything that is wrong, in the order of asking.
    pub faults: Vec<Fault>,
    /// Every key that was asked for, with `[]` for any index.
    pub known: BTreeSet<String>,
}

/// A table that is being read.
#[derive(Debug)]
pub struct Reader<'a> {
    table: &'a Table,
    path: String,
    asked: BTreeSet<String>,
    gathered: Gathered,
}

impl<'a> Reader<'a> {
    /// Reads all of `table` with `read`; unknown keys are faults.
    pub fn read_all<T>(table: &'a Table, read: impl FnOnce(&mut Self) -> Option<T>) -> (Option<T>, Gathered) {
        Self::run(table, String::new(), read)
    }

    fn run<T>(
        table: &'a Table,
        path: String,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> (Option<T>, Gathered) {
        let mut reader = Self { table, path, asked: BTreeSet::new(), gathered: Gathered::default() };
        let value = read(&mut reader);
        reader.refuse_unknown();
        (value, reader.gathered)
    }

    fn refuse_unknown(&mut self) {
        let unknown = self.table.keys().filter(|key| !self.asked.contains(*key));
        let unknown: Vec<String> = unknown.cloned().collect();
        for key in unknown {
            self.fault(&key, "is not a key that is known here");
        }
    }

    /// The dotted key of `key` within this table.
    pub fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Records a fault of `key`; of the table itself where `key` is empty.
    pub fn fault(&mut self, key: &str, message: impl Into<String>) {
        let key = if key.is_empty() { self.path.clone() } else { self.dotted(key) };
        self.gathered.faults.push(Fault { key, message: message.into() });
    }

    /// How many faults there are so far, in this table and below.
    pub fn fault_count(&self) -> usize {
        self.gathered.faults.len()
    }

    /// The value of `key`, unread. Makes the key known.
    pub fn value(&mut self, key: &str) -> Option<&'a Value> {
        self.asked.insert(key.to_owned());
        let known = without_indices(&self.dotted(key));
        self.gathered.known.insert(known);
        self.table.get(key)
    }

    fn required(&mut self, key: &str) -> Option<&'a Value> {
        let value = self.value(key);
        if value.is_none() {
            self.fault(key, "is missing");
        }
        value
    }

    fn as_text(&mut self, key: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(text) if text.trim().is_empty() => self.fault(key, "is empty"),
            Value::String(text) => return Some(text.clone()),
            other => self.wrong_type(key, "a string", other),
        }
        None
    }

    fn wrong_type(&mut self, key: &str, expected: &str, found: &Value) {
        let found = found.type_str();
        self.fault(key, format!("must be {expected}, but its type is {found}"));
    }

    /// A string that must be there and not be blank.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let value = self.required(key)?;
        self.as_text(key, value)
    }

    /// A string that may be absent, but not blank.
    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        self.as_text(key, value)
    }

    /// A string in a form of its own; `parse` says what is wrong with it.
    pub fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|message| self.fault(key, message)).ok()
    }

    /// Like [`Reader::parsed`], of a key that may be absent.
    pub fn optional_parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.value(key)?;
        self.parsed(key, parse)
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.required(key)?;
        self.as_integer(key, value, range)
    }

    /// A whole number within `range` that may be absent.
    pub fn optional_integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        self.as_integer(key, value, range)
    }

    fn as_integer(&mut self, key: &str, value: &Value, range: RangeInclusive<i64>) -> Option<i64> {
        match value {
            Value::Integer(number) if range.contains(number) => return Some(*number),
            Value::Integer(_) if *range.end() == i64::MAX => {
                self.fault(key, format!("must be at least {}", range.start()));
            }
            Value::Integer(_) => {
                self.fault(key, format!("must be between {} and {}", range.start(), range.end()));
            }
            other => self.wrong_type(key, "a whole number", other),
        }
        None
    }

    /// `true` or `false`; `default` where it is absent.
    pub fn boolean(&mut self, key: &str, default: bool) -> Option<bool> {
        match self.value(key) {
            None => Some(default),
            Some(Value::Boolean(value)) => Some(*value),
            Some(other) => {
                self.wrong_type(key, "true or false", other);
                None
            }
        }
    }

    /// An array that must be there; each element goes through `convert`, each fault names its index.
    pub fn list<T>(
        &mut self,
        key: &str,
        mut convert: impl FnMut(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let elements = self.array(key)?;
        let mut values = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match convert(element) {
                Ok(value) => values.push(value),
                Err(message) => self.fault(&format!("{key}[{index}]"), message),
            }
        }
        (values.len() == elements.len()).then_some(values)
    }

    /// Like [`Reader::list`], of at least one element.
    pub fn filled_list<T>(
        &mut self,
        key: &str,
        convert: impl FnMut(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let values = self.list(key, convert)?;
        if values.is_empty() {
            self.fault(key, "is empty");
            return None;
        }
        Some(values)
    }

    fn array(&mut self, key: &str) -> Option<&'a Vec<Value>> {
        match self.required(key)? {
            Value::Array(elements) => Some(elements),
            other => {
                self.wrong_type(key, "an array", other);
                None
            }
        }
    }

    /// The table under `key`, read with `read`; an absent one is read as an empty one.
    pub fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<T> {
        let absent = Table::new();
        match self.value(key) {
            None => self.descend(&absent, key, read),
            Some(Value::Table(table)) => self.descend(table, key, read),
            Some(other) => {
                self.wrong_type(key, "a table", other);
                None
            }
        }
    }

    /// The array of tables under `key`, each read with `read`. At least one.
    pub fn sections<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let elements = self.array(key)?;
        if elements.is_empty() {
            self.fault(key, "is empty");
            return None;
        }
        let mut values = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            let key = format!("{key}[{index}]");
            match element {
                Value::Table(table) => values.extend(self.descend(table, &key, &mut read)),
                other => self.wrong_type(&key, "a table", other),
            }
        }
        (values.len() == elements.len()).then_some(values)
    }

    fn descend<T>(
        &mut self,
        table: &Table,
        key: &str,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let (value, below) = Reader::run(table, self.dotted(key), read);
        self.gathered.faults.extend(below.faults);
        self.gathered.known.extend(below.known);
        value
    }
}

/// A string element of a list that is not blank.
pub fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Err("is empty".to_owned()),
        Value::String(text) => Ok(text.clone()),
        other => Err(format!("must be a string, but its type is {}", other.type_str())),
    }
}

/// Something before one `@` and something behind it.
pub fn email_of(text: &str) -> Result<Email, String> {
    let fits = text
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if fits && !text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        Ok(Email(text.to_owned()))
    } else {
        Err("is not an e-mail address".to_owned())
    }
}

/// `instances[1].url` as `instances[].url`.
fn without_indices(key: &str) -> String {
    let mut inside = false;
    key.chars()
        .filter(|character| {
            inside = (inside || *character == '[') && *character != ']';
            !inside || *character == '['
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str, read: impl FnOnce(&mut Reader<'_>) -> Option<()>) -> Vec<String> {
        let table = parse(text, "file").unwrap();
        let (_, gathered) = Reader::read_all(&table, read);
        gathered.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_key() {
        let text = "blank = ' '\nnumber = 'x'\nsmall = 0\nextra = 1\n[[rows]]\nid = 1\n[[rows]]\nid = true\n";
        let faults = faults_of(text, |reader| {
            reader.text("absent");
            reader.text("blank");
            reader.integer("number", 1..=9);
            reader.integer("small", 1..=i64::MAX);
            reader.sections("rows", |row| row.integer("id", 1..=9));
            None
        });
        assert_eq!(
            faults,
            [
                "absent: is missing",
                "blank: is empty",
                "number: must be a whole number, but its type is string",
                "small: must be at least 1",
                "rows[1].id: must be a whole number, but its type is boolean",
                "extra: is not a key that is known here",
            ]
        );
    }

    #[test]
    fn a_fault_in_a_list_names_its_index() {
        let faults = faults_of("list = ['a', 3, '']\nnone = []", |reader| {
            reader.list("list", text_of);
            reader.filled_list("none", text_of);
            None
        });
        assert_eq!(
            faults,
            ["list[1]: must be a string, but its type is integer", "list[2]: is empty", "none: is empty"]
        );
    }

    #[test]
    fn a_value_in_the_place_of_a_table_is_a_fault() {
        let faults = faults_of("section = 1\nrows = [1]", |reader| {
            reader.section("section", |_| Some(()));
            reader.sections("rows", |_| Some(()));
            None
        });
        assert_eq!(
            faults,
            [
                "section: must be a table, but its type is integer",
                "rows[0]: must be a table, but its type is integer",
            ]
        );
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let fault = parse("a = 1\nb = = 2\n", "some.toml").unwrap_err();
        assert_eq!(fault.key, "some.toml");
        assert!(fault.message.starts_with("line 2: "), "{fault}");
    }

    #[test]
    fn a_known_key_is_known_for_every_index() {
        let table = parse("[[rows]]\nid = 1\n[[rows]]\nid = 2\n", "file").unwrap();
        let (_, gathered) =
            Reader::read_all(&table, |reader| reader.sections("rows", |row| row.integer("id", 1..=9)));
        let known: Vec<&str> = gathered.known.iter().map(String::as_str).collect();
        assert_eq!(known, ["rows", "rows[].id"]);
    }

    #[test]
    fn an_email_address_has_two_sides() {
        assert!(email_of("a@b").is_ok());
        for bad in ["", "a", "@b", "a@", "a@b@c", "a @b", "a@b\n"] {
            assert!(email_of(bad).is_err(), "{bad:?}");
        }
    }
}

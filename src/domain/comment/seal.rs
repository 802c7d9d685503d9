//! The last line of the comment: which installation wrote it, and where its audit chain stood.
//!
//! It publishes the chain's head where the operators of the database cannot rewrite it, and it is the one thing
//! read back: our own comment with another installation's id, or a higher sequence than ours, means a twin or a
//! restored backup. A new seal alone is no reason to write the comment anew; a seal that is not the one we wrote is.
//!
//! A Maintainer can change any comment. So a seal carries a code that only the holder of the audit key can compute, for this
//! issue alone: one that claims to be ours and is not is a changed comment, and halts nothing.

use sha2::{Digest as _, Sha256};

use crate::domain::terms::hex;

/// What the seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The installation's id.
    pub installation: String,
    /// The chain's last sequence number when the comment was written.
    pub sequence: i64,
    /// The chain's head at that number: hexadecimal.
    pub head: String,
    /// The code over all of it and the issue: hexadecimal. `None`: a release before the codes wrote it, or somebody else.
    pub code: Option<String>,
}

/// Where the installation that reads a seal stands.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Its id.
    pub installation: &'a str,
    /// Its chain's last sequence number.
    pub sequence: i64,
    /// The code that this seal would have if we had written it.
    pub code: &'a str,
    /// A comment with a code was written on this issue: from then on one without is not ours.
    pub coded: bool,
}

/// Who wrote a seal, as far as it concerns what may be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// We, or somebody whose change makes no difference here: nothing in it is ahead of us.
    NotAhead,
    /// Another installation. Its key is not ours, so that nobody here can tell whether it really did.
    Another,
    /// A later state of this installation.
    Later,
    /// Somebody who is not us, in our name.
    Forger,
}

impl Seal {
    /// Who wrote it.
    pub fn writer(&self, reader: Reader<'_>) -> Writer {
        if self.installation != reader.installation {
            return Writer::Another;
        }
        if self.sequence <= reader.sequence {
            return Writer::NotAhead;
        }
        match self.code.as_deref() {
            Some(code) if code == reader.code => Writer::Later,
            None if !reader.coded => Writer::Later,
            _ => Writer::Forger,
        }
    }
}

const OPENING: &str = "\n\n<!-- countersign ";

/// The comment with its seal.
pub fn sealed(body: &str, seal: &Seal) -> String {
    let Seal { installation, sequence, head, code } = seal;
    let short = head.get(..12).unwrap_or(head);
    let code = code.as_ref().map_or_else(String::new, |code| format!(" code={code}"));
    format!(
        "{body}{OPENING}installation={installation} sequence={sequence} head={head}{code} -->\n\
         <sub>Written by countersign; changes to this comment are overwritten. Audit record {sequence}, `{short}`.</sub>"
    )
}

/// The comment without its seal. A comment that somebody changed comes back as it is.
pub fn unsealed(comment: &str) -> &str {
    comment.rfind(OPENING).map_or(comment, |place| &comment[..place])
}

/// The hash of a comment, seal and all: hexadecimal. What is behind the seal is read as well as what is before it.
pub fn fingerprint(comment: &str) -> String {
    hex(&Sha256::digest(comment))
}

/// The seal of a comment, if it has one.
pub fn read_seal(comment: &str) -> Option<Seal> {
    let line = comment[comment.rfind(OPENING)? + OPENING.len()..].lines().next()?;
    let value = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let (installation, head) = (value("installation")?.to_owned(), value("head")?.to_owned());
    let code = value("code").map(str::to_owned);
    Some(Seal { installation, sequence: value("sequence")?.parse().ok()?, head, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(sequence: i64, code: Option<&str>) -> Seal {
        Seal {
            installation: "one".to_owned(),
            sequence,
            head: "ab".repeat(32),
            code: code.map(str::to_owned),
        }
    }

    #[test]
    fn a_seal_is_read_back_and_is_no_part_of_the_comment() {
        for code in [None, Some("cdef")] {
            let comment = sealed("Hello", &seal(7, code));
            assert_eq!(read_seal(&comment), Some(seal(7, code)));
            assert_eq!(unsealed(&comment), "Hello");
        }
    }

    #[test]
    fn only_what_we_can_have_written_is_a_later_state_of_ours() {
        let reader = |coded| Reader { installation: "one", sequence: 7, code: "cdef", coded };
        for (sequence, code, coded, writer) in [
            (8, Some("cdef"), true, Writer::Later),
            (8, Some("cdef"), false, Writer::Later),
            (8, Some("cdee"), true, Writer::Forger),
            (8, Some("cdee"), false, Writer::Forger),
            (8, None, true, Writer::Forger),
            // An older copy of a database that has written no code here yet.
            (8, None, false, Writer::Later),
            (7, Some("cdef"), true, Writer::NotAhead),
            (7, None, true, Writer::NotAhead),
        ] {
            assert_eq!(seal(sequence, code).writer(reader(coded)), writer, "{sequence} {code:?} {coded}");
        }
        for code in [None, Some("cdef")] {
            let another = Seal { installation: "two".to_owned(), ..seal(1, code) };
            assert_eq!(another.writer(reader(true)), Writer::Another);
        }
    }

    #[test]
    fn text_without_a_seal_has_none() {
        assert_eq!(read_seal("Hello <!-- countersign"), None);
        assert_eq!(unsealed("Hello"), "Hello");
    }
}

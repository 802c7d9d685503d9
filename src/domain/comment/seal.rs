//! The last line of the comment: which installation wrote it, and where its audit chain stood.
//!
//! It publishes the chain's head where the operators of the database cannot rewrite it, and it is the one thing
//! read back: our own comment with another installation's id, or a higher sequence than ours, means a twin or a
//! restored backup. A new seal alone is no reason to write the comment anew; a seal that is not the one we wrote is.

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
}

const OPENING: &str = "\n\n<!-- countersign ";

/// The comment with its seal.
pub fn sealed(body: &str, seal: &Seal) -> String {
    let Seal { installation, sequence, head } = seal;
    let short = head.get(..12).unwrap_or(head);
    format!(
        "{body}{OPENING}installation={installation} sequence={sequence} head={head} -->\n\
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
    Some(Seal { installation, sequence: value("sequence")?.parse().ok()?, head })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_read_back_and_is_no_part_of_the_comment() {
        let seal = Seal { installation: "one".to_owned(), sequence: 7, head: "ab".repeat(32) };
        let comment = sealed("Hello", &seal);
        assert_eq!(read_seal(&comment), Some(seal));
        assert_eq!(unsealed(&comment), "Hello");
    }

    #[test]
    fn text_without_a_seal_has_none() {
        assert_eq!(read_seal("Hello <!-- countersign"), None);
        assert_eq!(unsealed("Hello"), "Hello");
    }
}

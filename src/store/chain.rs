//! The keyed hash that ties each audit entry to the one before it.
//!
//! HMAC-SHA256 over a canonical form in which every field carries its length, so that no two different entries
//! have the same form. The first entry follows the genesis, which is bound to the installation. Keyed, because
//! with a plain hash whoever can write the table could compute a chain of their own.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::comment::Seal;
use crate::domain::ids::IssueKey;
use crate::domain::terms::hex;
use crate::key::Key;

/// The key and where the chain begins.
pub(super) struct Chain {
    key: Key,
    genesis: String,
}

/// An entry as it is hashed.
pub(super) struct Link<'a> {
    pub(super) prev: &'a str,
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) kind: &'a str,
    pub(super) project: Option<i64>,
    pub(super) iid: Option<i64>,
    pub(super) detail: &'a str,
}

impl Chain {
    pub(super) fn new(key: Key, installation: &str) -> Self {
        let genesis = digest(&key, &[Some("countersign audit genesis 1"), Some(installation)]);
        Self { key, genesis }
    }

    pub(super) fn genesis(&self) -> &str {
        &self.genesis
    }

    /// Of a secret, with a key of its own: no fingerprint is ever an entry's hash.
    pub(super) fn fingerprint(&self, secret: &str) -> String {
        let derived = mac(self.key.expose(), &[Some("countersign fingerprint key 1")]);
        hex(&mac(&derived, &[Some("countersign fingerprint 1"), Some(secret)]))
    }

    /// Of a comment's seal on an issue, with a key of its own.
    pub(super) fn seal_code(&self, issue: IssueKey, seal: &Seal) -> String {
        let derived = mac(self.key.expose(), &[Some("countersign seal key 1")]);
        let (project, iid) = (issue.project.to_string(), issue.iid.to_string());
        let sequence = seal.sequence.to_string();
        let fields =
            ["countersign seal 1", &seal.installation, &sequence, &seal.head, &project, &iid].map(Some);
        hex(&mac(&derived, &fields))
    }

    pub(super) fn hash(&self, link: &Link<'_>) -> String {
        let number = |value: i64| value.to_string();
        let (seq, at) = (number(link.seq), number(link.at));
        let (project, iid) = (link.project.map(number), link.iid.map(number));
        let fields = [
            Some("countersign audit entry 1"),
            Some(link.prev),
            Some(&seq),
            Some(&at),
            Some(link.kind),
            project.as_deref(),
            iid.as_deref(),
            Some(link.detail),
        ];
        digest(&self.key, &fields)
    }
}

/// Each field is 1, its length in bytes (64 bits, big-endian) and its bytes; a missing one is 0.
fn digest(key: &Key, fields: &[Option<&str>]) -> String {
    hex(&mac(key.expose(), fields))
}

fn mac(key: &[u8], fields: &[Option<&str>]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for field in fields {
        if let Some(text) = field {
            mac.update(&[1]);
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text.as_bytes());
        } else {
            mac.update(&[0]);
        }
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link<'a>() -> Link<'a> {
        Link { prev: "p", seq: 12, at: 3, kind: "ab", project: Some(1), iid: None, detail: "{}" }
    }

    #[test]
    fn every_field_the_key_and_the_installation_count() {
        let chain = Chain::new(Key::of_bytes(b"key".to_vec()), "here");
        let other_key = Chain::new(Key::of_bytes(b"yek".to_vec()), "here");
        let there = Chain::new(Key::of_bytes(b"key".to_vec()), "there");
        assert_ne!(chain.genesis(), other_key.genesis());
        assert_ne!(chain.genesis(), there.genesis());
        let mut hashes = vec![chain.hash(&link()), other_key.hash(&link())];
        let changed = [
            Link { prev: "q", ..link() },
            Link { seq: 1, at: 23, ..link() },
            Link { at: 4, ..link() },
            Link { kind: "a", detail: "b{}", ..link() },
            Link { project: None, iid: Some(1), ..link() },
            Link { project: None, ..link() },
            Link { detail: "{ }", ..link() },
        ];
        hashes.extend(changed.iter().map(|link| chain.hash(link)));
        let all = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
    }

    #[test]
    fn the_canonical_form_is_the_documented_one() {
        // HMAC-SHA256("key", 0x01, length 1 in 64 bits, "a", 0x00), computed with Python's hmac.
        let expected = "93f59d63bc410a7709520192919122d7f9459780d0330494b976bd659489af86";
        assert_eq!(digest(&Key::of_bytes(b"key".to_vec()), &[Some("a"), None]), expected);
    }
}

//! Seals on data that a worker reads back from places where others can write: checkpoints, parked
//! jobs, heartbeats.
//!
//! A seal is an HMAC-SHA256 with a separate key for each kind. While a key is being replaced, data
//! carries two seals, one by each key, so that workers that were restarted and workers that were
//! not accept each other's. The content is not encrypted.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Shorter keys are refused: 32 random bytes are 44 characters of base64.
pub const MIN_KEY_BYTES: usize = 32;
/// The version of the seals. A new number makes every earlier seal invalid.
const PURPOSE: &str = "invoice-worker seal 1";
/// The purpose of keyed hashes, beside the kinds of seals.
const HASHES: &str = "hash";
const BLOCK_BYTES: usize = 64;
const SEPARATOR: char = '.';
/// One seal by the current key and one by the previous key.
const MAX_SEALS: usize = 2;

/// The kind of sealed data. A seal of one kind is never valid for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealKind {
    /// An object of the checkpoint store.
    Checkpoint,
    /// The headers of a parked job.
    Progress,
    /// A worker's control message.
    Heartbeat,
    /// An operator's control message.
    Command,
    /// A bill's name in the ledger.
    Bill,
    /// An event of the ledger.
    Event,
}

impl SealKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Progress => "progress",
            Self::Heartbeat => "heartbeat",
            Self::Command => "command",
            Self::Bill => "bill",
            Self::Event => "event",
        }
    }
}

/// Seals with every key that it has, and accepts a seal by any of them. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    current: SealKey,
    previous: Option<SealKey>,
}

/// A key of the length of an HMAC block, so that no length is invalid.
#[derive(Clone)]
pub struct SealKey([u8; BLOCK_BYTES]);

impl SealKey {
    /// Returns the key for a configured secret.
    pub fn of(key: &str) -> Self {
        Self::from_digest(
            Sha256::new_with_prefix(PURPOSE)
                .chain_update(" key ")
                .chain_update(key),
        )
    }

    /// Derives the key from secrets that all workers of a fleet share.
    pub fn derived_from(secrets: &[&str]) -> Self {
        let mut digest = Sha256::new_with_prefix(PURPOSE).chain_update(" derived ");
        for secret in secrets {
            digest.update((secret.len() as u64).to_be_bytes());
            digest.update(secret);
        }
        Self::from_digest(digest)
    }

    fn from_digest(digest: Sha256) -> Self {
        let mut block = [0; BLOCK_BYTES];
        let digest = digest.finalize();
        block[..digest.len()].copy_from_slice(&digest);
        Self(block)
    }

    fn mac(&self, kind: SealKind, parts: &[&[u8]]) -> Hmac<Sha256> {
        self.mac_for(kind.as_str(), parts)
    }

    /// With a key of its own for each purpose.
    fn mac_for(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let derived = Hmac::<Sha256>::new(&self.0.into()).chain_update(purpose);
        let mut key = [0; BLOCK_BYTES];
        let derived = derived.finalize().into_bytes();
        key[..derived.len()].copy_from_slice(&derived);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// A hash with one of the keys.
#[derive(Clone)]
pub struct KeyedHash(SealKey);

impl KeyedHash {
    /// Returns the hash of a kind of thing and its parts as hexadecimal digits.
    pub fn of(&self, kind: &str, parts: &[&str]) -> String {
        let kind = std::iter::once(kind.as_bytes());
        let parts: Vec<&[u8]> = kind
            .chain(parts.iter().map(|part| part.as_bytes()))
            .collect();
        hex::encode(self.0.mac_for(HASHES, &parts).finalize().into_bytes())
    }
}

impl Sealer {
    pub fn new(current: SealKey, previous: Option<SealKey>) -> Self {
        Self { current, previous }
    }

    /// Returns the seal of these parts as hexadecimal digits; two seals are separated by a dot.
    pub fn seal(&self, kind: SealKind, parts: &[&[u8]]) -> String {
        let seals: Vec<String> = self
            .keys()
            .map(|key| hex::encode(key.mac(kind, parts).finalize().into_bytes()))
            .collect();
        seals.join(&SEPARATOR.to_string())
    }

    /// Whether this is a seal of these parts by any of the keys. The comparison takes constant
    /// time.
    pub fn accepts(&self, kind: SealKind, parts: &[&[u8]], seal: &str) -> bool {
        let seals: Vec<Vec<u8>> = seal
            .split(SEPARATOR)
            .take(MAX_SEALS)
            .filter_map(|seal| hex::decode(seal).ok())
            .collect();
        self.keys().any(|key| {
            let mac = key.mac(kind, parts);
            seals
                .iter()
                .any(|seal| mac.clone().verify_slice(seal).is_ok())
        })
    }

    /// Hashes what must not be legible in the name of an object: the same for all workers with this
    /// key, and of no use to anyone without it.
    pub fn hashers(&self) -> impl Iterator<Item = KeyedHash> {
        self.keys().cloned().map(KeyedHash)
    }

    fn keys(&self) -> impl Iterator<Item = &SealKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(current: &str, previous: Option<&str>) -> Sealer {
        Sealer::new(SealKey::of(current), previous.map(SealKey::of))
    }

    const PARTS: [&[u8]; 2] = [b"run", b"progress"];

    #[test]
    fn a_seal_is_valid_for_its_kind_its_parts_and_its_key_alone() {
        let sealer = sealer("key", None);
        let seal = sealer.seal(SealKind::Progress, &PARTS);
        assert!(sealer.accepts(SealKind::Progress, &PARTS, &seal));
        assert!(
            !sealer.accepts(SealKind::Checkpoint, &PARTS, &seal),
            "another kind"
        );
        assert!(!self::sealer("another key", None).accepts(SealKind::Progress, &PARTS, &seal));
        for parts in [
            &[b"run".as_slice(), b"progresS"][..],
            &[b"runp", b"rogress"],
            &[b"runprogress"],
            &[b"run", b"progress", b""],
            &[],
        ] {
            assert!(
                !sealer.accepts(SealKind::Progress, parts, &seal),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn a_malformed_seal_is_refused() {
        let sealer = sealer("key", Some("previous key"));
        let seal = sealer.seal(SealKind::Progress, &PARTS);
        let (first, second) = seal.split_once('.').unwrap();
        let twice = format!("00.00.{seal}");
        for wrong in [
            "",
            ".",
            "not hexadecimal",
            &first[..62],
            &first[1..],
            &format!("{first}00"),
            &format!("{first}{second}"),
            &twice,
        ] {
            assert!(
                !sealer.accepts(SealKind::Progress, &PARTS, wrong),
                "{wrong}"
            );
        }
        for right in [first, second, &seal, &format!("{second}.{first}")] {
            assert!(sealer.accepts(SealKind::Progress, &PARTS, right), "{right}");
        }
    }

    /// While keys are exchanged worker by worker: old beside rotating, rotating beside new.
    #[test]
    fn workers_that_were_restarted_and_workers_that_were_not_accept_each_other() {
        let (old, rotating, new) = (
            sealer("old", None),
            sealer("new", Some("old")),
            sealer("new", None),
        );
        for (from, to, accepted) in [
            (&old, &rotating, true),
            (&rotating, &old, true),
            (&rotating, &new, true),
            (&new, &rotating, true),
            (&old, &new, false),
            (&new, &old, false),
        ] {
            let seal = from.seal(SealKind::Heartbeat, &PARTS);
            assert_eq!(to.accepts(SealKind::Heartbeat, &PARTS, &seal), accepted);
        }
    }

    #[test]
    fn derived_keys_differ_with_each_secret_and_from_configured_ones() {
        let derived = |secrets: &[&str]| Sealer::new(SealKey::derived_from(secrets), None);
        let seal = derived(&["a", "b"]).seal(SealKind::Progress, &PARTS);
        assert!(derived(&["a", "b"]).accepts(SealKind::Progress, &PARTS, &seal));
        for other in [
            derived(&["a", "c"]),
            derived(&["ab", ""]),
            derived(&["b", "a"]),
            sealer("ab", None),
        ] {
            assert!(!other.accepts(SealKind::Progress, &PARTS, &seal));
        }
    }

    #[test]
    fn a_hash_depends_on_its_key_its_kind_and_its_parts() {
        let hashes = |sealer: &Sealer, kind, parts: &[&str]| -> Vec<String> {
            sealer.hashers().map(|hash| hash.of(kind, parts)).collect()
        };
        let rotating = hashes(&sealer("new", Some("old")), "number", &["1", "2"]);
        let (new, old) = (sealer("new", None), sealer("old", None));
        assert_eq!(rotating[..1], hashes(&new, "number", &["1", "2"]));
        assert_eq!(rotating[1..], hashes(&old, "number", &["1", "2"]));
        assert_ne!(rotating[0], rotating[1]);
        for (kind, parts) in [
            ("numbers", &["1", "2"][..]),
            ("number", &["12"]),
            ("number", &["1", "2", ""]),
            ("number", &[]),
        ] {
            assert_ne!(
                hashes(&new, kind, parts)[0],
                rotating[0],
                "{kind} {parts:?}"
            );
        }
        let seal = new.seal(SealKind::Checkpoint, &[b"number", b"1", b"2"]);
        assert_ne!(seal, rotating[0]);
    }

    #[test]
    fn a_seal_never_changes_between_versions() {
        assert_eq!(
            sealer("key", None).seal(SealKind::Heartbeat, &PARTS),
            "eb8d3bfdbd738c86c7d6d7759b5ef4eb955f0978f1dd7184c62a610bfd84cb7d",
        );
    }
}

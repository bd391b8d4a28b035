//! Bytes as strangers send them: files of a corpus with a few things changed, and now and then
//! nothing but chance.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// What the parsers look out for.
const WORDS: [&str; 20] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\n",
    "=",
    "[[",
    "null",
    "-1",
    "1e400",
    "99999999999999999999",
    "\\u0000",
    "\\ud800",
    "票",
    "０",
    "\u{feff}",
];

/// Printed as text, where it is text.
#[derive(Clone)]
pub(super) struct Input(pub(super) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} bytes: \"{}\"",
            self.0.len(),
            self.0.escape_ascii()
        )
    }
}

/// Places and lengths are shares of what is there.
#[derive(Clone, Debug)]
enum Change {
    Flip {
        at: Index,
        bit: u8,
    },
    Insert {
        at: Index,
        bytes: Vec<u8>,
    },
    Delete {
        at: Index,
        length: Index,
    },
    Repeat {
        at: Index,
        length: Index,
    },
    /// A part of another file comes in between.
    Splice {
        at: Index,
        from: Index,
        part: (Index, Index),
    },
    Break {
        at: Index,
    },
}

/// Every file of the folder with its name, by name.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

pub(super) fn anything(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let seed = select(seeds.clone());
    let changed = (seed, vec(change(), 1..6)).prop_map(move |(mut bytes, changes)| {
        for change in changes {
            change.make(&mut bytes, &seeds);
        }
        bytes
    });
    prop_oneof![9 => changed, 1 => vec(any::<u8>(), 0..400)].prop_map(Input)
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let word = select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    prop_oneof![
        (place(), 0..8_u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        (place(), vec(any::<u8>(), 1..5)).prop_map(|(at, bytes)| Change::Insert { at, bytes }),
        (place(), word).prop_map(|(at, bytes)| Change::Insert { at, bytes }),
        (place(), place()).prop_map(|(at, length)| Change::Delete { at, length }),
        (place(), place()).prop_map(|(at, length)| Change::Repeat { at, length }),
        (place(), place(), (place(), place())).prop_map(|(at, from, part)| Change::Splice {
            at,
            from,
            part
        }),
        place().prop_map(|at| Change::Break { at }),
    ]
}

impl Change {
    fn make(self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        match self {
            Self::Flip { at, bit } => {
                if let Some(byte) = (!bytes.is_empty()).then(|| at.get_mut(bytes)) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Insert { at, bytes: new } => insert(bytes, at, &new),
            Self::Delete { at, length } => drop(bytes.drain(range(bytes, at, length))),
            Self::Repeat { at, length } => {
                let part = bytes[range(bytes, at, length)].to_vec();
                insert(bytes, at, &part);
            }
            Self::Splice {
                at,
                from,
                part: (start, length),
            } => {
                let other = from.get(seeds);
                insert(bytes, at, &other[range(other, start, length)]);
            }
            Self::Break { at } => bytes.truncate(at.index(bytes.len() + 1)),
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: Index, new: &[u8]) {
    let at = at.index(bytes.len() + 1);
    bytes.splice(at..at, new.iter().copied());
}

/// From there, so many of what follows.
fn range(bytes: &[u8], at: Index, length: Index) -> Range<usize> {
    let start = at.index(bytes.len() + 1);
    start..start + length.index(bytes.len() - start + 1)
}

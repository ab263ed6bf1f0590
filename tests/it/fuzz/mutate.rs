//! What chance makes of bytes that mean something.

use fastrand::Rng;

/// What means something to somebody.
const WORDS: [&str; 24] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "-0.0",
    "\\u0000",
    "\\ud800",
    "\u{2028}",
    "🦀",
    "\n",
    "@",
    ",",
    "-",
    ":",
    "{\"n\":1}",
    "9223372036854775807",
    "Put",
    "O1",
    "\"kind\"",
];

/// Some bytes of the one, some of the other, and some changes.
pub(super) fn mutated(corpus: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut bytes = chance.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..chance.usize(0..5) {
        let place = chance.usize(0..=bytes.len());
        match chance.u8(0..7) {
            0 if place < bytes.len() => bytes[place] ^= 1 << chance.u8(0..8),
            1 if place < bytes.len() => bytes[place] = chance.u8(..),
            2 => bytes.insert(place, chance.u8(..)),
            3 => bytes.truncate(place),
            4 => {
                let end = chance.usize(place..=bytes.len());
                drop(bytes.drain(place..end));
            }
            5 => {
                let word = chance.choice(WORDS).unwrap_or_default();
                drop(bytes.splice(place..place, word.bytes()));
            }
            _ => {
                let other = chance.choice(corpus).map_or(&[][..], |other| other);
                let from = chance.usize(0..=other.len());
                bytes.truncate(place);
                bytes.extend(&other[from..]);
            }
        }
    }
    bytes
}

//! What is wrong with the input, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// The input cannot be used: which file, which line and column of it, and what was expected there. What was
/// found is not repeated: it may be anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{place}: expected {expected}", file.display())]
pub struct BadInput {
    file: PathBuf,
    place: Place,
    expected: String,
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The file as a whole.
    File,
    /// A field of a row.
    Field(At),
}

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// The line of the file that the field begins on, from 1.
    pub(super) line: u64,
    /// Which field of its row it is, from 1.
    pub(super) column: usize,
    /// What the header calls it, if it is one of ours.
    pub(super) name: Option<&'static str>,
}

/// A [`BadInput`] that does not know its file yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: At,
    pub(super) expected: String,
}

impl BadInput {
    /// The file as a whole cannot be used.
    pub fn file(file: &Path, expected: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: Place::File, expected: expected.into() }
    }

    pub(super) fn field(file: &Path, fault: Fault) -> Self {
        Self { file: file.to_owned(), place: Place::Field(fault.at), expected: fault.expected }
    }
}

impl Fault {
    pub(super) fn new(at: At, expected: impl Into<String>) -> Self {
        Self { at, expected: expected.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Field(At { line, column, name: None }) => {
                write!(f, ": line {line}, column {column}")
            }
            Self::Field(At { line, column, name: Some(name) }) => {
                write!(f, ": line {line}, column {column} ({name})")
            }
        }
    }
}

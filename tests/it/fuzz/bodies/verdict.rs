//! What became of some bytes.

/// Whether bytes were taken for what they should be: a test sees that it has met both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    Refused,
}

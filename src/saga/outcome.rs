//! What is known of a step.

/// What is known of a step that is to be compensated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect<T> {
    /// It has happened, and this is what it gave back.
    Happened(T),
    /// It may have happened, or may be about to: the compensation must bar it, or undo it.
    Unknown,
}

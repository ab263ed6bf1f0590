//! How a call ends.

use std::error::Error;

/// An error of anybody's.
type BoxError = Box<dyn Error + Send + Sync>;

/// Why a step has not happened, or may not have.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "whoever calls a participant must decide among these")]
pub enum Fail<R> {
    /// It was refused for good: neither this call nor any before it under this key has had an effect.
    Rejected(R),
    /// It has had no effect this time, and may do better later.
    Transient(BoxError),
    /// Nobody knows whether it has had an effect. A call that takes too long, panics or is dropped counts so, too.
    Unknown(BoxError),
}

/// Why something that cannot be refused is to be called again.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "whoever calls a participant must decide among these")]
pub enum Again {
    /// It has had no effect this time.
    Transient(BoxError),
    /// Nobody knows whether it has had an effect.
    Unknown(BoxError),
}

/// What is known of a step that is to be compensated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there is nothing between the two")]
pub enum Effect<T> {
    /// It has happened, and this is what it gave back.
    Happened(T),
    /// It may have happened, or may be about to: the compensation must bar it, or undo it.
    Unknown,
}

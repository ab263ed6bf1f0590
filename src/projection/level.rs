//! How fresh a read model is by its declaration.

use std::time::Duration;

/// Folded in the append's own transaction: who reads after a commit sees it, and every append waits for it. For money,
/// reservations and rights.
///
/// [`ReadSide::inline`](super::ReadSide::inline) has a store fold it; behind the append it does not compile.
#[derive(Debug)]
pub enum Strong {}

/// Folded behind the append, and at most `MILLIS` milliseconds late when all is well. Longer is late, which
/// [`health`](crate::subscription::Running::health) says. Seconds are for profiles, e-mail and caches; minutes for search
/// and reports.
#[derive(Debug)]
pub enum Eventual<const MILLIS: u64> {}

/// A level that is folded behind the append.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` projection cannot run behind the append",
    label = "declare `type Level = Eventual<..>`, or have the store fold it by `ReadSide::inline`"
)]
pub trait Asynchronous {
    /// After how long it is late.
    const LATE_AFTER: Duration;
}

impl<const MILLIS: u64> Asynchronous for Eventual<MILLIS> {
    const LATE_AFTER: Duration = Duration::from_millis(MILLIS);
}

/// A level that is folded within the append.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` projection is not folded within the append",
    label = "declare `type Level = Strong`, or run it behind the append by `ReadSide::run`"
)]
pub trait Inline {}

impl Inline for Strong {}

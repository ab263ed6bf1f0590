//! How fresh a read model is by its declaration.

use std::time::Duration;

/// Folded in the append's own transaction: who reads after a commit sees it, and every append waits for it. For money,
/// reservations and rights.
///
/// No store folds so yet. A projection that declares it says that it must not run behind the append, and does not compile
/// there.
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
    label = "declare `type Level = Eventual<..>`, or hand it to the store as an inline projection"
)]
pub trait Asynchronous {
    /// After how long it is late.
    const LATE_AFTER: Duration;
}

impl<const MILLIS: u64> Asynchronous for Eventual<MILLIS> {
    const LATE_AFTER: Duration = Duration::from_millis(MILLIS);
}

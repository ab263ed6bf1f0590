//! What a service writes to have a saga.

use std::time::Duration;

use super::define::{Before, Definition};
use super::step::Payload;

/// A business transaction over several services: steps, each of which is a transaction of its own, and what takes them back.
///
/// Steps before the pivot have compensations. The pivot decides: until it has happened the saga can be given up, and what has
/// happened is compensated in reverse order; from then on every step is repeated until it has happened.
///
/// A definition is versioned by the names of its steps, their kinds and their order. What a step does inside, its patience and
/// its retries may change at any time.
pub trait Saga: Send + Sync + 'static {
    /// Its name, for ever: 1 to 64 of `a`–`z`, `0`–`9` and `_`.
    const NAME: &'static str;
    /// The version of the definition. Whoever changes steps, their kinds, their order or what they give back counts it up.
    const VERSION: u32 = 1;
    /// Earlier versions whose sagas this definition carries on, each with the names of steps that have changed since, old and
    /// new. What is recorded of such a saga must fit, or it waits.
    ///
    /// The new name is the one that the step has now, and an old one is no step's any more: names cannot be swapped, or handed
    /// on from step to step, since a log that was carried on holds both. A step that was renamed twice is listed under each
    /// of its old names, the first of them first: that one is in its keys.
    const CONTINUES: &'static [(u32, &'static [(&'static str, &'static str)])] = &[];
    /// With what a saga begins.
    type Input: Payload;
    /// [`HasPivot`](super::HasPivot) or [`NoPivot`](super::NoPivot).
    type Ending: 'static;

    /// The steps.
    fn define(&self, steps: Before<Self::Input>) -> Definition<Self::Input, Self::Ending>;

    /// How long after its start a saga is given up that has not come to its pivot. Without end by default.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Whether compensations that need not wait for each other run at once. One after another by default.
    fn undoes_in_parallel(&self) -> bool {
        false
    }
}

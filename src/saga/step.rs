//! The kinds of steps, and what each must be able to do.
//!
//! | | before the pivot | the pivot | behind it |
//! |---|---|---|---|
//! | another service | [`Step`], [`ReadOnly`] | [`Pivot`] | [`Retriable`] |
//! | this service's own log | [`LocalStep`] | [`LocalPivot`] | [`LocalRetriable`] |

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::id::{Do, Key, Undo};
use super::outcome::{Again, Effect, Failure};
use super::policy::{Policy, Resolve};
use crate::types::Commit;

/// What goes into a step and comes out of it: whatever `serde` can write and read.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Payload for T {}

/// A step before the pivot: an action at another service, and what takes it back.
///
/// Both are called at least once, under the same key and with the same input, and may be called again, late, and by a process
/// that has been frozen. A compensation cannot be refused: it is repeated until it has happened.
#[diagnostic::on_unimplemented(
    message = "`{Self}` stands before the pivot but says no compensation",
    label = "implement `Step`, or use `read_only` if it leaves nothing behind"
)]
pub trait Step: Send + Sync + 'static {
    /// Its name in every saga, and for ever: keys and logs hold it.
    const NAME: &'static str;
    /// How it is found out whether a call has happened that nobody answered.
    const RESOLVE: Resolve;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;
    /// Why it can be refused.
    type Refusal: Payload;

    /// Acts.
    fn run(
        &self,
        key: &Key<Do>,
        input: &Self::In,
    ) -> impl Future<Output = Result<Self::Out, Failure<Self::Refusal>>> + Send;

    /// Takes the action back that was called under `action`. If it is [`Effect::Unknown`] whether it has happened, this sees to
    /// it that it has not, and will not.
    fn compensate(
        &self,
        key: &Key<Undo>,
        action: &Key<Do>,
        input: &Self::In,
        effect: Effect<Self::Out>,
    ) -> impl Future<Output = Result<(), Again>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// A step before the pivot that leaves nothing behind: a look, a check, a price.
pub trait ReadOnly: Send + Sync + 'static {
    /// Its name in every saga, and for ever.
    const NAME: &'static str;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;
    /// Why it can be refused.
    type Refusal: Payload;

    /// Looks.
    fn run(
        &self,
        input: &Self::In,
    ) -> impl Future<Output = Result<Self::Out, Failure<Self::Refusal>>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// The point of no return at another service: when it has happened, the saga completes; until then it can be given up.
///
/// The service must answer a repeated key as it did the first time, for longer than a saga can live: a pivot of which nobody
/// knows whether it has happened is called until it says. If the service cannot, make the pivot a [`LocalPivot`].
pub trait Pivot: Send + Sync + 'static {
    /// Its name in every saga, and for ever.
    const NAME: &'static str;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;
    /// Why it can be refused.
    type Refusal: Payload;

    /// Decides.
    fn run(
        &self,
        key: &Key<Do>,
        input: &Self::In,
    ) -> impl Future<Output = Result<Self::Out, Failure<Self::Refusal>>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// A step behind the pivot at another service: it cannot be refused, and is repeated until it has happened.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can be refused, so it cannot stand behind the pivot",
    label = "implement `Retriable`: its error has no `Rejected`"
)]
pub trait Retriable: Send + Sync + 'static {
    /// Its name in every saga, and for ever.
    const NAME: &'static str;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;

    /// Acts.
    fn run(
        &self,
        key: &Key<Do>,
        input: &Self::In,
    ) -> impl Future<Output = Result<Self::Out, Again>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::patient()
    }
}

/// What a local step decides: what it gives back, and what is committed with the saga's own record, or not at all.
#[derive(Clone, Debug)]
pub struct Local<T> {
    pub(crate) out: T,
    pub(crate) commit: Commit,
}

impl<T> Local<T> {
    /// Gives `out` back when `commit` is durable.
    pub const fn new(out: T, commit: Commit) -> Self {
        Self { out, commit }
    }
}

/// A step before the pivot in the log that also holds the sagas: it happens exactly once, in the commit that says so, and
/// nobody ever wonders whether it has. If the commit meets a conflict, the step decides again.
pub trait LocalStep: Send + Sync + 'static {
    /// Its name in every saga, and for ever.
    const NAME: &'static str;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;
    /// Why it can be refused.
    type Refusal: Payload;

    /// Decides.
    fn run(
        &self,
        key: &Key<Do>,
        input: &Self::In,
    ) -> impl Future<Output = Result<Local<Self::Out>, Failure<Self::Refusal>>> + Send;

    /// Decides what takes it back.
    fn compensate(
        &self,
        key: &Key<Undo>,
        input: &Self::In,
        out: Self::Out,
    ) -> impl Future<Output = Result<Commit, Again>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// The point of no return in the log that also holds the sagas: the best place for it.
pub trait LocalPivot: Send + Sync + 'static {
    /// Its name in every saga, and for ever.
    const NAME: &'static str;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;
    /// Why it can be refused.
    type Refusal: Payload;

    /// Decides.
    fn run(
        &self,
        key: &Key<Do>,
        input: &Self::In,
    ) -> impl Future<Output = Result<Local<Self::Out>, Failure<Self::Refusal>>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

/// A step behind the pivot in the log that also holds the sagas: it cannot be refused, and happens exactly once.
pub trait LocalRetriable: Send + Sync + 'static {
    /// Its name in every saga, and for ever.
    const NAME: &'static str;
    /// What it is given.
    type In: Payload;
    /// What it gives back.
    type Out: Payload;

    /// Decides.
    fn run(
        &self,
        key: &Key<Do>,
        input: &Self::In,
    ) -> impl Future<Output = Result<Local<Self::Out>, Again>> + Send;

    /// How patient it is.
    fn policy(&self) -> Policy {
        Policy::patient()
    }
}

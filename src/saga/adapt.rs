//! All kinds of steps as one kind.

use super::id::{Do, Key, Undo};
use super::json::Json;
use super::outcome::{Again, BoxError, Effect, Failure, told};
use super::policy::{Policy, Resolve};
use super::step::{
    Local, LocalPivot, LocalRetriable, LocalStep, Payload, Pivot, ReadOnly, Retriable, Step,
};
use crate::types::Commit;

/// How an action ended: what it gave back, and the commit with which it happens, if it is local.
pub(crate) type Ran<O> = Result<(O, Option<Commit>), Fell>;

/// Why an action or a compensation did not end well.
pub(crate) enum Fell {
    Rejected(Json),
    Transient(BoxError),
    Unknown(BoxError),
    Broken(String),
}

/// How a compensation ended: done, perhaps with this commit.
pub(crate) type Undid = Result<Option<Commit>, Again>;

/// A step of any kind.
pub(crate) trait Adapted: Send + Sync + 'static {
    type In: Payload;
    type Out: Payload;

    fn run(&self, key: &Key<Do>, input: &Self::In) -> impl Future<Output = Ran<Self::Out>> + Send;

    /// What cannot be compensated is never asked to be.
    fn undo(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &Self::In,
        _: Effect<Self::Out>,
    ) -> impl Future<Output = Undid> + Send {
        async { Ok(None) }
    }

    fn policy(&self) -> Policy;

    /// How it is found out whether it has happened.
    const RESOLVE: Resolve = Resolve::Redrive;

    const IS_LOCAL: bool = false;
}

pub(crate) struct OfStep<S>(pub(crate) S);
pub(crate) struct OfReadOnly<S>(pub(crate) S);
pub(crate) struct OfPivot<S>(pub(crate) S);
pub(crate) struct OfRetriable<S>(pub(crate) S);
pub(crate) struct OfLocalStep<S>(pub(crate) S);
pub(crate) struct OfLocalPivot<S>(pub(crate) S);
pub(crate) struct OfLocalRetriable<S>(pub(crate) S);

impl<S: Step> Adapted for OfStep<S> {
    type In = S::In;
    type Out = S::Out;
    const RESOLVE: Resolve = S::RESOLVE;

    async fn run(&self, key: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        far(self.0.run(key, input).await)
    }

    async fn undo(
        &self,
        key: &Key<Undo>,
        action: &Key<Do>,
        input: &S::In,
        effect: Effect<S::Out>,
    ) -> Undid {
        self.0.compensate(key, action, input, effect).await.map(|()| None)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

impl<S: ReadOnly> Adapted for OfReadOnly<S> {
    type In = S::In;
    type Out = S::Out;

    async fn run(&self, _: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        far(self.0.run(input).await)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

impl<S: Pivot> Adapted for OfPivot<S> {
    type In = S::In;
    type Out = S::Out;

    async fn run(&self, key: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        far(self.0.run(key, input).await)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

impl<S: Retriable> Adapted for OfRetriable<S> {
    type In = S::In;
    type Out = S::Out;

    async fn run(&self, key: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        self.0.run(key, input).await.map(|out| (out, None)).map_err(Fell::from)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

impl<S: LocalStep> Adapted for OfLocalStep<S> {
    type In = S::In;
    type Out = S::Out;
    const IS_LOCAL: bool = true;

    async fn run(&self, key: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        near(self.0.run(key, input).await)
    }

    async fn undo(
        &self,
        key: &Key<Undo>,
        _: &Key<Do>,
        input: &S::In,
        effect: Effect<S::Out>,
    ) -> Undid {
        match effect {
            Effect::Happened(out) => self.0.compensate(key, input, out).await.map(Some),
            // Of what is local it is always known.
            Effect::Unknown => Ok(None),
        }
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

impl<S: LocalPivot> Adapted for OfLocalPivot<S> {
    type In = S::In;
    type Out = S::Out;
    const IS_LOCAL: bool = true;

    async fn run(&self, key: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        near(self.0.run(key, input).await)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

impl<S: LocalRetriable> Adapted for OfLocalRetriable<S> {
    type In = S::In;
    type Out = S::Out;
    const IS_LOCAL: bool = true;

    async fn run(&self, key: &Key<Do>, input: &S::In) -> Ran<S::Out> {
        let ended = self.0.run(key, input).await;
        ended.map(|local| (local.out, Some(local.commit))).map_err(Fell::from)
    }

    fn policy(&self) -> Policy {
        self.0.policy()
    }
}

fn far<O, R: Payload>(ended: Result<O, Failure<R>>) -> Ran<O> {
    ended.map(|out| (out, None)).map_err(Fell::from)
}

fn near<O, R: Payload>(ended: Result<Local<O>, Failure<R>>) -> Ran<O> {
    ended.map(|local| (local.out, Some(local.commit))).map_err(Fell::from)
}

impl<R: Payload> From<Failure<R>> for Fell {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Rejected(why) => match Json::of(&why) {
                Ok(why) => Self::Rejected(why),
                Err(error) => Self::Broken(format!("why it was refused is no JSON: {error}")),
            },
            Failure::Transient(error) => Self::Transient(error),
            Failure::Unknown(error) => Self::Unknown(error),
            Failure::Broken(error) => Self::Broken(told(&*error)),
        }
    }
}

impl From<Again> for Fell {
    fn from(again: Again) -> Self {
        match again {
            Again::Transient(error) => Self::Transient(error),
            Again::Unknown(error) => Self::Unknown(error),
            Again::Broken(error) => Self::Broken(told(&*error)),
        }
    }
}

//! The definition of a saga: its steps, what each needs, and which of them is the pivot.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::act::{Inputs, One};
use super::adapt::{
    Adapted, OfLocalPivot, OfLocalRetriable, OfLocalStep, OfPivot, OfReadOnly, OfRetriable, OfStep,
};
use super::each::Each;
use super::handle::{Deps, Handle, Value};
use super::node::{Fault, MakeInput, Node, Plan, Work};
use super::shape::Kind;
use super::step::{
    LocalPivot, LocalRetriable, LocalStep, Payload, Pivot, ReadOnly, Retriable, Step,
};

/// Marks a definition without a pivot: it can be given up until it has completed, and so be part of another.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "there is no value of it")]
pub enum NoPivot {}

/// Marks a definition with a pivot.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "there is no value of it")]
pub enum HasPivot {}

/// The steps of a saga that are known so far, all before the pivot.
///
/// A step stands behind those whose [`Handle`]s it names, and behind the step before it unless it is said to run
/// [beside](Before::beside) that one.
#[must_use = "a definition is nothing until it is built"]
pub struct Before<I> {
    plan: Plan,
    input: PhantomData<fn(I)>,
}

/// The steps of a saga whose pivot is known: what follows cannot be refused.
#[must_use = "a definition is nothing until it is built"]
pub struct After<I> {
    plan: Plan,
    input: PhantomData<fn(I)>,
}

/// A saga as data: its steps and what they need of each other. `P` says whether it has a pivot.
#[must_use = "a definition does nothing until somebody runs it"]
pub struct Definition<I, P> {
    pub(crate) plan: Plan,
    of: PhantomData<fn(I, P)>,
}

/// Tells the handles of definitions apart.
static DEFINITIONS: AtomicUsize = AtomicUsize::new(0);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($step:ident as $of:ident, $kind:ident);)*) => {$(
        $(#[$doc])*
        pub fn $name<S: $step, D: Deps>(
            &mut self,
            step: S,
            needs: D,
            input: impl for<'a> Fn(&'a I, D::Values<'a>) -> S::In + Send + Sync + 'static,
        ) -> Handle<S::Out> {
            one::<I, _, _>(&mut self.plan, S::NAME, Kind::$kind, $of(step), needs, input)
        }
    )*};
}

macro_rules! waits {
    ($kind:ident) => {
        /// Waits for so long since all before it has happened. The saga is parked meanwhile, and costs no task.
        pub fn delay(&mut self, name: &'static str, time: Duration) -> Handle<()> {
            self.plan.wait(name, Kind::$kind, Work::Delay(time))
        }

        /// Lets the next step run beside the one before it, not behind it.
        pub fn beside(&mut self) -> &mut Self {
            self.plan.is_beside = true;
            self
        }

        /// Gives the next step this name instead of its own, so that one saga can have it twice.
        pub fn named(&mut self, name: &'static str) -> &mut Self {
            self.plan.named = Some(name);
            self
        }
    };
}

impl<I: Payload> Before<I> {
    /// The steps of a saga that is to be part of another; see [`Before::sub_saga`].
    pub fn of_another() -> Self {
        Self::new()
    }

    pub(crate) fn new() -> Self {
        let of = DEFINITIONS.fetch_add(1, Ordering::Relaxed);
        Self { plan: Plan::new(of), input: PhantomData }
    }

    kinds! {
        /// A step at another service, and its compensation.
        step(Step as OfStep, Compensable);
        /// A step that leaves nothing behind.
        read_only(ReadOnly as OfReadOnly, ReadOnly);
        /// A step in the log that also holds the sagas.
        local_step(LocalStep as OfLocalStep, Compensable);
    }

    waits!(ReadOnly);

    /// A step for each of several items, all at once. It has happened when all have; if one is refused, the others are
    /// compensated. Each item has keys of its own, by its place: the items must come in the same order every time.
    pub fn each<S: Step, D: Deps>(
        &mut self,
        step: S,
        needs: D,
        items: impl for<'a> Fn(&'a I, D::Values<'a>) -> Vec<S::In> + Send + Sync + 'static,
    ) -> Handle<Vec<S::Out>> {
        each::<I, _, _>(&mut self.plan, S::NAME, Kind::Compensable, OfStep(step), needs, items)
    }

    /// Waits for a [signal](super::Sagas::signal), also one that has come before; for so long at most since all before it has
    /// happened, or else the saga is given up. The saga is parked meanwhile, and costs no task.
    pub fn signal<T: Payload>(
        &mut self,
        name: &'static str,
        within: Option<Duration>,
    ) -> Handle<T> {
        self.plan.wait(name, Kind::ReadOnly, Work::signal::<T>(within))
    }

    /// All steps of another saga, which must have no pivot, in the place of one: their names begin with `name` and a slash.
    /// If this saga is given up, they are compensated with the others.
    pub fn sub_saga<J: Payload, D: Deps>(
        &mut self,
        name: &'static str,
        saga: Definition<J, NoPivot>,
        needs: D,
        input: impl for<'a> Fn(&'a I, D::Values<'a>) -> J + Send + Sync + 'static,
    ) -> Handle<()> {
        let scope = move |of: &Value, outs: &[&Value]| {
            let of = (of as &dyn Any).downcast_ref::<I>()?;
            let made = Arc::new(input(of, D::values(outs)?)) as Arc<Value>;
            Some(made)
        };
        self.plan.insert(name, saga.plan, needs.places(), &(Arc::new(scope) as MakeInput))
    }

    /// The pivot, at another service.
    pub fn pivot<S: Pivot, D: Deps>(
        mut self,
        step: S,
        needs: D,
        input: impl for<'a> Fn(&'a I, D::Values<'a>) -> S::In + Send + Sync + 'static,
    ) -> (Handle<S::Out>, After<I>) {
        let of = OfPivot(step);
        let handle = one::<I, _, _>(&mut self.plan, S::NAME, Kind::Pivot, of, needs, input);
        (handle, After { plan: self.plan, input: PhantomData })
    }

    /// The pivot, in the log that also holds the sagas.
    pub fn local_pivot<S: LocalPivot, D: Deps>(
        mut self,
        step: S,
        needs: D,
        input: impl for<'a> Fn(&'a I, D::Values<'a>) -> S::In + Send + Sync + 'static,
    ) -> (Handle<S::Out>, After<I>) {
        let of = OfLocalPivot(step);
        let handle = one::<I, _, _>(&mut self.plan, S::NAME, Kind::Pivot, of, needs, input);
        (handle, After { plan: self.plan, input: PhantomData })
    }

    /// That was all: a saga that can be given up until it has completed.
    pub fn build(self) -> Definition<I, NoPivot> {
        Definition { plan: self.plan, of: PhantomData }
    }
}

impl<I: Payload> After<I> {
    kinds! {
        /// A step at another service that is repeated until it has happened.
        then(Retriable as OfRetriable, Retriable);
        /// A step in the log that also holds the sagas, which is repeated until it has happened.
        local_then(LocalRetriable as OfLocalRetriable, Retriable);
    }

    waits!(Retriable);

    /// A step for each of several items, all at once, until all have happened. Each item has a key of its own, by its place.
    pub fn then_each<S: Retriable, D: Deps>(
        &mut self,
        step: S,
        needs: D,
        items: impl for<'a> Fn(&'a I, D::Values<'a>) -> Vec<S::In> + Send + Sync + 'static,
    ) -> Handle<Vec<S::Out>> {
        each::<I, _, _>(&mut self.plan, S::NAME, Kind::Retriable, OfRetriable(step), needs, items)
    }

    /// Waits for a [signal](super::Sagas::signal), also one that has come before. The saga is parked meanwhile, and costs no
    /// task.
    pub fn signal<T: Payload>(&mut self, name: &'static str) -> Handle<T> {
        self.plan.wait(name, Kind::Retriable, Work::signal::<T>(None))
    }

    /// That was all.
    pub fn build(self) -> Definition<I, HasPivot> {
        Definition { plan: self.plan, of: PhantomData }
    }
}

fn one<I: Payload, S: Adapted, D: Deps>(
    plan: &mut Plan,
    name: &'static str,
    kind: Kind,
    step: S,
    needs: D,
    input: impl for<'a> Fn(&'a I, D::Values<'a>) -> S::In + Send + Sync + 'static,
) -> Handle<S::Out> {
    let policy = step.policy();
    let act = Arc::new(One { step, inputs: Inputs::<I, D, _>::new(input) });
    let node = Node::new::<S>(name, kind, policy, Work::Call(act));
    plan.add(node, needs.places())
}

fn each<I: Payload, S: Adapted, D: Deps>(
    plan: &mut Plan,
    name: &'static str,
    kind: Kind,
    step: S,
    needs: D,
    items: impl for<'a> Fn(&'a I, D::Values<'a>) -> Vec<S::In> + Send + Sync + 'static,
) -> Handle<Vec<S::Out>> {
    let policy = step.policy();
    let act = Arc::new(Each { step, inputs: Inputs::<I, D, _>::new(items) });
    let node = Node::new::<S>(name, kind, policy, Work::Call(act));
    plan.add(node, needs.places())
}

impl<I, P> Definition<I, P> {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.plan.fault.as_ref()
    }
}

impl<I> fmt::Debug for Before<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<I> fmt::Debug for After<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<I, P> fmt::Debug for Definition<I, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

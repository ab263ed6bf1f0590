//! What is explored, and how far.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::play::Twist;
use super::report::{Explored, Violation};
use super::schedule::Budget;
use crate::backend::memory::MemoryStore;
use crate::saga::{Ended, Json, Payload, Saga, SagaStore};

/// Runs a saga, with its own code, in every way in which it can go wrong, and looks whether a promise is broken.
///
/// The explorer makes a fresh world for every schedule, has the saga run in it, and decides at each call and at each commit
/// what becomes of it: an answer is lost, a call is late or arrives twice, a step is refused, the process stops and another
/// takes over, while the first may live on. Schedules without a fault come first, then those with one, then those with two:
/// what it finds is short. When nothing is on its way any more, it asks the invariant.
///
/// The participants are simulated by the test and must answer at once: there is no runtime, and what waits is a call that
/// nobody answers. `world` must give the same each time.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use freehold::saga::{
///     Again, Before, Definition, Do, Effect, Ended, Failure, HasPivot, Key, Pivot, Resolve, Saga, Step, Undo,
/// };
/// use freehold::testkit::saga::explore;
///
/// // The participants: what is reserved by key, what was barred, and what was charged by key.
/// #[derive(Default)]
/// struct Books {
///     reserved: BTreeMap<String, u32>,
///     barred: Vec<String>,
///     charged: BTreeMap<String, u32>,
/// }
///
/// #[derive(Clone, Default)]
/// struct Shop(Arc<Mutex<Books>>);
///
/// struct Reserve(Shop);
///
/// impl Step for Reserve {
///     const NAME: &'static str = "reserve";
///     const RESOLVE: Resolve = Resolve::Tombstone;
///     type In = u32;
///     type Out = ();
///     type Refusal = String;
///
///     async fn run(&self, key: &Key<Do>, units: &u32) -> Result<(), Failure<String>> {
///         let mut books = self.0.0.lock().unwrap();
///         if books.barred.contains(&key.to_string()) {
///             return Err(Failure::rejected("it was released before"));
///         }
///         books.reserved.insert(key.to_string(), *units);
///         Ok(())
///     }
///
///     async fn compensate(
///         &self,
///         _: &Key<Undo>,
///         action: &Key<Do>,
///         _: &u32,
///         _: Effect<()>,
///     ) -> Result<(), Again> {
///         let mut books = self.0.0.lock().unwrap();
///         books.reserved.remove(action.as_str());
///         books.barred.push(action.to_string());
///         Ok(())
///     }
/// }
///
/// struct Charge(Shop);
///
/// impl Pivot for Charge {
///     const NAME: &'static str = "charge";
///     type In = u32;
///     type Out = ();
///     type Refusal = String;
///
///     async fn run(&self, key: &Key<Do>, euros: &u32) -> Result<(), Failure<String>> {
///         self.0.0.lock().unwrap().charged.insert(key.to_string(), *euros);
///         Ok(())
///     }
/// }
///
/// struct Sale(Shop);
///
/// impl Saga for Sale {
///     const NAME: &'static str = "sale";
///     type Input = u32;
///     type Ending = HasPivot;
///
///     fn define(&self, mut steps: Before<u32>) -> Definition<u32, HasPivot> {
///         steps.step(Reserve(self.0.clone()), (), |units: &u32, ()| *units);
///         let (_, steps) = steps.pivot(Charge(self.0.clone()), (), |units: &u32, ()| units * 7);
///         steps.build()
///     }
/// }
///
/// let explored = explore(|shop: &Shop| Sale(shop.clone()))
///     .on(3)
///     .world(Shop::default)
///     .invariant(|shop, ended| {
///         let books = shop.0.lock().unwrap();
///         let wanted = usize::from(ended == Ended::Completed);
///         match (books.reserved.len(), books.charged.len()) {
///             (reserved, charged) if reserved == wanted && charged == wanted => Ok(()),
///             (reserved, charged) => Err(format!("{reserved} reserved, {charged} charged")),
///         }
///     })
///     .faults(1)
///     .takeovers(1)
///     .run()?;
/// assert!(explored.completed > 0 && explored.compensated > 0);
/// # Ok::<(), freehold::testkit::saga::Violation>(())
/// ```
pub fn explore<W, S: Saga>(saga: impl Fn(&W) -> S + 'static) -> Explore<W, S> {
    Explore { saga: Box::new(saga) }
}

type MakeSaga<W, S> = Box<dyn Fn(&W) -> S>;
type MakeWorld<W> = Box<dyn Fn() -> W>;
pub(super) type Invariant<W> = Box<dyn Fn(&W, Ended) -> Result<(), String>>;
type StoreOf<W> = Box<dyn Fn(&W) -> Arc<dyn SagaStore>>;
/// How the ledgers of two worlds differ.
type Difference<W> = Box<dyn Fn(&W, &W) -> Option<String>>;

/// A saga to be explored, which lacks what it is given.
#[must_use = "nothing is explored before `run`"]
pub struct Explore<W, S> {
    saga: MakeSaga<W, S>,
}

/// A saga to be explored, which lacks a world.
#[must_use = "nothing is explored before `run`"]
pub struct ExploreOn<W, S> {
    saga: MakeSaga<W, S>,
    input: Json,
}

/// A saga to be explored: made by [`explore`].
#[must_use = "nothing is explored before `run`"]
pub struct Exploration<W, S> {
    pub(super) saga: MakeSaga<W, S>,
    pub(super) input: Json,
    pub(super) world: MakeWorld<W>,
    pub(super) invariant: Option<Invariant<W>>,
    pub(super) store: StoreOf<W>,
    pub(super) difference: Option<Difference<W>>,
    pub(super) signals: BTreeMap<String, Json>,
    pub(super) budget: Budget,
    pub(super) retries_max: u32,
    pub(super) schedules_max: usize,
    /// The seed, and how many schedules.
    pub(super) chance: Option<(u64, usize)>,
    pub(super) has_mutants: bool,
    pub(super) spared: Vec<String>,
}

impl<W, S: Saga> Explore<W, S> {
    /// With what the saga begins.
    ///
    /// # Panics
    /// If it cannot be written as JSON.
    #[allow(clippy::needless_pass_by_value, reason = "it is written down where it is given")]
    pub fn on(self, input: S::Input) -> ExploreOn<W, S> {
        ExploreOn { saga: self.saga, input: json(&input) }
    }
}

impl<W: 'static, S: Saga> ExploreOn<W, S> {
    /// How a fresh world is made, with all participants: once for every schedule, and each time the same.
    pub fn world(self, world: impl Fn() -> W + 'static) -> Exploration<W, S> {
        Exploration {
            saga: self.saga,
            input: self.input,
            world: Box::new(world),
            invariant: None,
            store: Box::new(|_| Arc::new(MemoryStore::new())),
            difference: None,
            signals: BTreeMap::new(),
            budget: Budget { faults: 2, takeovers: 1, refusals: 1, cancels: 0 },
            retries_max: 1,
            schedules_max: 1_000_000,
            chance: None,
            has_mutants: true,
            spared: Vec::new(),
        }
    }
}

impl<W: 'static, S: Saga> Exploration<W, S> {
    /// What must hold when the saga is over and nothing is on its way any more; or else what is wrong.
    pub fn invariant(mut self, holds: impl Fn(&W, Ended) -> Result<(), String> + 'static) -> Self {
        self.invariant = Some(Box::new(holds));
        self
    }

    /// How many calls and commits go wrong in one schedule, at most. 2 by default.
    pub const fn faults(mut self, faults_max: usize) -> Self {
        self.budget.faults = faults_max;
        self
    }

    /// How often another owner takes the saga over in one schedule, at most. 1 by default.
    pub const fn takeovers(mut self, takeovers_max: usize) -> Self {
        self.budget.takeovers = takeovers_max;
        self
    }

    /// How many steps are refused in one schedule, at most, although their participants would not. 1 by default.
    pub const fn refusals(mut self, refusals_max: usize) -> Self {
        self.budget.refusals = refusals_max;
        self
    }

    /// Has somebody ask, at each point in time, for the saga to be given up, or its deadline pass if it has one.
    pub const fn cancels(mut self) -> Self {
        self.budget.cancels = 1;
        self
    }

    /// How often an action is tried again before the saga is given up or waits for an operator, if its policy would have it
    /// tried more often. Once by default: so few faults are enough to come to the end of a saga's patience.
    pub const fn retries(mut self, retries_max: u32) -> Self {
        self.retries_max = retries_max;
        self
    }

    /// A signal that has come before it is waited for.
    ///
    /// # Panics
    /// If it cannot be written as JSON.
    pub fn signal<T: Payload>(mut self, name: &str, payload: &T) -> Self {
        self.signals.insert(name.to_owned(), json(payload));
        self
    }

    /// Where the world keeps the log that holds the sagas, and with it what local steps commit. It must answer at once. A log
    /// in memory that nobody sees by default.
    pub fn store<L: SagaStore>(mut self, store: impl Fn(&W) -> L + 'static) -> Self {
        self.store = Box::new(move |world| Arc::new(store(world)));
        self
    }

    /// The ledger of a world: what must be the same if every call arrives twice.
    pub fn snapshot<T: PartialEq + fmt::Debug>(
        mut self,
        snapshot: impl Fn(&W) -> T + 'static,
    ) -> Self {
        self.difference = Some(Box::new(move |once, twice| {
            let (once, twice) = (snapshot(once), snapshot(twice));
            (once != twice).then(|| format!("{once:?} if each comes once, and {twice:?}"))
        }));
        self
    }

    /// How many schedules are run at most; [`Coverage`](super::Coverage) says whether these were all. A million by default.
    pub const fn schedules_max(mut self, schedules_max: usize) -> Self {
        self.schedules_max = schedules_max;
        self
    }

    /// Afterwards runs so many schedules more, which are drawn by a seed, with up to ten faults and three takeovers, and in
    /// which what is late arrives at any point in time.
    pub const fn by_chance(mut self, seed: u64, schedules: usize) -> Self {
        self.chance = Some((seed, schedules));
        self
    }

    /// Does not look whether the invariant would see a missing compensation, or a key that changes.
    pub const fn without_mutants(mut self) -> Self {
        self.has_mutants = false;
        self
    }

    /// The invariant need not see a flaw in this step: to do it twice, or to leave its compensation out, does no harm.
    pub fn spare(mut self, step: &str) -> Self {
        self.spared.push(step.to_owned());
        self
    }

    /// Runs the schedules.
    ///
    /// # Errors
    /// The first [`Violation`], which is one with fewest faults.
    pub fn run(self) -> Result<Explored, Violation> {
        let mut explored = self.every_schedule(Twist::None)?;
        if let Some((seed, schedules)) = self.chance {
            self.schedules_by_chance(seed, schedules, &mut explored)?;
        }
        self.every_call_twice()?;
        self.every_mutant(&mut explored)?;
        Ok(explored)
    }
}

fn json(value: &(impl serde::Serialize + Any)) -> Json {
    Json::of(value).expect("what a saga is given can be written as JSON")
}

impl<W, S> fmt::Debug for Explore<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore").finish_non_exhaustive()
    }
}

impl<W, S> fmt::Debug for ExploreOn<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExploreOn").finish_non_exhaustive()
    }
}

impl<W, S> fmt::Debug for Exploration<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration")
            .field("budget", &self.budget)
            .field("retries_max", &self.retries_max)
            .field("schedules_max", &self.schedules_max)
            .finish_non_exhaustive()
    }
}

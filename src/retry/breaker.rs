//! Leaving alone what fails too often.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Seeds;
use super::sliding::Sliding;

/// When something that fails too often is left alone, and when it is tried again: a circuit breaker.
///
/// It counts over a window that moves on, by tokio's clock. Once it is open, nothing is tried for a while; then some probes
/// are let through. If all of them succeed it closes, and the first that fails opens it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..default()`")]
pub struct BreakerOptions {
    /// Over how long calls are counted. 10 s by default.
    pub window: Duration,
    /// Fewer calls than that say nothing. 20 by default.
    pub calls_min: u32,
    /// It opens when so many of a hundred calls fail. 50 by default.
    pub failed_percent: u32,
    /// How long it stays open at least; up to half as much is added by chance, so that not all who ask come back at once. 5 s
    /// by default.
    pub open_time: Duration,
    /// How many probes are let through, and have to succeed; 0 counts as 1. 3 by default.
    pub probes: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            calls_min: 20,
            failed_percent: 50,
            open_time: Duration::from_secs(5),
            probes: 3,
        }
    }
}

/// A circuit breaker that all who call one thing share.
#[derive(Debug)]
pub(crate) struct Breaker {
    options: BreakerOptions,
    seeds: Seeds,
    circuit: Mutex<Circuit>,
}

#[derive(Debug)]
struct Circuit {
    state: State,
    /// Grows with each change of state: what began before says nothing of the state now.
    era: u64,
}

#[derive(Debug)]
enum State {
    /// Calls, and those that failed.
    Closed(Box<Sliding>),
    Open {
        until: Instant,
    },
    HalfOpen {
        running: u32,
        succeeded: u32,
    },
}

/// The leave to make one call. What became of it is told by [`succeeded`](Self::succeeded) or [`failed`](Self::failed); a
/// pass that is dropped says nothing, and a probe makes room for another.
#[derive(Debug)]
#[must_use = "a pass that is dropped at once says nothing"]
pub(crate) struct Pass<'b> {
    breaker: &'b Breaker,
    era: u64,
    is_told: bool,
}

impl Breaker {
    pub(crate) fn new(options: BreakerOptions, seed: Option<u64>) -> Self {
        let state = State::closed(options, Instant::now());
        let circuit = Mutex::new(Circuit { state, era: 0 });
        Self { options, seeds: Seeds::new(seed), circuit }
    }

    /// The leave to make a call now, or `None` if it is left alone.
    pub(crate) fn admit(&self, now: Instant) -> Option<Pass<'_>> {
        let mut circuit = self.circuit();
        if let State::Open { until } = circuit.state
            && until <= now
        {
            circuit.become_(State::HalfOpen { running: 0, succeeded: 0 });
        }
        match &mut circuit.state {
            State::Closed(_) => {}
            State::Open { .. } => return None,
            State::HalfOpen { running, succeeded } => {
                if *running + *succeeded >= self.options.probes.max(1) {
                    return None;
                }
                *running += 1;
            }
        }
        Some(Pass { breaker: self, era: circuit.era, is_told: false })
    }

    fn tell(&self, era: u64, has_failed: bool, now: Instant) {
        let mut circuit = self.circuit();
        if circuit.era != era {
            return;
        }
        let next = match &mut circuit.state {
            State::Closed(recent) => {
                recent.add(now, [1, u64::from(has_failed)]);
                let [calls, failed] = recent.sums(now);
                let is_many = calls >= u64::from(self.options.calls_min);
                let is_bad = failed * 100 >= calls * u64::from(self.options.failed_percent);
                (has_failed && is_many && is_bad).then(|| self.open(now))
            }
            State::HalfOpen { .. } if has_failed => Some(self.open(now)),
            State::HalfOpen { running, succeeded } => {
                *running = running.saturating_sub(1);
                *succeeded += 1;
                let is_well = *succeeded >= self.options.probes.max(1);
                is_well.then(|| State::closed(self.options, now))
            }
            State::Open { .. } => None,
        };
        if let Some(next) = next {
            circuit.become_(next);
        }
    }

    fn open(&self, now: Instant) -> State {
        let more = fastrand::Rng::with_seed(self.seeds.draw()).f64() / 2.0;
        let time = self.options.open_time;
        State::Open { until: now + time + time.mul_f64(more) }
    }

    /// A probe ended, and nobody knows how.
    fn withdraw(&self, era: u64) {
        let mut circuit = self.circuit();
        if circuit.era == era
            && let State::HalfOpen { running, .. } = &mut circuit.state
        {
            *running = running.saturating_sub(1);
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn closed(options: BreakerOptions, now: Instant) -> Self {
        Self::Closed(Box::new(Sliding::new(options.window, now)))
    }
}

impl Circuit {
    fn become_(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

impl Pass<'_> {
    pub(crate) fn succeeded(self) {
        self.tell(false);
    }

    pub(crate) fn failed(self) {
        self.tell(true);
    }

    fn tell(mut self, has_failed: bool) {
        self.is_told = true;
        self.breaker.tell(self.era, has_failed, Instant::now());
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.breaker.withdraw(self.era);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: BreakerOptions = BreakerOptions {
        window: Duration::from_secs(10),
        calls_min: 4,
        failed_percent: 50,
        open_time: Duration::from_secs(2),
        probes: 2,
    };

    const TENTH: Duration = Duration::from_secs(1);

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Wait(u64),
        Begin,
        /// Ends the nth of those that run.
        End(usize, Option<bool>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..1_500_u64).prop_map(Step::Wait),
            Just(Step::Begin),
            (any::<usize>(), prop::option::weighted(0.8, prop::bool::weighted(0.6)))
                .prop_map(|(nth, end)| Step::End(nth, end)),
        ]
    }

    /// The breaker as one would explain it: all that has happened in a state, with its time.
    #[derive(Debug)]
    enum Model {
        Closed { since: Instant, ended: Vec<(Instant, bool)> },
        Open { since: Instant },
        HalfOpen { running: u32, succeeded: u32 },
    }

    impl Model {
        /// What the end of a call that began in this state makes of it.
        fn end(&mut self, has_failed: Option<bool>, now: Instant) -> Option<Self> {
            match (self, has_failed) {
                (Self::Closed { since, ended }, Some(failed)) => {
                    ended.push((now, failed));
                    let tenth = |time: Instant| (time - *since).as_nanos() / TENTH.as_nanos();
                    let recent = ended.iter().filter(|(time, _)| tenth(*time) + 10 > tenth(now));
                    let (calls, bad) = recent.fold((0, 0), |(calls, bad), (_, failed)| {
                        (calls + 1, bad + u32::from(*failed))
                    });
                    let opens = failed && calls >= OPTIONS.calls_min && bad * 2 >= calls;
                    opens.then_some(Self::Open { since: now })
                }
                (Self::HalfOpen { .. }, Some(true)) => Some(Self::Open { since: now }),
                (Self::HalfOpen { running, succeeded }, end) => {
                    *running -= 1;
                    *succeeded += u32::from(end.is_some());
                    let closes = *succeeded == OPTIONS.probes;
                    closes.then(|| Self::Closed { since: now, ended: Vec::new() })
                }
                (Self::Closed { .. } | Self::Open { .. }, _) => None,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

        #[test]
        fn the_breaker_does_what_its_model_does(
            seed in any::<u64>(),
            steps in prop::collection::vec(step(), 1..300),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(follow(seed, steps))?;
        }
    }

    async fn follow(seed: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
        let breaker = Breaker::new(OPTIONS, Some(seed));
        let mut model = Model::Closed { since: Instant::now(), ended: Vec::new() };
        let mut era = 0;
        let mut running: Vec<(Pass<'_>, u64)> = Vec::new();
        for step in steps {
            let now = Instant::now();
            match step {
                Step::Wait(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
                Step::Begin => {
                    let pass = breaker.admit(now);
                    match &mut model {
                        Model::Closed { .. } => prop_assert!(pass.is_some()),
                        Model::Open { since } => {
                            let open = now - *since;
                            prop_assert!(pass.is_none() || open >= OPTIONS.open_time);
                            prop_assert!(pass.is_some() || open < OPTIONS.open_time * 3 / 2);
                            if pass.is_some() {
                                model = Model::HalfOpen { running: 1, succeeded: 0 };
                                era += 1;
                            }
                        }
                        Model::HalfOpen { running, succeeded } => {
                            prop_assert_eq!(pass.is_some(), *running + *succeeded < OPTIONS.probes);
                            *running += u32::from(pass.is_some());
                        }
                    }
                    running.extend(pass.map(|pass| (pass, era)));
                }
                Step::End(nth, end) => {
                    if running.is_empty() {
                        continue;
                    }
                    let (pass, began) = running.swap_remove(nth % running.len());
                    match end {
                        Some(true) => pass.failed(),
                        Some(false) => pass.succeeded(),
                        None => drop(pass),
                    }
                    if began == era
                        && let Some(next) = model.end(end, now)
                    {
                        model = next;
                        era += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

//! Draws sequences of calls, and shrinks the one that goes wrong.

use std::fmt::Write;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::calls::{Call, sequences};
use super::compare::compare;
use crate::testkit::conformance::Harness;

/// How many shorter sequences are tried after a failure.
const SHRINKS_MAX: u32 = 2_000;

/// Makes `cases` random sequences of calls, each on a log of its own, and compares every answer with the
/// model's.
///
/// The environment has the last word: `FREEHOLD_CASES` sets how many cases, `FREEHOLD_SEED` the seed of
/// the first one. The test suite that
/// [`event_store_conformance!`](crate::event_store_conformance) makes calls this with a few cases.
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// # use freehold::{EventStore, backend::memory::MemoryStore};
/// # use freehold::testkit::{async_trait, conformance::Harness};
/// # #[derive(Default)]
/// # struct InMemory(Mutex<HashMap<String, MemoryStore>>);
/// # #[async_trait]
/// # impl Harness for InMemory {
/// #     async fn open(&self, log: &str) -> Arc<dyn EventStore> {
/// #         Arc::new(self.0.lock().unwrap().entry(log.to_owned()).or_default().clone())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// freehold::testkit::model::agrees(&InMemory::default(), 8).await;
/// # }
/// ```
///
/// # Panics
/// With the shortest sequence that was found, the first answer that differs, and the seed that repeats
/// it.
pub async fn agrees(harness: &dyn Harness, cases: u32) {
    let cases = from_environment("FREEHOLD_CASES").unwrap_or_else(|| u64::from(cases));
    let first = from_environment("FREEHOLD_SEED").unwrap_or_else(|| fastrand::u64(..));
    agrees_from(harness, first, cases).await;
}

/// The same with the seed of the first case, whatever the environment says: every run makes the same
/// calls.
///
/// # Panics
/// As [`agrees`].
pub async fn agrees_from(harness: &dyn Harness, seed: u64, cases: u64) {
    for seed in (0..cases).map(|n| seed.wrapping_add(n)) {
        let mut attempts = Attempts { harness, seed, made: 0 };
        let mut runner = runner(seed);
        let mut tree =
            sequences().new_tree(&mut runner).expect("no sequence of calls is filtered out");
        if let Err(why) = attempts.make(&tree.current()).await {
            let (calls, why) = shrunk(&mut attempts, &mut tree, why).await;
            panic!("the store and the model differ: {why}\n{}", told(&calls, seed));
        }
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a whole number, not `{value}`")))
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    for (byte, of_seed) in bytes.iter_mut().zip(seed.to_be_bytes()) {
        *byte = of_seed;
    }
    // The seed is what repeats a failure; files beside the tests would be one thing more to keep.
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

struct Attempts<'a> {
    harness: &'a dyn Harness,
    seed: u64,
    made: u32,
}

impl Attempts<'_> {
    /// Each attempt has a log of its own.
    async fn make(&mut self, calls: &[Call]) -> Result<(), String> {
        self.made += 1;
        compare(self.harness, &format!("model_{:x}_{}", self.seed, self.made), calls).await
    }
}

/// A shorter sequence that still goes wrong, and how it does.
async fn shrunk(
    attempts: &mut Attempts<'_>,
    tree: &mut impl ValueTree<Value = Vec<Call>>,
    why: String,
) -> (Vec<Call>, String) {
    let mut worst = (tree.current(), why);
    let mut more = tree.simplify();
    while more && attempts.made < SHRINKS_MAX {
        more = match attempts.make(&tree.current()).await {
            Err(why) => {
                worst = (tree.current(), why);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
    }
    thinned(attempts, worst).await
}

/// Without the calls that are not needed: the tree leaves calls out only while they are as large as they were drawn, and of small
/// ones more can go.
async fn thinned(
    attempts: &mut Attempts<'_>,
    (mut calls, mut why): (Vec<Call>, String),
) -> (Vec<Call>, String) {
    let mut at = calls.len();
    while at > 0 && attempts.made < SHRINKS_MAX {
        at -= 1;
        let mut fewer = calls.clone();
        fewer.remove(at);
        if let Err(other) = attempts.make(&fewer).await {
            (calls, why) = (fewer, other);
            at = calls.len();
        }
    }
    (calls, why)
}

fn told(calls: &[Call], seed: u64) -> String {
    let mut text =
        format!("repeat it with FREEHOLD_SEED={seed} FREEHOLD_CASES=1; shrunk to these calls:\n");
    for (n, call) in calls.iter().enumerate() {
        let _ = writeln!(text, "{n:3} {call:?}");
    }
    text
}

//! A source that does as it is told, and remembers what it was asked.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::composer::{Lookup, LookupOptions};
use freehold::source::{Answers, Call, Failure, Source};
use tokio::time::{Instant, sleep};

/// What a source does when it is asked for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Has a value: the key.
    Finds,
    /// Has no such thing.
    Lacks,
    /// Fails for this key alone.
    FailsForIt,
    /// Fails for all keys of the call.
    Fails,
    /// Refuses, for all keys of the call.
    Refuses,
    Panics,
    PanicsAtOnce,
    Hangs,
    AnswersShort,
    AnswersLong,
    AnswersForAnother,
    AnswersTwice,
    AnswersInAnotherOrder,
}

/// What was asked in one attempt.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) keys: Vec<u64>,
    pub(super) call: Call,
}

#[derive(Clone)]
pub(super) struct Scripted(Arc<Inner>);

struct Inner {
    name: &'static str,
    delay: Duration,
    /// What it does for a key, the nth time that it is asked for anything, counted from 1.
    script: Box<dyn Fn(u64, usize) -> Does + Send + Sync>,
    asked: Mutex<Vec<Asked>>,
    running: AtomicUsize,
}

impl Scripted {
    pub(super) fn new(
        name: &'static str,
        delay: Duration,
        script: impl Fn(u64, usize) -> Does + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            name,
            delay,
            script: Box::new(script),
            asked: Mutex::default(),
            running: AtomicUsize::new(0),
        }))
    }

    /// Finds everything after so many milliseconds.
    pub(super) fn well(name: &'static str, millis: u64) -> Self {
        Self::new(name, Duration::from_millis(millis), |_, _| Does::Finds)
    }

    pub(super) fn lookup(&self) -> Lookup<Self> {
        Lookup::new(self.clone())
    }

    pub(super) fn lookup_with(&self, options: LookupOptions) -> Lookup<Self> {
        Lookup::builder(self.clone()).options(options).seed(7).build()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }

    /// How many attempts run now.
    pub(super) fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// An attempt that runs, until it is dropped.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Source for Scripted {
    type Key = u64;
    type Value = u64;

    fn name(&self) -> &'static str {
        self.0.name
    }

    fn key_of(&self, value: &u64) -> Option<u64> {
        Some(*value)
    }

    fn fetch(
        &self,
        keys: &[u64],
        call: &Call,
    ) -> impl Future<Output = Result<Answers<u64, u64>, Box<dyn Error + Send + Sync>>> + Send {
        let nth = {
            let mut asked = self.0.asked.lock().unwrap();
            asked.push(Asked { at: Instant::now(), keys: keys.to_vec(), call: call.clone() });
            asked.len()
        };
        let does: Vec<Does> = keys.iter().map(|key| (self.0.script)(*key, nth)).collect();
        assert!(!does.contains(&Does::PanicsAtOnce), "it panics at once, as it was told");
        let (inner, keys) = (Arc::clone(&self.0), keys.to_vec());
        async move {
            inner.running.fetch_add(1, Ordering::SeqCst);
            let _running = Running(&inner.running);
            if !inner.delay.is_zero() {
                sleep(inner.delay).await;
            }
            answer(keys, &does).await
        }
    }
}

async fn answer(
    mut keys: Vec<u64>,
    does: &[Does],
) -> Result<Answers<u64, u64>, Box<dyn Error + Send + Sync>> {
    let found = |keys: &[u64]| keys.iter().copied().map(Some).collect::<Vec<_>>();
    match does.iter().find(|does| !matches!(does, Does::Finds | Does::Lacks | Does::FailsForIt)) {
        Some(Does::Fails) => Err("it fails, as it was told".into()),
        Some(Does::Refuses) => Err(Failure::refused("it refuses, as it was told").into()),
        Some(Does::Hangs) => std::future::pending().await,
        Some(Does::AnswersShort) => Ok(found(&keys[1..]).into()),
        Some(Does::AnswersLong) => {
            keys.push(0);
            Ok(found(&keys).into())
        }
        Some(Does::AnswersForAnother) => Ok(Answers::keyed([(u64::MAX, u64::MAX)])),
        Some(Does::AnswersTwice) => Ok(Answers::keyed([(keys[0], keys[0]), (keys[0], keys[0])])),
        Some(Does::AnswersInAnotherOrder) => {
            keys.rotate_left(1);
            Ok(found(&keys).into())
        }
        Some(_) => panic!("it panics, as it was told"),
        None => {
            let each = keys.into_iter().zip(does).map(|(key, does)| match does {
                Does::Lacks => Ok(None),
                Does::FailsForIt => Err("this key fails, as it was told".into()),
                _ => Ok(Some(key)),
            });
            Ok(Answers::each(each.collect()))
        }
    }
}

/// Panics that are told to happen say nothing: what is printed of a test is what went wrong.
pub(super) fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.to_string().contains("as it was told") {
                others(panic);
            }
        }));
    });
}

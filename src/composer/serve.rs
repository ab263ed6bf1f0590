//! One call of a source: its attempts, and what is remembered of it.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout_at};

use super::core::{Core, Phase};
use super::lookup::Standing;
use crate::ports::telemetry::{self, Timing};
use crate::retry::Pass;
use crate::source::{About, Aligned, Deadline, Failure, Source};

/// What became of a call.
pub(super) struct Served<V> {
    /// One for each key.
    pub(super) answers: Aligned<V>,
    /// What was said earlier of the nth key, which got no answer now, and how long ago.
    pub(super) earlier: Vec<(usize, V, Duration)>,
    pub(super) attempts: u32,
    pub(super) bytes: usize,
    /// What else was said of the answers, if something was.
    pub(super) about: Option<Box<About>>,
}

/// Makes a call, and ends with what it has when the time of the composition is over.
pub(super) async fn serve<S: Source>(
    standing: &Standing<S>,
    core: &Core,
    keys: &[S::Key],
) -> Served<S::Value> {
    let (answers, earlier) = (Aligned::none(), Vec::new());
    let mut served = Served { answers, earlier, attempts: 0, bytes: 0, about: None };
    let is_in_time = {
        let attempts = attempts(standing, core, keys, &mut served);
        InTime { core, work: pin!(attempts) }.await.is_some()
    };
    // What an attempt has brought is kept, if it was another that took too long.
    if !is_in_time && served.answers.len() == 0 {
        served.answers = Aligned::failed(&Failure::Late, keys.len());
    }
    if standing.memory.is_some() {
        remember(standing, core, keys, &mut served).await;
    }
    served
}

/// Ends with `None` when the composition's time is over. It has no timer: it is polled then.
struct InTime<'c, F> {
    core: &'c Core,
    work: Pin<&'c mut F>,
}

impl<F: Future> Future for InTime<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.work.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.core.phase() != Phase::Open => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Asks until all keys have an answer, or those that failed are not to be asked for again.
async fn attempts<S: Source>(
    standing: &Standing<S>,
    core: &Core,
    keys: &[S::Key],
    served: &mut Served<S::Value>,
) {
    // Who never tries again needs no budget for it.
    let may_try_again = standing.options.retry.retries_max > 0;
    if may_try_again {
        standing.purse.deposit(Instant::now());
    }
    served.answers = attempt(standing, core, keys, served).await;
    if may_try_again && served.answers.failures().any(is_worth_another) {
        // Apart, so that the many calls that are answered at once have no room for it.
        Box::pin(try_again(standing, core, keys, served)).await;
    }
}

/// Asks again for those keys that failed, as long as it is worth it and there are time and budget for it.
async fn try_again<S: Source>(
    standing: &Standing<S>,
    core: &Core,
    keys: &[S::Key],
    served: &mut Served<S::Value>,
) {
    let mut backoff = standing.options.retry.begin(standing.seeds.draw());
    loop {
        let answers = served.answers.iter().enumerate();
        let is_open = |answer: Result<_, &Failure>| answer.is_err_and(is_worth_another);
        let open: Vec<usize> =
            answers.filter_map(|(at, answer)| is_open(answer).then_some(at)).collect();
        if open.is_empty() {
            return;
        }
        let Some(delay) = backoff.next_delay().filter(|delay| *delay < core.deadline.remaining())
        else {
            return;
        };
        if !standing.purse.withdraw(Instant::now()) {
            return;
        }
        sleep(delay).await;
        let again: Vec<S::Key> = open.iter().filter_map(|at| keys.get(*at).cloned()).collect();
        let answers = attempt(standing, core, &again, served).await;
        served.answers.amend(open.into_iter().zip(answers.into_each()));
    }
}

/// Whether asking again may help. A source that is left alone is not asked again, but left alone.
const fn is_worth_another(failure: &Failure) -> bool {
    matches!(failure, Failure::Late | Failure::Failed(_) | Failure::Full)
}

/// Asks once.
async fn attempt<S: Source>(
    standing: &Standing<S>,
    core: &Core,
    keys: &[S::Key],
    served: &mut Served<S::Value>,
) -> Aligned<S::Value> {
    let all = |failure: Failure| Aligned::failed(&failure, keys.len());
    let pass = match &standing.breaker {
        None => None,
        Some(breaker) => match breaker.admit(Instant::now()) {
            None => return all(Failure::Open),
            pass => pass,
        },
    };
    let permit = match standing.bulkhead.enter(core.deadline).await {
        Ok(permit) => permit,
        Err(failure) => return all(failure),
    };
    served.attempts += 1;
    let until = until(standing, core);
    let call = core.call(until, served.attempts);
    // Within the future, since a source may panic before it has made its own.
    let fetch = AssertUnwindSafe(async {
        let answers = standing.source.fetch(keys, &call).await.map_err(Failure::failed)?;
        Ok(answers.align(keys, |value| standing.source.key_of(value))?)
    });
    let timing = Timing::begin();
    let answer = {
        let fetch = pin!(fetch.catch_unwind());
        // At the end of the composition all calls end anyway: it takes no timer of their own.
        if until < core.deadline {
            timeout_at(until.instant(), fetch).await.ok()
        } else {
            Some(fetch.await)
        }
    };
    drop(permit);
    let aligned = match answer {
        None => Err(Failure::Late),
        Some(Err(_)) => Err(Failure::Panicked),
        Some(Ok(aligned)) => aligned,
    };
    let outcome = aligned.as_ref().map_or_else(Failure::name, |_| "answered");
    telemetry::source_attempt(standing.source.name(), outcome, &timing);
    tell(pass, aligned.as_ref().map(|(answers, _)| answers), until < core.deadline);
    match aligned {
        Err(failure) => all(failure),
        Ok((answers, about)) => {
            let bytes = about.as_ref().and_then(|about| about.bytes);
            served.bytes += bytes.unwrap_or_else(|| answers.values() * size_of::<S::Value>());
            if let Some(about) = about {
                served.about.get_or_insert_default().observe(*about);
            }
            answers
        }
    }
}

/// When an attempt that begins now has to end. The clock is looked at only if that can be before the composition has to.
fn until<S: Source>(standing: &Standing<S>, core: &Core) -> Deadline {
    let time = standing.options.attempt_time;
    if core.deadline <= Deadline::after(core.begun, time) {
        return core.deadline;
    }
    core.deadline.sooner(time)
}

/// Tells a breaker how an attempt went. One whose time was cut short by the composition says nothing of the source, and one
/// that the source refused says that it works.
fn tell<V>(pass: Option<Pass<'_>>, answers: Result<&Aligned<V>, &Failure>, had_its_time: bool) {
    let Some(pass) = pass else { return };
    let is_bad = |failure: &Failure| !matches!(failure, Failure::Refused(_));
    match answers {
        Err(Failure::Late) if !had_its_time => drop(pass),
        Err(failure) if is_bad(failure) => pass.failed(),
        Ok(answers) if answers.iter().all(|answer| answer.is_err_and(is_bad)) => {
            pass.failed();
        }
        _ => pass.succeeded(),
    }
}

/// Remembers what was said, and recalls what was said of keys that got no answer now.
async fn remember<S: Source>(
    standing: &Standing<S>,
    core: &Core,
    keys: &[S::Key],
    served: &mut Served<S::Value>,
) {
    let principal = core.principal.as_deref();
    let Some(memory) = standing.memory.as_ref().filter(|memory| memory.knows(principal)) else {
        return;
    };
    let owner = memory.owner(principal);
    let (mut said, mut silent, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (key, answer)) in keys.iter().zip(served.answers.iter()).enumerate() {
        if let Ok(value) = answer {
            said.push((key.clone(), value.cloned()));
        } else {
            silent.push(key.clone());
            places.push(at);
        }
    }
    if !said.is_empty() {
        memory.cache.keep(owner, said).await;
    }
    if !silent.is_empty() {
        let recalled = memory.cache.recall(owner, &silent).await;
        let found = places.into_iter().zip(recalled);
        served
            .earlier
            .extend(found.filter_map(|(at, found)| found.map(|(value, age)| (at, value, age))));
    }
}

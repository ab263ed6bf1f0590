//! How a source is asked by all compositions together: again, not at all, not too often, and from memory.

use std::sync::Arc;
use std::time::Duration;

use freehold::composer::{
    ComposeError, Composer, ComposerExt, Lookup, LookupOptions, Nested, Remembered, Scope, compose,
    within,
};
use freehold::retry::{BreakerOptions, RetryBudget, RetryPolicy};
use freehold::source::{self, Answers, Asked, PartReport, Source};
use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::fixture::{Does, Scripted};

const SECOND: Duration = Duration::from_secs(1);

/// The key, or why there is none.
async fn get(
    lookup: &Lookup<impl Source<Key = u64, Value = u64>>,
    key: u64,
) -> Result<u64, &'static str> {
    let done = compose(within(SECOND), async |cx| Ok(cx.get(lookup, key).optional().await));
    let part = done.await.unwrap().value;
    part.value.ok_or_else(|| part.origin.because().map_or("absent", |why| why.name()))
}

#[tokio::test(start_paused = true)]
async fn only_the_keys_that_failed_are_asked_for_again() {
    let source = Scripted::new("source", Duration::from_millis(1), |key, nth| {
        if key % 2 == 1 && nth < 3 { Does::FailsForIt } else { Does::Finds }
    });
    let retry = RetryPolicy { retries_max: 5, ..RetryPolicy::default() };
    let lookup = source.lookup_with(LookupOptions { retry, ..LookupOptions::default() });
    let done = compose(within(SECOND), async |cx| cx.all(&lookup, 0..4).await).await.unwrap();
    assert_eq!(done.value.iter().map(|part| part.attempts).collect::<Vec<_>>(), [3; 4]);
    assert_eq!(done.value.into_values(), [0, 1, 2, 3]);
    let keys: Vec<_> = source.asked().into_iter().map(|asked| asked.keys).collect();
    assert_eq!(keys, [vec![0, 1, 2, 3], vec![1, 3], vec![1, 3]]);
    assert_eq!((done.plan.calls("source"), done.plan.all_calls()[0].attempts), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_too_late_is_not_waited_for() {
    let source = Scripted::new("source", Duration::ZERO, |_, _| Does::Fails);
    let hour = Duration::from_hours(1);
    let retry = RetryPolicy { retries_max: 5, delay_min: hour, delay_max: hour };
    let lookup = source.lookup_with(LookupOptions { retry, ..LookupOptions::default() });
    let begun = Instant::now();
    assert_eq!(get(&lookup, 1).await, Err("failed"));
    assert_eq!((begun.elapsed(), source.asked().len()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_source_refuses_is_not_asked_for_again() {
    let source = Scripted::new("source", Duration::ZERO, |_, _| Does::Refuses);
    let retry = RetryPolicy { retries_max: 5, ..RetryPolicy::default() };
    let lookup = source.lookup_with(LookupOptions { retry, ..LookupOptions::default() });
    assert_eq!(get(&lookup, 1).await, Err("refused"));
    assert_eq!(source.asked().len(), 1);
}

/// With all calls failing, attempts are at most the calls, a fifth more, and what is free.
#[tokio::test(start_paused = true)]
async fn the_budget_bounds_what_all_compositions_try_again() {
    let source = Scripted::new("source", Duration::ZERO, |_, _| Does::Fails);
    let budget = RetryBudget { free_per_second: 1, ..RetryBudget::default() };
    let retry = RetryPolicy { retries_max: 3, delay_min: Duration::ZERO, ..RetryPolicy::default() };
    let lookup = source.lookup_with(LookupOptions { retry, budget, ..LookupOptions::default() });
    for key in 0..500 {
        assert_eq!(get(&lookup, key).await, Err("failed"));
    }
    assert_eq!(source.asked().len(), 500 + 500 / 5 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_left_alone_and_then_probed() {
    let source = Scripted::new("source", Duration::from_millis(1), |_, nth| {
        if nth <= 10 { Does::Fails } else { Does::Finds }
    });
    let breaker = BreakerOptions { calls_min: 10, probes: 2, ..BreakerOptions::default() };
    let options = LookupOptions { breaker: Some(breaker), ..LookupOptions::default() };
    let lookup = source.lookup_with(options);
    for key in 0..10 {
        assert_eq!(get(&lookup, key).await, Err("failed"));
    }
    let begun = Instant::now();
    assert_eq!(get(&lookup, 10).await, Err("open"));
    assert_eq!((begun.elapsed(), source.asked().len()), (Duration::ZERO, 10));
    sleep(breaker.open_time * 3 / 2).await;
    let all = join_all((0..5).map(|key| get(&lookup, key))).await;
    assert_eq!(all.iter().filter(|found| found.is_ok()).count(), 2, "{all:?}");
    assert_eq!((get(&lookup, 10).await, source.asked().len()), (Ok(10), 13));
}

/// A deadline that leaves no time says nothing of the source.
#[tokio::test(start_paused = true)]
async fn impatient_compositions_do_not_open_the_breaker() {
    let source = Scripted::well("source", 100);
    let breaker = BreakerOptions { calls_min: 2, ..BreakerOptions::default() };
    let options = LookupOptions { breaker: Some(breaker), ..LookupOptions::default() };
    let lookup = source.lookup_with(options);
    for key in 0..10 {
        let done =
            compose(within(Duration::from_millis(10)), async |cx| cx.get(&lookup, key).await);
        assert!(matches!(done.await, Err(ComposeError::Failed("source", _))));
    }
    assert_eq!(get(&lookup, 1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_than_may_and_no_more_wait() {
    let source = Scripted::well("source", 10);
    let options = LookupOptions {
        attempts_running_max: 3,
        attempts_waiting_max: 5,
        ..LookupOptions::default()
    };
    let lookup = Arc::new(source.lookup_with(options));
    let watched = source.clone();
    let most = tokio::spawn(async move {
        let mut most = 0;
        for _ in 0..50 {
            sleep(Duration::from_millis(1)).await;
            most = most.max(watched.running());
        }
        most
    });
    let all = join_all((0..10).map(|key| {
        let lookup = Arc::clone(&lookup);
        tokio::spawn(async move { get(&lookup, key).await })
    }));
    let all: Vec<_> = all.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|found| **found == Err("full")).count(), 2, "{all:?}");
    assert_eq!(all.iter().filter(|found| found.is_ok()).count(), 8, "{all:?}");
    assert_eq!(most.await.unwrap(), 3);
}

/// What was said to one is never said to another.
#[tokio::test(start_paused = true)]
async fn a_memory_belongs_to_a_principal() {
    let source =
        Scripted::new(
            "source",
            Duration::ZERO,
            |_, nth| {
                if nth <= 2 { Does::Finds } else { Does::Fails }
            },
        );
    let cache = Remembered::new(100, Duration::from_mins(10));
    let lookup = Lookup::builder(source.clone()).remember(cache).build();
    let ask = async |who: Option<&str>, age_max: u64| {
        let terms = within(SECOND);
        let terms = match who {
            Some(who) => terms.principal(who),
            None => terms,
        };
        let done = compose(terms, async |cx| {
            let get = cx.get(&lookup, 1).or_stale(Duration::from_secs(age_max));
            let part = get.optional().await;
            Ok((part.value, part.origin.name()))
        });
        done.await.unwrap().value
    };
    assert_eq!(ask(None, 60).await, (Some(1), "live"));
    assert_eq!(ask(Some("ada"), 60).await, (Some(1), "live"));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(ask(Some("ada"), 60).await, (Some(1), "stale"));
    assert_eq!(ask(Some("ada"), 29).await, (None, "missing"));
    assert_eq!(ask(Some("bob"), 60).await, (None, "missing"));
    assert_eq!(ask(None, 60).await, (None, "missing"));
    sleep(Duration::from_mins(10)).await;
    assert_eq!(ask(Some("ada"), 6_000).await, (None, "missing"));
}

/// Also where there was no time to ask.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_until_the_time_is_over_gets_what_is_remembered() {
    let source =
        Scripted::new(
            "source",
            Duration::ZERO,
            |_, nth| {
                if nth == 1 { Does::Finds } else { Does::Hangs }
            },
        );
    let options = LookupOptions { attempts_running_max: 1, ..LookupOptions::default() };
    let cache = Remembered::new(100, Duration::from_mins(10));
    let lookup = Lookup::builder(source.clone()).options(options).remember_for_all(cache).build();
    let ask = async |key| {
        let done = compose(within(Duration::from_millis(100)), async |cx| {
            let part = cx.get(&lookup, key).or_stale(SECOND).optional().await;
            Ok((part.origin.name(), part.attempts))
        });
        done.await.unwrap().value
    };
    assert_eq!(ask(1).await, ("live", 1));
    assert_eq!(tokio::join!(biased; ask(2), ask(1)), (("missing", 1), ("stale", 0)));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_any_more_is_not_recalled() {
    let source = Scripted::new("source", Duration::ZERO, |_, nth| match nth {
        1 => Does::Finds,
        2 => Does::Lacks,
        _ => Does::Fails,
    });
    let cache = Remembered::new(100, Duration::from_mins(10));
    let lookup = Lookup::builder(source.clone()).remember_for_all(cache).build();
    let mut origins = Vec::new();
    for _ in 0..3 {
        let done = compose(within(SECOND), async |cx| {
            Ok(cx.get(&lookup, 1).or_stale(SECOND).optional().await.origin.name())
        });
        origins.push(done.await.unwrap().value);
    }
    assert_eq!(origins, ["live", "absent", "missing"]);
}

#[tokio::test(start_paused = true)]
async fn a_tower_service_is_a_source() {
    let service = tower::service_fn(|asked: Asked<u64>| async move {
        if asked.call.attempt() < 2 {
            return Err(std::io::Error::other("down"));
        }
        Ok(Answers::aligned(asked.keys.into_iter().map(Some).collect()))
    });
    let retry = RetryPolicy { retries_max: 1, ..RetryPolicy::default() };
    let options = LookupOptions { retry, ..LookupOptions::default() };
    let lookup = Lookup::builder(source::from_service("service", service)).options(options).build();
    assert_eq!(get(&lookup, 7).await, Ok(7));
}

/// A query that sums what two sources know of a key.
struct Sum {
    a: Lookup<Scripted>,
    b: Lookup<Scripted>,
}

impl Composer for Sum {
    const NAME: &'static str = "sum";
    type Query = u64;
    type Answer = u64;

    async fn compose(&self, cx: &Scope, key: u64) -> Result<u64, ComposeError> {
        let (a, b) = (cx.get(&self.a, key), cx.get(&self.b, key).or(0));
        Ok(*a.await? + *b.await)
    }
}

#[tokio::test(start_paused = true)]
async fn a_composition_within_a_composition_joins_its_calls() {
    let (a, b) = (Scripted::well("a", 5), Scripted::well("b", 5));
    let sum = Sum { a: a.lookup(), b: b.lookup() };
    let done = compose(within(SECOND), async |cx| {
        let (one, two) = tokio::try_join!(sum.compose(cx, 1), sum.compose(cx, 2))?;
        Ok(one + two)
    });
    let done = done.await.unwrap();
    assert_eq!((done.value, done.plan.all_calls().len(), done.plan.rounds()), (6, 2, 1));
    assert_eq!(sum.run(within(SECOND), 4).await.unwrap().value, 8);
}

#[tokio::test(start_paused = true)]
async fn a_composition_is_a_source_and_says_what_it_lacks() {
    let a = Scripted::new("a", Duration::from_millis(5), |key, _| {
        if key == 3 { Does::Lacks } else { Does::Finds }
    });
    let b = Scripted::new("b", Duration::from_millis(5), |_, _| Does::Fails);
    let sums = Lookup::new(Nested::new(Sum { a: a.lookup(), b: b.lookup() }));
    let done = compose(within(SECOND), async |cx| {
        Ok(cx.all(&sums, [1, 2, 3]).optional().await.into_values())
    });
    let done = done.await.unwrap();
    assert_eq!(done.value, [Some(1), Some(2), None]);
    let reports: Vec<String> = done.degraded.iter().map(PartReport::to_string).collect();
    assert_eq!(reports, ["b: 2 missing (failed)", "sum: 1 missing (refused)"]);
    assert_eq!((a.asked().len(), b.asked().len()), (1, 1));
    let left = a.asked()[0].call.deadline();
    assert!(left.remaining() < SECOND);
}

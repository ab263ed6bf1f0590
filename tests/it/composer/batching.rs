//! One call a source, however the body is written.

use std::time::Duration;

use freehold::composer::{ComposeLimits, LookupOptions, Scope, compose, within};
use freehold::source::Failure;
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::fixture::Scripted;

const SECOND: Duration = Duration::from_secs(1);

fn wide() -> ComposeLimits {
    ComposeLimits { keys_max: 100_000, ..ComposeLimits::default() }
}

fn wide_lookup() -> LookupOptions {
    LookupOptions { keys_per_call_max: 100_000, ..LookupOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn two_keys_that_are_awaited_one_after_the_other_are_looked_up_at_once() {
    let (slow, fast) = (Scripted::well("slow", 50), Scripted::well("fast", 30));
    let (slow, fast) = (slow.lookup(), fast.lookup());
    let begun = Instant::now();
    let done = compose(within(SECOND), async |cx| {
        let (a, b) = (cx.get(&fast, 1), cx.get(&slow, 2));
        Ok((*a.await?, *b.await?))
    });
    let done = done.await.unwrap();
    assert_eq!((done.value, begun.elapsed()), ((1, 2), Duration::from_millis(50)));
    assert_eq!((done.plan.rounds(), done.plan.all_calls().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_answers_early_does_not_hold_up_who_waits_for_it() {
    let (slow, fast) = (Scripted::well("slow", 50), Scripted::well("fast", 10));
    let (slow, fast) = (slow.lookup(), fast.lookup());
    let begun = Instant::now();
    let done = compose(within(SECOND), async |cx| {
        let slow = cx.get(&slow, 1);
        let chain = async {
            let one = cx.get(&fast, 1).await?;
            cx.get(&fast, *one + 1).await
        };
        let (_, two) = tokio::try_join!(slow, chain)?;
        Ok((*two, begun.elapsed()))
    });
    let done = done.await.unwrap();
    assert_eq!(done.value, (2, Duration::from_millis(50)));
    assert_eq!((done.plan.rounds(), done.plan.calls("fast")), (2, 2));
}

/// The same look-ups in five shapes lead to the same calls.
#[tokio::test(start_paused = true)]
async fn the_shape_of_the_body_makes_no_difference() {
    const KEYS: std::ops::Range<u64> = 0..200;
    async fn one(cx: &Scope, lookup: &freehold::composer::Lookup<Scripted>, key: u64) -> u64 {
        let first = cx.get(lookup, key).await.unwrap();
        *cx.get(lookup, *first + 1_000).await.unwrap()
    }
    for shape in 0..5 {
        let source = Scripted::well("source", 10);
        let lookup = source.lookup_with(wide_lookup());
        let done = compose(within(SECOND).limits(wide()), async |cx| {
            let sum = match shape {
                0 => join_all(KEYS.map(|key| one(cx, &lookup, key))).await.into_iter().sum(),
                1 => {
                    let all: FuturesUnordered<_> = KEYS.map(|key| one(cx, &lookup, key)).collect();
                    all.fold(0, async |sum, value| sum + value).await
                }
                2 => {
                    let firsts: Vec<_> = KEYS.map(|key| cx.get(&lookup, key)).collect();
                    let mut seconds = Vec::new();
                    for first in firsts {
                        seconds.push(cx.get(&lookup, *first.await? + 1_000));
                    }
                    let mut sum = 0;
                    for second in seconds {
                        sum += *second.await?;
                    }
                    sum
                }
                3 => {
                    let firsts = cx.all(&lookup, KEYS).await?;
                    let seconds = firsts.values().map(|first| first + 1_000);
                    cx.all(&lookup, seconds).await?.into_values().into_iter().sum()
                }
                _ => {
                    let (even, odd) = tokio::join!(
                        join_all(KEYS.step_by(2).map(|key| one(cx, &lookup, key))),
                        join_all(KEYS.skip(1).step_by(2).map(|key| one(cx, &lookup, key))),
                    );
                    even.into_iter().chain(odd).sum::<u64>()
                }
            };
            Ok(sum)
        });
        let done = done.await.unwrap();
        let right: u64 = KEYS.map(|key| key + 1_000).sum();
        let seen = (done.value, done.plan.calls("source"), done.plan.keys("source"));
        assert_eq!(seen, (right, 2, 400), "shape {shape}");
    }
}

/// Tokio holds up a task that has used up its turn, so that it seems to wait although it would go on.
#[tokio::test(start_paused = true)]
async fn a_body_that_uses_up_its_turn_still_asks_in_one_call() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup_with(wide_lookup());
    let work = async move {
        let ready = Semaphore::new(1);
        let done = compose(within(SECOND).limits(wide()), async |cx| {
            let one = async |key| {
                // Ready at once, and counts against the turn.
                drop(ready.acquire().await);
                tokio::task::yield_now().await;
                drop(ready.acquire().await);
                cx.get(&lookup, key).await
            };
            Ok(join_all((0..1_000).map(one)).await.len())
        });
        done.await.unwrap()
    };
    let done = tokio::spawn(work).await.unwrap();
    assert_eq!((done.value, done.plan.calls("source")), (1_000, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_twice_is_asked_once_and_says_so() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup();
    let done = compose(within(SECOND), async |cx| {
        let (a, b) = (cx.get(&lookup, 1), cx.get(&lookup, 1));
        let all = cx.all(&lookup, [2, 1, 2]).await?;
        let later = cx.get(&lookup, 2).await?;
        let origins = [a.await?, b.await?, later].map(|part| part.origin.name());
        Ok((origins, all.into_values()))
    });
    let done = done.await.unwrap();
    assert_eq!(done.value, (["live", "deduped", "deduped"], vec![2, 1, 2]));
    assert_eq!(source.asked().len(), 1);
    assert_eq!((done.plan.keys("source"), done.plan.deduplicated("source")), (2, 4));
    assert!(done.degraded.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_compositions_share_nothing() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup();
    for _ in 0..2 {
        compose(within(SECOND), async |cx| cx.get(&lookup, 1).await).await.unwrap();
    }
    assert_eq!(source.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_large_request_is_cut_into_calls() {
    let source = Scripted::well("source", 10);
    let options = LookupOptions { keys_per_call_max: 30, ..LookupOptions::default() };
    let lookup = source.lookup_with(options);
    let done = compose(within(SECOND), async |cx| cx.all(&lookup, 0..100).await);
    let done = done.await.unwrap();
    assert_eq!(done.value.into_values(), (0..100).collect::<Vec<_>>());
    let sizes: Vec<_> = source.asked().iter().map(|asked| asked.keys.len()).collect();
    assert_eq!((sizes, done.plan.rounds()), (vec![30, 30, 30, 10], 1));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_nobody_waits_for_any_more_is_not_asked_for() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup();
    let done = compose(within(SECOND), async |cx| {
        drop(cx.get(&lookup, 1));
        drop(cx.all(&lookup, [2, 3]));
        let (dropped, kept) = (cx.get(&lookup, 4), cx.get(&lookup, 4));
        drop(dropped);
        drop(cx.get(&lookup, 5));
        let again = cx.get(&lookup, 5);
        Ok((*kept.await?, *again.await?))
    });
    assert_eq!(done.await.unwrap().value, (4, 5));
    assert_eq!(source.asked().iter().map(|asked| asked.keys.clone()).collect::<Vec<_>>(), [[4, 5]]);
}

/// Also where its call was out, or had been given up, and where it was queued after others that were asked for later.
#[tokio::test(start_paused = true)]
async fn a_key_gets_its_own_answer_whatever_was_taken_back_before() {
    for seed in 0..500 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (slow, fast) = (Scripted::well("slow", 10), Scripted::well("fast", 3));
        let keys_per_call_max = chance.usize(1..6);
        let slow =
            slow.lookup_with(LookupOptions { keys_per_call_max, ..LookupOptions::default() });
        let fast = fast.lookup();
        let limits = ComposeLimits { calls_max: 1_000, rounds_max: 1_000, ..wide() };
        let done = compose(within(SECOND * 60).limits(limits), async |cx| {
            let mut asked = Vec::new();
            for step in 0..60 {
                let nth = chance.usize(..=asked.len());
                match chance.u8(..8) {
                    0..4 => {
                        let key = chance.u64(..20);
                        asked.push((key, cx.get(&slow, key)));
                    }
                    4..6 if nth < asked.len() => drop(asked.swap_remove(nth)),
                    6 if nth < asked.len() => {
                        let (key, get) = asked.swap_remove(nth);
                        assert_eq!(*get.await?, key, "seed {seed}, step {step}");
                    }
                    // Time in which the calls that are out do not end.
                    _ => drop(cx.get(&fast, step).await?),
                }
            }
            let all = cx.all(&slow, 0..20).await?.into_values();
            assert_eq!(all, (0..20).collect::<Vec<_>>(), "seed {seed}");
            Ok(())
        });
        done.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_any_more_is_dropped() {
    let (slow, fast) = (Scripted::well("slow", 50), Scripted::well("fast", 10));
    let (slow_lookup, fast) = (slow.lookup(), fast.lookup());
    let done = compose(within(SECOND), async |cx| {
        let dropped = cx.get(&slow_lookup, 1);
        cx.get(&fast, 1).await?;
        assert_eq!(slow.running(), 1);
        drop(dropped);
        cx.get(&fast, 2).await?;
        assert_eq!(slow.running(), 0);
        // Whoever asks again makes another call.
        Ok(*cx.get(&slow_lookup, 1).await?)
    });
    let done = done.await.unwrap();
    assert_eq!((done.value, slow.asked().len()), (1, 2));
    assert_eq!(done.plan.all_calls()[0].took, None);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_its_own_asks_within_the_composition() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup();
    let (over, is_over) = oneshot::channel::<()>();
    let done = compose(within(SECOND), async |cx| {
        let (scope, asked) = (cx.clone(), lookup.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let value = *scope.get(&asked, 7).await.unwrap();
            let rest = tokio::spawn(async move {
                is_over.await.unwrap();
                scope.get(&asked, 8).optional().await
            });
            (value, rest)
        });
        Ok(task.await.unwrap())
    });
    let (value, rest) = done.await.unwrap().value;
    over.send(()).unwrap();
    let late = rest.await.unwrap();
    assert_eq!((value, late.value), (7, None));
    assert!(matches!(late.origin.because(), Some(Failure::Ended)));
    assert_eq!(source.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_still_waits_when_the_composition_is_over_is_told() {
    let source = Scripted::well("source", 500);
    let lookup = source.lookup();
    let begun = Instant::now();
    let done = compose(within(SECOND), async |cx| {
        let (scope, asked) = (cx.clone(), lookup.clone());
        let waits = tokio::spawn(async move { scope.get(&asked, 1).optional().await });
        while source.running() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(waits)
    });
    let part = done.await.unwrap().value.await.unwrap();
    assert!(matches!(part.origin.because(), Some(Failure::Ended)));
    assert!(begun.elapsed() < Duration::from_millis(10) && source.running() == 0);
}

/// On several threads, tasks that ask and a driver that sleeps must not miss each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_key_of_another_thread_is_missed() {
    for seed in 0..300_u64 {
        let source = Scripted::well("source", 0);
        let lookup = source.lookup();
        let done = compose(within(Duration::from_secs(20)), async |cx| {
            let tasks = (0..8).map(|task| {
                let (scope, lookup) = (cx.clone(), lookup.clone());
                tokio::spawn(async move {
                    let mut chance = fastrand::Rng::with_seed(seed * 8 + task);
                    for step in 0..4 {
                        for _ in 0..chance.u32(..200) {
                            std::hint::spin_loop();
                        }
                        scope.get(&lookup, task * 10 + step).await.unwrap();
                    }
                })
            });
            Ok(join_all(tasks).await.into_iter().flatten().count())
        });
        let limits = done.await;
        // 32 keys in up to 32 calls: the limit on rounds is not what is tested here.
        match limits {
            Ok(done) => assert_eq!(done.value, 8, "seed {seed}"),
            Err(error) => assert!(error.to_string().contains("rounds"), "seed {seed}: {error}"),
        }
    }
}

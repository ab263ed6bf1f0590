//! A composition that is dropped, or whose time is over, leaves nothing behind.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use freehold::composer::{ComposeError, Lookup, LookupOptions, compose, within};
use freehold::retry::{BreakerOptions, RetryPolicy};
use freehold::source::{Call, Failure};
use futures::FutureExt;
use tokio::time::{Instant, sleep};

use super::fixture::{Does, Scripted};

/// One place in the bulkhead, and one probe in the breaker: what is leaked is missed at once.
fn narrow() -> LookupOptions {
    LookupOptions {
        keys_per_call_max: 2,
        attempts_running_max: 1,
        retry: RetryPolicy { retries_max: 2, ..RetryPolicy::default() },
        breaker: Some(BreakerOptions {
            calls_min: 1,
            open_time: Duration::from_millis(1),
            probes: 1,
            ..BreakerOptions::default()
        }),
        ..LookupOptions::default()
    }
}

async fn work(a: &Lookup<Scripted>, b: &Lookup<Scripted>) -> Result<u64, ComposeError> {
    let done = compose(within(Duration::from_secs(1)), async |cx| {
        let first = cx.all(a, 0..5).optional();
        let chain = async {
            let one = cx.get(b, 1).optional().await;
            cx.get(b, one.value.unwrap_or(7) + 1).optional().await.value
        };
        let (first, chain) = tokio::join!(first, chain);
        let rest = cx.all(a, 3..9).or(0).await;
        Ok(first.values().flatten().sum::<u64>() + chain.unwrap_or(0) + rest.values().sum::<u64>())
    });
    done.await.map(|done| done.value)
}

#[tokio::test(start_paused = true)]
async fn dropped_after_any_number_of_polls_it_leaks_nothing() {
    let script = |key: u64, nth: usize| match (key, nth) {
        (4, nth) if nth % 3 == 0 => Does::Fails,
        (2, _) => Does::FailsForIt,
        _ => Does::Finds,
    };
    for polls in 0..200 {
        let a = Scripted::new("a", Duration::from_millis(3), script);
        let b = Scripted::well("b", 4);
        let (a_lookup, b_lookup) = (a.lookup_with(narrow()), b.lookup_with(narrow()));
        let is_over = {
            let mut composition = pin!(work(&a_lookup, &b_lookup));
            let mut left = polls;
            poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(false);
                }
                left -= 1;
                composition.poll_unpin(cx).map(|done| done.is_ok())
            })
            .await
        };
        assert_eq!((a.running(), b.running()), (0, 0), "after {polls} polls");
        // The breaker may be open for a moment, since the source does fail.
        sleep(Duration::from_millis(10)).await;
        let begun = Instant::now();
        let done = compose(within(Duration::from_secs(1)), async |cx| {
            let (one, two) = (cx.get(&a_lookup, 1).optional(), cx.get(&b_lookup, 2).optional());
            Ok((one.await.value, two.await.value))
        });
        assert_eq!(done.await.unwrap().value, (Some(1), Some(2)), "after {polls} polls");
        assert_eq!(begun.elapsed(), Duration::from_millis(4), "after {polls} polls");
        if is_over {
            assert!(polls > 10, "the composition is worth dropping");
            return;
        }
    }
    panic!("the composition never ends");
}

#[tokio::test(start_paused = true)]
async fn the_time_is_over_for_sources_and_body_alike() {
    let hangs = Scripted::new("hangs", Duration::ZERO, |_, _| Does::Hangs);
    let lookup = hangs.lookup();
    let begun = Instant::now();
    let done = compose(within(Duration::from_millis(300)), async |cx| {
        let part = cx.get(&lookup, 1).optional().await;
        // What is asked for later is refused at once, and the answer still comes.
        let later = cx.get(&lookup, 2).optional().await;
        Ok([part, later].map(|part| part.origin.because().map(Failure::name)))
    });
    assert_eq!(done.await.unwrap().value, [Some("late"), Some("late")]);
    assert_eq!(begun.elapsed(), Duration::from_millis(300));

    let begun = Instant::now();
    let done = compose(within(Duration::from_millis(300)), async |_| {
        sleep(Duration::from_secs(5)).await;
        Ok(())
    });
    assert!(matches!(done.await, Err(ComposeError::Deadline)));
    assert_eq!(begun.elapsed(), Duration::from_millis(300));
    assert_eq!(hangs.asked().len(), 1);
}

/// Along a chain less and less time is left, and no attempt begins after the deadline.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_handed_on() {
    let source = Scripted::new("source", Duration::from_millis(70), |_, nth| {
        if nth == 2 { Does::Fails } else { Does::Finds }
    });
    let retry = RetryPolicy {
        retries_max: 9,
        delay_min: Duration::from_millis(10),
        delay_max: Duration::from_millis(40),
    };
    let options = LookupOptions {
        retry,
        attempt_time: Duration::from_millis(100),
        ..LookupOptions::default()
    };
    let lookup = source.lookup_with(options);
    let begun = Instant::now();
    let done = compose(within(Duration::from_millis(250)), async |cx| {
        let mut key = 0;
        while let Some(value) = cx.get(&lookup, key).optional().await.value {
            key = value + 1;
        }
        Ok(key)
    });
    let done = done.await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(250));
    assert_eq!(done.value, 2);
    let asked = source.asked();
    let end = begun + Duration::from_millis(250);
    assert_eq!(asked.iter().map(|asked| asked.call.attempt()).collect::<Vec<_>>(), [1, 1, 2, 1]);
    for pair in asked.windows(2) {
        let ends = [0, 1].map(|nth: usize| pair[nth].call.deadline().instant() - pair[nth].at);
        assert!(ends[0] >= ends[1], "{ends:?}");
    }
    let is_in_time = |call: &Call| call.deadline().instant() <= end;
    assert!(asked.iter().all(|asked| asked.at < end && is_in_time(&asked.call)));
}

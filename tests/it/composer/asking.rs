//! Policies on any future, without a composition.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use freehold::composer::{ComposeError, Last, ask, ask_again, find};
use freehold::retry::RetryPolicy;
use freehold::source::{Deadline, Failure};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_mins(1);

async fn after(millis: u64, answer: Result<u8, &'static str>) -> Result<u8, io::Error> {
    sleep(Duration::from_millis(millis)).await;
    answer.map_err(io::Error::other)
}

#[tokio::test(start_paused = true)]
async fn each_policy_says_what_it_got_and_why() {
    let fails = || ask("source", after(5, Err("down")));
    let lacks = || find("source", async { Ok::<Option<u8>, io::Error>(None) });
    let part = ask("source", after(5, Ok(7))).required().await.unwrap();
    assert_eq!((*part, part.source, part.origin.name(), part.attempts), (7, "source", "live", 1));
    assert_eq!(part.took, Duration::from_millis(5));
    assert!(matches!(
        fails().required().await,
        Err(ComposeError::Failed("source", Failure::Failed(_)))
    ));
    assert!(matches!(lacks().required().await, Err(ComposeError::Missing("source"))));
    for (part, value, origin) in [
        (fails().optional().await, None, "missing"),
        (lacks().optional().await, None, "absent"),
        (fails().or(9).await.map(Some), Some(9), "missing"),
        (lacks().or(9).await.map(Some), Some(9), "absent"),
    ] {
        assert_eq!((part.value, part.origin.name()), (value, origin));
    }
}

#[tokio::test(start_paused = true)]
async fn the_sooner_of_both_time_limits_counts() {
    for (own, request, right) in [(30, 50, 30), (50, 30, 30)] {
        let begun = Instant::now();
        let by = Deadline::within(Duration::from_millis(request));
        let hangs = ask("source", pending::<Result<u8, io::Error>>());
        let part = hangs.within(Duration::from_millis(own)).by(by).optional().await;
        assert!(matches!(part.origin.because(), Some(Failure::Late)));
        assert_eq!(begun.elapsed(), Duration::from_millis(right));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_will_do_if_it_is_young_enough() {
    let last = Last::new();
    let ask = async |answer, age_max| {
        let part = ask("source", after(0, answer)).or_stale(age_max, &last).optional().await;
        (part.value, part.origin.name())
    };
    assert_eq!(ask(Err("down"), MINUTE).await, (None, "missing"));
    assert_eq!(ask(Ok(1), MINUTE).await, (Some(1), "live"));
    sleep(MINUTE / 2).await;
    assert_eq!(ask(Err("down"), MINUTE).await, (Some(1), "stale"));
    assert_eq!(ask(Err("down"), MINUTE / 3).await, (None, "missing"));
    // What does not exist any more is not shown any more.
    let gone = find("source", async { Ok::<Option<u8>, io::Error>(None) });
    assert_eq!(gone.or_stale(MINUTE, &last).optional().await.origin.name(), "absent");
    assert_eq!(ask(Err("down"), MINUTE).await, (None, "missing"));
}

#[tokio::test(start_paused = true)]
async fn attempts_follow_the_policy_and_end_before_the_deadline() {
    let retry = RetryPolicy {
        retries_max: 3,
        delay_min: Duration::from_millis(10),
        delay_max: Duration::from_millis(10),
    };
    let tried = Cell::new(0);
    let attempt = |succeeds_at: u32| {
        tried.set(0);
        let tried = &tried;
        ask_again("source", retry, 7, move |call| {
            tried.set(tried.get() + 1);
            assert_eq!(call.attempt(), tried.get());
            let answer = if call.attempt() < succeeds_at { Err("down") } else { Ok(1) };
            async move { after(5, answer).await.map(Some) }
        })
    };
    assert_eq!(attempt(4).required().await.unwrap().attempts, 4);
    assert_eq!((attempt(9).optional().await.attempts, tried.get()), (4, 4));
    let begun = Instant::now();
    let part = attempt(9).within(Duration::from_millis(12)).optional().await;
    assert!(part.attempts < 4 && begun.elapsed() <= Duration::from_millis(12), "{part:?}");
    // What is refused is not tried again.
    let refuses = ask_again("source", retry, 7, |_| async {
        Err::<Option<u8>, _>(Failure::refused("never"))
    });
    assert_eq!(refuses.optional().await.attempts, 1);
}

/// Neither when the answer is there at once, nor when it is waited for within a time, nor when it is taken from the last one.
#[tokio::test]
async fn a_part_without_a_composition_allocates_nothing_but_what_a_failure_says() {
    let last = Last::new();
    let by = || Deadline::within(MINUTE);
    let later = async |answer: Result<u8, Refused>| {
        yield_once().await;
        answer
    };
    let parts = async {
        let order =
            find("orders", async { Ok::<_, Refused>(Some(1_u8)) }).by(by()).required().await;
        let limited = |answer| ask("user", later(answer)).within(MINUTE).by(by());
        let user = limited(Ok(2)).or_stale(MINUTE, &last).required().await;
        let stale = ask("user", async { Err(Refused) }).or_stale(MINUTE, &last).optional().await;
        let absent = ask("rates", async { Err::<u8, _>(Refused) }).or(9).await;
        (order.unwrap().value, user.unwrap().value, stale.value, absent.value)
    };
    let mut parts = pin!(parts);
    let mut polled = None;
    let counted = allocation_counter::measure(|| {
        let mut waker = Context::from_waker(Waker::noop());
        while polled.is_none() {
            if let Poll::Ready(values) = parts.as_mut().poll(&mut waker) {
                polled = Some(values);
            }
        }
    });
    assert_eq!(polled, Some((1, 2, Some(2), 9)));
    // What the two that refused have said is kept. Whatever is answered costs nothing.
    assert_eq!(counted.count_total, 2, "{counted:?}");
}

/// It has said why not.
#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

/// Comes back once.
async fn yield_once() {
    let mut has_come = false;
    poll_fn(
        |_| if std::mem::replace(&mut has_come, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

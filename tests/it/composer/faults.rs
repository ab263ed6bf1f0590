//! Every fault of a source, under every policy, against a model of what becomes of it.

use std::time::Duration;

use freehold::composer::{ComposeError, Remembered, compose, within};
use freehold::composer::{Composed, Lookup, LookupOptions, Terms};
use freehold::source::PartReport;
use tokio::time::Instant;

use super::fixture::{Does, Scripted, quiet_panics};

const FAULTS: [Does; 13] = [
    Does::Finds,
    Does::Lacks,
    Does::FailsForIt,
    Does::Fails,
    Does::Refuses,
    Does::Panics,
    Does::PanicsAtOnce,
    Does::Hangs,
    Does::AnswersShort,
    Does::AnswersLong,
    Does::AnswersForAnother,
    Does::AnswersTwice,
    Does::AnswersInAnotherOrder,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Required,
    Optional,
    Or,
    /// Required, or what was said earlier.
    OrStale,
    StaleOptional,
}

const POLICIES: [Policy; 5] =
    [Policy::Required, Policy::Optional, Policy::Or, Policy::OrStale, Policy::StaleOptional];

/// What is right, as one would write it into a table.
fn model(does: Does, policy: Policy, is_remembered: bool) -> String {
    let why = match does {
        Does::Finds => return "1 live".into(),
        Does::Lacks => {
            return match policy {
                Policy::Required | Policy::OrStale => "error: missing".into(),
                Policy::Optional | Policy::StaleOptional => "none absent".into(),
                Policy::Or => "99 absent".into(),
            };
        }
        Does::FailsForIt | Does::Fails => "failed",
        Does::Refuses => "refused",
        Does::Panics | Does::PanicsAtOnce => "panicked",
        Does::Hangs => "late",
        Does::AnswersShort
        | Does::AnswersLong
        | Does::AnswersForAnother
        | Does::AnswersTwice
        | Does::AnswersInAnotherOrder => "malformed",
    };
    match policy {
        Policy::OrStale | Policy::StaleOptional if is_remembered => format!("1 stale ({why})"),
        Policy::Required | Policy::OrStale => format!("error: {why}"),
        Policy::Optional | Policy::StaleOptional => format!("none missing ({why})"),
        Policy::Or => format!("99 missing ({why})"),
    }
}

const STALE_MAX: Duration = Duration::from_mins(1);

async fn composed(
    terms: Terms,
    lookup: &Lookup<Scripted>,
    policy: Policy,
) -> Result<Composed<String>, ComposeError> {
    compose(terms, async |cx| {
        let get = cx.get(lookup, 1);
        // A neighbour in the same call, so that there is another order to answer in.
        let neighbour = cx.get(lookup, 2).optional();
        let (value, origin) = match policy {
            Policy::Required => get.await.map(|part| (Some(part.value), part.origin))?,
            Policy::OrStale => {
                get.or_stale(STALE_MAX).await.map(|part| (Some(part.value), part.origin))?
            }
            Policy::Or => {
                let part = get.or(99).await;
                (Some(part.value), part.origin)
            }
            Policy::Optional => {
                let part = get.optional().await;
                (part.value, part.origin)
            }
            Policy::StaleOptional => {
                let part = get.or_stale(STALE_MAX).optional().await;
                (part.value, part.origin)
            }
        };
        drop(neighbour);
        let value = value.map_or("none".into(), |value| value.to_string());
        let why = origin.because().map(|why| format!(" ({})", why.name())).unwrap_or_default();
        Ok(format!("{value} {}{why}", origin.name()))
    })
    .await
}

fn told(done: &Result<Composed<String>, ComposeError>) -> String {
    match done {
        Ok(done) => done.value.clone(),
        Err(ComposeError::Missing("source")) => "error: missing".into(),
        Err(ComposeError::Failed("source", failure)) => format!("error: {}", failure.name()),
        Err(other) => format!("error: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_under_every_policy_is_what_the_model_says() {
    quiet_panics();
    for does in FAULTS {
        for policy in POLICIES {
            for is_remembered in [false, true] {
                // Well at first, if it is to be remembered; then it does as it is told.
                let from = usize::from(is_remembered);
                let source = Scripted::new("source", Duration::from_millis(10), move |key, nth| {
                    let is_told = nth > from && (key == 1 || does != Does::Lacks);
                    let is_told = is_told && (key == 1 || does != Does::FailsForIt);
                    if is_told { does } else { Does::Finds }
                });
                let cache = Remembered::new(100, Duration::from_mins(10));
                let lookup = Lookup::builder(source.clone()).remember_for_all(cache).build();
                let terms = || within(Duration::from_millis(200));
                if is_remembered {
                    composed(terms(), &lookup, Policy::Optional).await.unwrap();
                }
                let begun = Instant::now();
                let done = composed(terms(), &lookup, policy).await;
                let case = format!("{does:?}, {policy:?}, remembered: {is_remembered}");
                assert_eq!(told(&done), model(does, policy, is_remembered), "{case}");
                assert_eq!(source.running(), 0, "{case}");
                let took = if does == Does::Hangs {
                    200
                } else {
                    10 * u64::from(does != Does::PanicsAtOnce)
                };
                assert_eq!(begun.elapsed(), Duration::from_millis(took), "{case}");
                let is_degraded = told(&done).contains('(');
                if let Ok(done) = done {
                    assert_eq!(!done.degraded.is_empty(), is_degraded, "{case}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_in_trouble_is_a_fault_of_its_own_keys() {
    quiet_panics();
    let bad = Scripted::new("bad", Duration::from_millis(5), |_, _| Does::Panics);
    let good = Scripted::well("good", 10);
    let (bad, good) = (bad.lookup(), good.lookup());
    let done = compose(within(Duration::from_secs(1)), async |cx| {
        let missing = cx.all(&bad, [1, 2, 3]).optional();
        let there = cx.get(&good, 4).await?;
        Ok((missing.await.into_values(), *there))
    });
    let done = done.await.unwrap();
    assert_eq!(done.value, (vec![None, None, None], 4));
    let reports: Vec<String> = done.degraded.iter().map(PartReport::to_string).collect();
    assert_eq!(reports, ["bad: 3 missing (panicked)"]);
}

#[tokio::test(start_paused = true)]
async fn one_key_that_fails_does_not_fail_its_neighbours() {
    let source = Scripted::new("source", Duration::from_millis(5), |key, _| {
        if key == 2 { Does::FailsForIt } else { Does::Finds }
    });
    let lookup = source.lookup();
    let done = compose(within(Duration::from_secs(1)), async |cx| {
        Ok(cx.all(&lookup, [1, 2, 3]).optional().await.into_values())
    });
    assert_eq!(done.await.unwrap().value, [Some(1), None, Some(3)]);
}

/// A required part that fails ends the composition at once, and drops what was asked beside it.
#[tokio::test(start_paused = true)]
async fn a_required_part_that_fails_drops_its_siblings() {
    let bad = Scripted::new("bad", Duration::from_millis(5), |_, _| Does::Fails);
    let slow = Scripted::well("slow", 500);
    let (bad_lookup, slow_lookup) = (bad.lookup(), slow.lookup());
    let begun = Instant::now();
    let done = compose(within(Duration::from_secs(1)), async |cx| {
        let (slow, bad) = tokio::try_join!(cx.get(&slow_lookup, 1), cx.get(&bad_lookup, 1))?;
        Ok((*slow, *bad))
    });
    assert!(matches!(done.await, Err(ComposeError::Failed("bad", _))));
    assert_eq!((begun.elapsed(), slow.running()), (Duration::from_millis(5), 0));
}

/// The first of many required keys to fail decides, though those before it are still open.
#[tokio::test(start_paused = true)]
async fn all_required_keys_fail_with_the_first_that_fails() {
    let source = Scripted::new("source", Duration::ZERO, |key, _| match key {
        0..10 => Does::Hangs,
        _ => Does::Lacks,
    });
    let options = LookupOptions { keys_per_call_max: 10, ..LookupOptions::default() };
    let lookup = source.lookup_with(options);
    let begun = Instant::now();
    let done = compose(within(Duration::from_secs(1)), async |cx| cx.all(&lookup, 0..20).await);
    assert!(matches!(done.await, Err(ComposeError::Missing("source"))));
    assert_eq!((begun.elapsed(), source.running()), (Duration::ZERO, 0));
}

//! No composition asks for more than it may.

use std::time::Duration;

use freehold::composer::{ComposeError, ComposeLimits, Limit, LookupOptions, compose, within};
use freehold::source::{self, Answers, Call};

use super::fixture::Scripted;

fn terms(limits: ComposeLimits) -> freehold::composer::Terms {
    within(Duration::from_secs(1)).limits(limits)
}

fn told<T>(done: Result<T, ComposeError>) -> (Limit, usize, usize) {
    match done.map(|_| ()) {
        Err(ComposeError::TooMuch { limit, asked, max }) => (limit, asked, max),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_too_many_and_nothing_of_its_round_is_asked() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup();
    let limits = ComposeLimits { keys_max: 10, ..ComposeLimits::default() };
    // Ten different keys are admitted, however often they are asked for.
    let done = compose(terms(limits), async |cx| {
        let _again = cx.all(&lookup, 0..10);
        cx.all(&lookup, 0..10).await
    });
    assert_eq!(done.await.unwrap().value.len(), 10);
    assert_eq!(source.asked().len(), 1);
    let done = compose(terms(limits), async |cx| {
        cx.get(&lookup, 0).await?;
        // It does not help to catch it: the composition is over.
        Ok(cx.all(&lookup, 0..11).optional().await.len())
    });
    assert_eq!(told(done.await), (Limit::Keys, 11, 10));
    assert_eq!(source.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_call_too_many_and_none_of_its_round_is_made() {
    let source = Scripted::well("source", 10);
    let options = LookupOptions { keys_per_call_max: 2, ..LookupOptions::default() };
    let lookup = source.lookup_with(options);
    let limits = ComposeLimits { calls_max: 3, ..ComposeLimits::default() };
    let done = compose(terms(limits), async |cx| {
        cx.get(&lookup, 0).await?;
        cx.all(&lookup, 1..6).await
    });
    assert_eq!(told(done.await), (Limit::Calls, 4, 3));
    assert_eq!(source.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_round_too_many_is_not_begun() {
    let source = Scripted::well("source", 10);
    let lookup = source.lookup();
    let limits = ComposeLimits { rounds_max: 3, ..ComposeLimits::default() };
    let done = compose(terms(limits), async |cx| {
        for key in 0..9 {
            cx.get(&lookup, key).await?;
        }
        Ok(())
    });
    assert_eq!(told(done.await), (Limit::Rounds, 4, 3));
    assert_eq!(source.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_too_long_end_it() {
    let said = source::from_fn("said", |keys: Vec<u64>, _: Call| async move {
        Ok(Answers::aligned(keys.into_iter().map(Some).collect()).bytes(600))
    });
    let (said, counted) = (freehold::composer::Lookup::new(said), Scripted::well("counted", 1));
    let counted = counted.lookup();
    let limits = ComposeLimits { answer_bytes_max: 1_000, ..ComposeLimits::default() };
    let done = compose(terms(limits), async |cx| {
        cx.get(&said, 1).await?;
        Ok(cx.get(&said, 2).optional().await)
    });
    assert_eq!(told(done.await), (Limit::Bytes, 1_200, 1_000));
    let done = compose(terms(limits), async |cx| Ok(cx.all(&counted, 0..126).optional().await));
    assert_eq!(told(done.await), (Limit::Bytes, 1_008, 1_000));
}

//! Batches are bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use freehold::subscription::{Applied, SinkError, SubscriptionOptions};

use super::fixture::{
    Ledger, Taken, memory, options, reach, record, record_long, start, subscribe,
};
use crate::aggregate::fixture::Watched;

#[tokio::test(start_paused = true)]
async fn a_batch_has_no_more_events_than_it_may() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 250]).await;
    let bounds = SubscriptionOptions { batch_events_max: 30, ..options() };
    let running = start(Ledger::new("job", &got), &store, bounds);
    reach(running.progress(), token).await;
    let batches = got.batches();
    assert!(batches.iter().all(|batch| batch.len() <= 30), "{batches:?}");
    assert!(batches.len() <= 10, "they are too small: {batches:?}");
    assert_eq!(batches.concat(), (1..=250).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_ends_with_the_event_that_makes_it_too_long() {
    let (store, got) = (memory(), Taken::default());
    let mut token = record(&store, &["order-1"; 200]).await;
    for bytes in [400, 600, 5_000, 100, 100, 900, 3, 1_000] {
        token = record_long(&store, &["order-1"], bytes).await;
    }
    let bounds = SubscriptionOptions { batch_bytes_max: 1_000, ..options() };
    let longest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&longest);
    let sink = Ledger::new("job", &got).rule(move |batch| {
        let all = batch.events().split_last().unwrap().1;
        // Without its last event it would not be too long.
        seen.fetch_max(all.iter().map(|event| event.data().len()).sum(), Ordering::SeqCst);
        Ok(Applied::UpTo(batch.upto()))
    });
    let running = start(sink, &store, bounds);
    reach(running.progress(), token).await;
    assert!(longest.load(Ordering::SeqCst) < 1_000, "{longest:?}");
    assert_eq!(got.positions(), (1..=208).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn bounds_of_nothing_count_as_one_event() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 5]).await;
    let bounds = SubscriptionOptions { batch_events_max: 0, batch_bytes_max: 0, ..options() };
    let running = start(Ledger::new("job", &got), &store, bounds);
    reach(running.progress(), token).await;
    assert_eq!(got.batches(), [[1], [2], [3], [4], [5]]);
    running.stop().await;
}

/// A sink that never waits gives the reading no other chance.
#[tokio::test(start_paused = true)]
async fn the_next_page_is_asked_for_before_the_sink_has_this_one() {
    let (log, got) = (Watched::new(), Taken::default());
    let token = record(&log, &["order-1"; 100]).await;
    let (pages, calls) = (log.clone(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&calls);
    let sink = Ledger::new("job", &got).rule(move |batch| {
        let calls = 1 + count.fetch_add(1, Ordering::SeqCst);
        let is_last = batch.upto().get() == 100;
        assert_eq!(pages.pages(), if is_last { calls } else { calls + 1 }, "with batch {calls}");
        Ok(Applied::UpTo(batch.upto()))
    });
    let bounds = SubscriptionOptions { batch_events_max: 10, ..options() };
    let running = subscribe(sink, memory()).follow(log).options(bounds).start();
    reach(running.progress(), token).await;
    assert_eq!((got.batches().len(), calls.load(Ordering::SeqCst)), (10, 10));
    running.stop().await;
}

/// A sink that cannot say which event is to blame, and how often it is asked until that is known.
#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_blames_is_found_by_halves_and_the_rest_is_taken_in_at_once() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 64]).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let sink = Ledger::new("job", &got).rule(move |batch| {
        let calls = count.fetch_add(1, Ordering::SeqCst);
        let is_bad = batch.events().iter().any(|event| event.position().get() == 45);
        if is_bad && (calls < 9 || batch.events().len() > 1) {
            return Err(SinkError::Batch("one of them".into()));
        }
        Ok(Applied::UpTo(batch.upto()))
    });
    let running = start(sink, &store, options());
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), (1..=64).collect::<Vec<_>>());
    let batches = got.batches();
    // As soon as it has gone by, the pieces grow again.
    assert!(batches.iter().filter(|batch| batch.len() == 1).count() <= 2, "{batches:?}");
    assert!(calls.load(Ordering::SeqCst) <= 15, "{calls:?} {batches:?}");
    running.stop().await;
}

/// No event is to blame, but they are too many: it is not asked event by event until the page is done.
#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_much_for_the_sink_is_cut_into_pieces_that_are_not() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 60]).await;
    let sink = Ledger::new("job", &got).rule(|batch| {
        let is_too_much = batch.events().len() > 10;
        if is_too_much {
            Err(SinkError::Batch("too much".into()))
        } else {
            Ok(Applied::UpTo(batch.upto()))
        }
    });
    let running = start(sink, &store, options());
    reach(running.progress(), token).await;
    assert_eq!(
        got.batches().iter().map(Vec::len).collect::<Vec<_>>(),
        [7, 7, 1, 7, 7, 7, 7, 7, 7, 3]
    );
    running.stop().await;
}

/// Behind short events nobody knows that long ones come: a page is as long as so many events are, and the next one as so many as made
/// the last batch, most of them short. From then on a page is as long as a batch.
#[tokio::test(start_paused = true)]
async fn what_is_read_at_a_time_is_bounded_also_where_events_become_long() {
    const LONG: usize = 16 << 10;
    let (log, got) = (Watched::new(), Taken::default());
    record(&log, &["order-1"; 300]).await;
    let token = record_long(&log, &["order-1"; 400], LONG).await;
    let bounds =
        SubscriptionOptions { batch_events_max: 100, batch_bytes_max: 4 * LONG, ..options() };
    let sink = Ledger::new("job", &got);
    let running = subscribe(sink, memory()).follow(log.clone()).options(bounds).start();
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), (1..=700).collect::<Vec<_>>());
    let pages = log.bytes_by_page();
    let longer: Vec<_> = pages.iter().filter(|bytes| **bytes > 5 * LONG).collect();
    assert!(longer.len() <= 2 && longer.iter().all(|bytes| **bytes <= 101 * LONG), "{pages:?}");
    running.stop().await;
}

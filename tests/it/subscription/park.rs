//! An event that cannot be taken in is parked, and so is what follows it with the same key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use freehold::consistency::Behind;
use freehold::subscription::{Applied, Health, Parked, SinkError, SubscriptionOptions};
use freehold::testkit::{Faults, FaultyStore, Loss};

use super::fixture::{Ledger, Taken, checkpoint, memory, name, parking, reach, record, start};

/// What is parked: where, whether by its own fault, and how often it was tried.
fn short(parked: &[Parked]) -> Vec<(u64, &str, bool, u32)> {
    let one = |p: &Parked| (p.position.get(), p.error.is_some(), p.attempts);
    let shorts = parked.iter().map(|p| (one(p), p.key.as_str()));
    shorts.map(|((at, blamed, attempts), key)| (at, key, blamed, attempts)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_parked_waits_and_the_others_go_on() {
    let (store, got) = (memory(), Taken::default());
    let streams = ["order-1", "order-2", "order-1", "order-3", "order-2", "order-2", "order-3"];
    let token = record(&store, &streams).await;
    let running = start(Ledger::new("job", &got).but_not(|at| at == 2), &store, parking());
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 3, 4, 7]);
    assert_eq!(checkpoint(&store, "job").await, 7);
    assert!(running.health().await.is_ok());
    let parked = running.parked(10).await.unwrap();
    let waiting = [(5, "order-2", false, 0), (6, "order-2", false, 0)];
    assert_eq!(short(&parked)[0], (2, "order-2", true, 9));
    assert_eq!(short(&parked)[1..], waiting);
    assert_eq!(parked[0].error.as_deref(), Some("it is bad"));
    assert_eq!((parked[0].name.as_str(), parked[0].stream.as_str()), ("Noted", "order-2"));
    // Later ones wait, too.
    let later = record(&store, &["order-2", "order-1"]).await;
    reach(running.progress(), later).await;
    assert_eq!(got.positions(), [1, 3, 4, 7, 9]);
    assert_eq!(running.parked(10).await.unwrap().len(), 4);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_is_listed_in_pages_when_nobody_runs() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 12]).await;
    let running = start(Ledger::new("job", &got).but_not(|_| true), &store, parking());
    reach(running.progress(), token).await;
    running.stop().await;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (page, has_more) = Parked::list(&store, &name("job"), after.as_ref(), 5).await.unwrap();
        assert!(page.len() <= 5);
        after = page.last().cloned();
        all.extend(page.iter().map(|parked| parked.position.get()));
        if !has_more {
            break;
        }
    }
    assert_eq!(all, (1..=12).collect::<Vec<_>>());
    // Another job, whose name begins alike, has nothing parked.
    assert!(Parked::list(&store, &name("jo"), None, 5).await.unwrap().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_stays_parked_over_a_restart() {
    let (store, got) = (memory(), Taken::default());
    let sink = || Ledger::new("job", &got).but_not(|at| at == 1);
    let running = start(sink(), &store, parking());
    let token = record(&store, &["order-1", "order-2"]).await;
    reach(running.progress(), token).await;
    running.stop().await;
    let token = record(&store, &["order-1", "order-2"]).await;
    let running = start(sink(), &store, parking());
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [2, 4]);
    let parked = running.parked(10).await.unwrap();
    assert_eq!(short(&parked)[1..], [(3, "order-1", false, 0)]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_has_its_event_found_and_parked() {
    let (store, got) = (memory(), Taken::default());
    let streams = ["order-1", "order-2", "order-3", "order-4", "order-5"];
    let token = record(&store, &streams).await;
    let sink = Ledger::new("job", &got).rule(|batch| {
        assert!(batch.events().iter().all(|e| e.position().get() != 4), "not the fourth");
        Ok(Applied::UpTo(batch.upto()))
    });
    let running = start(sink, &store, parking());
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 2, 3, 5]);
    let parked = running.parked(10).await.unwrap();
    let error = parked[0].error.as_deref().unwrap();
    assert!(parked.len() == 1 && error.contains("panicked: not the fourth"), "{parked:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_is_parked_than_may_be_and_then_the_subscription_stops() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1", "order-1", "order-2", "order-1"]).await;
    let two = SubscriptionOptions { parked_events_max: 2, ..parking() };
    let running = start(Ledger::new("job", &got).but_not(|at| at == 1), &store, two);
    let behind = running.progress().wait_for(token).await.unwrap_err();
    let Behind::Stopped { error } = behind else { panic!("{behind:?}") };
    assert!(error.to_string().contains("2 events are parked"), "{error}");
    assert!(matches!(running.health().await, Health::Stopped(_)));
    assert!(running.parked(10).await.unwrap().len() <= 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_taken_in_at_the_last_try_is_not_parked() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1", "order-1"]).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let sink = Ledger::new("job", &got).rule(move |batch| {
        match count.fetch_add(1, Ordering::SeqCst) {
            // Once with the other, once alone, and eight times again.
            0..9 => Err(SinkError::event(batch.events()[0].position(), "not yet")),
            _ => Ok(Applied::UpTo(batch.upto())),
        }
    });
    let running = start(sink, &store, parking());
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 2]);
    assert!(running.parked(10).await.unwrap().is_empty());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_any_length_can_be_parked() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"]).await;
    let sink = Ledger::new("job", &got).rule(|_| Err(SinkError::Batch("ä".repeat(2 << 20).into())));
    let running = start(sink, &store, parking());
    reach(running.progress(), token).await;
    let parked = running.parked(10).await.unwrap();
    assert!(parked[0].error.as_ref().unwrap().len() < 100_000);
    running.stop().await;
}

/// Whatever call of the store fails on the way, the same events are parked and the same are taken in.
#[tokio::test(start_paused = true)]
async fn parking_survives_a_failure_of_every_call() {
    for loss in [Loss::Call, Loss::Answer] {
        for n in 1.. {
            let (inner, got) = (memory(), Taken::default());
            let token =
                record(&inner, &["order-1", "order-2", "order-1", "order-3", "order-2"]).await;
            let store = FaultyStore::new(inner.clone(), Faults::seeded(n).fail_nth(n, loss));
            let running = start(Ledger::new("job", &got).but_not(|at| at == 2), &store, parking());
            reach(running.progress(), token).await;
            running.stop().await;
            let mut positions = got.positions();
            positions.dedup();
            assert_eq!(positions, [1, 3, 4], "{loss:?} of call {n}");
            let parked = Parked::list(&inner, &name("job"), None, 10).await.unwrap().0;
            let at: Vec<_> = parked.iter().map(|parked| parked.position.get()).collect();
            assert_eq!(at, [2, 5], "{loss:?} of call {n}");
            if store.injected().calls < n {
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_stopped_since_too_much_is_parked_goes_on_with_a_replay() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1", "order-1", "order-2", "order-1"]).await;
    let is_mended = Arc::new(AtomicUsize::new(0));
    let mended = Arc::clone(&is_mended);
    let sink =
        Ledger::new("job", &got).but_not(move |at| at == 1 && mended.load(Ordering::SeqCst) == 0);
    let two = SubscriptionOptions { parked_events_max: 2, ..parking() };
    let running = start(sink, &store, two);
    running.progress().wait_for(token).await.unwrap_err();
    is_mended.store(1, Ordering::SeqCst);
    // What is waiting behind the first was not written down yet: it comes again.
    assert_eq!(running.replay("order-1").await.unwrap(), 1);
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), [1, 2, 3, 4]);
    assert!(running.parked(10).await.unwrap().is_empty());
    running.stop().await;
}

//! Trouble that is waited out, and panics that end nothing in silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use freehold::consistency::Behind;
use freehold::retry::RetryPolicy;
use freehold::subscription::{Applied, Batch, Health, Sink, SinkError, SubscriptionOptions};
use freehold::testkit::{Faults, FaultyStore, async_trait};
use freehold::{Filter, LeaseName, RecordedEvent};
use tokio::time::{sleep, timeout};

use super::fixture::{Ledger, Taken, memory, name, options, parking, reach, record, start, until};

#[tokio::test(start_paused = true)]
async fn trouble_of_the_destination_is_waited_out_however_long_it_takes() {
    let (store, got) = (memory(), Taken::default());
    let token = record(&store, &["order-1"; 3]).await;
    let (up, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (is_up, count) = (Arc::clone(&up), Arc::clone(&calls));
    let sink = Ledger::new("job", &got).rule(move |batch| {
        count.fetch_add(1, Ordering::SeqCst);
        if is_up.load(Ordering::SeqCst) {
            return Ok(Applied::UpTo(batch.upto()));
        }
        Err(SinkError::transient("unreachable"))
    });
    let running = start(sink, &store, parking());
    sleep(Duration::from_hours(1)).await;
    // About every 2.5 s in the mean, once the delays have grown.
    let calls = calls.load(Ordering::SeqCst);
    assert!((700..4_000).contains(&calls), "{calls} calls in an hour");
    let _ = running.health().await;
    sleep(Duration::from_secs(31)).await;
    let health = running.health().await;
    assert!(
        matches!(&health, Health::Stalled { trouble: Some(why), .. } if why.to_string() == "unreachable"),
        "{health:?}"
    );
    up.store(true, Ordering::SeqCst);
    reach(running.progress(), token).await;
    assert!(running.health().await.is_ok());
    assert!(running.parked(10).await.unwrap().is_empty());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_in_trouble_is_asked_less_and_less_often() {
    for changed in [false, true] {
        let (inner, got) = (memory(), Taken::default());
        let log = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_reads(1.0));
        if changed {
            record(&inner, &["order-1"]).await;
        }
        let sink = Ledger::new("job", &got);
        let running = super::fixture::subscribe(sink, inner.clone()).follow(log.clone()).start();
        sleep(Duration::from_mins(10)).await;
        let calls = log.injected().calls;
        assert!(calls < 1_000, "{calls} calls in ten minutes");
        log.heal();
        let token = record(&inner, &["order-1"]).await;
        reach(running.progress(), token).await;
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_no_retries_does_not_spin_in_trouble() {
    let inner = memory();
    let got = Taken::default();
    let store = FaultyStore::new(inner.clone(), Faults::seeded(0).fail_from(1));
    let never = SubscriptionOptions { retry: RetryPolicy::NEVER, ..options() };
    let running = start(Ledger::new("job", &got), &store, never);
    let token = record(&inner, &["order-1"]).await;
    sleep(Duration::from_mins(1)).await;
    let calls = store.injected().calls;
    assert!(calls < 1_000, "{calls} calls in a minute");
    store.heal();
    reach(running.progress(), token).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_in_trouble_stops_when_it_is_asked_to() {
    let (store, got) = (memory(), Taken::default());
    record(&store, &["order-1"; 3]).await;
    for error in
        [SinkError::transient as fn(&'static str) -> SinkError, |why| SinkError::Batch(why.into())]
    {
        let sink = Ledger::new("job", &got).rule(move |_| Err(error("no")));
        let slow = RetryPolicy { delay_min: Duration::from_secs(5), ..options().retry };
        let running = start(sink, &store, SubscriptionOptions { retry: slow, ..options() });
        sleep(Duration::from_millis(1)).await;
        timeout(Duration::from_millis(1), running.stop()).await.expect("it goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_whose_handle_is_gone_stops_and_gives_the_lease_back() {
    let (store, got) = (memory(), Taken::default());
    let running = start(Ledger::new("job", &got), &store, options());
    reach(running.progress(), record(&store, &["order-1"]).await).await;
    drop(running);
    let holder = async || freehold::Leases::lease(&store, &name("job")).await.unwrap().holder;
    until("given back", async || holder().await.is_none()).await;
}

/// Panics wherever it may be called but for the batch itself.
struct Panics(LeaseName, Filter, bool);

#[async_trait]
impl Sink for Panics {
    fn name(&self) -> &LeaseName {
        &self.0
    }

    fn filter(&self) -> &Filter {
        &self.1
    }

    fn key<'e>(&self, event: &'e RecordedEvent) -> &'e str {
        assert!(self.2, "no key");
        event.stream().as_str()
    }

    async fn prepare(&self, _: freehold::subscription::Partition) -> Result<(), SinkError> {
        assert!(!self.2, "unprepared");
        Ok(())
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        Err(SinkError::event(batch.events()[0].position(), "bad"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_elsewhere_stops_loudly() {
    for (prepares, says) in [(true, "unprepared"), (false, "no key")] {
        let store = memory();
        let token = record(&store, &["order-1"]).await;
        let running = start(Panics(name("job"), Filter::all(), prepares), &store, parking());
        let wait = timeout(Duration::from_mins(10), running.progress().wait_for(token));
        let behind = wait.await.expect("nobody is told").unwrap_err();
        let Behind::Stopped { error } = behind else { panic!("{behind:?}") };
        assert!(error.to_string().contains(says), "{error}");
        assert!(matches!(running.health().await, Health::Stopped(_)));
        running.stop().await;
    }
}

/// Each log is waited for by itself: however bad it is with one, the other one goes on at once.
#[tokio::test(start_paused = true)]
async fn a_log_in_trouble_does_not_slow_another_one_down() {
    let (well, ill, got) = (memory(), memory(), Taken::default());
    record(&ill, &["user-1"]).await;
    let broken = FaultyStore::new(ill.clone(), Faults::seeded(0).fail_reads(1.0));
    let sink = Ledger::new("job", &got);
    let both = super::fixture::subscribe(sink, well.clone()).follow(broken.clone());
    let running = both.follow(well.clone()).start();
    // The delays have grown.
    sleep(Duration::from_mins(1)).await;
    for n in 1..=100 {
        let began = tokio::time::Instant::now();
        reach(running.progress(), record(&well, &["order-1"]).await).await;
        assert!(began.elapsed().is_zero(), "event {n} after {:?}", began.elapsed());
        sleep(Duration::from_millis(37)).await;
    }
    let calls = broken.injected().calls;
    assert!((5..200).contains(&calls), "{calls} calls in a minute");
    broken.heal();
    let token = record(&ill, &["user-1"]).await;
    reach(running.progress(), token).await;
    assert_eq!(got.of_log(token.log()), [1, 2]);
    running.stop().await;
}

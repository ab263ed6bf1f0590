//! A job that is begun anew makes its state again, and has its effects only for what is new.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::consistency::Behind;
use freehold::subscription::{
    Applied, Health, Running, SinkError, Subscription, SubscriptionOptions,
};
use freehold::{Leases, Store, Token};
use tokio::time::{sleep, timeout};

use super::fixture::{
    Ledger, Taken, memory, name, options, parking, process, reach, record, start, subscribe, until,
};

/// The events for which a mail was sent.
type Mails = Arc<Mutex<Vec<u64>>>;

/// Sends a mail for each event that the job has not had before.
fn mailer(job: &str, got: &Taken, mails: &Mails) -> Ledger {
    let mails = Arc::clone(mails);
    Ledger::new(job, got).rule(move |batch| {
        let mut mails = mails.lock().unwrap();
        mails.extend(batch.fresh().map(|event| event.position().get()));
        let is_old = batch.events().iter().filter(|event| batch.is_repeated(event)).count();
        assert_eq!(is_old + batch.fresh().count(), batch.events().len());
        Ok(Applied::UpTo(batch.upto()))
    })
}

fn few() -> SubscriptionOptions {
    SubscriptionOptions { batch_events_max: 3, ..options() }
}

/// The job under its new name.
fn anew(store: &MemoryStore, got: &Taken, mails: &Mails) -> Subscription {
    let job = subscribe(mailer("mails.v2", got, mails), store.clone()).follow(store.clone());
    job.options(few()).replaces(name("mails"), 1)
}

fn sorted(mails: &Mails) -> Vec<u64> {
    let mut mails = mails.lock().unwrap().clone();
    mails.sort_unstable();
    mails
}

/// Lets the old job take in what there is.
async fn run_old(store: &MemoryStore, mails: &Mails, token: Token) {
    let old = start(mailer("mails", &Taken::default(), mails), store, few());
    reach(old.progress(), token).await;
    old.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_begun_anew_sends_no_mail_twice_and_one_for_each_new_event() {
    let (store, mails, got) = (memory(), Mails::default(), Taken::default());
    let token = record(&store, &["order-1"; 20]).await;
    run_old(&store, &mails, token).await;
    assert_eq!(sorted(&mails), (1..=20).collect::<Vec<_>>());
    record(&store, &["order-2"; 10]).await;
    let running = anew(&store, &got, &mails).start();
    let token = record(&store, &["order-1"; 10]).await;
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), (1..=40).collect::<Vec<_>>());
    assert_eq!(sorted(&mails), (1..=40).collect::<Vec<_>>());
    running.stop().await;
}

/// Killed after each number of batches, and taken over by a process that knows only what is written down.
#[test]
fn a_crash_in_the_middle_lets_no_effect_out_again() {
    for killed_after in (0..40).step_by(3) {
        let (store, mails, got) = (memory(), Mails::default(), Taken::default());
        let (first, second) = (process(), process());
        first.block_on(async {
            let token = record(&store, &["order-1"; 20]).await;
            run_old(&store, &mails, token).await;
            record(&store, &["order-1"; 20]).await;
            let running = anew(&store, &got, &mails).start();
            until("so many", async || got.positions().len() >= killed_after).await;
            std::mem::forget(running);
        });
        drop(first);
        second.block_on(async {
            // Somebody has forgotten to stop starting the old one: it changes nothing about what is written down.
            let elsewhere = Mails::default();
            let token = record(&store, &["order-1"]).await;
            if killed_after > 0 {
                run_old(&store, &elsewhere, token).await;
            }
            let running = anew(&store, &got, &mails).start();
            reach(running.progress(), token).await;
            running.stop().await;
        });
        assert_eq!(got.positions(), (1..=41).collect::<Vec<_>>(), "{killed_after}");
        assert_eq!(sorted(&mails), (1..=41).collect::<Vec<_>>(), "{killed_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_does_not_begin_before_the_one_that_it_replaces_has_stopped() {
    let (store, mails, got) = (memory(), Mails::default(), Taken::default());
    let old = start(mailer("mails", &Taken::default(), &mails), &store, few());
    reach(old.progress(), record(&store, &["order-1"; 5]).await).await;
    let running = anew(&store, &got, &mails).start();
    let _ = running.health().await;
    sleep(Duration::from_mins(5)).await;
    assert!(got.positions().is_empty());
    let health = running.health().await;
    let Health::Stalled { trouble: Some(why), .. } = health else { panic!("{health:?}") };
    assert!(why.to_string().contains("still runs"), "{why}");
    let token = record(&store, &["order-1"; 5]).await;
    reach(old.progress(), token).await;
    old.stop().await;
    reach(running.progress(), token).await;
    assert_eq!(sorted(&mails), (1..=10).collect::<Vec<_>>());
    assert_eq!(got.positions(), (1..=10).collect::<Vec<_>>());
    // The lease is given back: the old one could be gone back to.
    assert!(store.lease(&name("mails")).await.unwrap().holder.is_none());
    running.stop().await;
}

/// Each part of the old job was somewhere else, and the new one is not shared out.
#[tokio::test(start_paused = true)]
async fn what_each_part_had_is_known_by_part() {
    let (store, mails, got) = (memory(), Mails::default(), Taken::default());
    let streams: Vec<_> = (0..40).map(|n| format!("order-{}", n % 8)).collect();
    let streams: Vec<_> = streams.iter().map(String::as_str).collect();
    let token = record(&store, &streams).await;
    let sent = Arc::clone(&mails);
    // Two parts get nowhere.
    let old = Ledger::new("mails", &Taken::default()).rule(move |batch| {
        if batch.partition().index() < 2 {
            return Err(SinkError::transient("unreachable"));
        }
        sent.lock().unwrap().extend(batch.fresh().map(|event| event.position().get()));
        Ok(Applied::UpTo(batch.upto()))
    });
    let old = start(old, &store, SubscriptionOptions { partitions: 4, ..few() });
    sleep(Duration::from_mins(1)).await;
    let before = sorted(&mails);
    assert!((1..40).contains(&before.len()), "{before:?}");
    old.stop().await;
    let anew = subscribe(mailer("mails.v2", &got, &mails), store.clone()).follow(store.clone());
    let running = anew.options(few()).replaces(name("mails"), 4).start();
    reach(running.progress(), token).await;
    assert_eq!(got.positions(), (1..=40).collect::<Vec<_>>());
    assert_eq!(sorted(&mails), (1..=40).collect::<Vec<_>>());
    running.stop().await;
}

/// Why a job has stopped.
async fn stopped_by(running: &Running, token: Token) -> String {
    let wait = timeout(Duration::from_mins(1), running.progress().wait_for(token));
    let behind = wait.await.expect("it did not stop").unwrap_err();
    let Behind::Stopped { error } = behind else { panic!("{behind:?}") };
    std::error::Error::source(&*error).unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_job_does_not_begin_while_something_of_the_one_that_it_replaces_is_parked() {
    let (store, mails, got) = (memory(), Mails::default(), Taken::default());
    let token = record(&store, &["order-1", "order-2"]).await;
    let old =
        start(Ledger::new("mails", &Taken::default()).but_not(|at| at == 1), &store, parking());
    reach(old.progress(), token).await;
    old.stop().await;
    let running = anew(&store, &got, &mails).start();
    assert!(stopped_by(&running, token).await.contains("are parked"));
    assert!(got.positions().is_empty());
    let old = start(Ledger::new("mails", &Taken::default()), &store, parking());
    until("discarded", async || old.discard("order-1", "test").await.is_ok()).await;
    old.stop().await;
    running.resume().await.unwrap();
    until("all is taken in", async || got.positions() == [1, 2]).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_replaces_no_other_than_it_did_first() {
    let (store, mails, got) = (memory(), Mails::default(), Taken::default());
    let token = record(&store, &["order-1"]).await;
    let running = anew(&store, &got, &mails).start();
    reach(running.progress(), token).await;
    running.stop().await;
    let token = record(&store, &["order-1"]).await;
    let running = anew(&store, &got, &mails).replaces(name("other"), 1).start();
    assert!(stopped_by(&running, token).await.contains("it is written down that mails"));
    assert_eq!(got.of_log(store.identity()), [1]);
    running.stop().await;
}

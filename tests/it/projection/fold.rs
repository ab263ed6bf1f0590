//! What a projection keeps is the fold of the log.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use freehold::projection::{Enrich, Eventual, Facts, On, Projection, Recorded, Views};
use freehold::subscription::{SinkError, SubscriptionOptions};
use freehold::testkit::async_trait;
use freehold::{Limits, RecordedEvent};

use super::fixture::{Account, Accounts, Transfer, User, all, oracle, put, reads, some};
use crate::subscription::fixture::{TokioClock, memory, options, reach};

#[tokio::test(start_paused = true)]
async fn the_views_are_the_fold_of_the_log_in_batches_of_any_size() {
    for (seed, events) in [(1, 1), (2, 2), (3, 7), (4, 1_000)] {
        println!("seed {seed}");
        let (store, mut chance) = (memory(), fastrand::Rng::with_seed(seed));
        some(&store, &mut chance, 150).await;
        let reads = reads(&store);
        let bounds = SubscriptionOptions { batch_events_max: events, ..options() };
        let running = reads.upkeep(Accounts).options(bounds).start();
        let token = some(&store, &mut chance, 150).await;
        reach(running.live().await.unwrap().progress(), token).await;
        assert_eq!(all(&reads.view::<Accounts>()).await, oracle(&store).await);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_rows_are_too_many_for_one_commit_is_taken_in_in_smaller_ones() {
    let limits = Limits { rows_per_commit_max: 3, ..Limits::default() };
    let store =
        freehold::backend::memory::MemoryStore::builder().limits(limits).clock(TokioClock).build();
    let token = some(&store, &mut fastrand::Rng::with_seed(5), 200).await;
    let reads = reads(&store);
    let running = reads.upkeep(Accounts).options(options()).start();
    reach(running.live().await.unwrap().progress(), token).await;
    assert_eq!(all(&reads.view::<Accounts>()).await, oracle(&store).await);
    running.stop().await;
}

/// The transfers of an account under its name: `a1/7`, with the name of the account as it is now.
struct Statement;

impl Projection for Statement {
    const NAME: &'static str = "statement";
    type View = Account;
    type Events = (Transfer, User);
    type Level = Eventual<5_000>;
}

impl On<Transfer> for Statement {
    fn on(&self, event: &Recorded<'_, Transfer>, views: &mut Views<'_, Account>) {
        let Transfer::Moved { from, cents, .. } = event.event();
        let key = format!("{from}/{:03}", event.record().position().get());
        let name = views.fact(&format!("{}", event.record().position()));
        views.set(key, Account { cents: *cents, name, ..Account::default() });
    }
}

impl On<User> for Statement {
    fn on(&self, event: &Recorded<'_, User>, views: &mut Views<'_, Account>) {
        match event.event() {
            User::Named { name } => {
                views.change_under(format!("{}/", event.id()), |key, account| {
                    account.name = Some(format!("{name} of {key}"));
                });
            }
            User::Closed => views.change(format!("{}/001", event.id()), |first| first.cents = 0),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_views_under_a_prefix_are_changed_those_of_the_same_batch_too() {
    for events in [1, 100] {
        let store = memory();
        let moved = |from: &str, cents| {
            let (from, to) = (from.to_owned(), "x".to_owned());
            Transfer::Moved { from, to, cents }
        };
        put(&store, "1", moved("a1", 10)).await;
        put(&store, "1", moved("a10", 20)).await;
        put(&store, "1", moved("a1", 30)).await;
        put(&store, "a1", User::Named { name: "Ada".into() }).await;
        put(&store, "1", moved("a1", 40)).await;
        put(&store, "a1", User::Closed).await;
        let token = put(&store, "a9", User::Closed).await;
        let reads = reads(&store);
        let bounds = SubscriptionOptions { batch_events_max: events, ..options() };
        let running = reads.upkeep(Statement).options(bounds).start();
        reach(running.live().await.unwrap().progress(), token).await;
        let all = all(&reads.view::<Statement>()).await;
        let short = |(key, view): (&String, &Account)| {
            format!("{key} {} {}", view.cents, view.name.as_deref().unwrap_or("-"))
        };
        let all: Vec<_> = all.iter().map(short).collect();
        let named = ["a1/001 0 Ada of a1/001", "a1/003 30 Ada of a1/003", "a1/005 40 -"];
        assert_eq!(all[..3], named, "in batches of {events}");
        assert_eq!(all[3..], ["a10/002 20 -"], "in batches of {events}");
        running.stop().await;
    }
}

/// Knows a name for every event, once it is reachable.
struct Names(std::sync::atomic::AtomicU32);

#[async_trait]
impl Enrich for Names {
    async fn enrich(&self, events: &[RecordedEvent]) -> Result<Facts, SinkError> {
        if self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3 {
            return Err(SinkError::transient("unreachable"));
        }
        let mut facts = Facts::new();
        for event in events {
            let at = event.position().to_string();
            facts.insert(at.clone(), &format!("known for {at}")).map_err(SinkError::fatal)?;
        }
        Ok(facts)
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_service_knows_is_there_when_the_batch_is_folded() {
    let store = memory();
    for _ in 0..5 {
        let transfer = Transfer::Moved { from: "a".into(), to: "b".into(), cents: 1 };
        put(&store, "1", transfer).await;
    }
    let token = put(&store, "z", User::Closed).await;
    let reads = reads(&store);
    let names = Names(std::sync::atomic::AtomicU32::new(0));
    let running = reads.upkeep(Statement).enrich(names).options(options()).start();
    reach(running.live().await.unwrap().progress(), token).await;
    let names: HashMap<_, _> = all(&reads.view::<Statement>()).await.into_iter().collect();
    let names: BTreeMap<_, _> = names.into_iter().map(|(k, v)| (k, v.name.unwrap())).collect();
    assert_eq!(names.len(), 5);
    assert_eq!(names["a/003"], "known for 3");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn views_of_several_logs_are_one_set() {
    let (first, second) = (memory(), memory());
    let reads = freehold::projection::ReadSide::new(first.clone())
        .follow(first.clone())
        .follow(second.clone());
    let running = reads.run(Accounts);
    let moved = Transfer::Moved { from: "a".into(), to: "b".into(), cents: 5 };
    let view = reads.view::<Accounts>();
    for log in [&first, &second, &first] {
        let token = put(log, "1", moved.clone()).await;
        view.wait_for(token, Duration::from_secs(1)).await.unwrap();
    }
    let account = view.get("b").await.unwrap();
    assert_eq!((account.value.unwrap().cents, account.lag.events), (15, 0));
    running.stop().await;
}

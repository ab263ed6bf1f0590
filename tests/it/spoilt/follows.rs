//! Those who follow the feed: projections, their rebuilds, strong ones, and relays. None of them goes beyond the record.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use freehold::backend::memory::MemoryBroker;
use freehold::consistency::Behind;
use freehold::outbox::{Relay, RelayOptions};
use freehold::projection::{
    Eventual, Kept, On, Projection, ReadSide, Recorded, Strong, View, Views,
};
use freehold::retry::RetryPolicy;
use freehold::subscription::{AfterRetries, Health, SubscriptionOptions};
use freehold::{
    Commit, Envelope, EventStore, LeaseName, MessageId, MessageType, OrderingKey, Position,
    Repository, RowSet, RowStore, RowsWanted, Source, Store, Token,
};
use uuid::Uuid;

use super::ledger::{Account, DAMAGES, Entry, POSITION, SOUND, assert_is_caused_by_it, six};
use super::place::{Tables, published};

const PATIENCE: Duration = Duration::from_secs(30);

fn on_entry(event: &Recorded<'_, Entry>, views: &mut Views<'_, i64>) {
    match event.event() {
        Entry::Paid { cents } => views.update(event.id(), |sum| *sum += cents),
        Entry::Closed => views.remove(event.id()),
    }
}

macro_rules! sums {
    ($projection:ident, $level:ty) => {
        struct $projection;

        impl Projection for $projection {
            const NAME: &'static str = "sums";
            type View = i64;
            type Events = Entry;
            type Level = $level;
        }

        impl On<Entry> for $projection {
            fn on(&self, event: &Recorded<'_, Entry>, views: &mut Views<'_, i64>) {
                on_entry(event, views);
            }
        }
    };
}

sums!(Sums, Eventual<5_000>);
sums!(SumsAtOnce, Strong);

/// Gives up at once, and stays so.
fn hasty() -> SubscriptionOptions {
    let delay = Duration::from_millis(1);
    let retry = RetryPolicy { retries_max: 1, delay_min: delay, delay_max: delay };
    SubscriptionOptions { retry, resume_interval: None, ..SubscriptionOptions::default() }
}

fn reads<S: Clone + RowStore + EventStore>(store: &S) -> ReadSide {
    ReadSide::new(store.clone()).follow(store.clone())
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

async fn views<P: Projection<View = i64>>(view: &View<P>) -> [Option<i64>; 2] {
    [view.get("a").await.unwrap().value, view.get("b").await.unwrap().value]
}

/// Where the job is, as its store says.
async fn checkpoint(store: &impl RowStore, set: &str, job: &str) -> u64 {
    let (set, job) = (RowSet::new(set).unwrap(), LeaseName::new(job).unwrap());
    let page = store.rows(&set, &RowsWanted::Keys(vec![]), Some(&job)).await.unwrap();
    page.checkpoints.iter().map(|token| token.position().get()).max().unwrap_or(0)
}

/// What has stopped it.
async fn stopped(kept: &Kept) -> Arc<dyn Error + Send + Sync> {
    let mut why = None;
    until("it stops", async || match kept.health().await {
        Health::Stopped(error) => why.replace(error).is_some() || why.is_some(),
        _ => false,
    })
    .await;
    why.unwrap()
}

/// The runner: its checkpoint stays before the record, its views are those from before it, whatever comes later.
pub(crate) async fn a_projection_stops_before_a_spoilt_record_and_names_its_place(
    tables: &impl Tables,
) {
    six(&tables.store().await).await;
    for (name, data, misfit) in DAMAGES {
        tables.put(POSITION, name, data).await;
        let store = tables.store().await;
        let reads = reads(&store);
        let kept = reads.upkeep(Sums).options(hasty()).start();
        let why = stopped(&kept).await;
        assert_is_caused_by_it(&*why, misfit);
        let accounts = Repository::<Account>::new(store.clone());
        let later = accounts.execute("b", |_| Account::pay(0)).await.unwrap().token().unwrap();
        let view = reads.view::<Sums>();
        match view.wait_for(later, PATIENCE).await {
            Err(Behind::Stopped { error }) => assert_is_caused_by_it(&*error, misfit),
            other => panic!("{other:?}"),
        }
        assert_eq!(views(&view).await, [Some(1), Some(10)], "{name}");
        assert_eq!(checkpoint(&store, "sums", "sums").await, POSITION - 1, "{name}");
        kept.stop().await;
    }
    // Nothing was skipped: when it is mended, all of it is taken in.
    tables.put(POSITION, "Paid.v0", b"7").await;
    let store = tables.store().await;
    let reads = reads(&store);
    let kept = reads.upkeep(Sums).options(hasty()).start();
    let view = reads.view::<Sums>();
    let head = Token::new(store.identity(), store.head().await.unwrap());
    view.wait_for(head, PATIENCE).await.unwrap();
    assert_eq!(views(&view).await, [Some(704), Some(60)]);
    kept.stop().await;
}

/// Who lets records be parked is told which, and why; its key waits, and the others go on.
pub(crate) async fn a_projection_that_parks_a_spoilt_record_says_where_it_stands(
    tables: &impl Tables,
) {
    let token = six(&tables.store().await).await;
    let (name, data, _) = DAMAGES[0];
    tables.put(POSITION, name, data).await;
    let store = tables.store().await;
    let reads = reads(&store);
    let options = SubscriptionOptions { after_retries: AfterRetries::Park, ..hasty() };
    let kept = reads.upkeep(Sums).options(options).start();
    let view = reads.view::<Sums>();
    view.wait_for(token, PATIENCE).await.unwrap();
    assert_eq!(views(&view).await, [Some(1), Some(60)]);
    let live = kept.live().await.unwrap();
    let parked = live.parked(9).await.unwrap();
    let places: Vec<_> = parked.iter().map(|parked| parked.position.get()).collect();
    assert_eq!(places, [POSITION, 5]);
    assert_eq!((parked[0].stream.as_str(), parked[0].name.as_str()), ("account-a", "Paid"));
    let said = parked[0].error.as_deref().unwrap();
    assert!(said.contains("position 3, version 2 of stream `account-a`"), "{said}");
    tables.put(POSITION, SOUND.0, SOUND.1).await;
    assert_eq!(live.replay("account-a").await.unwrap(), 2);
    assert_eq!(views(&view).await, [Some(6), Some(60)]);
    kept.stop().await;
}

/// The views that are read stay, and stay right, while the new ones cannot be made.
pub(crate) async fn a_rebuild_stops_before_a_spoilt_record_and_the_old_views_are_read_on(
    tables: &impl Tables,
) {
    let token = six(&tables.store().await).await;
    let store = tables.store().await;
    let reads = reads(&store);
    let kept = reads.upkeep(Sums).options(hasty()).retire_after(Duration::ZERO).start();
    let view = reads.view::<Sums>();
    view.wait_for(token, PATIENCE).await.unwrap();
    for (nth, (name, data, misfit)) in (1..).zip(DAMAGES) {
        tables.put(POSITION, name, data).await;
        kept.rebuild().await.unwrap();
        let why = stopped(&kept).await;
        assert_is_caused_by_it(&*why, misfit);
        assert_eq!(views(&view).await, [Some(6), Some(60)], "{name}");
        let (set, job) = (format!("sums_g{nth}"), format!("sums.g{nth}"));
        assert_eq!(checkpoint(&store, &set, &job).await, POSITION - 1, "{name}");
        // What is read goes on meanwhile.
        let accounts = Repository::<Account>::new(store.clone());
        let later = accounts.execute("b", |_| Account::pay(0)).await.unwrap().token();
        view.wait_for(later.unwrap(), PATIENCE).await.unwrap();
        tables.put(POSITION, SOUND.0, SOUND.1).await;
        kept.resume().await.unwrap();
        until("it is rebuilt", async || kept.rebuilding().await.unwrap().is_none()).await;
        assert_eq!(views(&view).await, [Some(6), Some(60)], "{name}");
    }
    kept.stop().await;
}

/// What is in the log already is folded before a strong projection begins: it does not begin.
pub(crate) async fn a_strong_projection_does_not_begin_over_a_spoilt_record(tables: &impl Tables) {
    six(&tables.store().await).await;
    for (name, data, misfit) in DAMAGES {
        tables.put(POSITION, name, data).await;
        let store = tables.store().await;
        let error = reads(&store).inline(SumsAtOnce, store.clone()).await.unwrap_err();
        assert_is_caused_by_it(&error, misfit);
        assert!(store.head().await.unwrap() == Position::new(6), "{name}");
    }
    tables.put(POSITION, SOUND.0, SOUND.1).await;
    let store = tables.store().await;
    let view = reads(&store).inline(SumsAtOnce, store.clone()).await.unwrap();
    assert_eq!(views(&view).await, [Some(6), Some(60)]);
}

fn relay_options() -> RelayOptions {
    RelayOptions { retry: hasty().retry, ..RelayOptions::default() }
}

fn envelope(id: MessageId, key: &str) -> Envelope {
    let kind = MessageType::new("account.paid.v1").unwrap();
    Envelope::json(id, kind, OrderingKey::new(key).unwrap(), &()).unwrap()
}

/// A relay of events: what it makes of them, it makes of all of a stream or waits.
pub(crate) async fn a_relay_of_events_parks_the_stream_of_a_spoilt_record_and_names_its_place(
    tables: &impl Tables,
) {
    six(&tables.store().await).await;
    let store = tables.store().await;
    for (nth, (name, data, misfit)) in (0..).zip(DAMAGES) {
        tables.put(POSITION, name, data).await;
        let broker = MemoryBroker::new();
        let relay = Relay::of(
            LeaseName::new(&format!("relay{nth}")).unwrap(),
            Source::new("/accounts").unwrap(),
            store.clone(),
            |_: Entry, id, record| Ok(Some(envelope(id, record.stream().as_str()))),
        );
        let relay = relay.publish_to(broker.clone()).options(relay_options()).start();
        relay.drained().await.unwrap();
        let others = ["account-a", "account-b", "account-b", "account-b"];
        assert_eq!(published(&broker), others, "{name}");
        let parked = relay.parked(9).await.unwrap();
        let places: Vec<_> = parked.iter().map(|parked| parked.position.get()).collect();
        assert_eq!(places, [POSITION, 5], "{name}");
        let said = parked[0].error.as_deref().unwrap();
        assert!(said.contains("position 3, version 2 of stream `account-a`"), "{said}");
        assert!(said.contains(&misfit.to_string()), "{said}");
        // In the order of the commits, when it is mended.
        tables.put(POSITION, SOUND.0, SOUND.1).await;
        assert_eq!(relay.retry("account-a").await.unwrap(), 2);
        assert_eq!(published(&broker)[4..], ["account-a", "account-a"]);
        relay.stop().await;
    }
}

/// A relay of an outbox: the key of a message that cannot be read waits.
pub(crate) async fn a_relay_parks_the_key_of_a_spoilt_message_and_names_its_place(
    tables: &impl Tables,
) {
    let (store, broker) = (tables.store().await, MemoryBroker::new());
    for key in ["a", "b", "a", "b", "a"] {
        let message = envelope(MessageId::new(Uuid::now_v7()), key);
        store.commit(Commit::new().send(&message)).await.unwrap();
    }
    tables.put_message(3, "{}").await;
    let (name, source) = (LeaseName::new("relay").unwrap(), Source::new("/accounts").unwrap());
    let relay = Relay::new(name, source, store).publish_to(broker.clone());
    let relay = relay.options(relay_options()).start();
    relay.drained().await.unwrap();
    assert_eq!(published(&broker), ["a", "b", "b"]);
    let parked = relay.parked(9).await.unwrap();
    let places: Vec<_> = parked.iter().map(|p| (p.position.get(), p.error.is_some())).collect();
    assert_eq!(places, [(3, true), (5, false)]);
    assert_eq!((parked[0].key.as_str(), parked[0].name.as_str()), ("outbox-a", "account.paid.v1"));
    relay.stop().await;
}

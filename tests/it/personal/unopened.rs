//! What is damaged, moved, or under a key that is not there, is told, with its place, and never passed over.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use freehold::aggregate::ExecuteError;
use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::event::{self, EventError, Misfit};
use freehold::outbox::Relay;
use freehold::personal::{SealedOptions, SealedStore};
use freehold::projection::{Kept, ReadSide, View};
use freehold::retry::RetryPolicy;
use freehold::subscription::{AfterRetries, Health, SubscriptionOptions};
use freehold::testkit::PausedClock;
use freehold::{
    Commit, Envelope, EventId, EventName, EventStore, ExpectedVersion, LeaseName, LogId, MessageId,
    MessageType, NewEvent, OrderingKey, ReadFrom, RecordedEvent, Repository, Source, Store,
    StreamVersion, Token,
};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::fixture::{Account, AccountEvent, Accounts, SECRET, account, appended, opened};

/// An event that is stored as `change` makes the sealed one.
async fn stored(change: impl Fn(&mut Value)) -> SealedStore<MemoryStore> {
    let store = SealedStore::new(MemoryStore::new());
    // Of both subjects there are keys.
    store.commit(opened("other", 1, 2)).await.unwrap();
    store.commit(opened("first", 2, 1)).await.unwrap();
    let sealed = store.inner().read_stream(&account("first"), ReadFrom::End, 1).await.unwrap();
    let mut payload: Value = serde_json::from_slice(sealed.events[0].data()).unwrap();
    change(&mut payload["owner"]["~personal"]);
    let name = EventName::from_static("Opened").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::from_u128(3)), name, payload.to_string());
    let paid = |n| appended("a", n, &AccountEvent::Paid { cents: 1, note: None });
    store.commit(paid(4)).await.unwrap();
    let raw = Commit::new().append(&account("a"), ExpectedVersion::Any, [event]);
    store.inner().commit(raw).await.unwrap();
    store.commit(paid(5)).await.unwrap();
    store
}

async fn read(store: &impl EventStore) -> Vec<RecordedEvent> {
    let from = ReadFrom::After(StreamVersion::NONE);
    store.read_stream(&account("a"), from, 9).await.unwrap().events
}

fn cut(text: &mut Value, to: usize) {
    let cut = text.as_str().unwrap()[..to].to_owned();
    *text = json!(cut);
}

/// Turns one bit of the `at`th byte of what is sealed.
fn turn(text: &mut Value, at: usize) {
    use base64::Engine;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = engine.decode(text.as_str().unwrap()).unwrap();
    bytes[at] ^= 1;
    *text = json!(engine.encode(bytes));
}

#[tokio::test]
async fn what_does_not_open_says_where_it_stands_and_why() {
    type Change = fn(&mut Value);
    let cases: &[(&str, Change, &str)] = &[
        ("a byte of the nonce", |body| turn(&mut body["sealed"], 3), "it was changed"),
        ("a byte of the text", |body| turn(&mut body["sealed"], 30), "it was changed"),
        ("a byte of the tag", |body| turn(&mut body["sealed"], 60), "it was changed"),
        ("cut off", |body| cut(&mut body["sealed"], 72), "it was changed"),
        ("cut off short", |body| cut(&mut body["sealed"], 20), "it is no seal"),
        ("empty", |body| body["sealed"] = json!(""), "it is no seal"),
        ("no base 64", |body| body["sealed"] = json!("!!"), "it is no seal"),
        ("another subject", |body| body["subject"] = json!("customer-2"), "it was changed"),
        ("an unknown subject", |body| body["subject"] = json!("customer-3"), "its key is unknown"),
        ("an unknown key", |body| body["key"] = json!(2), "its key is unknown"),
        ("key 0", |body| body["key"] = json!(0), "its key is unknown"),
    ];
    for (what, change, why) in cases {
        let store = stored(change).await;
        let events = read(&store).await;
        assert_eq!(events.len(), 3, "{what}: nothing is passed over");
        let error = event::decode::<AccountEvent>(&events[1]).unwrap_err();
        let EventError::Decode { stream, version, position, misfit, .. } = &error else {
            panic!("{what}: {error}");
        };
        let place = (stream, version.get(), position.get(), misfit);
        assert_eq!(place, (&account("a"), 2, 4, &Misfit::Sealed), "{what}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(why), "{what}: {source}");
        assert!(!format!("{error:?}{source}").contains(SECRET), "{what}");
        for readable in [&events[0], &events[2]] {
            event::decode::<AccountEvent>(readable).unwrap();
        }
        let loaded = Repository::<Account>::new(store).load("a").await.unwrap_err();
        let is_told = matches!(&loaded, ExecuteError::Event(error) if is_of_it(error));
        assert!(is_told, "{what}: {loaded:?}");
    }
}

#[tokio::test]
async fn what_is_read_past_the_store_is_told_too() {
    let store = stored(|_| ()).await;
    for event in read(&store).await {
        event::decode::<AccountEvent>(&event).unwrap();
    }
    let error = event::decode::<AccountEvent>(&read(store.inner()).await[1]).unwrap_err();
    assert!(matches!(error, EventError::Decode { misfit: Misfit::Sealed, .. }), "{error}");
}

/// Whether that is what an error is about, with its place.
fn is_of_it(error: &(dyn Error + 'static)) -> bool {
    let is_it = matches!(
        error.downcast_ref(),
        Some(EventError::Decode { misfit: Misfit::Sealed, stream, position, .. })
            if *stream == account("a") && position.get() == 4
    );
    is_it || error.source().is_some_and(is_of_it)
}

fn hasty(after_retries: AfterRetries) -> SubscriptionOptions {
    let retry = RetryPolicy { retries_max: 1, ..RetryPolicy::default() };
    SubscriptionOptions { retry, after_retries, resume_interval: None, ..Default::default() }
}

async fn stopped(kept: &Kept) -> Arc<dyn Error + Send + Sync> {
    loop {
        if let Health::Stopped(why) = kept.health().await {
            return why;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The cents of both accounts, and up to where the views hold the log.
async fn shown(view: &View<Accounts>, log: LogId) -> ([Option<i64>; 2], u64) {
    let (a, other) = (view.get("a").await.unwrap(), view.get("other").await.unwrap());
    let cents = [a.value.map(|line| line.cents), other.value.map(|line| line.cents)];
    (cents, a.at.position(log).get())
}

/// Whoever follows the feed goes no further, and nothing is shown without it.
#[tokio::test(start_paused = true)]
async fn a_projection_and_its_rebuild_stop_before_an_event_that_does_not_open() {
    let store = stored(|body| cut(&mut body["sealed"], 72)).await;
    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let kept = reads.upkeep(Accounts).options(hasty(AfterRetries::Stop)).start();
    assert!(is_of_it(&*stopped(&kept).await));
    let view = reads.view::<Accounts>();
    assert_eq!(shown(&view, store.identity()).await, ([Some(1), Some(0)], 3));
    kept.stop().await;

    // Who parks it goes on with all but its stream.
    let kept = reads.upkeep(Accounts).options(hasty(AfterRetries::Park)).start();
    let head = Token::new(store.identity(), store.head().await.unwrap());
    view.wait_for(head, Duration::from_mins(1)).await.unwrap();
    assert_eq!(shown(&view, store.identity()).await, ([Some(1), Some(0)], 5));
    let parked = kept.live().await.unwrap().parked(9).await.unwrap();
    let places: Vec<_> = parked.iter().map(|it| it.position.get()).collect();
    assert_eq!(places, [4, 5], "{parked:?}");
    assert!(parked[0].error.as_deref().unwrap().contains("sealed and does not open"));
    kept.stop().await;

    // Views that are there stay, and new ones are not shown without it.
    let kept = reads.upkeep(Accounts).options(hasty(AfterRetries::Stop)).start();
    kept.rebuild().await.unwrap();
    assert!(is_of_it(&*stopped(&kept).await));
    assert_eq!(shown(&view, store.identity()).await, ([Some(1), Some(0)], 5));
    kept.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_relay_of_events_parks_the_stream_of_one_that_does_not_open() {
    let (store, broker) = (stored(|body| cut(&mut body["sealed"], 72)).await, MemoryBroker::new());
    let (name, source) = (LeaseName::new("relay").unwrap(), Source::new("/suite").unwrap());
    let relay = Relay::of(name, source, store, |event: AccountEvent, id, record| {
        let kind = MessageType::new("suite.account.v1")?;
        let key = OrderingKey::new(record.stream().id())?;
        Ok(Some(Envelope::json(id, kind, key, &matches!(event, AccountEvent::Paid { .. }))?))
    });
    let running = relay.publish_to(broker.clone()).clock(PausedClock::new()).seed(1).start();
    running.drained().await.unwrap();
    let all = broker.messages();
    let keys: Vec<_> = all.iter().map(|it| it.message.envelope.key().to_string()).collect();
    assert_eq!(keys, ["other", "first", "a"]);
    let parked = running.parked(9).await.unwrap();
    let places: Vec<_> = parked.iter().map(|it| it.position.get()).collect();
    assert_eq!(places, [4, 5], "{parked:?}");
    let said = parked[0].error.as_deref().unwrap();
    assert!(said.contains("position 4, version 2 of stream `account-a`"), "{said}");
    running.stop().await;
}

/// The keys of another shop: every ring is there, and no key fits.
#[tokio::test]
async fn the_wrong_keys_open_nothing_and_forget_nothing() {
    let store = stored(|_| ()).await;
    let other = SealedStore::new(MemoryStore::new());
    other.commit(opened("x", 1, 1)).await.unwrap();
    let keys = Arc::new(other.inner().clone());
    let mixed = SealedStore::with_keys(store.inner().clone(), keys, SealedOptions::default());
    let events = read(&mixed).await;
    assert_eq!(events.len(), 3, "nothing is passed over");
    let error = event::decode::<AccountEvent>(&events[1]).unwrap_err();
    assert!(is_of_it(&error), "{error}");
    // With no keys at all, it is not taken for forgotten.
    let empty = Arc::new(MemoryStore::new());
    let lost = SealedStore::with_keys(store.inner().clone(), empty, SealedOptions::default());
    let error = event::decode::<AccountEvent>(&read(&lost).await[1]).unwrap_err();
    assert!(is_of_it(&error), "{error}");
}

/// What was read and did not open is not lost when it is written again.
#[tokio::test]
async fn what_does_not_open_now_opens_later() {
    let store = stored(|_| ()).await;
    let empty = Arc::new(MemoryStore::new());
    let lost = SealedStore::with_keys(store.inner().clone(), empty, SealedOptions::default());
    let read_without = read(&lost).await[1].data().clone();
    let name = EventName::from_static("Opened").unwrap();
    let copy = NewEvent::new(EventId::new(Uuid::from_u128(9)), name, read_without);
    lost.commit(Commit::new().append(&account("a"), ExpectedVersion::Any, [copy])).await.unwrap();
    let events = read(&store).await;
    let found = event::decode::<AccountEvent>(events.last().unwrap()).unwrap();
    assert_eq!(found, AccountEvent::Opened { owner: super::fixture::secret(1) });
}

/// A relay publishes no message that it cannot open: its key waits, and all others go on.
#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_open_is_parked_and_published_when_it_opens() {
    let (inner, broker) = (MemoryStore::new(), MemoryBroker::new());
    let keys = Arc::new(MemoryStore::new());
    let sealing = SealedStore::with_keys(inner.clone(), keys.clone(), SealedOptions::default());
    let message = |n: u128, key: &str, data: &Value| {
        let kind = MessageType::new("suite.opened.v1").unwrap();
        let id = MessageId::new(Uuid::from_u128(n));
        Envelope::json(id, kind, OrderingKey::new(key).unwrap(), data).unwrap()
    };
    let secret = serde_json::to_value(super::fixture::secret(1)).unwrap();
    // What only looks like a seal, as somebody's own JSON may.
    let alike = json!({"~personal": {"subject": "x", "key": 1, "sealed": "AA"}});
    let sent =
        [("a", &secret), ("b", &alike), ("c", &json!(1)), ("a", &json!(2)), ("b", &json!(3))];
    let commit = (1..)
        .zip(sent)
        .fold(Commit::new(), |commit, (n, (key, data))| commit.send(&message(n, key, data)));
    sealing.commit(commit).await.unwrap();
    // The keys have gone astray.
    let astray = Arc::new(MemoryStore::new());
    let lost = SealedStore::with_keys(inner.clone(), astray, SealedOptions::default());
    let relay = |store: SealedStore<MemoryStore>| {
        let name = LeaseName::new("relay").unwrap();
        let relay = Relay::new(name, Source::new("/suite").unwrap(), store);
        relay.publish_to(broker.clone()).clock(PausedClock::new()).seed(1).start()
    };
    let published = || -> Vec<Value> {
        let all = broker.messages();
        all.iter().map(|it| serde_json::from_slice(it.message.envelope.data()).unwrap()).collect()
    };
    let running = relay(lost);
    running.drained().await.unwrap();
    let parked = running.parked(9).await.unwrap();
    let why: Vec<_> = parked.iter().filter_map(|parked| parked.error.as_deref()).collect();
    assert_eq!((published(), parked.len()), (vec![json!(1)], 4), "{parked:?}");
    assert_eq!(why, ["it holds personal data that cannot be opened"; 2]);
    running.stop().await;
    // They are found.
    let running = relay(sealing);
    running.drained().await.unwrap();
    let key = |of: &str| parked.iter().find(|parked| parked.key.ends_with(of)).unwrap().key.clone();
    assert_eq!(running.retry(&key("a")).await.unwrap(), 2);
    assert_eq!(published(), [json!(1), secret, json!(2)]);
    // And of what is no seal there is never a key.
    running.retry(&key("b")).await.unwrap_err();
    assert_eq!(running.skip(&key("b"), "no seal of ours").await.unwrap(), 1);
    assert_eq!(published().last(), Some(&json!(3)));
    running.stop().await;
}

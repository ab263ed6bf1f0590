//! Messages, and what must hold of them at the other end.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::inbox::{Consumer, ConsumerOptions, HandleError, Marks, RunningConsumer};
use freehold::outbox::RelayOptions;
use freehold::retry::RetryPolicy;
use freehold::testkit::PausedClock;
use freehold::{
    Commit, Deliveries, Envelope, EventId, EventName, EventStore, EventStoreExt, ExpectedVersion,
    LeaseName, Message, MessageId, MessageType, NewEvent, OrderingKey, RowStore, Source, Store,
    StreamId, StreamVersion,
};
use uuid::Uuid;

pub(super) const KIND: &str = "suite.said.v1";

pub(super) fn name(name: &str) -> LeaseName {
    LeaseName::new(name).unwrap()
}

pub(super) fn source() -> Source {
    Source::new("/suite").unwrap()
}

pub(super) fn memory() -> MemoryStore {
    MemoryStore::builder().clock(PausedClock::new()).build()
}

/// The message `a1`: the first of the key `a`. The same text is always the same message.
pub(super) fn message(text: &str) -> Envelope {
    let (key, _) = text.split_at(1);
    let id = MessageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()));
    let kind = MessageType::new(KIND).unwrap();
    Envelope::json(id, kind, OrderingKey::new(key).unwrap(), &text).unwrap()
}

pub(super) fn text(envelope: &Envelope) -> String {
    serde_json::from_slice(envelope.data()).unwrap()
}

fn fresh(name: &'static str) -> NewEvent {
    NewEvent::new(EventId::new(Uuid::now_v7()), EventName::from_static(name).unwrap(), "{}")
}

/// Commits some messages together, with an event.
pub(super) async fn send(store: &dyn Store, texts: &[&str]) {
    let order = StreamId::new("order", "1").unwrap();
    let commit = Commit::new().append(&order, ExpectedVersion::Any, [fresh("Noted")]);
    let commit = texts.iter().fold(commit, |commit, text| commit.send(&message(text)));
    store.commit(commit).await.unwrap();
}

/// The same in a commit that is refused.
pub(super) async fn send_in_vain(store: &dyn Store, texts: &[&str]) {
    let order = StreamId::new("order", "1").unwrap();
    let commit = Commit::new().append(&order, StreamVersion::new(999), [fresh("Noted")]);
    let commit = texts.iter().fold(commit, |commit, text| commit.send(&message(text)));
    store.commit(commit).await.unwrap_err();
}

/// What a broker has stored, in order.
pub(super) fn stored(broker: &MemoryBroker) -> Vec<String> {
    broker.messages().iter().map(|it| text(&it.message.envelope)).collect()
}

/// The first occurrences of each message, by key.
pub(super) fn firsts(texts: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in texts {
        let of_key = all.entry(text[..1].to_owned()).or_default();
        if !of_key.contains(text) {
            of_key.push(text.clone());
        }
    }
    all
}

/// What the other end is to see of these messages.
pub(super) fn wanted(texts: &[&str]) -> BTreeMap<String, Vec<String>> {
    firsts(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// Small batches, and short waits.
pub(super) fn options() -> RelayOptions {
    let retry = RetryPolicy {
        retries_max: 2,
        delay_min: Duration::from_millis(10),
        delay_max: Duration::from_millis(20),
    };
    RelayOptions { batch_messages_max: 3, retry, ..RelayOptions::default() }
}

pub(super) fn consumer_options(marks: Marks) -> ConsumerOptions {
    ConsumerOptions { marks, retry: options().retry, messages_max: 3, ..ConsumerOptions::default() }
}

/// Notes each message in the stream of its key, with an event that is never the same: an effect that happens twice is seen twice.
pub(super) fn noting(message: &Message) -> Result<Commit, HandleError> {
    let noted = StreamId::new("noted", message.envelope.key().as_str())?;
    let event = NewEvent::new(
        EventId::new(Uuid::now_v7()),
        EventName::from_static("Noted")?,
        message.envelope.data().clone(),
    );
    Ok(Commit::new().append(&noted, ExpectedVersion::Any, [event]))
}

pub(super) fn consume<S: EventStore + RowStore>(
    store: S,
    deliveries: impl Deliveries,
    marks: Marks,
) -> RunningConsumer {
    Consumer::new(name("notes"), deliveries, store)
        .options(consumer_options(marks))
        .clock(PausedClock::new())
        .seed(7)
        .start(noting)
}

/// The effects of a key, in order.
pub(super) async fn noted(store: &MemoryStore, key: &str) -> Vec<String> {
    let stream = StreamId::new("noted", key).unwrap();
    let events = store.read_tail(&stream, StreamVersion::NONE).await.unwrap();
    events.iter().map(|event| serde_json::from_slice(event.data()).unwrap()).collect()
}

/// Waits until there are so many effects.
pub(super) async fn until_noted(store: &MemoryStore, effects: u64) {
    let mut head = store.head().await.unwrap();
    while head.get() < effects {
        store.changed(head).await.unwrap();
        head = store.head().await.unwrap();
    }
}

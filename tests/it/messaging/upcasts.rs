//! Events of earlier programs, told by a relay as what they are today: renamed, reshaped, several, or none.

use std::collections::HashSet;
use std::sync::LazyLock;

use bytes::Bytes;
use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::backend::sqlite::SqliteStore;
use freehold::event::{self, Upcasts};
use freehold::outbox::{Relay, RunningRelay};
use freehold::{
    Commit, Envelope, Event, EventId, EventStore, ExpectedVersion, Filter, MessageType,
    OrderingKey, Outbox, Position, RecordedEvent, RowStore,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fixture::{name, options, source};

/// What the program of last year wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Before {
    #[serde(rename = "payment_done")]
    Done {
        cents: i64,
    },
    #[serde(rename = "Paid.v1")]
    Paid {
        euros: i64,
    },
    Settled(Vec<i64>),
    Viewed {
        by: String,
    },
}

impl Event for Before {
    const CATEGORY: &'static str = "payment";
}

/// What the program of today writes, and tells others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Payment {
    Paid { cents: i64 },
    Closed,
}

impl Event for Payment {
    const CATEGORY: &'static str = "payment";

    fn upcasts() -> &'static Upcasts<Self> {
        static UPCASTS: LazyLock<Upcasts<Payment>> = LazyLock::new(|| {
            #[derive(Deserialize)]
            struct Old {
                euros: i64,
            }
            let all = |cents: Vec<i64>| cents.into_iter().map(|cents| Payment::Paid { cents });
            Upcasts::builder()
                .rename("payment_done", "Paid")
                .reshape("Paid.v1", "payment_done", |old: Old| {
                    Ok(Payload { cents: 100 * old.euros })
                })
                .split("Settled", move |cents| Ok(all(cents).chain([Payment::Closed])))
                .drop("Viewed", "who looked at a payment is in the logs of the web server")
                .build()
        });
        &UPCASTS
    }
}

/// The payload of `Paid`, which has been that of `payment_done` all along.
#[derive(Serialize)]
struct Payload {
    cents: i64,
}

const fn paid(cents: i64) -> Payment {
    Payment::Paid { cents }
}

async fn append<E: Event>(store: &impl EventStore, id: &str, events: &[E]) {
    let new = events.iter().map(|event| event::encode(event, EventId::new(Uuid::now_v7())));
    let new: Vec<_> = new.map(Result::unwrap).collect();
    let stream = event::stream::<E>(id).unwrap();
    store.commit(Commit::new().append(&stream, ExpectedVersion::Any, new)).await.unwrap();
}

/// What the log holds, to the byte.
async fn recorded(store: &impl EventStore) -> Vec<(String, Bytes)> {
    let page = store.read_all(Position::START, &Filter::all(), 100).await.unwrap();
    assert!(!page.has_more);
    let content = |event: &RecordedEvent| (event.name().to_string(), event.data().clone());
    page.events.iter().map(content).collect()
}

/// What the broker has, by key, in order.
fn told(broker: &MemoryBroker) -> Vec<(String, Payment)> {
    let messages = broker.messages().into_iter().map(|it| it.message.envelope);
    messages
        .map(|it| (it.key().to_string(), serde_json::from_slice::<Payment>(it.data()).unwrap()))
        .collect()
}

fn relay<S>(of: &'static str, store: &S, broker: &MemoryBroker) -> RunningRelay
where
    S: Outbox + EventStore + RowStore + Clone,
{
    // A message for each event of today, of the key of its stream.
    let mapping = |payment: Payment, id, record: &RecordedEvent| {
        let key = OrderingKey::new(record.stream().id())?;
        Ok(Some(Envelope::json(id, MessageType::new("suite.payment.v1")?, key, &payment)?))
    };
    let relay = Relay::of(name(of), source(), store.clone(), mapping);
    relay.publish_to(broker.clone()).options(options()).start()
}

async fn are_sent_as_today<S: Outbox + EventStore + RowStore + Clone>(store: S) {
    let viewed = || Before::Viewed { by: "Bob".into() };
    let old = [
        Before::Done { cents: 5 },
        viewed(),
        Before::Paid { euros: 7 },
        Before::Settled(vec![3, 1, 2]),
    ];
    append(&store, "a", &old).await;
    append(&store, "a", &[paid(4)]).await;
    // More than a batch of them leads to nothing, also where the log ends.
    append(&store, "b", &[viewed(), viewed(), viewed(), viewed()]).await;
    append(&store, "b", &[Before::Settled(vec![]), viewed()]).await;
    let before = recorded(&store).await;
    let names: Vec<&str> = before.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..5], ["payment_done", "Viewed", "Paid.v1", "Settled", "Paid"]);

    let broker = MemoryBroker::without_dedupe();
    let running = relay("relay", &store, &broker);
    running.drained().await.unwrap();
    let of = |key: &str, payment| (key.to_owned(), payment);
    let a = [paid(5), paid(700), paid(3), paid(1), paid(2), Payment::Closed, paid(4)];
    let wanted: Vec<_> =
        a.map(|payment| of("a", payment)).into_iter().chain([of("b", Payment::Closed)]).collect();
    assert_eq!(told(&broker), wanted);
    let messages = broker.messages();
    let ids: HashSet<_> = messages.iter().map(|it| it.message.envelope.id()).collect();
    assert_eq!(ids.len(), wanted.len(), "each is a message of its own");
    let places: Vec<_> = messages.iter().map(|it| it.message.sequence.unwrap()).collect();
    assert!(places.windows(2).all(|pair| pair[0].at < pair[1].at), "{places:?}");
    assert!(places[1..7].iter().zip(&places).all(|(at, before)| at.previous == Some(before.at)));
    running.stop().await;

    // Nothing of what led to nothing is waited for, or looked at again.
    let running = relay("relay", &store, &broker);
    append(&store, "b", &[viewed()]).await;
    append(&store, "b", &[paid(6)]).await;
    running.drained().await.unwrap();
    assert_eq!(told(&broker)[wanted.len()..], [of("b", paid(6))]);
    assert!(running.parked(1).await.unwrap().is_empty());
    running.stop().await;
    assert_eq!(recorded(&store).await[..before.len()], before, "what is stored was not touched");

    // Another relay finds the same messages, as a broker that knows ids sees.
    let knows = MemoryBroker::new();
    for run in ["second", "third"] {
        let running = relay(run, &store, &knows);
        running.drained().await.unwrap();
        running.stop().await;
        let again: Vec<_> = knows.messages().iter().map(|it| it.message.envelope.id()).collect();
        let first: Vec<_> = broker.messages().iter().map(|it| it.message.envelope.id()).collect();
        assert_eq!(again, first);
    }
}

#[tokio::test]
async fn old_events_are_sent_by_a_relay_as_what_they_are_today() {
    are_sent_as_today(MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("payments.db")).await.unwrap();
    are_sent_as_today(store).await;
}

//! What must hold at the end, whatever happened before.

use std::collections::{BTreeMap, HashSet};

use freehold::backend::nats::NatsBroker;
use freehold::backend::nats::async_nats::{Client, jetstream};
use freehold::backend::sqlite::SqliteStore;
use freehold::inbox::{Marks, ParkedMessage};
use freehold::outbox::RunningRelay;
use freehold::{
    Broker, Deliveries, EventStore, EventStoreExt, LeaseName, Settle, StreamId, StreamVersion,
};
use tokio::time::timeout;

use super::load::text;
use super::world::{CONSUMERS, STREAM, World, broker};
use crate::server::{PATIENCE, until};

/// Texts by their keys, in order.
pub(super) type ByKey = BTreeMap<String, Vec<String>>;

pub(super) fn by_key(texts: &[String]) -> ByKey {
    let mut all = ByKey::new();
    for text in texts {
        let (key, _) = text.split_once('-').unwrap();
        all.entry(key.to_owned()).or_default().push(text.clone());
    }
    all
}

/// The first time that each text occurs.
fn firsts(texts: &[String]) -> Vec<String> {
    let mut known = HashSet::new();
    texts.iter().filter(|text| known.insert(text.as_str())).cloned().collect()
}

/// What the stream holds, in its order.
pub(super) async fn published(broker: &NatsBroker) -> Vec<String> {
    // A cluster may be in want of a leader for a while.
    let judge = until("a judge", async || broker.consumer("judge", []).await.ok()).await;
    let upto = until("the extent", async || broker.extent().await.ok().flatten()).await.last;
    let mut all = BTreeMap::new();
    while (all.len() as u64) < upto {
        let next = until("what is published", async || judge.receive(100).await.ok()).await;
        for delivery in next {
            all.insert(delivery.tag, text(&delivery.message.unwrap().envelope));
            // What is not settled comes again.
            drop(judge.settle(delivery.tag, Settle::Done).await);
        }
    }
    all.into_values().collect()
}

/// What a consumer has written, by keys.
pub(super) async fn effects(store: &SqliteStore, keys: impl Iterator<Item = &String>) -> ByKey {
    let mut all = ByKey::new();
    for key in keys {
        let noted = StreamId::new("noted", key).unwrap();
        let events = store.read_tail(&noted, StreamVersion::NONE).await.unwrap();
        let texts = events.iter().map(|event| serde_json::from_slice(event.data()).unwrap());
        all.insert(key.clone(), texts.collect());
    }
    all
}

/// Waits until a durable consumer has been given everything and has settled it.
async fn until_settled(client: &Client, name: &str) {
    let context = jetstream::new(client.clone());
    until("what is not settled", async || {
        let stream = context.get_stream(STREAM).await.ok()?;
        let info = stream.consumer_info(name).await.ok()?;
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    })
    .await;
}

impl World {
    /// Sees that everything in `sent` was published in order and has had its effect once, and nothing else has. `client` is
    /// connected with the server and nothing in between.
    pub(super) async fn judge(&self, client: Client, sent: &[String], relay: &RunningRelay) {
        let drained = timeout(PATIENCE, relay.drained()).await;
        drained.expect("all is published in time").unwrap();
        assert!(relay.parked(10).await.unwrap().is_empty(), "a message was parked");
        self.judge_stream(&client, sent).await;
        self.judge_effects(&client, sent).await;
        until("a relay that is well", async || relay.health().await.is_ok().then_some(())).await;
    }

    pub(super) async fn judge_stream(&self, client: &Client, sent: &[String]) {
        let there = published(&broker(client.clone()).await).await;
        println!("{} messages, {} in the stream", sent.len(), there.len());
        self.compare("the stream", &by_key(&firsts(&there)), &by_key(sent));
    }

    fn compare(&self, what: &str, found: &ByKey, wanted: &ByKey) {
        for (key, wanted) in wanted {
            let found = found.get(key).map_or(&[][..], Vec::as_slice);
            assert_eq!(found, wanted, "seed {}: {what}, key {key}", self.seed);
        }
        assert_eq!(found.len(), wanted.len(), "seed {}: {what} has other keys", self.seed);
    }

    pub(super) async fn judge_effects(&self, client: &Client, sent: &[String]) {
        let wanted = by_key(sent);
        for (name, marks) in CONSUMERS {
            until_settled(client, name).await;
            let store = self.receiver(name).await;
            let mut done = effects(&store, wanted.keys()).await;
            if marks == Marks::ById {
                // There is an order within a process only, and what was not settled comes later.
                for texts in done.values_mut() {
                    texts.sort();
                }
            }
            self.compare(name, &done, &wanted);
            let name = LeaseName::new(name).unwrap();
            let (parked, _) = ParkedMessage::list(&store, &name, None, 1).await.unwrap();
            assert!(parked.is_empty(), "seed {}: {parked:?}", self.seed);
            let head = store.head().await.unwrap().get();
            assert_eq!(head, sent.len() as u64, "seed {}: effects of nothing", self.seed);
        }
    }
}

/// Waits until a relay says that it is not well.
pub(super) async fn until_late(relay: &RunningRelay) {
    until("a relay that is late", async || (!relay.health().await.is_ok()).then_some(())).await;
}

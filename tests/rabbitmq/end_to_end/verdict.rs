//! What must hold at the end, whatever happened before.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering::SeqCst;

use freehold::backend::rabbitmq::lapin::options::QueueDeclareOptions;
use freehold::backend::rabbitmq::lapin::types::FieldTable;
use freehold::backend::rabbitmq::lapin::{Channel, Connection};
use freehold::backend::sqlite::SqliteStore;
use freehold::inbox::{Marks, ParkedMessage};
use freehold::outbox::RunningRelay;
use freehold::{Deliveries, EventStore, EventStoreExt, LeaseName, Settle, StreamId, StreamVersion};
use tokio::time::timeout;

use super::load::{send, text};
use super::world::{CONSUMERS, JUDGE, World};
use crate::fixture::{PATIENCE, channel, destination, until};

/// How many messages of its own a verdict sends.
pub(super) const ENDS: u64 = 2;

/// Texts by their keys, in order.
type ByKey = BTreeMap<String, Vec<String>>;

fn by_key(texts: &[String]) -> ByKey {
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

/// Looks at the server past everything else.
pub(super) struct Beside {
    _connection: Connection,
    channel: Channel,
    queue: String,
}

impl Beside {
    /// Looks at what waits for who counts at the end.
    pub(super) async fn of(world: &World) -> Self {
        let (connection, channel) = channel(world.port).await;
        Self { _connection: connection, channel, queue: format!("{}.{JUDGE}", world.exchange) }
    }

    /// How many messages the server has stored.
    pub(super) async fn stored(&self) -> u64 {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = self.queue.as_str().into();
        let queue = self.channel.queue_declare(name, passive, FieldTable::default()).await.unwrap();
        queue.message_count().into()
    }
}

impl World {
    /// Sees that everything in `sent` was published in order and has had its effect once, and nothing else has. Returns how many
    /// messages were stored in all, copies included.
    pub(super) async fn judge(&self, mut sent: Vec<String>, relay: &RunningRelay) -> u64 {
        self.settled(&mut sent, relay).await;
        assert!(relay.parked(10).await.unwrap().is_empty(), "a message was parked");
        let there = self.published().await;
        println!("{} messages, {} were stored", sent.len(), there.len());
        self.compare("published", &by_key(&firsts(&there)), &by_key(&sent));
        self.judge_effects(&sent).await;
        until("a relay that is well", async || relay.health().await.is_ok().then_some(())).await;
        there.len() as u64
    }

    /// Waits until all is published, and all that was published is settled. A consumer is done with what it was given before it
    /// asks for more: a message that is sent when one behind all others has had its effect comes after them.
    pub(super) async fn settled(&self, sent: &mut Vec<String>, relay: &RunningRelay) {
        for _ in 0..ENDS {
            let end = format!("z-{:04}", self.ends.fetch_add(1, SeqCst) + 1);
            send(&self.sender().await, std::slice::from_ref(&end)).await;
            timeout(PATIENCE, relay.drained()).await.expect("all is published in time").unwrap();
            for (name, _) in CONSUMERS {
                let store = self.receiver(name).await;
                let is_there = async || effects(&store, "z").await.contains(&end).then_some(());
                until("an effect of the last message", is_there).await;
            }
            sent.push(end);
        }
    }

    /// What was published, in the order in which it was stored.
    async fn published(&self) -> Vec<String> {
        let (beside, broker) = (Beside::of(self).await, self.broker(self.port).await);
        let upto = beside.stored().await;
        let judge = broker.consumer(JUDGE, [destination("said")]).await.unwrap();
        let mut all = Vec::new();
        while (all.len() as u64) < upto {
            for delivery in judge.receive(100).await.unwrap() {
                all.push(text(&delivery.message.unwrap().envelope));
                judge.settle(delivery.tag, Settle::Done).await.unwrap();
            }
        }
        all
    }

    fn compare(&self, what: &str, found: &ByKey, wanted: &ByKey) {
        for (key, wanted) in wanted {
            let found = found.get(key).map_or(&[][..], Vec::as_slice);
            assert_eq!(found, wanted, "seed {}: {what}, key {key}", self.seed);
        }
        assert_eq!(found.len(), wanted.len(), "seed {}: {what}, other keys", self.seed);
    }

    pub(super) async fn judge_effects(&self, sent: &[String]) {
        let wanted = by_key(sent);
        for (name, marks) in CONSUMERS {
            let store = self.receiver(name).await;
            let mut done = ByKey::new();
            for key in wanted.keys() {
                let mut texts = effects(&store, key).await;
                if marks == Marks::ById {
                    // There is an order within a process only, and what was not settled comes later.
                    texts.sort();
                }
                done.insert(key.clone(), texts);
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

/// What a consumer has written of a key.
async fn effects(store: &SqliteStore, key: &str) -> Vec<String> {
    let noted = StreamId::new("noted", key).unwrap();
    let events = store.read_tail(&noted, StreamVersion::NONE).await.unwrap();
    events.iter().map(|event| serde_json::from_slice(event.data()).unwrap()).collect()
}

/// Waits until a relay says that it is not well.
pub(super) async fn until_late(relay: &RunningRelay) {
    until("a relay that is late", async || (!relay.health().await.is_ok()).then_some(())).await;
}

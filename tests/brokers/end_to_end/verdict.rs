//! What must hold at the end, whatever happened before.

use std::collections::{BTreeMap, HashSet};

use freehold::backend::sqlite::SqliteStore;
use freehold::inbox::{Marks, ParkedMessage};
use freehold::outbox::RunningRelay;
use freehold::{EventStore, EventStoreExt, LeaseName, StreamId, StreamVersion};
use tokio::time::timeout;

use super::medium::Medium;
use super::world::{CONSUMERS, World};
use crate::messages::{PATIENCE, until};

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

impl<M: Medium> World<M> {
    /// Sees that everything in `sent` was published in order and has had its effect once, and nothing else has. Returns how many
    /// copies were stored.
    pub(crate) async fn judge(&self, mut sent: Vec<String>, relay: &RunningRelay) -> usize {
        self.settled(&mut sent, relay).await;
        assert!(relay.parked(10).await.unwrap().is_empty(), "a message was parked");
        let there = self.medium.published().await;
        println!("{} messages, {} were stored", sent.len(), there.len());
        self.compare("published", &by_key(&firsts(&there)), &by_key(&sent));
        self.judge_effects(&sent).await;
        until("a relay that is well", async || relay.health().await.is_ok().then_some(())).await;
        there.len() - sent.len()
    }

    /// Waits until all is published, and all that was published is settled.
    pub(crate) async fn settled(&self, sent: &mut Vec<String>, relay: &RunningRelay) {
        timeout(PATIENCE, relay.drained()).await.expect("all is published in time").unwrap();
        M::settled(self, sent, relay).await;
    }

    fn compare(&self, what: &str, found: &ByKey, wanted: &ByKey) {
        for (key, wanted) in wanted {
            let found = found.get(key).map_or(&[][..], Vec::as_slice);
            assert_eq!(found, wanted, "seed {}: {what}, key {key}", self.seed);
        }
        assert_eq!(found.len(), wanted.len(), "seed {}: {what}, other keys", self.seed);
    }

    pub(crate) async fn judge_effects(&self, sent: &[String]) {
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
pub(crate) async fn effects(store: &SqliteStore, key: &str) -> Vec<String> {
    let noted = StreamId::new("noted", key).unwrap();
    let events = store.read_tail(&noted, StreamVersion::NONE).await.unwrap();
    events.iter().map(|event| serde_json::from_slice(event.data()).unwrap()).collect()
}

/// Waits until a relay says that it is not well.
pub(crate) async fn until_late(relay: &RunningRelay) {
    until("a relay that is late", async || (!relay.health().await.is_ok()).then_some(())).await;
}

//! A service at work: it commits messages of some keys, and now and then in vain.

use std::time::Duration;

use fastrand::Rng;
use freehold::backend::sqlite::SqliteStore;
use freehold::{
    Commit, Envelope, EventId, EventName, ExpectedVersion, MessageId, MessageType, NewEvent,
    OrderingKey, Store, StreamId, StreamVersion,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

/// The keys of the messages.
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// The most messages of a commit.
const MESSAGES_MAX: usize = 3;
/// One commit of so many is refused.
const ONE_IN_VAIN: usize = 8;
/// The longest pause between two commits, in milliseconds.
const PAUSE_MS_MAX: u64 = 12;

/// The message `a-0007`: the one of the key `a` with that number. The same text is always the same message.
pub(crate) fn envelope(text: &str) -> Envelope {
    let (key, _) = text.split_once('-').unwrap();
    let id = MessageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()));
    let kind = MessageType::new("suite.said.v1").unwrap();
    Envelope::json(id, kind, OrderingKey::new(key).unwrap(), &text).unwrap()
}

pub(crate) fn text(envelope: &Envelope) -> String {
    serde_json::from_slice(envelope.data()).unwrap()
}

/// Commits messages together, with an event.
pub(crate) async fn send(store: &SqliteStore, texts: &[String]) {
    store.commit(commit(ExpectedVersion::Any, texts)).await.unwrap();
}

fn commit(expected: ExpectedVersion, texts: &[String]) -> Commit {
    let order = StreamId::new("order", "1").unwrap();
    let noted = EventName::from_static("Noted").unwrap();
    let event = NewEvent::new(EventId::new(Uuid::now_v7()), noted, "{}");
    let commit = Commit::new().append(&order, expected, [event]);
    texts.iter().fold(commit, |commit, text| commit.send(&envelope(text)))
}

/// A service that commits until it is told to end.
pub(crate) struct Load {
    sent: watch::Receiver<Vec<String>>,
    over: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Load {
    pub(crate) fn start(store: SqliteStore, seed: u64) -> Self {
        let (tell, sent) = watch::channel(Vec::new());
        let (over, is_over) = watch::channel(false);
        let task = tokio::spawn(commit_until(store, Rng::with_seed(seed), tell, is_over));
        Self { sent, over, task }
    }

    /// How many messages are committed.
    pub(crate) fn count(&self) -> usize {
        self.sent.borrow().len()
    }

    /// Waits until so many messages more are committed.
    pub(crate) async fn more(&self, messages: usize) {
        let mut sent = self.sent.clone();
        let wanted = self.count() + messages;
        sent.wait_for(|sent| sent.len() >= wanted).await.expect("the service commits");
    }

    /// Ends the work. All that was committed, in order.
    pub(crate) async fn end(self) -> Vec<String> {
        self.over.send_replace(true);
        self.task.await.unwrap();
        self.sent.borrow().clone()
    }
}

async fn commit_until(
    store: SqliteStore,
    mut rng: Rng,
    sent: watch::Sender<Vec<String>>,
    over: watch::Receiver<bool>,
) {
    let mut numbers = [0_u32; KEYS.len()];
    while !*over.borrow() {
        let texts: Vec<String> = (0..rng.usize(1..=MESSAGES_MAX))
            .map(|_| {
                let key = rng.usize(..KEYS.len());
                numbers[key] += 1;
                format!("{}-{:04}", KEYS[key], numbers[key])
            })
            .collect();
        if rng.usize(..ONE_IN_VAIN) == 0 {
            let in_vain: Vec<_> = texts.iter().map(|text| format!("{text} in vain")).collect();
            let refused = ExpectedVersion::from(StreamVersion::new(u64::from(u32::MAX)));
            store.commit(commit(refused, &in_vain)).await.unwrap_err();
        }
        send(&store, &texts).await;
        sent.send_modify(|sent| sent.extend(texts));
        sleep(Duration::from_millis(rng.u64(..=PAUSE_MS_MAX))).await;
    }
}

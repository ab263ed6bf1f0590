//! A broker that counts its answers, so that a test can see that what it did was felt.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use freehold::testkit::async_trait;
use freehold::{Broker, Capabilities, Extent, MessageId, Outbound, PublishError, Stored};
use tokio::sync::Semaphore;

/// How often each answer was given.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    stored: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    unknown: AtomicU64,
    acknowledged: Mutex<HashSet<MessageId>>,
}

impl Answers {
    /// Messages that were stored, and had not been before.
    pub(crate) fn stored(&self) -> u64 {
        self.stored.load(SeqCst)
    }

    /// Messages of which the broker said that it had them.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates.load(SeqCst)
    }

    /// How many messages the broker has said to have, each counted once.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.lock().unwrap().len() as u64
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(SeqCst)
    }

    pub(crate) fn unavailable(&self) -> u64 {
        self.unavailable.load(SeqCst)
    }

    /// Messages of which nobody said anything.
    pub(crate) fn unknown(&self) -> u64 {
        self.unknown.load(SeqCst)
    }

    /// All answers that say that the broker is in trouble, also those to other questions.
    pub(crate) fn troubles(&self) -> u64 {
        self.unavailable() + self.unknown()
    }

    fn count(&self, message: &Outbound, answer: &Result<Stored, PublishError>) {
        if answer.is_ok() {
            self.acknowledged.lock().unwrap().insert(message.message.envelope.id());
        }
        let counter = match answer {
            Ok(stored) if stored.is_duplicate => &self.duplicates,
            Ok(_) => &self.stored,
            Err(PublishError::Refused(_)) => &self.refused,
            Err(PublishError::Unavailable(_)) => &self.unavailable,
            Err(PublishError::Unknown(_)) => &self.unknown,
            // What is before it is counted.
            Err(PublishError::Behind) => return,
            Err(other) => panic!("a broker has no such answer: {other:?}"),
        };
        counter.fetch_add(1, SeqCst);
    }
}

/// A broker whose answers are counted, and which can be held at a call.
#[derive(Debug)]
pub(crate) struct Watched<B> {
    broker: B,
    answers: Arc<Answers>,
    /// How many calls may begin, if they are counted.
    calls: Option<Arc<Semaphore>>,
}

impl<B: Broker> Watched<B> {
    pub(crate) fn new(broker: B) -> (Self, Arc<Answers>) {
        let answers = Arc::<Answers>::default();
        (Self { broker, answers: Arc::clone(&answers), calls: None }, answers)
    }

    /// No call begins but those that are admitted.
    pub(crate) fn held(mut self, calls: &Arc<Semaphore>) -> Self {
        self.calls = Some(Arc::clone(calls));
        self
    }
}

#[async_trait]
impl<B: Broker> Broker for Watched<B> {
    fn capabilities(&self) -> Capabilities {
        self.broker.capabilities()
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        if let Some(calls) = &self.calls {
            calls.acquire().await.unwrap().forget();
        }
        let answers = self.broker.publish(messages).await;
        messages
            .iter()
            .zip(&answers)
            .for_each(|(message, answer)| self.answers.count(message, answer));
        answers
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        let extent = self.broker.extent().await;
        if extent.is_err() {
            self.answers.unavailable.fetch_add(1, SeqCst);
        }
        extent
    }
}

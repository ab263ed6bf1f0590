//! A broker that counts its answers, so that a test can see that what it did was felt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use freehold::backend::rabbitmq::RabbitBroker;
use freehold::testkit::async_trait;
use freehold::{Broker, Capabilities, Outbound, PublishError, Stored};

/// How often each answer was given.
#[derive(Debug, Default)]
pub(super) struct Answers {
    stored: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    unknown: AtomicU64,
}

impl Answers {
    /// Messages of which the server has said that it has them, each as often as it has said so.
    pub(super) fn stored(&self) -> u64 {
        self.stored.load(SeqCst)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(SeqCst)
    }

    /// Messages of which nobody said anything.
    pub(super) fn unknown(&self) -> u64 {
        self.unknown.load(SeqCst)
    }

    /// All answers that say that the broker is in trouble.
    pub(super) fn troubles(&self) -> u64 {
        self.unavailable.load(SeqCst) + self.unknown()
    }

    fn count(&self, answer: &Result<Stored, PublishError>) {
        let counter = match answer {
            Ok(_) => &self.stored,
            Err(PublishError::Refused(_)) => &self.refused,
            Err(PublishError::Unavailable(_)) => &self.unavailable,
            Err(PublishError::Unknown(_)) => &self.unknown,
            Err(other) => panic!("RabbitMQ has no such answer: {other:?}"),
        };
        counter.fetch_add(1, SeqCst);
    }
}

/// A broker whose answers are counted.
#[derive(Debug)]
pub(super) struct Watched {
    broker: RabbitBroker,
    answers: Arc<Answers>,
}

impl Watched {
    pub(super) fn new(broker: RabbitBroker) -> (Self, Arc<Answers>) {
        let answers = Arc::<Answers>::default();
        (Self { broker, answers: Arc::clone(&answers) }, answers)
    }
}

#[async_trait]
impl Broker for Watched {
    fn capabilities(&self) -> Capabilities {
        self.broker.capabilities()
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let answers = self.broker.publish(messages).await;
        for answer in &answers {
            self.answers.count(answer);
        }
        answers
    }
}

//! What the clauses of brokers share: handles whose calls must not fail, and messages that are the same whenever they are
//! asked for.

use std::sync::Arc;

use super::BrokerHarness;
use super::kit::{message, within};
use crate::ports::{
    Broker, Capabilities, Deliveries, Delivery, Extent, Outbound, PublishError, Settle, Stored,
};
use crate::types::{Destination, Envelope, Message, Source};

/// So many deliveries at most are asked for where it does not matter.
const MANY: usize = 64;

pub(super) fn source(uri: &str) -> Source {
    Source::new(uri).expect("the suite's sources are well formed")
}

/// A destination that every broker can have.
pub(super) fn destination(name: &str) -> Destination {
    Destination::new(&format!("suite.{name}")).expect("the suite's destinations are well formed")
}

/// The message that belongs to `tag`, of a key, for a destination.
pub(super) fn outbound(tag: &str, of_key: &str, to: &str) -> Outbound {
    let message = Message::new(message(tag, of_key), source("/suite"), None);
    Outbound::new(message, destination(to))
}

/// `count` messages of as many keys, told apart by number.
pub(super) fn outbounds(tag: &str, count: usize, to: &str) -> Vec<Outbound> {
    (0..count).map(|n| outbound(&format!("{tag}.{n}"), &format!("{tag}.{n}"), to)).collect()
}

pub(super) fn messages(outbound: &[Outbound]) -> Vec<Message> {
    outbound.iter().map(|outbound| outbound.message.clone()).collect()
}

/// All that a consumer can see of a message. A protocol may say aloud what goes without saying, as that the payload is JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    attributes: Vec<(&'static str, String)>,
    media: String,
    headers: Vec<(String, String)>,
    data: Vec<u8>,
}

pub(super) fn seen(message: &Message) -> Seen {
    let own = message.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Seen {
        attributes: message.attributes(),
        media: message.envelope.content_type().to_owned(),
        headers: own.collect(),
        data: message.envelope.data().to_vec(),
    }
}

pub(super) fn all_seen(messages: &[Message]) -> Vec<Seen> {
    messages.iter().map(seen).collect()
}

/// What messages say: shorter to read than they are, where nothing else is compared.
pub(super) fn said(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|it| String::from_utf8_lossy(it.envelope.data()).into_owned()).collect()
}

/// A message that is longer than the broker takes.
pub(super) fn too_long(tag: &str, of_key: &str, to: &str, bytes_max: usize) -> Outbound {
    let mut long = outbound(tag, of_key, to);
    let envelope = &long.message.envelope;
    let (id, kind, key) = (envelope.id(), envelope.kind().clone(), envelope.key().clone());
    let data = vec![b'1'; bytes_max + 1];
    long.message.envelope = Envelope::new(id, kind, key, data);
    long
}

/// A broker, and a name under which its harness knows it.
#[derive(Clone)]
pub(super) struct Bench<'h> {
    harness: &'h dyn BrokerHarness,
    log: &'static str,
    pub(super) broker: Arc<dyn Broker>,
}

impl<'h> Bench<'h> {
    pub(super) async fn open(harness: &'h dyn BrokerHarness, log: &'static str) -> Self {
        let broker = within("opening the broker", harness.open(log)).await;
        Self { harness, log, broker }
    }

    pub(super) fn can(&self) -> Capabilities {
        self.broker.capabilities()
    }

    /// Opens the consumer called `name` before anything is published, if the broker delivers to such only. Otherwise it is opened
    /// when messages are there already.
    pub(super) async fn announce(&self, name: &str, to: &[&str]) {
        if self.can().routes_on_arrival {
            drop(self.consumer(name, to).await);
        }
    }

    /// What is delivered to the consumer called `name`.
    pub(super) async fn consumer(&self, name: &str, to: &[&str]) -> Consumer {
        let to: Vec<_> = to.iter().map(|name| destination(name)).collect();
        Consumer(within("opening a consumer", self.harness.consumer(self.log, name, &to)).await)
    }

    /// Stores what is no message. Whether that can be done.
    pub(super) async fn inject_garbage(&self, to: &str) -> bool {
        let to = destination(to);
        within("storing what is no message", self.harness.inject_garbage(self.log, &to)).await
    }

    /// The answers, whatever they are, one for each message.
    pub(super) async fn answers(&self, out: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let answers = within("publishing", self.broker.publish(out)).await;
        assert_eq!(answers.len(), out.len(), "answers, and messages that were published");
        answers
    }

    /// Publishes what must be stored.
    pub(super) async fn publish(&self, outbound: &[Outbound]) -> Vec<Stored> {
        let answers = self.answers(outbound).await;
        answers.into_iter().map(|answer| answer.expect("the broker stores a message")).collect()
    }

    /// Publishes one message that must be stored, and that the broker must not know.
    pub(super) async fn publish_new(&self, outbound: &Outbound) -> Stored {
        let stored = self.publish(std::slice::from_ref(outbound)).await.remove(0);
        assert!(!stored.is_duplicate, "a new message passed for one that is known: {outbound:?}");
        stored
    }

    pub(super) async fn extent(&self) -> Extent {
        let extent = within("asking for the extent", self.broker.extent()).await;
        extent.expect("the extent can be asked for").expect("the broker tells its extent")
    }
}

/// A consumer's handle.
pub(super) struct Consumer(pub(super) Arc<dyn Deliveries>);

impl Consumer {
    /// The next deliveries: at least one, and at most `limit`.
    pub(super) async fn receive(&self, limit: usize) -> Vec<Delivery> {
        let received = within("receiving", self.0.receive(limit)).await;
        let received = received.expect("deliveries can be received");
        let count = received.len();
        assert!((1..=limit).contains(&count), "{count} deliveries, at least 1 and at most {limit}");
        received
    }

    pub(super) async fn one(&self) -> Delivery {
        self.receive(1).await.remove(0)
    }

    pub(super) async fn settle(&self, delivery: &Delivery, how: Settle) {
        let settled = within("settling", self.0.settle(delivery.tag, how)).await;
        settled.expect("a delivery can be settled");
    }

    /// All that is delivered up to and with the message that says `last`, each settled as done.
    pub(super) async fn upto(&self, last: &Outbound) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            for delivery in self.receive(MANY).await {
                self.settle(&delivery, Settle::Done).await;
                all.push(delivery.message.expect("what was published is a message"));
            }
            if all.iter().any(|message| message.envelope.id() == last.message.envelope.id()) {
                return all;
            }
        }
    }
}

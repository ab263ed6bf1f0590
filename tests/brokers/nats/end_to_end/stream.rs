//! A stream as what lies between two services.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold::backend::nats::async_nats::{Client, ConnectOptions, ServerAddr, jetstream};
use freehold::backend::nats::{Batches, ConsumerOptions, NatsBroker, NatsDeliveries, NatsOptions};
use freehold::outbox::RunningRelay;
use freehold::{Broker, Deliveries, Settle};

use crate::end_to_end::load::text;
use crate::end_to_end::{CONSUMERS, Medium, World};
use crate::messages::{destination, until};
use crate::nats::server::{Server, eager};

/// The stream through which all goes.
pub(super) const STREAM: &str = "shop";
/// How long a relay waits for an answer of the server: a fault must last longer to be felt.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// After so long, what a consumer was given and has not settled comes again.
const ACK_WAIT: Duration = Duration::from_secs(3);

/// The stream, and how to reach it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Of all its servers.
    ports: Vec<u16>,
    options: NatsOptions,
    /// How a service connects.
    client: ConnectOptions,
}

impl Stream {
    pub(super) fn at(server: &Server) -> Self {
        Self::at_any_of([server])
    }

    /// A stream that several servers keep together.
    pub(super) fn at_any_of<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Self {
        let ports = servers.into_iter().map(Server::port).collect();
        Self { ports, options: options(), client: eager() }
    }

    /// By the seed, a relay has the stream for itself or not, and publishes in batches or not.
    pub(super) fn published_by(mut self, seed: u64) -> Self {
        self.options.exclusive = seed.is_multiple_of(2);
        self.options.batches =
            if seed.is_multiple_of(3) { Batches::From(2) } else { Batches::Measured };
        println!("exclusive: {}, batches: {:?}", self.options.exclusive, self.options.batches);
        self
    }

    /// Messages go one by one. Of a batch only the first is on its way until the server has said that it takes batches: such a one is
    /// abandoned where it comes too late, and stores no copies.
    pub(super) fn one_by_one(mut self) -> Self {
        self.options.batches = Batches::Never;
        self
    }

    /// The stream forgets copies nearly at once, so that they reach the consumers.
    pub(super) fn forgetful(mut self) -> Self {
        self.options.duplicate_window = Duration::from_millis(100);
        self
    }

    /// Clients keep their connections, so that the server finds there what it was sent while it did nothing.
    pub(super) fn patient(mut self) -> Self {
        self.client = eager().ping_interval(Duration::from_mins(1));
        self
    }

    /// Over whatever listens at this port. Where that is a server, over any of them.
    async fn broker(&self, port: u16) -> NatsBroker {
        let ports = if self.ports.contains(&port) { &self.ports[..] } else { &[port] };
        let client = connect(self.client.clone(), ports).await;
        NatsBroker::open(client, self.options.clone()).await.unwrap()
    }

    /// A client of its own, which shares nothing with the services.
    pub(super) async fn client(&self) -> Client {
        connect(ConnectOptions::new(), &self.ports).await
    }

    /// The stream, as somebody else sees it.
    pub(super) async fn beside(&self) -> NatsBroker {
        NatsBroker::open(self.client().await, options()).await.unwrap()
    }
}

async fn connect(options: ConnectOptions, ports: &[u16]) -> Client {
    let all: Vec<ServerAddr> =
        ports.iter().map(|port| format!("nats://127.0.0.1:{port}").parse().unwrap()).collect();
    options.connect(all).await.unwrap()
}

/// The stream as the services open it.
pub(super) fn options() -> NatsOptions {
    NatsOptions { answer_timeout: ANSWER_TIMEOUT, ..NatsOptions::new(STREAM) }
}

impl Medium for Stream {
    type Broker = NatsBroker;
    type Deliveries = NatsDeliveries;

    fn port(&self) -> u16 {
        self.ports[0]
    }

    async fn publisher(&self, port: u16) -> NatsBroker {
        self.broker(port).await
    }

    async fn deliveries(&self, port: u16, name: &str) -> NatsDeliveries {
        let options = ConsumerOptions { ack_wait: ACK_WAIT, ..ConsumerOptions::default() };
        let broker = self.broker(port).await;
        broker.consumer_with(name, [destination("said")], options).await.unwrap()
    }

    async fn published(&self) -> Vec<String> {
        let broker = self.beside().await;
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

    async fn forgotten(&self) -> usize {
        let context = jetstream::new(self.client().await);
        let mut stream = context.get_stream(STREAM).await.unwrap();
        let newest = stream.info().await.unwrap().state.last_sequence;
        let newest = stream.get_raw_message(newest).await.unwrap();
        until("a stream that has forgotten", async || {
            let (subject, headers) = (newest.subject.clone(), newest.headers.clone());
            let sent = context.publish_with_headers(subject, headers, newest.payload.clone());
            let stored = sent.await.unwrap().await.unwrap();
            (!stored.duplicate).then_some(1)
        })
        .await
    }

    async fn settled(world: &World<Self>, _: &mut Vec<String>, _: &RunningRelay) {
        let context = jetstream::new(world.medium.client().await);
        for (name, _) in CONSUMERS {
            until("what is not settled", async || {
                let stream = context.get_stream(STREAM).await.ok()?;
                let info = stream.consumer_info(name).await.ok()?;
                (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
            })
            .await;
        }
    }
}

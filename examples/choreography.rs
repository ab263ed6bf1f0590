//! A choreography of three services, each with its own database: nobody directs it, and nothing is lost.
//!
//! ```text
//! order.placed → stock.reserved → payment.processed → order.confirmed
//!              ↘ stock.refused                      ↘ order.cancelled
//!                                ↘ payment.failed → stock.released ↗
//! ```
//!
//! Each service is a process manager: it hears what others publish, and what it says goes through its outbox and a relay. One
//! order is paid, one is too large for its stock, and one costs more than its customer has.

#![allow(clippy::print_stdout, reason = "an example says what it did")]

use std::error::Error;
use std::time::Duration;

use freehold::backend::memory::{MemoryBroker, MemoryStore};
use freehold::inbox::{Consumer, RunningConsumer};
use freehold::outbox::{Relay, RunningRelay};
use freehold::process::{Flow, Hop, ProcessManager, Processes, Reaction, Route, timers_of};
use freehold::{
    Commit, Destination, InvalidEnvelope, LeaseName, MessageId, OrderingKey, Source, Store, message,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

type BoxError = Box<dyn Error + Send + Sync>;

/// What the services tell each other. In real life each of them has its own enum, of what it says and of what it hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Said {
    #[serde(rename = "order.placed.v1")]
    Placed { order: String, units: u32, cents: u64 },
    #[serde(rename = "stock.reserved.v1")]
    Reserved { order: String, cents: u64 },
    #[serde(rename = "stock.refused.v1")]
    Refused { order: String },
    #[serde(rename = "payment.processed.v1")]
    Paid { order: String },
    #[serde(rename = "payment.failed.v1")]
    Unpaid { order: String },
    #[serde(rename = "stock.released.v1")]
    Released { order: String },
    #[serde(rename = "order.confirmed.v1")]
    Confirmed { order: String },
    #[serde(rename = "order.cancelled.v1")]
    Cancelled { order: String },
    /// Nobody has answered for too long: a timer of the order's.
    Silence { order: String },
}

impl Said {
    fn order(&self) -> String {
        match self {
            Self::Placed { order, .. }
            | Self::Reserved { order, .. }
            | Self::Refused { order }
            | Self::Paid { order }
            | Self::Unpaid { order }
            | Self::Released { order }
            | Self::Confirmed { order }
            | Self::Cancelled { order }
            | Self::Silence { order } => order.clone(),
        }
    }
}

/// The order service: an order is confirmed when it is paid, and cancelled when it cannot be.
struct Order;

impl ProcessManager for Order {
    const NAME: &'static str = "order";
    type Event = Said;
    type State = ();

    fn correlate(&self, said: &Said) -> Route {
        match said {
            Said::Placed { order, .. } => Route::StartOnce(order.clone()),
            said => Route::ContinueOrWait(said.order()),
        }
    }

    fn react(&self, (): &(), said: &Said) -> Result<Reaction<Said>, BoxError> {
        let order = said.order();
        Ok(match said {
            Said::Placed { .. } => {
                Reaction::new().timer(Duration::from_mins(15), &Said::Silence { order })
            }
            Said::Paid { .. } => Reaction::new().send(&Said::Confirmed { order }).complete(),
            Said::Refused { .. } | Said::Released { .. } => {
                Reaction::new().send(&Said::Cancelled { order }).complete()
            }
            // An operator sees it among those that are stuck.
            Said::Silence { .. } => return Err("nobody has answered".into()),
            _ => Reaction::new(),
        })
    }

    fn evolve(&self, (): (), _: &Said) {}
}

/// The inventory service: it has ten units for each order, and takes back what was not paid.
struct Stock;

impl ProcessManager for Stock {
    const NAME: &'static str = "stock";
    type Event = Said;
    type State = ();

    fn correlate(&self, said: &Said) -> Route {
        match said {
            Said::Placed { order, .. } => Route::StartOnce(order.clone()),
            Said::Unpaid { order } | Said::Confirmed { order } => Route::Stop(order.clone()),
            _ => Route::Ignore,
        }
    }

    fn react(&self, (): &(), said: &Said) -> Result<Reaction<Said>, BoxError> {
        let order = said.order();
        Ok(match said {
            Said::Placed { units: ..=10, cents, .. } => {
                Reaction::new().send(&Said::Reserved { order, cents: *cents })
            }
            Said::Placed { .. } => Reaction::new().send(&Said::Refused { order }).complete(),
            Said::Unpaid { .. } => Reaction::new().send(&Said::Released { order }),
            _ => Reaction::new(),
        })
    }

    fn evolve(&self, (): (), _: &Said) {}
}

/// The payment service: every customer has 100 euros.
struct Payment;

impl ProcessManager for Payment {
    const NAME: &'static str = "payment";
    type Event = Said;
    type State = ();

    fn correlate(&self, said: &Said) -> Route {
        match said {
            Said::Reserved { order, .. } => Route::StartOnce(order.clone()),
            _ => Route::Ignore,
        }
    }

    fn react(&self, (): &(), said: &Said) -> Result<Reaction<Said>, BoxError> {
        let order = said.order();
        Ok(match said {
            Said::Reserved { cents: ..=10_000, .. } => Reaction::new().send(&Said::Paid { order }),
            _ => Reaction::new().send(&Said::Unpaid { order }),
        }
        .complete())
    }

    fn evolve(&self, (): (), _: &Said) {}
}

/// Who reacts to what with what, to be looked at and checked.
fn flow() -> Flow {
    Flow::beginning_with("order.placed.v1")
        .hop(
            Hop::of("stock")
                .on("order.placed.v1")
                .effect("stock.reserved.v1")
                .fails("stock.refused.v1"),
        )
        .hop(
            Hop::of("payment")
                .on("stock.reserved.v1")
                .gives("payment.processed.v1")
                .fails("payment.failed.v1"),
        )
        .hop(
            Hop::of("stock")
                .on("payment.failed.v1")
                .gives("stock.released.v1")
                .releasing("stock.reserved.v1"),
        )
        .hop(Hop::of("order").on("payment.processed.v1").gives("order.confirmed.v1"))
        .hop(
            Hop::of("order")
                .on("stock.refused.v1")
                .on("stock.released.v1")
                .gives("order.cancelled.v1"),
        )
        .ending_with(["order.confirmed.v1", "order.cancelled.v1"])
}

/// A service: its database, its relay, and its consumer.
struct Service<P> {
    store: MemoryStore,
    processes: Processes<P, MemoryStore>,
    relay: RunningRelay,
    consumer: RunningConsumer,
}

impl<P: ProcessManager> Service<P> {
    fn start(process: P, broker: &MemoryBroker, hears: &[&str]) -> Result<Self, BoxError> {
        let (name, store) = (P::NAME, MemoryStore::new());
        let processes = Processes::new(process, store.clone())?;
        let source = Source::new(&format!("/{name}"))?;
        let relay = Relay::new(LeaseName::new(&format!("{name}_relay"))?, source, store.clone())
            .publish_to(broker.clone())
            .start();
        let kinds = hears.iter().map(|kind| Destination::new(kind));
        let all: Result<Vec<_>, InvalidEnvelope> = kinds.chain([timers_of::<P>()]).collect();
        let deliveries = broker.consumer(name, all?);
        let consumer = Consumer::new(LeaseName::new(name)?, deliveries, store.clone())
            .start(processes.clone());
        Ok(Self { store, processes, relay, consumer })
    }

    async fn stop(self) {
        self.consumer.stop().await;
        self.relay.stop().await;
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    assert_eq!(flow().lints(), []);
    println!("{}", flow().mermaid());

    let broker = MemoryBroker::new();
    let order = Service::start(
        Order,
        &broker,
        &["order.placed.v1", "payment.processed.v1", "stock.refused.v1", "stock.released.v1"],
    )?;
    let stock = Service::start(
        Stock,
        &broker,
        &["order.placed.v1", "payment.failed.v1", "order.confirmed.v1"],
    )?;
    let payment = Service::start(Payment, &broker, &["stock.reserved.v1"])?;

    for (number, units, cents) in
        [("paid", 3, 2_500), ("too-many", 11, 2_500), ("too-dear", 1, 99_900)]
    {
        let placed = Said::Placed { order: number.into(), units, cents };
        let id = MessageId::new(Uuid::now_v7());
        let placed = message::encode(id, OrderingKey::new(number)?, &placed)?;
        // In a real service, beside what was decided: both are there, or neither.
        order.store.commit(Commit::new().send(&placed)).await?;
    }

    for number in ["paid", "too-many", "too-dear"] {
        let timeline = loop {
            if let Some(timeline) = order.processes.find(number).await?
                && flow().waits_for(&timeline).is_empty()
            {
                break timeline;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        println!("{timeline}");
    }

    let said: Vec<_> = broker.messages().iter().map(|it| it.destination.to_string()).collect();
    let times = |kind: &str| said.iter().filter(|said| *said == kind).count();
    assert_eq!((times("order.confirmed.v1"), times("order.cancelled.v1")), (1, 2));
    assert_eq!((times("stock.reserved.v1"), times("stock.released.v1")), (2, 1));
    assert!(order.processes.list(None, 10).await?.0.is_empty(), "nothing is left open");

    order.stop().await;
    stock.stop().await;
    payment.stop().await;
    Ok(())
}

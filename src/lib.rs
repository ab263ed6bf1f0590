#![cfg_attr(docsrs, feature(doc_cfg))]
//! Data-management patterns for services that each own their data.
//!
//! A service writes what happened as *events*, in *streams*, and decides on the state it folds from them. Several
//! streams, guards on others and a handled message become durable in one [`Commit`], or not at all; all streams
//! together are one ordered feed that a reader can follow without missing anything. Every promise is a numbered
//! clause of a port, with a test that any backend can be held to.
//!
//! # Where to begin
//!
//! - [`Event`]: a plain `serde` enum. [`Aggregate`]: a state folded from its events, whose commands are methods.
//! - [`Repository`] runs commands on one stream, [`UnitOfWork`] on several; the module [`aggregate`] has a
//!   complete example.
//! - [`backend::memory::MemoryStore`] keeps everything in memory,
#![cfg_attr(feature = "sqlite", doc = "  [`backend::sqlite::SqliteStore`] in a file,")]
#![cfg_attr(not(feature = "sqlite"), doc = "  `backend::sqlite::SqliteStore` in a file,")]
#![cfg_attr(
    feature = "postgres",
    doc = "  [`backend::postgres::PostgresStore`] in a schema of your database."
)]
#![cfg_attr(
    not(feature = "postgres"),
    doc = "  `backend::postgres::PostgresStore` in a schema of your database."
)]
//! - [`projection`]: pure folds of events into views, exactly once; [`subscription`] is the runner behind them, for consumers
//!   of one's own too; [`consistency`] says how fresh a read is, and waits until it is fresh enough.
//! - [`saga`]: transactions over several services, whose steps are compensated if one is refused.
//! - [`outbox`]: messages that are published if and only if their commit happened, by a relay, to a broker.
//!   [`inbox`]: what others publish, handled exactly once. [`message`]: typed contracts between services. [`process`]:
//!   processes over several services that nobody directs.
//! - [`composer`]: queries that span services, in the fewest calls; [`source`] is what they ask.
//! - [`Personal`]: what is said of a person; sealed, and forgotten with its key, by `personal::SealedStore`.
//! - [`trail`]: who did what, because of what: the events of a flow as a tree of causes, found over all streams.
//! - [`Store`], [`EventStore`] and [`RowStore`] are what a backend implements, and where the guarantees are written down.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | *(none)* | the core and the store in memory |
//! | `sqlite` | `backend::sqlite`: a durable store in one file, bundled, no server |
//! | `postgres` | `backend::postgres`: a durable store in a schema of your PostgreSQL, over your `sqlx` pool |
//! | `nats` | `backend::nats`: NATS JetStream as a broker, over your `async-nats` client |
//! | `rabbitmq` | `backend::rabbitmq`: RabbitMQ as a broker, over your connection settings |
//! | `personal` | `personal`: fields that are sealed with a key for each person, and forgotten with it; over any store |
//! | `tower` | `source::from_service`: a `tower` service as a source of compositions |
//! | `moka` | `composer::Remembered`: what sources said, for when they say nothing |
//! | `testkit` | `testkit`: scenarios, the conformance suite, strategies, faults; for dev-dependencies |
//! | `tantivy` | `projection::search`: a full-text index of a projection's views, in a folder |
//! | `metrics` | counters and histograms through the `metrics` facade |
//!
//! Spans are `tracing`'s and always there.

pub mod aggregate;
pub mod backend;
pub mod composer;
pub mod consistency;
pub mod event;
pub mod inbox;
pub mod message;
pub mod outbox;
#[cfg(feature = "personal")]
pub mod personal;
mod ports;
pub mod process;
pub mod projection;
pub mod retry;
pub mod saga;
pub mod source;
pub mod subscription;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod trail;
mod types;

pub use aggregate::contract::{Aggregate, Handle};
pub use aggregate::repository::Repository;
pub use aggregate::unit_of_work::UnitOfWork;
pub use event::contract::Event;
pub use ports::*;
pub use types::*;

/// The first page and the guides, compiled and run with the other documentation tests.
#[cfg(all(doctest, feature = "sqlite", feature = "testkit"))]
mod guides {
    #[doc = include_str!("../README.md")]
    struct FirstPage;
    #[doc = include_str!("../docs/events.md")]
    struct Events;
    #[doc = include_str!("../docs/long-streams.md")]
    struct LongStreams;
    #[cfg(feature = "personal")]
    #[doc = include_str!("../docs/forgetting.md")]
    struct Forgetting;
    #[doc = include_str!("../docs/sqlite.md")]
    struct Sqlite;
    #[cfg(feature = "postgres")]
    #[doc = include_str!("../docs/postgres.md")]
    struct Postgres;
    #[cfg(feature = "nats")]
    #[doc = include_str!("../docs/nats.md")]
    struct Nats;
    #[cfg(feature = "rabbitmq")]
    #[doc = include_str!("../docs/rabbitmq.md")]
    struct RabbitMq;
    #[doc = include_str!("../docs/composing.md")]
    struct Composing;
    #[cfg(feature = "tantivy")]
    #[doc = include_str!("../docs/read-side.md")]
    struct ReadSide;
    #[doc = include_str!("../docs/recipes/unique.md")]
    struct Unique;
}

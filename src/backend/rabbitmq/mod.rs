//! RabbitMQ as a broker, over the user's own connection settings.
//!
//! [`RabbitBroker::open`] declares a topic exchange (`options`, `error`). A destination is a routing key (`key`), and a message
//! goes as CloudEvents has it, in binary mode (`headers`). The messages of one call are on their way together, persistent and
//! mandatory, and each is answered when the server has confirmed or returned it (`broker`, `publish`). A consumer is a quorum
//! queue that is bound to its destinations, from which a handle is fed (`deliveries`, `queue`).
//!
//! The client connects once and no more (`settings`, `line`): broker and deliveries see for themselves that a connection is
//! gone, or that nobody answers over it, and connect again with the next call.
//!
//! `docs/rabbitmq.md` says what an acknowledgement means, and what to do about errors.

mod broker;
mod deliveries;
mod error;
mod headers;
mod key;
mod line;
mod options;
mod publish;
mod queue;
mod settings;

pub use broker::RabbitBroker;
pub use deliveries::RabbitDeliveries;
pub use error::{Blocked, NotOpen, OpenError, TooLong, Unroutable};
pub use headers::InvalidHeader;
pub use key::InvalidRoutingKey;
/// The client, in the version that this crate was built with.
pub use lapin;
pub use options::{ConsumerOptions, RabbitOptions};
pub use settings::RabbitSettings;

//! NATS JetStream as a broker, over the user's own client.
//!
//! [`NatsBroker::open`] makes a stream, or checks the one that is there (`options`, `error`). A destination is a subject below
//! the stream's prefix (`subject`), and a message goes as CloudEvents has it, in binary mode (`headers`). The messages of one call
//! (`call`) are on their way together, one by one or as an atomic batch (`wire`), whichever is measured to be faster (`pace`); where
//! nobody else publishes, each only to the place where it is to stand, so that their order holds, and an answer that was lost is
//! found in the stream (`publish`). A consumer is a durable one with explicit acknowledgements, from which a handle pulls
//! (`deliveries`).
//!
//! Connecting again is the client's own business: while it has no connection, calls are answered with
//! [`PublishError::Unavailable`](crate::PublishError::Unavailable) at once.
//!
//! `docs/nats.md` says what an acknowledgement means, and what to do about errors.

mod broker;
mod call;
mod deliveries;
mod error;
mod headers;
mod options;
mod pace;
mod publish;
mod shared;
mod subject;
mod wire;

/// The client, in the version that this crate was built with.
pub use async_nats;
pub use broker::NatsBroker;
pub use deliveries::NatsDeliveries;
pub use error::{OpenError, OtherPublisher, OtherStream};
pub use headers::InvalidHeader;
pub use options::{Batches, ConsumerOptions, NatsOptions};
pub use subject::InvalidSubject;

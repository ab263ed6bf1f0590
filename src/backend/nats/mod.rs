//! NATS JetStream as a broker, over the user's own client.
//!
//! [`NatsBroker::open`] makes a stream, or checks the one that is there (`options`, `error`). A destination is a subject below
//! the stream's prefix (`subject`), and a message goes as CloudEvents has it, in binary mode (`headers`). The messages of one call are on
//! their way together, and each is answered when the server has acknowledged it (`broker`). A consumer is a durable one with
//! explicit acknowledgements, from which a handle pulls (`deliveries`).
//!
//! Connecting again is the client's own business: while it has no connection, calls are answered with
//! [`PublishError::Unavailable`](crate::PublishError::Unavailable) at once.
//!
//! `docs/nats.md` says what an acknowledgement means, and what to do about errors.

mod broker;
mod deliveries;
mod error;
mod headers;
mod options;
mod subject;

/// The client, in the version that this crate was built with.
pub use async_nats;
pub use broker::NatsBroker;
pub use deliveries::NatsDeliveries;
pub use error::{OpenError, OtherStream};
pub use headers::InvalidHeader;
pub use options::{ConsumerOptions, NatsOptions};
pub use subject::InvalidSubject;

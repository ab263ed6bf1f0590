//! How a stream and its consumers are opened.

use std::time::Duration;

/// How a stream is opened.
///
/// ```
/// use freehold::backend::nats::NatsOptions;
///
/// let options = NatsOptions { prefix: "shop.orders".to_owned(), ..NatsOptions::new("ORDERS") };
/// # assert_eq!(options.stream, "ORDERS");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..NatsOptions::new(stream)`")]
pub struct NatsOptions {
    /// The name of the stream. It is made if it is not there: in files, without limits, for all subjects below the prefix.
    pub stream: String,
    /// What stands before a destination, and a dot, in its subject. The stream's name by default.
    pub prefix: String,
    /// For how long a new stream knows an id again. A stream that is there keeps what it has. 2 minutes by default, which is the
    /// server's own default.
    pub duplicate_window: Duration,
    /// On how many servers of a cluster a new stream is kept: 1, 3 or 5. 1 by default.
    pub replicas: usize,
    /// How long an answer of the server is waited for. 5 seconds by default.
    pub answer_timeout: Duration,
    /// The most messages of one call that are on their way at a time; 0 counts as 1. 256 by default.
    pub in_flight_messages_max: usize,
    /// Whether messages go as atomic batches, if the stream takes them. Where they are measured to be faster, by default.
    pub batches: Batches,
    /// Nobody but one relay publishes to the stream. Each message is stored only where this handle expects it to stand: calls keep
    /// the order of their messages, what another handle sends too late is not stored, and a message of which the answer was lost is
    /// looked for in the stream, and stored once however late it is repeated. If others do publish, calls end with
    /// [`OtherPublisher`](super::OtherPublisher) again and again. `false` by default.
    pub exclusive: bool,
}

/// Whether the messages of a call go as atomic batches, each of at most 1,000 of them. A stream that takes none has them one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Batches {
    /// Where that is faster, as it is measured now and then: a server that syncs its disk before it acknowledges does so once for a
    /// batch.
    #[default]
    Measured,
    /// Never.
    Never,
    /// Where a call has at least so many messages left; at least 2.
    From(usize),
}

impl NatsOptions {
    /// The defaults, for the stream called `stream`.
    #[must_use]
    pub fn new(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            prefix: stream.to_owned(),
            duplicate_window: Duration::from_mins(2),
            replicas: 1,
            answer_timeout: Duration::from_secs(5),
            in_flight_messages_max: 256,
            batches: Batches::default(),
            exclusive: false,
        }
    }
}

/// How a consumer is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..ConsumerOptions::default()`")]
pub struct ConsumerOptions {
    /// After so long, what was delivered and not settled comes again. It counts from when a message has reached this process, where
    /// it may wait its turn. 30 seconds by default.
    pub ack_wait: Duration,
    /// The most messages that are delivered and not settled at a time; 1 keeps their order also when one comes again. 0 counts as
    /// 1. 1,000 by default.
    pub unsettled_messages_max: usize,
    /// The most messages that are fetched at a time, ahead of who asks for them. 0 counts as 1. 100 by default.
    pub prefetch_messages_max: usize,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            ack_wait: Duration::from_secs(30),
            unsettled_messages_max: 1_000,
            prefetch_messages_max: 100,
        }
    }
}

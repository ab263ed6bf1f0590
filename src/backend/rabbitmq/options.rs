//! How an exchange and its consumers are opened.

use std::time::Duration;

/// How an exchange is opened.
///
/// ```
/// use std::time::Duration;
///
/// use freehold::backend::rabbitmq::RabbitOptions;
///
/// let options =
///     RabbitOptions { answer_timeout: Duration::from_secs(2), ..RabbitOptions::new("shop") };
/// # assert_eq!(options.exchange, "shop");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "users write it with `..RabbitOptions::new(exchange)`"
)]
pub struct RabbitOptions {
    /// The name of the exchange, and what stands before a consumer's name, and a dot, in that of its queue. It is declared as a
    /// durable topic exchange.
    pub exchange: String,
    /// How long an answer of the server is waited for; connecting takes no longer either. 5 seconds by default.
    pub answer_timeout: Duration,
    /// The most messages of one call that are on their way at a time; 0 counts as 1. 256 by default.
    pub in_flight_messages_max: usize,
    /// The longest payload that is published, in bytes. 16 MiB by default, which is the limit of a server of version 4; those
    /// before it take 128 MiB. A server with another has `max_message_size` in its configuration, and tells nobody.
    pub payload_bytes_max: usize,
}

impl RabbitOptions {
    /// The defaults, for the exchange called `exchange`.
    #[must_use]
    pub fn new(exchange: &str) -> Self {
        Self {
            exchange: exchange.to_owned(),
            answer_timeout: Duration::from_secs(5),
            in_flight_messages_max: 256,
            payload_bytes_max: 16 << 20,
        }
    }
}

/// How a consumer is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..ConsumerOptions::default()`")]
pub struct ConsumerOptions {
    /// Whether the queue feeds one of its handles at a time, so that messages keep their order among several processes; the
    /// others stand by. A queue that is there must have been declared alike. True by default.
    pub is_single_active: bool,
    /// The most messages that the server hands over and that are not settled, those that nobody has asked for yet included; 1
    /// keeps their order also when one comes again. 0 counts as 1, and more than 65,535 as that. 500 by default.
    pub unsettled_messages_max: usize,
    /// A handle that has nothing open, and that nobody has asked for so long, gives back what the server handed over, and lets
    /// another of its name go on. 10 seconds by default.
    pub idle_timeout: Duration,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            is_single_active: true,
            unsettled_messages_max: 500,
            idle_timeout: Duration::from_secs(10),
        }
    }
}

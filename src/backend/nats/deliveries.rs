//! What is delivered to one consumer.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{AckKind, Message as Pulled};
use async_nats::{Request, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::Semaphore;

use super::broker::NatsBroker;
use super::error::OpenError;
use super::headers;
use super::options::ConsumerOptions;
use crate::ports::{Deliveries, Delivery, PublishError, Settle};

/// How long one request for messages stands.
const PULL_TIME: Duration = Duration::from_secs(30);
/// How often the server says that it is still there. After twice that time without a word, a wait ends with an error.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What a [`NatsBroker`] delivers to one consumer. Clones share it.
#[derive(Clone)]
pub struct NatsDeliveries(Arc<Shared>);

struct Shared {
    broker: NatsBroker,
    config: pull::Config,
    prefetch_messages_max: usize,
    /// Who receives. Messages wake one task.
    turn: Semaphore,
    /// Where messages come in, once somebody has asked for some. A wait that is dropped leaves them there.
    pulling: Mutex<Option<pull::Stream>>,
    /// Where to answer what was handed out, by its place in the stream.
    open: Mutex<BTreeMap<u64, Subject>>,
    open_max: usize,
}

impl NatsDeliveries {
    pub(super) async fn open(
        broker: NatsBroker,
        name: &str,
        subjects: Vec<String>,
        options: &ConsumerOptions,
    ) -> Result<Self, OpenError> {
        let unsettled = options.unsettled_messages_max.max(1);
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: options.ack_wait,
            max_ack_pending: i64::try_from(unsettled).unwrap_or(i64::MAX),
            filter_subjects: subjects,
            ..pull::Config::default()
        };
        let shared = Shared {
            broker,
            config,
            prefetch_messages_max: options.prefetch_messages_max.max(1),
            turn: Semaphore::new(1),
            pulling: Mutex::default(),
            open: Mutex::default(),
            open_max: unsettled.saturating_mul(2),
        };
        shared.consumer().await.map_err(OpenError::nats)?;
        Ok(Self(Arc::new(shared)))
    }
}

// What is behind the locks is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Next = Option<Result<Pulled, pull::MessagesError>>;

impl Shared {
    /// The consumer, which is made if it is not there: it goes with its stream.
    async fn consumer(&self) -> Result<PullConsumer, async_nats::Error> {
        let stream = self.broker.shared();
        let making =
            stream.context.create_consumer_on_stream(self.config.clone(), &stream.options.stream);
        Ok(making.await?)
    }

    async fn begin(&self) -> Result<(), PublishError> {
        if locked(&self.pulling).is_some() {
            return Ok(());
        }
        self.broker.shared().connected()?;
        let consumer = self.consumer().await.map_err(PublishError::unavailable)?;
        let pulling = consumer
            .stream()
            .max_messages_per_batch(self.prefetch_messages_max)
            .expires(PULL_TIME)
            .heartbeat(HEARTBEAT)
            .messages();
        let pulling = pulling.await.map_err(PublishError::unavailable)?;
        *locked(&self.pulling) = Some(pulling);
        Ok(())
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Next> {
        match locked(&self.pulling).as_mut() {
            Some(pulling) => Pin::new(pulling).poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    /// Hands a message out, unless it comes from nowhere.
    fn delivery(&self, pulled: &Pulled) -> Option<Delivery> {
        let (info, reply) = (pulled.info().ok()?, pulled.reply.clone()?);
        let (tag, delivered) = (info.stream_sequence, info.delivered);
        let mut open = locked(&self.open);
        open.insert(tag, reply);
        // The server never has more open than it was told: what is beyond was settled by another handle.
        while open.len() > self.open_max {
            open.pop_first();
        }
        drop(open);
        let message = headers::read(pulled.headers.as_ref(), pulled.payload.clone());
        let redeliveries = u64::try_from(delivered).unwrap_or_default().saturating_sub(1);
        Some(Delivery::new(message, redeliveries, tag))
    }

    /// Begins anew with the next call.
    fn ended(&self, why: Option<pull::MessagesError>) -> PublishError {
        *locked(&self.pulling) = None;
        match why {
            Some(why) => PublishError::unavailable(why),
            None => PublishError::unavailable("there come no more messages"),
        }
    }
}

/// What is sent for `how`.
fn answer(how: Settle) -> Bytes {
    match how {
        Settle::Done => AckKind::Ack.into(),
        // The server counts in nanoseconds, as far as they go.
        Settle::Again(after) => {
            AckKind::Nak(Some(after.min(Duration::from_nanos(i64::MAX.unsigned_abs())))).into()
        }
        Settle::Dropped => AckKind::Term.into(),
    }
}

#[async_trait]
impl Deliveries for NatsDeliveries {
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, PublishError> {
        let shared = &*self.0;
        let _turn = shared.turn.acquire().await.map_err(PublishError::unavailable)?;
        shared.begin().await?;
        let mut out = Vec::new();
        while out.len() < limit.max(1) {
            // The first is waited for; what else is there goes with it.
            let is_first = out.is_empty();
            let next = poll_fn(|cx| match shared.poll(cx) {
                Poll::Pending if !is_first => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
                Poll::Ready(next) => Poll::Ready(Some(next)),
            });
            match next.await {
                Some(Some(Ok(pulled))) => out.extend(shared.delivery(&pulled)),
                None => break,
                Some(ended) => {
                    let error = shared.ended(ended.and_then(Result::err));
                    return if out.is_empty() { Err(error) } else { Ok(out) };
                }
            }
        }
        Ok(out)
    }

    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError> {
        let reply = locked(&self.0.open).get(&tag).cloned();
        let reply =
            reply.ok_or_else(|| PublishError::unavailable("nothing is open under the tag"))?;
        let request = Request::new().payload(answer(how));
        self.0.broker.shared().ask(reply.clone(), request).await?;
        let mut open = locked(&self.0.open);
        // It may have come again since, and then it is open again.
        if open.get(&tag) == Some(&reply) {
            open.remove(&tag);
        }
        Ok(())
    }
}

impl fmt::Debug for NatsDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.config.durable_name.as_deref();
        f.debug_struct("NatsDeliveries").field("consumer", &name).finish_non_exhaustive()
    }
}

//! What is delivered to one consumer.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use lapin::message::Delivery as Fed;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::{Acker, Consumer};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::{LineError, NotOpen};
use super::headers;
use super::line::{Line, in_time, locked};
use super::queue::Queue;
use super::settings::RabbitSettings;
use crate::ports::{Deliveries, Delivery, PublishError, Settle};

/// What a [`RabbitBroker`](super::RabbitBroker) delivers to one consumer. Clones share it. It connects when somebody asks for
/// messages, and again when the connection is lost.
#[derive(Clone)]
pub struct RabbitDeliveries(Arc<Shared>);

struct Shared {
    settings: RabbitSettings,
    patience: Duration,
    queue: Queue,
    /// Who receives. Messages wake one task.
    turn: Semaphore,
    state: Mutex<State>,
}

struct State {
    /// Where messages come in, once somebody has asked for some. A wait that is dropped leaves them there.
    feed: Option<Feed>,
    /// What was handed out, by its tag. It goes with its connection.
    open: BTreeMap<u64, Open>,
    tag: u64,
    /// When somebody last asked for messages.
    asked_at: Instant,
}

struct Feed {
    line: Arc<Line>,
    consumer: Consumer,
}

enum Open {
    /// Somebody has it.
    Out(Acker),
    /// It is held until it is to come again.
    Held,
}

type Next = Option<lapin::Result<Fed>>;

/// Somebody asks for messages, or does no longer.
struct Asking<'s>(&'s Mutex<State>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        locked(self.0).asked_at = Instant::now();
    }
}

impl RabbitDeliveries {
    pub(super) fn new(settings: RabbitSettings, patience: Duration, queue: Queue) -> Self {
        let (feed, open, asked_at) = (None, BTreeMap::new(), Instant::now());
        let state = Mutex::new(State { feed, open, tag: 0, asked_at });
        Self(Arc::new(Shared { settings, patience, queue, turn: Semaphore::new(1), state }))
    }

    /// Connects, and has the queue feed this handle.
    async fn begin(&self) -> Result<Arc<Line>, LineError> {
        let shared = &*self.0;
        if let Some(feed) = &locked(&shared.state).feed {
            return Ok(Arc::clone(&feed.line));
        }
        let line = Line::open(&shared.settings, shared.patience).await?;
        let consumer = in_time(shared.patience, async {
            // It may be gone with all that the server had.
            shared.queue.declare(line.channel()).await?;
            shared.queue.consume(line.channel()).await
        });
        let (consumer, line) = (consumer.await?, Arc::new(line));
        let mut state = locked(&shared.state);
        state.asked_at = Instant::now();
        state.feed = Some(Feed { line: Arc::clone(&line), consumer });
        drop(state);
        tokio::spawn(give_back(Arc::downgrade(&self.0), Arc::downgrade(&line)));
        Ok(line)
    }

    /// Has a delivery come again after this time, unless its connection is gone before.
    fn hold(&self, line: &Arc<Line>, tag: u64, acker: Acker, after: Duration) {
        let (shared, line) = (Arc::downgrade(&self.0), Arc::downgrade(line));
        tokio::spawn(async move {
            sleep(after).await;
            let (Some(shared), Some(_line)) = (shared.upgrade(), line.upgrade()) else { return };
            // If it cannot be said, the connection is gone, and it comes again.
            drop(acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await);
            locked(&shared.state).open.remove(&tag);
        });
    }
}

/// Ends a feed that nobody has asked for some time, so that what the server handed over goes to others.
async fn give_back(shared: Weak<Shared>, line: Weak<Line>) {
    loop {
        let Some(until) = shared.upgrade().map(|shared| shared.idle_at()) else { return };
        sleep_until(until).await;
        let (Some(shared), Some(line)) = (shared.upgrade(), line.upgrade()) else { return };
        if shared.end_if_idle(&line) {
            return;
        }
    }
}

impl Shared {
    /// When it is idle, if nothing happens until then.
    fn idle_at(&self) -> Instant {
        let (idle, now) = (self.queue.options.idle_timeout, Instant::now());
        let at = locked(&self.state).asked_at + idle;
        // What keeps it from being idle now may do so for a while.
        if at > now { at } else { now + idle.max(Duration::from_millis(1)) }
    }

    /// Ends this feed if nobody waits for it and nothing of it is open. Whether it has ended, now or before.
    fn end_if_idle(&self, line: &Arc<Line>) -> bool {
        let mut state = locked(&self.state);
        let is_this = state.feed.as_ref().is_some_and(|feed| Arc::ptr_eq(&feed.line, line));
        let is_due = state.asked_at + self.queue.options.idle_timeout <= Instant::now();
        let is_idle = is_due && state.open.is_empty() && self.turn.available_permits() > 0;
        if is_this && is_idle {
            state.feed = None;
        }
        !is_this || is_idle
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Next> {
        match &mut locked(&self.state).feed {
            Some(feed) => Pin::new(&mut feed.consumer).poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    /// What comes next. If it takes long, the server is asked whether it is still there.
    async fn next(&self, line: &Line) -> Result<Fed, LineError> {
        loop {
            match timeout(self.patience, poll_fn(|cx| self.poll(cx))).await {
                Ok(Some(fed)) => return Ok(fed?),
                Ok(None) => return Err(LineError::Ended),
                Err(_) => in_time(self.patience, self.queue.see(line.channel())).await?,
            }
        }
    }

    /// Hands a message out.
    fn delivery(&self, fed: Fed) -> Delivery {
        let message = headers::read(&fed.properties, Bytes::from(fed.data));
        let redeliveries = headers::redeliveries(&fed.properties, fed.redelivered);
        let mut state = locked(&self.state);
        state.tag += 1;
        let tag = state.tag;
        state.open.insert(tag, Open::Out(fed.acker));
        Delivery::new(message, redeliveries, tag)
    }

    /// Begins anew with the next call. What is open comes again, and its tags are gone.
    fn end(&self, line: &Arc<Line>) {
        let mut state = locked(&self.state);
        if state.feed.as_ref().is_some_and(|feed| Arc::ptr_eq(&feed.line, line)) {
            state.feed = None;
            state.open.clear();
        }
    }

    /// Takes what is open under the tag.
    fn take(&self, tag: u64, is_held: bool) -> Option<(Arc<Line>, Acker)> {
        let mut state = locked(&self.state);
        let line = Arc::clone(&state.feed.as_ref()?.line);
        match state.open.remove(&tag)? {
            Open::Out(acker) => {
                if is_held {
                    state.open.insert(tag, Open::Held);
                }
                Some((line, acker))
            }
            Open::Held => {
                state.open.insert(tag, Open::Held);
                None
            }
        }
    }
}

#[async_trait]
impl Deliveries for RabbitDeliveries {
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, PublishError> {
        let shared = &*self.0;
        let _turn = shared.turn.acquire().await.map_err(PublishError::unavailable)?;
        let _asking = Asking(&shared.state);
        let line = self.begin().await?;
        let mut out = match shared.next(&line).await {
            Ok(fed) => vec![shared.delivery(fed)],
            Err(why) => {
                shared.end(&line);
                return Err(why.into());
            }
        };
        // What else is there goes with it.
        while out.len() < limit {
            match poll_fn(|cx| Poll::Ready(shared.poll(cx))).await {
                Poll::Ready(Some(Ok(fed))) => out.push(shared.delivery(fed)),
                // If it has ended, the next call sees that as well.
                _ => break,
            }
        }
        Ok(out)
    }

    async fn settle(&self, tag: u64, how: Settle) -> Result<(), PublishError> {
        let shared = &*self.0;
        let later = if let Settle::Again(after) = how {
            Some(after).filter(|it| !it.is_zero())
        } else {
            None
        };
        let open = shared.take(tag, later.is_some());
        let (line, acker) = open.ok_or_else(|| PublishError::unavailable(NotOpen))?;
        if let Some(after) = later {
            self.hold(&line, tag, acker, after);
            return Ok(());
        }
        let settling = async {
            let is_said = match how {
                Settle::Done => acker.ack(BasicAckOptions::default()).await?,
                Settle::Again(_) => {
                    acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await?
                }
                Settle::Dropped => acker.reject(BasicRejectOptions { requeue: false }).await?,
            };
            if !is_said {
                return Err(LineError::Ended);
            }
            // The protocol has no answer to that: what is asked after it is answered after it.
            shared.queue.see(line.channel()).await
        };
        in_time(shared.patience, settling).await.map_err(PublishError::unknown)
    }
}

impl fmt::Debug for RabbitDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitDeliveries")
            .field("queue", &self.0.queue.name.as_str())
            .finish_non_exhaustive()
    }
}

//! Messages on their way to the stream, and the server's answers.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

use async_nats::header::{
    HeaderMap, HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID,
    NATS_BATCH_SEQUENCE, NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE,
    NATS_MESSAGE_ID,
};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Message, Request, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use serde::Deserialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::error::{NoAnswer, NoStream, OtherStream, not_sent, not_stored};
use super::shared::Shared;
use crate::ports::{PublishError, Stored};

/// A message, ready to be sent.
pub(super) struct Ready {
    pub(super) subject: Subject,
    pub(super) headers: HeaderMap,
    pub(super) data: Bytes,
}

/// Why a message that was sent is not stored, or may not be.
#[derive(Debug)]
pub(super) enum NotStored {
    /// The stream does not end where the message was to stand.
    Moved,
    /// A message of the batch is stored already, and so none of the batch is stored now.
    Known,
    /// The stream takes no batches, or not this one.
    NoBatch,
    Error(PublishError),
}

pub(super) type Answer = Result<Stored, NotStored>;

impl NotStored {
    fn unknown(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Error(PublishError::unknown(why))
    }
}

/// What the server says of a message, or of a batch.
#[derive(Deserialize)]
struct Ack<'a> {
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<jetstream::Error>,
}

impl Shared {
    fn heard(&self, message: &Message) -> Answer {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(NotStored::Error(PublishError::unavailable(NoStream)));
        }
        let ack: Ack<'_> = serde_json::from_slice(&message.payload).map_err(NotStored::unknown)?;
        match ack.error {
            Some(error) => {
                if error.error_code() == ErrorCode::ATOMIC_PUBLISH_DISABLED {
                    self.takes_batches.store(false, Relaxed);
                }
                Err(refusal(error))
            }
            None if ack.stream != self.options.stream => {
                Err(NotStored::Error(PublishError::unavailable(OtherStream)))
            }
            None => Ok(Stored::new(Some(ack.seq), ack.duplicate)),
        }
    }

    /// Sends messages, up to `in_flight_messages_max` at a time, and waits for their answers, one for each message that was sent.
    /// With a `guard`, the first is stored if the stream ends at that place, and each other if the stream ends with the one before
    /// it; behind one that is not stored so, none is sent any more.
    pub(super) async fn pipeline(
        &self,
        guard: Option<u64>,
        mut next: impl FnMut() -> Option<Ready>,
    ) -> Vec<Answer> {
        let Some(first) = next() else { return Vec::new() };
        let Some(second) = next() else { return vec![self.send_one(guard, first).await] };
        let inbox = self.client.new_inbox();
        let subscriber = match self.client.subscribe(format!("{inbox}.*")).await {
            Ok(subscriber) => subscriber,
            Err(error) => {
                let error = PublishError::unavailable(error);
                return vec![Err(NotStored::Error(error.clone())), Err(NotStored::Error(error))];
            }
        };
        let mut line = Pipeline::new(self, subscriber, inbox, guard);
        let mut waiting = [first, second].into_iter();
        let window = self.options.in_flight_messages_max.max(1);
        loop {
            while line.open < window && (line.goes_on || waiting.len() > 0) {
                let Some(ready) = waiting.next().or_else(&mut next) else {
                    line.goes_on = false;
                    break;
                };
                line.send(ready).await;
            }
            if line.open == 0 || !line.listen().await {
                return line.into_answers();
            }
        }
    }

    /// One message: the answer comes to where the client has all its answers.
    async fn send_one(&self, guard: Option<u64>, mut ready: Ready) -> Answer {
        if let Some(guard) = guard {
            ready.headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(guard));
        }
        let request = Request::new().headers(ready.headers).payload(ready.data);
        let answer = self.ask(ready.subject, request).await.map_err(NotStored::Error)?;
        self.heard(&answer)
    }

    /// Sends messages that are stored all together or not at all; with a `guard`, if the stream ends at that place. Where the last
    /// of them is.
    pub(super) async fn batch(
        &self,
        guard: Option<u64>,
        messages: Vec<Ready>,
    ) -> Result<u64, NotStored> {
        let id = Uuid::now_v7().simple().to_string();
        let last = messages.len();
        for (n, mut ready) in (1..).zip(messages) {
            let headers = &mut ready.headers;
            headers.insert(NATS_BATCH_ID, id.as_str());
            headers.insert(NATS_BATCH_SEQUENCE, HeaderValue::from(n));
            if let Some(guard) = guard.filter(|_| n == 1) {
                headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(guard));
            }
            if n == last {
                headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
                let request = Request::new().headers(ready.headers).payload(ready.data);
                let answer = self.ask(ready.subject, request).await.map_err(no_batch)?;
                let stored = self.heard(&answer)?;
                return stored.position.ok_or(NotStored::NoBatch);
            }
            let sending =
                self.client.publish_with_headers(ready.subject, ready.headers, ready.data);
            // What is not ended with a commit is given up by the server.
            match timeout(self.options.answer_timeout, sending).await {
                Ok(sent) => sent.map_err(|error| no_batch(not_sent(error)))?,
                Err(_) => return Err(NotStored::Error(PublishError::unavailable(NoAnswer))),
            }
        }
        Err(NotStored::NoBatch)
    }
}

/// A message that is too long for a batch may go alone: that tells.
fn no_batch(error: PublishError) -> NotStored {
    match error {
        PublishError::Refused(_) => NotStored::NoBatch,
        other => NotStored::Error(other),
    }
}

/// Why the stream did not store a message, or a batch.
fn refusal(error: jetstream::Error) -> NotStored {
    match error.error_code() {
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE
        | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT
        | ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID => NotStored::Moved,
        ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE => NotStored::Known,
        ErrorCode::ATOMIC_PUBLISH_DISABLED
        | ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH
        | ErrorCode::ATOMIC_PUBLISH_TOO_LARGE_BATCH
        | ErrorCode::ATOMIC_PUBLISH_UNSUPPORTED_HEADER => NotStored::NoBatch,
        _ => NotStored::Error(not_stored(error)),
    }
}

/// Messages on their way together, and where their answers come in.
struct Pipeline<'s> {
    shared: &'s Shared,
    subscriber: Subscriber,
    inbox: String,
    guard: Option<u64>,
    /// By which id the server knows the message that was sent last. A place would be no guard for those behind the first: where
    /// that is refused, since others have published, a later one might be stored just behind theirs.
    previous: Option<HeaderValue>,
    answers: Vec<Option<Answer>>,
    /// How many are on their way.
    open: usize,
    /// Whether more are sent.
    goes_on: bool,
}

impl<'s> Pipeline<'s> {
    fn new(shared: &'s Shared, subscriber: Subscriber, inbox: String, guard: Option<u64>) -> Self {
        let (previous, answers) = (None, Vec::new());
        Self { shared, subscriber, inbox, guard, previous, answers, open: 0, goes_on: true }
    }

    async fn send(&mut self, mut ready: Ready) {
        let n = self.answers.len();
        if let Some(guard) = self.guard {
            let id = ready.headers.get(NATS_MESSAGE_ID).cloned();
            match std::mem::replace(&mut self.previous, id) {
                Some(previous) => ready.headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, previous),
                None => {
                    ready.headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(guard));
                }
            }
        }
        let reply = format!("{}.{n}", self.inbox);
        let client = &self.shared.client;
        let sending =
            client.publish_with_reply_and_headers(ready.subject, reply, ready.headers, ready.data);
        // The client keeps what it cannot send; if that is too much, it waits.
        let error = match timeout(self.shared.options.answer_timeout, sending).await {
            Ok(Ok(())) => {
                self.answers.push(None);
                self.open += 1;
                return;
            }
            Ok(Err(error)) => not_sent(error),
            Err(_) => PublishError::unavailable(NoAnswer),
        };
        self.answers.push(Some(Err(NotStored::Error(error))));
        self.goes_on &= self.guard.is_none();
    }

    /// Waits for the next answer, and takes what else is there. Whether one came in time.
    async fn listen(&mut self) -> bool {
        let next = timeout(self.shared.options.answer_timeout, self.subscriber.next()).await;
        let Ok(Some(message)) = next else { return false };
        self.hear(&message);
        while let Some(Some(message)) = self.subscriber.next().now_or_never() {
            self.hear(&message);
        }
        true
    }

    fn hear(&mut self, message: &Message) {
        let number = message.subject.rsplit('.').next().and_then(|n| n.parse::<usize>().ok());
        let Some(place) = number.and_then(|n| self.answers.get_mut(n)) else { return };
        if place.is_some() {
            return;
        }
        let answer = self.shared.heard(message);
        // Behind a known one, too, places are other than they were said to be.
        let is_new = answer.as_ref().is_ok_and(|stored| !stored.is_duplicate);
        self.goes_on &= is_new || self.guard.is_none();
        *place = Some(answer);
        self.open -= 1;
    }

    fn into_answers(self) -> Vec<Answer> {
        let silent = || Err(NotStored::unknown(NoAnswer));
        self.answers.into_iter().map(|answer| answer.unwrap_or_else(silent)).collect()
    }
}

//! What the handles of a stream share, and what they ask the server.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::header::{HeaderValue, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::jetstream::{self, Context, stream};
use async_nats::subject::ToSubject;
use async_nats::{Client, Request};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::error::{NoAnswer, NotConnected, unanswered};
use super::headers;
use super::options::NatsOptions;
use super::pace::Pace;
use super::subject::subject;
use super::wire::Ready;
use crate::ports::{Extent, Outbound, PublishError};

/// A stream, and what is known of it.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) options: NatsOptions,
    pub(super) dedupe_window: Option<Duration>,
    /// The longest message that the stream takes, if it says so.
    pub(super) message_bytes_max: Option<usize>,
    /// Whether the stream takes atomic batches, as far as it has said.
    pub(super) takes_batches: AtomicBool,
    pub(super) pace: Mutex<Pace>,
    /// Who publishes, where each message has its place: one call at a time.
    pub(super) turn: Semaphore,
    /// Where the stream ends if nobody else publishes to it.
    pub(super) end: Mutex<Option<u64>>,
}

/// What of a stream's description is of interest. Its time of creation stays the text that the server wrote: it is compared, and
/// never read.
#[derive(Deserialize)]
struct Described {
    created: String,
    state: Ends,
}

#[derive(Deserialize)]
struct Ends {
    last_seq: u64,
}

impl Shared {
    pub(super) fn new(
        client: Client,
        context: Context,
        options: NatsOptions,
        found: &stream::Config,
    ) -> Self {
        Self {
            client,
            context,
            dedupe_window: Some(found.duplicate_window).filter(|window| !window.is_zero()),
            message_bytes_max: usize::try_from(found.max_message_size).ok().filter(|max| *max > 0),
            takes_batches: AtomicBool::new(found.allow_atomic_publish),
            pace: Mutex::new(Pace::new(options.batches)),
            turn: Semaphore::new(1),
            end: Mutex::default(),
            options,
        }
    }

    /// Sees that there is a connection: without one, the client would keep what it is given, and send it some time.
    pub(super) fn connected(&self) -> Result<(), PublishError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(PublishError::unavailable(NotConnected)),
        }
    }

    /// The answer to a request, which is waited for as long as the options say.
    pub(super) async fn ask(
        &self,
        subject: impl ToSubject,
        request: Request,
    ) -> Result<async_nats::Message, PublishError> {
        self.connected()?;
        // The client counts from when the request is on its way, and that may take its time as well.
        let asking = self.client.send_request(subject, request.timeout(None));
        match timeout(self.options.answer_timeout, asking).await {
            Ok(answer) => answer.map_err(unanswered),
            Err(_) => Err(PublishError::unknown(NoAnswer)),
        }
    }

    /// A message as it is sent.
    pub(super) fn ready(&self, outbound: &Outbound) -> Result<Ready, PublishError> {
        let to = subject(&self.options.prefix, &outbound.destination);
        let subject = to.map_err(PublishError::refused)?.to_subject();
        let mut headers = headers::written(outbound).map_err(PublishError::refused)?;
        // Whoever gave the subject to another stream is told so, instead of having messages strewn over two.
        headers.insert(NATS_EXPECTED_STREAM, self.options.stream.as_str());
        Ok(Ready { subject, headers, data: outbound.message.envelope.data().clone() })
    }

    /// How far the stream goes.
    pub(super) async fn extent(&self) -> Result<Extent, PublishError> {
        self.connected()?;
        let of = format!("STREAM.INFO.{}", self.options.stream);
        match self.context.request(of, &()).await.map_err(PublishError::unavailable)? {
            Response::Err { error } => Err(unavailable(error)),
            Response::Ok(Described { created, state }) => {
                Ok(Extent::new(format!("{} {created}", self.options.stream), state.last_seq))
            }
        }
    }

    /// Whether the stream has this message at this place.
    pub(super) async fn has(&self, at: u64, outbound: &Outbound) -> Result<bool, PublishError> {
        self.connected()?;
        let stream = self.context.get_stream_no_info(&self.options.stream).await;
        match stream.map_err(PublishError::unavailable)?.get_raw_message(at).await {
            Ok(found) => {
                let id = found.headers.get(NATS_MESSAGE_ID).map(HeaderValue::as_str);
                Ok(id == Some(headers::copy_id(outbound).as_str()))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
            Err(error) => Err(PublishError::unavailable(error)),
        }
    }
}

fn unavailable(error: jetstream::Error) -> PublishError {
    PublishError::unavailable(error)
}

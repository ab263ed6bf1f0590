//! One message on its way to the server, and what it answers.

use bytes::Bytes;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind};

use super::error::{LineError, NotTaken, TooLong, Unroutable, soft};
use super::headers;
use super::key::routing_key;
use super::line::{Line, in_time};
use super::options::RabbitOptions;
use crate::ports::{Outbound, PublishError, Stored};

/// What a frame has besides headers and media type, with room to spare.
const FRAME_REST_BYTES: usize = 128;

/// A message, ready to be sent.
pub(super) struct Ready {
    key: ShortString,
    properties: BasicProperties,
    head_bytes: usize,
    data: Bytes,
}

impl Ready {
    pub(super) fn new(outbound: &Outbound, options: &RabbitOptions) -> Result<Self, PublishError> {
        let key = routing_key(&outbound.destination).map_err(PublishError::refused)?;
        let written = headers::written(&outbound.message).map_err(PublishError::refused)?;
        let (properties, head_bytes) = written;
        let data = outbound.message.envelope.data().clone();
        within(data.len(), options.payload_bytes_max)?;
        Ok(Self { key, properties, head_bytes, data })
    }
}

fn within(bytes: usize, bytes_max: usize) -> Result<(), PublishError> {
    if bytes > bytes_max {
        return Err(PublishError::refused(TooLong { bytes, bytes_max }));
    }
    Ok(())
}

/// Why a message was not stored, or is not known to be.
pub(super) enum Unsent {
    Answered(PublishError),
    /// The server has closed the channel because of this message or of another that was on its way over it.
    Closed(lapin::Error),
}

impl From<PublishError> for Unsent {
    fn from(answer: PublishError) -> Self {
        Self::Answered(answer)
    }
}

/// Has each message that is published over the channel confirmed.
pub(super) async fn confirm(channel: &Channel) -> Result<(), LineError> {
    Ok(channel.confirm_select(ConfirmSelectOptions::default()).await?)
}

/// Sends a message over a channel of this line, and waits for what the server says.
pub(super) async fn send(
    line: &Line,
    channel: &Channel,
    options: &RabbitOptions,
    exchange: &ShortString,
    ready: &Ready,
) -> Result<Stored, Unsent> {
    // What does not go into one frame would keep the client from sending anything ever after.
    within(ready.head_bytes, line.frame_bytes_max().saturating_sub(FRAME_REST_BYTES))?;
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sending = async {
        let (to, key) = (exchange.clone(), ready.key.clone());
        let sent = channel.basic_publish(to, key, mandatory, &ready.data, ready.properties.clone());
        Ok(sent.await?.await?)
    };
    match in_time(options.answer_timeout, sending).await {
        Ok(Confirmation::Ack(None)) => Ok(Stored::new(None, false)),
        Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
            let reason = format!("{} {}", returned.reply_code, returned.reply_text);
            Err(PublishError::refused(Unroutable { reason }).into())
        }
        Ok(Confirmation::Nack(None)) => Err(PublishError::unavailable(NotTaken).into()),
        Ok(Confirmation::NotRequested) => Err(PublishError::unknown("nothing is confirmed").into()),
        Err(LineError::Client(error)) => Err(failed(error)),
        Err(other) => Err(PublishError::unknown(other).into()),
    }
}

fn failed(error: lapin::Error) -> Unsent {
    if soft(&error).is_some() {
        return Unsent::Closed(error);
    }
    Unsent::Answered(match error.kind() {
        // It was not begun.
        ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_) => {
            PublishError::unavailable(error)
        }
        _ => PublishError::unknown(error),
    })
}

/// Sends a message over a channel on which nothing else is, so that it is to blame if the server closes that.
pub(super) async fn send_alone(
    line: &Line,
    options: &RabbitOptions,
    exchange: &ShortString,
    ready: &Ready,
) -> Result<Stored, PublishError> {
    let channel = line.another_channel().await?;
    in_time(options.answer_timeout, confirm(&channel)).await?;
    match send(line, &channel, options, exchange, ready).await {
        Ok(stored) => Ok(stored),
        Err(Unsent::Answered(answer)) => Err(answer),
        // So it says that a message is longer than it takes, or has properties that it cannot have.
        Err(Unsent::Closed(why)) if soft(&why) == Some(AMQPSoftError::PRECONDITIONFAILED) => {
            Err(PublishError::refused(why))
        }
        // The exchange is gone, or the user may not publish to it: that can be mended.
        Err(Unsent::Closed(why)) => Err(PublishError::unavailable(why)),
    }
}

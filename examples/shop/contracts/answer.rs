//! From what was heard to what is said.

use freehold::inbox::HandleError;
use freehold::{Commit, Envelope, InvalidEnvelope, Message, MessageId, OrderingKey, message};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::command::Command;
use super::failure::{Cause, Failure};

/// What a message says, as far as the reader `M` listens to it.
///
/// # Errors
/// [`HandleError::Never`] if it is not what its type promises.
pub fn heard<M: DeserializeOwned>(message: &Message) -> Result<Option<M>, HandleError> {
    message::decode(&message.envelope).map_err(HandleError::never)
}

/// The message that says what a command has come to. Its id follows from the command's: said again, it is the same message. It has
/// its place among those of the invoice.
///
/// # Errors
/// [`Failure::Failed`] if it cannot be written.
pub fn said<M: Serialize>(command: &Command, says: &M) -> Result<Envelope, Failure> {
    let said = || -> Result<Envelope, Cause> {
        let id = MessageId::new(Uuid::new_v5(&command.id(), b"said"));
        let envelope = message::encode(id, key_of(command)?, says)?;
        Ok(envelope.with_metadata(command.metadata()))
    };
    said().map_err(|why| Failure::failed("answering", "say what it has done", why))
}

/// A commit, and in it the message that says what it has come to.
///
/// # Errors
/// [`Failure::Failed`] if it cannot be written.
pub fn answer<M: Serialize>(
    commit: Commit,
    command: &Command,
    says: &M,
) -> Result<Commit, Failure> {
    Ok(commit.send(&said(command, says)?))
}

fn key_of(command: &Command) -> Result<OrderingKey, InvalidEnvelope> {
    OrderingKey::new(&command.invoice().key())
}

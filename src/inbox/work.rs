//! Handling one message: decide, commit with the mark, and find out what the answer says.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

use super::mark::{Mark, Refused};
use super::options::{ConsumerOptions, Marks, OnGap};
use super::parked::told;
use crate::message::handler::{HandleError, Handler};
use crate::ports::{CommitError, EventStore, RowStore, telemetry};
use crate::retry::{Backoff, Seeds};
use crate::types::{Commit, Lease, LeaseName, Message, Position};

/// What became of a message.
#[derive(Debug)]
pub(super) enum Done {
    /// Its effect is committed, now or before.
    Handled,
    /// It waits for one that is missing: the broker is to deliver it again.
    Waits,
    /// It cannot be handled.
    Failed(String),
    /// Another process has the lease.
    Lost,
}

/// How long a message is left to the broker before which one is missing, until it is looked at again.
pub(super) const GAP_INTERVAL: Duration = Duration::from_secs(1);

/// Who wants a message handled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tries {
    /// The broker, which has delivered it so often before.
    Redelivered(u64),
    /// Somebody who has looked at what is parked, and accepts what is missing.
    ByHand,
}

/// A message before this one is missing.
#[derive(Debug, thiserror::Error)]
#[error("messages behind {after} and before this one are missing")]
struct Gap {
    after: Position,
}

/// The handler panicked.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked;

/// Handles the messages of one consumer.
pub(super) struct Work<'w, S> {
    pub(super) name: &'w LeaseName,
    pub(super) store: &'w S,
    pub(super) handler: &'w dyn Handler,
    pub(super) lease: Option<&'w Lease>,
    pub(super) options: &'w ConsumerOptions,
    pub(super) seeds: &'w Seeds,
}

/// What one try came to.
enum Tried {
    Done(Done),
    Again(HandleError),
    /// The store is in trouble, and the message is not to blame.
    Trouble(CommitError),
}

impl<S: EventStore + RowStore> Work<'_, S> {
    /// Handles a message, and commits `beside` with its effect.
    pub(super) async fn handle(&self, message: &Message, tries: Tries, beside: &Commit) -> Done {
        let mut mark = match Mark::of(self.name.as_str(), self.lease, message) {
            Ok(mark) => mark,
            Err(why) => return Done::Failed(told(&why)),
        };
        let mut retry = self.options.retry.begin(self.seeds.draw());
        let mut patience = self.options.patience().begin(self.seeds.draw());
        loop {
            match self.attempt(message, &mut mark, tries, beside).await {
                Tried::Done(done) => return done,
                Tried::Trouble(error) => {
                    tracing::warn!(consumer = %self.name, %error, "waits for the store");
                    patience.wait().await;
                }
                Tried::Again(error) => {
                    let is_over = matches!(error, HandleError::Never(_)) || !retry.wait().await;
                    if is_over {
                        return self.give_up(&mark, &error, &mut patience).await;
                    }
                }
            }
        }
    }

    /// A message that was handled before is not to blame for what it meets now.
    async fn give_up(&self, mark: &Mark, error: &HandleError, patience: &mut Backoff) -> Done {
        loop {
            match mark.is_made(self.store).await {
                Ok(true) => return self.is_duplicate(),
                Err(why) if why.is_transient() => {
                    tracing::warn!(consumer = %self.name, error = %why, "waits for the store");
                    patience.wait().await;
                }
                Ok(false) | Err(_) => return Done::Failed(told(error)),
            }
        }
    }

    fn is_duplicate(&self) -> Done {
        telemetry::handled(self.name.as_str(), "duplicate");
        Done::Handled
    }

    async fn attempt(
        &self,
        message: &Message,
        mark: &mut Mark,
        tries: Tries,
        beside: &Commit,
    ) -> Tried {
        let decided = AssertUnwindSafe(self.handler.handle(message)).catch_unwind().await;
        let effect = match decided.unwrap_or_else(|_| Err(HandleError::never(Panicked))) {
            Ok(effect) => effect.and(beside.clone()),
            Err(error) => return Tried::Again(error),
        };
        loop {
            match self.store.commit(effect.clone().and(mark.commit())).await {
                Ok(committed) if committed.is_duplicate() => {
                    return Tried::Done(self.is_duplicate());
                }
                Ok(_) => {
                    telemetry::handled(self.name.as_str(), "handled");
                    return Tried::Done(Done::Handled);
                }
                Err(CommitError::Fenced(fenced)) => match mark.refused(&fenced) {
                    Refused::Duplicate => return Tried::Done(self.is_duplicate()),
                    Refused::Lost => return Tried::Done(Done::Lost),
                    Refused::From(at) => *mark = mark.clone().moved_from(at),
                    Refused::Gap { after } => {
                        if let Some(done) = self.meets(&Gap { after }, tries) {
                            return Tried::Done(done);
                        }
                        *mark = mark.clone().moved_from(after);
                    }
                },
                Err(error @ CommitError::Conflict(_)) => return Tried::Again(error.into()),
                // The very same again tells; a mark is made once.
                Err(error) if error.is_transient() => return Tried::Trouble(error),
                Err(error) => return Tried::Again(HandleError::never(error)),
            }
        }
    }

    /// One before it is missing: what becomes of it, unless it is accepted all the same.
    fn meets(&self, gap: &Gap, tries: Tries) -> Option<Done> {
        if self.options.joins_late && gap.after == Position::START {
            return None;
        }
        telemetry::handled(self.name.as_str(), "gap");
        tracing::error!(consumer = %self.name, error = gap as &dyn Error, "a message is missing");
        match self.options.marks {
            Marks::BySequence(OnGap::Park) => {
                let Tries::Redelivered(times) = tries else { return None };
                // Each time takes an interval.
                let waited = GAP_INTERVAL.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX));
                let waits = waited < self.options.gap_wait;
                Some(if waits { Done::Waits } else { Done::Failed(told(gap)) })
            }
            Marks::BySequence(OnGap::Accept) | Marks::ById => None,
        }
    }
}

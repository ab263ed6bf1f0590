//! All that an instance has heard and done.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::entry::{Entry, Kept};
use super::listed::BoxError;
use crate::types::{Envelope, MessageId, Source};

/// All that one instance has heard and done, in order.
///
/// Its [`Display`](fmt::Display) is the tree of what has caused what, with how long each hop took.
#[derive(Clone, Debug)]
pub struct Timeline {
    process: &'static str,
    instance: String,
    moments: Vec<Moment>,
}

/// Something that has happened to an instance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Moment {
    /// When it was written down, by the store's clock.
    pub at: DateTime<Utc>,
    /// What has happened.
    pub what: Happened,
}

/// What has happened to an instance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happened {
    /// A message was heard.
    #[non_exhaustive]
    Heard {
        /// The message.
        message: Box<Envelope>,
        /// Who has sent it.
        source: Source,
        /// The messages that answered it, by their ids and types.
        sent: Vec<(MessageId, String)>,
        /// The timers that it has set, by the names of their events, and when they are due.
        timers: Vec<(String, DateTime<Utc>)>,
        /// Whether the instance was complete after it.
        completes: bool,
    },
    /// A message has to wait.
    Waits(Box<Envelope>),
    /// What waits has waited for longer than it should.
    Overdue,
    /// A message could not be heard.
    #[non_exhaustive]
    Parked {
        /// The message.
        message: Box<Envelope>,
        /// Why.
        why: String,
    },
    /// Nothing followed any more from a message that had waited.
    Passed(MessageId),
    /// Somebody has given up the message that could not be heard.
    #[non_exhaustive]
    Discarded {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody has ended the instance.
    #[non_exhaustive]
    Ended {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
}

impl Timeline {
    pub(super) fn new(process: &'static str, instance: &str) -> Self {
        Self { process, instance: instance.to_owned(), moments: Vec::new() }
    }

    pub(super) fn add(&mut self, entry: &Entry, at: DateTime<Utc>) -> Result<(), BoxError> {
        let envelope = |kept: &Kept| kept.envelope().map(Box::new);
        let what = match entry {
            Entry::Heard(heard) => Happened::Heard {
                message: envelope(&heard.message)?,
                source: heard.message.source()?,
                sent: heard.sent.iter().map(|sent| (sent.id, sent.kind.clone())).collect(),
                timers: heard.timers.iter().map(|set| (set.event.clone(), set.at)).collect(),
                completes: heard.completes,
            },
            Entry::Waits(kept) => Happened::Waits(envelope(kept)?),
            Entry::Overdue => Happened::Overdue,
            Entry::Parked { message, why } => {
                Happened::Parked { message: envelope(message)?, why: why.clone() }
            }
            Entry::Passed { message } => Happened::Passed(*message),
            Entry::Dropped { by, reason } => {
                Happened::Discarded { by: by.clone(), reason: reason.clone() }
            }
            Entry::Ended { by, reason } => {
                Happened::Ended { by: by.clone(), reason: reason.clone() }
            }
        };
        self.moments.push(Moment { at, what });
        Ok(())
    }

    /// The name of the process.
    #[must_use]
    pub const fn process(&self) -> &'static str {
        self.process
    }

    /// Which instance it is.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// What has happened, in order.
    #[must_use]
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The types of what was heard, in order. A timer's is the name of its event's variant.
    pub fn heard(&self) -> impl Iterator<Item = String> {
        self.moments.iter().filter_map(|moment| match &moment.what {
            Happened::Heard { message, .. } => Some(super::wire::name_of(message)),
            _ => None,
        })
    }

    /// Where in the tree a moment hangs: below what has caused its message, or sent what caused it.
    fn parent(&self, nth: usize) -> Option<usize> {
        let cause = match &self.moments.get(nth)?.what {
            Happened::Heard { message, .. }
            | Happened::Waits(message)
            | Happened::Parked { message, .. } => message.metadata().causation(),
            _ => None,
        }?;
        let before = self.moments.get(..nth)?;
        before.iter().rposition(|moment| moment.leads_to(cause))
    }

    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        parents: &[Option<usize>],
        below: Option<usize>,
        depth: usize,
    ) -> fmt::Result {
        for (nth, moment) in self.moments.iter().enumerate() {
            if parents.get(nth).copied().flatten() != below {
                continue;
            }
            let since = self.moments.get(below.unwrap_or(0)).map_or(moment.at, |before| before.at);
            writeln!(f, "{:indent$}{}  {moment}", "", took(moment.at - since), indent = 2 * depth)?;
            self.write(f, parents, Some(nth), depth + 1)?;
        }
        Ok(())
    }
}

impl Moment {
    /// Whether this is what a message names as its cause.
    fn leads_to(&self, cause: Uuid) -> bool {
        match &self.what {
            Happened::Heard { message, sent, .. } => {
                message.id().as_uuid() == cause || sent.iter().any(|(id, _)| id.as_uuid() == cause)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Timeline {
    /// Each line says how long after what caused it something has happened; at the top level, after the beginning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}/{}", self.process, self.instance)?;
        let parents: Vec<_> = (0..self.moments.len()).map(|nth| self.parent(nth)).collect();
        self.write(f, &parents, None, 1)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Happened::Heard { message, source, sent, timers, completes } => {
                write!(f, "{} from {source}", super::wire::name_of(message))?;
                for (_, kind) in sent {
                    write!(f, " → {kind}")?;
                }
                for (event, at) in timers {
                    write!(f, " ⏲ {event} at {}", at.format("%FT%TZ"))?;
                }
                if *completes { f.write_str(" (complete)") } else { Ok(()) }
            }
            Happened::Waits(message) => write!(f, "{} waits", super::wire::name_of(message)),
            Happened::Overdue => f.write_str("overdue"),
            Happened::Parked { message, why } => {
                write!(f, "{} is parked: {why}", super::wire::name_of(message))
            }
            Happened::Passed(_) => f.write_str("a message that had waited leads to nothing"),
            Happened::Discarded { by, reason } => {
                write!(f, "the parked message is given up by {by}: {reason}")
            }
            Happened::Ended { by, reason } => write!(f, "ended by {by}: {reason}"),
        }
    }
}

/// A duration for people: milliseconds, or seconds with a decimal.
fn took(time: TimeDelta) -> String {
    let millis = time.num_milliseconds();
    if millis < 10_000 {
        format!("+{millis} ms")
    } else {
        format!("+{}.{} s", millis / 1_000, millis % 1_000 / 100)
    }
}

//! The arguments of the function that commits and sends messages.

use chrono::{DateTime, Utc};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::value::{List, Moment, Uuid};
use crate::types::{Outgoing, Parts};

/// The messages of a group, in the order of its commits.
#[derive(Default)]
struct Messages<'p> {
    commit: Vec<i32>,
    /// From when on they may be delivered, if that is not yet.
    due: Vec<Option<Moment>>,
    id: Vec<Uuid>,
    key: Vec<&'p str>,
    kind: Vec<&'p str>,
    envelope: Vec<&'p str>,
}

/// Binds what the commits of a group send, when it is `now`.
pub(super) fn bind<'q>(
    statement: Query<'q, Postgres, PgArguments>,
    group: &[&'q Parts],
    now: DateTime<Utc>,
) -> sqlx::Result<Query<'q, Postgres, PgArguments>> {
    let mut messages = Messages::default();
    for (no, parts) in (0_i32..).zip(group) {
        for message in &parts.messages {
            messages.take(no, message, now)?;
        }
    }
    Ok(statement
        .bind(List(messages.commit))
        .bind(List(messages.due))
        .bind(List(messages.id))
        .bind(List(messages.key))
        .bind(List(messages.kind))
        .bind(List(messages.envelope)))
}

impl<'p> Messages<'p> {
    fn take(&mut self, no: i32, message: &'p Outgoing, now: DateTime<Utc>) -> sqlx::Result<()> {
        let envelope = std::str::from_utf8(message.event.data());
        let envelope = envelope.map_err(|why| sqlx::Error::Encode(why.into()))?;
        self.commit.push(no);
        self.due.push(message.deliver_at.filter(|due| *due > now).map(Moment::not_before));
        self.id.push(Uuid(message.id().as_uuid()));
        self.key.push(message.stream.id());
        self.kind.push(message.event.name().as_str());
        self.envelope.push(envelope);
        Ok(())
    }
}

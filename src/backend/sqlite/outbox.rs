//! What waits to be published: a table that commits write to, and one for what is not due yet.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params};

use super::append::Log;
use super::batch::publish;
use super::handle::SqliteStore;
use super::row;
use super::savepoint::Savepoint;
use crate::ports::{BackendError, Outbox};
use crate::types::{EventId, FeedPage, NewEvent, Outgoing, Position, RecordedEvent, Sharing};

/// The most messages that are trimmed before other writers get their turn.
const TRIM_MESSAGES_MAX: u64 = 1_000;

#[async_trait]
impl Outbox for SqliteStore {
    async fn outbox_page(&self, after: Position, limit: usize) -> Result<FeedPage, BackendError> {
        let limit = self.shared.log.limits.page(limit);
        let read = move |conn: &Connection| page(conn, after, limit);
        self.shared.readers.read("read the outbox", read).await
    }

    async fn outbox_head(&self) -> Result<Position, BackendError> {
        let head = self.shared.readers.read("read the head of the outbox", head).await?;
        publish(&self.shared.outbox, head);
        Ok(head)
    }

    async fn outbox_changed(&self, after: Position) -> Result<(), BackendError> {
        let mut told = self.shared.outbox.subscribe();
        loop {
            if *told.borrow_and_update() > after {
                return Ok(());
            }
            if self.outbox_head().await? > after {
                self.shared.outbox_looks.found();
                return Ok(());
            }
            // As with events: the writer of this store tells, and somebody looks for what others send.
            loop {
                tokio::select! {
                    _ = told.changed() => break,
                    () = self.shared.outbox_looks.sleep() => {
                        if self.shared.outbox_looks.is_due() { break }
                    }
                }
            }
        }
    }

    async fn outbox_due(&self, limit: usize) -> Result<Option<DateTime<Utc>>, BackendError> {
        const OPERATION: &str = "ask for what is due";
        let log = self.shared.log.clone();
        // Whoever asks often finds nothing due: then no writer waits for it.
        let next = self.shared.readers.read(OPERATION, next_due).await?;
        if next.is_none_or(|due| due > log.now()) {
            return Ok(next);
        }
        let limit = log.limits.page(limit);
        self.ask(OPERATION, move |conn| log.deliver(conn, limit)).await
    }

    async fn outbox_trim(&self, upto: Position) -> Result<u64, BackendError> {
        let mut trimmed = 0;
        loop {
            let some = self.ask("trim the outbox", move |conn| trim(conn, upto)).await?;
            trimmed += some;
            if some < TRIM_MESSAGES_MAX {
                return Ok(trimmed);
            }
        }
    }
}

impl Log {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }

    /// Writes the messages of a commit, in order.
    pub(super) fn send(
        &self,
        conn: &Connection,
        messages: &[Outgoing],
        now: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        for message in messages {
            let (time, sql) = match message.deliver_at.filter(|due| *due > now) {
                Some(due) => (
                    rounded_up(due),
                    "INSERT INTO freehold_outbox_later
                         (message_id, ordering_key, type, envelope, due)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                ),
                None => (
                    now.timestamp_micros(),
                    "INSERT INTO freehold_outbox
                         (message_id, ordering_key, type, envelope, recorded_at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                ),
            };
            let event = &message.event;
            conn.prepare_cached(sql)?.execute(params![
                event.id().as_uuid().as_bytes().as_slice(),
                message.stream.id(),
                event.name().as_str(),
                ToSqlOutput::Borrowed(ValueRef::Text(event.data())),
                time,
            ])?;
        }
        if !messages.is_empty() {
            self.sent.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Moves what is due into the log, and says when the next message will be.
    fn deliver(&self, conn: &Connection, limit: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let (now, limit) = (self.now().timestamp_micros(), row::signed(limit as u64));
        Savepoint::Commit.whole(conn, || {
            let mut insert = conn.prepare_cached(
                "INSERT INTO freehold_outbox
                     (message_id, ordering_key, type, envelope, recorded_at)
                 SELECT message_id, ordering_key, type, envelope, ?1 FROM freehold_outbox_later
                 WHERE due <= ?1 ORDER BY due, came LIMIT ?2",
            )?;
            insert.execute([now, limit])?;
            let mut delete = conn.prepare_cached(
                "DELETE FROM freehold_outbox_later WHERE came IN (
                     SELECT came FROM freehold_outbox_later
                     WHERE due <= ?1 ORDER BY due, came LIMIT ?2)",
            )?;
            delete.execute([now, limit]).map(drop)
        })?;
        self.sent.store(true, Ordering::Relaxed);
        next_due(conn)
    }
}

/// The position of the newest message that there ever was.
fn head(conn: &Connection) -> rusqlite::Result<Position> {
    let mut select = conn.prepare_cached(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'freehold_outbox'",
    )?;
    select.query_row([], |found| row::position(found, 0))
}

fn next_due(conn: &Connection) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let mut select = conn.prepare_cached("SELECT min(due) FROM freehold_outbox_later")?;
    let due = select.query_row([], |found| found.get::<_, Option<i64>>(0))?;
    due.map(|due| time(due, 0)).transpose()
}

fn page(conn: &Connection, after: Position, limit: usize) -> rusqlite::Result<FeedPage> {
    // The head comes first: messages only ever appear beyond it, so that whoever finds none up to it finds none later,
    // be it that they were trimmed.
    let head = head(conn)?;
    let mut select = conn.prepare_cached(
        "SELECT position, message_id, ordering_key, type, envelope, recorded_at
         FROM freehold_outbox WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let one_more = row::signed(limit as u64).saturating_add(1);
    let mut sharing = Sharing::default();
    let found = select
        .query_map([row::signed(after.get()), one_more], |found| message(found, &mut sharing))?;
    let mut events: Vec<RecordedEvent> = found.collect::<rusqlite::Result<_>>()?;
    let has_more = events.len() > limit;
    events.truncate(limit);
    let upto = events.last().map_or(head.max(after), RecordedEvent::position);
    Ok(FeedPage::new(events, upto, has_more))
}

fn message(found: &Row<'_>, sharing: &mut Sharing) -> rusqlite::Result<RecordedEvent> {
    let id = EventId::new(row::uuid(found, 1)?);
    let stream = Outgoing::stream(row::text(found, 2)?).map_err(|why| row::corrupt(2, why))?;
    let name = sharing.name(row::text(found, 3)?).map_err(|why| row::corrupt(3, why))?;
    let envelope = found.get_ref(4)?.as_bytes().map_err(|why| row::corrupt(4, why))?;
    let event = NewEvent::new(id, name, sharing.payload(envelope));
    let outgoing = Outgoing { stream, event, deliver_at: None };
    Ok(outgoing.recorded(row::position(found, 0)?, time(found.get(5)?, 5)?))
}

fn trim(conn: &Connection, upto: Position) -> rusqlite::Result<u64> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM freehold_outbox WHERE position IN (
             SELECT position FROM freehold_outbox WHERE position <= ?1 ORDER BY position LIMIT ?2)",
    )?;
    let trimmed = delete.execute([row::signed(upto.get()), row::signed(TRIM_MESSAGES_MAX)])?;
    Ok(trimmed as u64)
}

fn time(micros: i64, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let time = DateTime::from_timestamp_micros(micros);
    time.ok_or_else(|| row::corrupt(column, "a time out of range"))
}

/// No message is delivered sooner than it says.
fn rounded_up(due: DateTime<Utc>) -> i64 {
    let is_whole = due.timestamp_subsec_nanos().is_multiple_of(1_000);
    due.timestamp_micros().saturating_add(i64::from(!is_whole))
}

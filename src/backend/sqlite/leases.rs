//! The port for leases. They expire on SQLite's own clock, which is the machine's: all processes that have the file
//! open agree on it, whatever their own idea of the time is. It ticks in milliseconds.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::handle::SqliteStore;
use super::{row, rows};
use crate::ports::{BackendError, Leases};
use crate::types::{Claim, Epoch, Lease, LeaseName, LeaseState, Owner};

/// The longest that a lease can last, in microseconds: more than a hundred thousand years, and the sum with any time
/// is still a number of SQLite's.
const MICROS_MAX: i64 = i64::MAX >> 1;

/// The time of the statement, in microseconds since 1970.
macro_rules! now {
    () => {
        "(CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000)"
    };
}

#[async_trait]
impl Leases for SqliteStore {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        let name = name.clone();
        self.ask("claim a lease", move |conn| claim(conn, &name, owner, time)).await
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        let lease = lease.clone();
        self.ask("renew a lease", move |conn| renew(conn, &lease, time)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        let lease = lease.clone();
        self.ask("release a lease", move |conn| release(conn, &lease)).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        let name = name.clone();
        let read = move |conn: &Connection| state(conn, &name);
        self.shared.readers.read_at_once("read a lease", read).await
    }
}

fn claim(
    conn: &Connection,
    name: &LeaseName,
    owner: Owner,
    time: Duration,
) -> rusqlite::Result<Claim> {
    let mut grant = conn.prepare_cached(concat!(
        "INSERT INTO freehold_leases (name, epoch, owner, expires_at)
         VALUES (?1, 1, ?2, ",
        now!(),
        " + ?3)
         ON CONFLICT (name) DO UPDATE
         SET epoch = epoch + 1, owner = excluded.owner, expires_at = excluded.expires_at
         WHERE owner IS NULL OR owner = excluded.owner OR expires_at <= ",
        now!(),
        " RETURNING epoch"
    ))?;
    let id = owner.as_uuid();
    let asked = params![name.as_str(), id.as_bytes().as_slice(), micros(time)];
    if let Some(epoch) = grant.query_row(asked, |found| row::epoch(found, 0)).optional()? {
        return Ok(Claim::Granted(Lease::new(name.clone(), epoch)));
    }
    let mut select = conn.prepare_cached(concat!(
        "SELECT owner, max(expires_at - ",
        now!(),
        ", 0) FROM freehold_leases WHERE name = ?1"
    ))?;
    select.query_row([name.as_str()], |found| {
        let by = Owner::new(row::uuid(found, 0)?);
        Ok(Claim::Held { by, expires_in: Duration::from_micros(row::unsigned(found, 1)?) })
    })
}

fn renew(conn: &Connection, lease: &Lease, time: Duration) -> rusqlite::Result<bool> {
    let mut update = conn.prepare_cached(concat!(
        "UPDATE freehold_leases SET expires_at = ",
        now!(),
        " + ?3 WHERE name = ?1 AND epoch = ?2 AND owner IS NOT NULL"
    ))?;
    let epoch = row::signed(lease.epoch().get());
    let renewed = update.execute(params![lease.name().as_str(), epoch, micros(time)])?;
    Ok(renewed > 0)
}

fn release(conn: &Connection, lease: &Lease) -> rusqlite::Result<()> {
    let mut update = conn
        .prepare_cached("UPDATE freehold_leases SET owner = NULL WHERE name = ?1 AND epoch = ?2")?;
    update.execute(params![lease.name().as_str(), row::signed(lease.epoch().get())]).map(drop)
}

/// Takes a lease for the store itself, from whoever holds it.
pub(super) fn hold(conn: &Connection, name: &LeaseName) -> rusqlite::Result<()> {
    let mut take = conn.prepare_cached(concat!(
        "INSERT INTO freehold_leases (name, epoch, owner, expires_at)
         VALUES (?1, 1, ?2, ",
        now!(),
        " + ?3)
         ON CONFLICT (name) DO UPDATE
         SET epoch = epoch + 1, owner = excluded.owner, expires_at = excluded.expires_at"
    ))?;
    let id = Owner::STORE.as_uuid();
    let time = micros(Duration::from_hours(100 * 365 * 24));
    take.execute(params![name.as_str(), id.as_bytes().as_slice(), time]).map(drop)
}

/// Gives a lease back that the store itself holds.
pub(super) fn let_go(conn: &Connection, name: &LeaseName) -> rusqlite::Result<()> {
    let release = "UPDATE freehold_leases SET owner = NULL WHERE name = ?1";
    conn.execute(release, [name.as_str()]).map(drop)
}

fn state(conn: &Connection, name: &LeaseName) -> rusqlite::Result<LeaseState> {
    let mut select = conn.prepare_cached(concat!(
        "SELECT epoch, CASE WHEN expires_at > ",
        now!(),
        " THEN owner END FROM freehold_leases WHERE name = ?1"
    ))?;
    let granted = select.query_row([name.as_str()], |found| {
        Ok((row::epoch(found, 0)?, row::uuid_or_null(found, 1)?))
    });
    let (epoch, owner) = granted.optional()?.unwrap_or((Epoch::NONE, None));
    Ok(LeaseState::new(owner.map(Owner::new), epoch, rows::checkpoints(conn, name)?))
}

/// Rounded up: no lease lasts shorter than it was asked for.
fn micros(time: Duration) -> i64 {
    let micros = i64::try_from(time.as_nanos().div_ceil(1_000)).unwrap_or(MICROS_MAX);
    micros.min(MICROS_MAX)
}

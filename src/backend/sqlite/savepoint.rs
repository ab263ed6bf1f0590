//! A part of a transaction that can be undone alone.

use rusqlite::Connection;

/// One of the two places where a part begins. They nest in this order.
#[derive(Clone, Copy)]
pub(super) enum Savepoint {
    /// Before user code.
    Work,
    /// Before the rows of one commit in the user's own transaction.
    Commit,
}

impl Savepoint {
    pub(super) fn open(self, conn: &Connection) -> rusqlite::Result<()> {
        run(
            conn,
            match self {
                Self::Work => "SAVEPOINT freehold_work",
                Self::Commit => "SAVEPOINT freehold_commit",
            },
        )
    }

    /// Keeps what was written since.
    pub(super) fn keep(self, conn: &Connection) -> rusqlite::Result<()> {
        run(
            conn,
            match self {
                Self::Work => "RELEASE freehold_work",
                Self::Commit => "RELEASE freehold_commit",
            },
        )
    }

    /// Does all of some work, or nothing.
    pub(super) fn whole(
        self,
        conn: &Connection,
        work: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        self.open(conn)?;
        let done = work();
        match done {
            Ok(()) => self.keep(conn)?,
            // Some errors undo the whole transaction.
            Err(_) if conn.is_autocommit() => {}
            Err(_) => self.undo(conn)?,
        }
        done
    }

    /// Undoes what was written since.
    pub(super) fn undo(self, conn: &Connection) -> rusqlite::Result<()> {
        run(
            conn,
            match self {
                Self::Work => "ROLLBACK TO freehold_work",
                Self::Commit => "ROLLBACK TO freehold_commit",
            },
        )?;
        self.keep(conn)
    }
}

fn run(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

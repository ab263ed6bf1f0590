//! What the commits of one transaction share: what one of them has found out holds for all, since nobody else writes meanwhile.

use rusqlite::{CachedStatement, Connection};

use super::inline::KnownFolds;
use super::streams::Ends;
use super::{archive, insert};

/// What is known and prepared within one transaction.
pub(super) struct Within<'t> {
    pub(super) conn: &'t Connection,
    /// The folds that commits are folded by.
    pub(super) folds: KnownFolds,
    pub(super) statements: Prepared<'t>,
}

/// The statements of every commit of events, once one has asked for them.
pub(super) struct Prepared<'t>(Option<Statements<'t>>);

pub(super) struct Statements<'t> {
    pub(super) ends: Ends<'t>,
    pub(super) insert: CachedStatement<'t>,
    /// Looks for an event in the archive, if there is anything in it.
    pub(super) archived: Option<CachedStatement<'t>>,
}

impl<'t> Within<'t> {
    pub(super) const fn new(conn: &'t Connection) -> Self {
        Self { conn, folds: None, statements: Prepared(None) }
    }

    /// Something else than a commit was done: what was found out may hold no more.
    pub(super) fn forget(&mut self) {
        self.folds = None;
        self.statements = Prepared(None);
    }
}

impl<'t> Prepared<'t> {
    /// The statements.
    pub(super) fn on(&mut self, conn: &'t Connection) -> rusqlite::Result<&mut Statements<'t>> {
        if self.0.is_none() {
            let (ends, insert) = (Ends::new(conn)?, insert::prepare(conn)?);
            self.0 = Some(Statements { ends, insert, archived: archive::lookup(conn)? });
        }
        // It was just put there.
        self.0.as_mut().ok_or(rusqlite::Error::InvalidQuery)
    }
}

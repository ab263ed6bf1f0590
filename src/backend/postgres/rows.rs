//! The arguments of the function that commits rows and an advance.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::row;
use super::value::Uuid;
use crate::types::{Parts, RowSet, RowWrite};

/// The table of a set.
pub(super) fn view(set: &RowSet) -> String {
    format!("view_{set}")
}

/// Whether a commit is a statement of its own: it has what the groups of events do not know.
pub(super) const fn goes_apart(parts: &Parts) -> bool {
    !parts.rows.is_empty() || parts.advance.is_some()
}

/// Binds what a commit has beside its events.
pub(super) fn bind<'q>(
    statement: Query<'q, Postgres, PgArguments>,
    parts: &'q Parts,
) -> sqlx::Result<Query<'q, Postgres, PgArguments>> {
    let to = parts.advance.as_ref();
    let rows = Rows::of(&parts.rows)?;
    Ok(statement
        .bind(to.map(|to| to.lease.name().as_str()))
        .bind(to.map(|to| row::signed(to.lease.epoch().get())))
        .bind(to.map(|to| Uuid(to.log.as_uuid())))
        .bind(to.map(|to| row::signed(to.from.get())))
        .bind(to.map(|to| row::signed(to.to.get())))
        .bind(rows.view)
        .bind(rows.count)
        .bind(rows.key)
        .bind(rows.value))
}

/// Rows by their sets, and in the order of their keys: whoever writes some of the same ones meets us at the first of them,
/// and not in a circle.
#[derive(Default)]
pub(super) struct Rows<'p> {
    pub(super) view: Vec<String>,
    /// How many rows of each table follow each other.
    pub(super) count: Vec<i32>,
    pub(super) key: Vec<&'p str>,
    pub(super) value: Vec<Option<&'p str>>,
}

impl<'p> Rows<'p> {
    pub(super) fn of(writes: &'p [RowWrite]) -> sqlx::Result<Self> {
        let mut sorted: Vec<&RowWrite> = writes.iter().collect();
        sorted.sort_unstable_by_key(|row| (&row.set, &row.key));
        let mut rows = Self::default();
        for of_set in sorted.chunk_by(|left, right| left.set == right.set) {
            rows.view.extend(of_set.first().map(|row| view(&row.set)));
            rows.count.push(i32::try_from(of_set.len()).unwrap_or(i32::MAX));
            for row in of_set {
                let value = row.value.as_ref().map(|value| std::str::from_utf8(value.json()));
                let value = value.transpose().map_err(|why| sqlx::Error::Encode(why.into()))?;
                rows.key.push(row.key.as_str());
                rows.value.push(value);
            }
        }
        Ok(rows)
    }
}

//! The keeping of rows.

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::Row;

use super::append::milliseconds;
use super::error::backend;
use super::feed::one_more;
use super::handle::{PostgresStore, Shared};
use super::row;
use super::rows;
use super::value::Uuid;
use crate::ports::{BackendError, RowStore};
use crate::types::{LeaseName, RowKey, RowPage, RowSet, RowsWanted};

/// Rows and, in the same snapshot, the checkpoints: one statement, whose last lines are the checkpoints.
const WITH_CHECKPOINTS: &str =
    "SELECT key, value::text, NULL::uuid AS log, NULL::bigint AS position FROM (
        SELECT key, value FROM {view} WHERE {which}
    ) AS page
    UNION ALL
    SELECT NULL::text COLLATE \"C\", NULL, c.log, {reached} FROM {schema}.checkpoints AS c WHERE c.lease = $1
    ORDER BY key NULLS LAST, log";

#[async_trait]
impl RowStore for PostgresStore {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        let prepare = async {
            let statement = sqlx::query(self.shared.log.sql.prepare.clone()).bind(rows::view(set));
            statement.execute(&mut *self.shared.outside().await?).await
        };
        prepare.await.map(drop).map_err(|error| backend("prepare rows", error))
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        let remove = async {
            let statement = sqlx::query(self.shared.log.sql.remove.clone())
                .bind(rows::view(set))
                .bind(milliseconds(self.shared.lock_timeout));
            statement.execute(&mut *self.shared.outside().await?).await
        };
        remove.await.map(drop).map_err(|error| backend("remove rows", error))
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        let read = self.shared.rows(set, wanted, of).await;
        read.map_err(|error| backend("read rows", error))
    }
}

impl Shared {
    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> sqlx::Result<RowPage> {
        let of = of.map(LeaseName::as_str);
        let sql = |which: &str| {
            let sql = WITH_CHECKPOINTS.replace("{which}", which);
            sqlx::query(self.log.sql.of_set(set, &sql)).bind(of)
        };
        let (statement, limit) = match wanted {
            RowsWanted::Keys(keys) => {
                let keys: Vec<&str> = keys.iter().map(RowKey::as_str).collect();
                (sql("key = ANY($2)").bind(keys), usize::MAX)
            }
            RowsWanted::Page { prefix, after, limit } => {
                let limit = self.log.limits.row_page(*limit);
                let (from, end) = range(prefix);
                let until = if end.is_some() { "AND key < $5" } else { "" };
                let which = format!("key >= $2 AND key > $3 {until} ORDER BY key LIMIT $4");
                // No key is empty: all of them come after it.
                let after = after.as_ref().map_or("", RowKey::as_str);
                let page = sql(&which).bind(from).bind(after).bind(one_more(limit));
                (if let Some(end) = end { page.bind(end) } else { page }, limit)
            }
        };
        let mut found = statement.fetch(&self.pool);
        let (mut rows, mut checkpoints, mut has_more) = (Vec::new(), Vec::new(), false);
        // Decoded while the next ones are on their way.
        while let Some(line) = found.try_next().await? {
            let Some(key) = line.try_get(0)? else {
                checkpoints.push(row::token(line.try_get::<Uuid, _>(2)?, line.try_get(3)?)?);
                continue;
            };
            if rows.len() < limit {
                rows.push(row::row(key, line.try_get(1)?)?);
            } else {
                has_more = true;
            }
        }
        Ok(RowPage::new(rows, has_more, checkpoints))
    }
}

/// The keys that begin with a prefix: those from the first text on, and before the second, if there is one. Texts are
/// ordered by their bytes, which is the order of their characters, so it ends where the last character counts one up.
pub(super) fn range(prefix: &str) -> (&str, Option<String>) {
    // No key holds this one, and PostgreSQL takes no text with it.
    if prefix.contains('\0') {
        return ("", Some(String::new()));
    }
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return (prefix, Some(end));
        }
    }
    (prefix, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text_that_does_not_begin_with_it() {
        for (prefix, end) in [
            ("", None),
            ("ab", Some("ac")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{7f}", Some("a\u{80}")),
        ] {
            assert_eq!(range(prefix), (prefix, end.map(str::to_owned)), "{prefix:?}");
        }
        assert_eq!(range("a\0"), ("", Some(String::new())));
    }
}

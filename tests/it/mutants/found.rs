//! Mutants of R3: which rows are found, and in what order.

use freehold::testkit::async_trait;
use freehold::{LeaseName, Row, RowKey, RowPage, RowSet, RowsWanted};

use super::row_flaw::{Result, RowFlaw, Rows};

/// A flaw of reading is a function of what is asked for and of what the good store would answer.
macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident: $read:expr;)*) => {
        $($(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name;

        #[async_trait]
        impl RowFlaw for $name {
            async fn rows(
                &self,
                store: &Rows,
                set: &RowSet,
                wanted: &RowsWanted,
                of: Option<&LeaseName>,
            ) -> Result<RowPage> {
                let asked = Asked { store, set, wanted, of };
                $read(asked).await
            }
        })*
    };
}

/// What was asked for, and of which store.
struct Asked<'a> {
    store: &'a Rows,
    set: &'a RowSet,
    wanted: &'a RowsWanted,
    of: Option<&'a LeaseName>,
}

impl Asked<'_> {
    async fn answer(&self) -> Result<RowPage> {
        self.store.rows(self.set, self.wanted, self.of).await
    }

    async fn answer_to(&self, wanted: RowsWanted) -> Result<RowPage> {
        self.store.rows(self.set, &wanted, self.of).await
    }
}

reads! {
    /// R3: rows are told in the order in which they were asked for, and as often.
    AnswersInTheOrderAsked: in_the_order_asked;
    /// R3: who asks for keys gets a page of them.
    TakesKeysForAPage: keys_as_a_page;
    /// R3: a prefix is a pattern.
    TakesPrefixesForPatterns: prefix_as_pattern;
    /// R3: keys are in the order of a language.
    OrdersLikeALanguage: like_a_language;
    /// R3: who got as many rows as were asked for is told that more follow.
    TakesAFullPageForOneBeforeTheLast: more_after_a_full_page;
    /// R3: a page is all there is.
    NeverSaysMoreRows: never_more;
    /// R3: a page begins with the key that the page before ended with.
    BeginsWithTheKeyBefore: with_the_key_before;
    /// R3: a page after a key that is before the prefix begins at that key.
    ForgetsThePrefixAfterAKey: without_the_prefix;
    /// R3: who asks for no rows gets none.
    TakesZeroForNone: none_for_zero;
    /// R3: a page is as long as the reader likes.
    KeepsNoLimitOnPages: beyond_the_limit;
}

async fn in_the_order_asked(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    if let RowsWanted::Keys(keys) = asked.wanted {
        let row = |key: &RowKey| page.rows.iter().find(|row| &row.key == key).cloned();
        page.rows = keys.iter().filter_map(row).collect();
    }
    Ok(page)
}

async fn keys_as_a_page(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    let max = asked.store.limits().rows_per_page_max;
    page.has_more |= page.rows.len() > max;
    page.rows.truncate(max);
    Ok(page)
}

async fn prefix_as_pattern(asked: Asked<'_>) -> Result<RowPage> {
    let RowsWanted::Page { prefix, after, limit } = asked.wanted else {
        return asked.answer().await;
    };
    let (prefix, after) = (prefix.split('%').next().unwrap().into(), after.clone());
    asked.answer_to(RowsWanted::Page { prefix, after, limit: *limit }).await
}

async fn like_a_language(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    page.rows.sort_by_key(|row| row.key.as_str().to_lowercase());
    Ok(page)
}

async fn more_after_a_full_page(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    page.has_more |=
        matches!(asked.wanted, RowsWanted::Page { limit, .. } if *limit == page.rows.len());
    Ok(page)
}

async fn never_more(asked: Asked<'_>) -> Result<RowPage> {
    let page = asked.answer().await?;
    Ok(RowPage::new(page.rows, false, page.checkpoints))
}

async fn with_the_key_before(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    if let RowsWanted::Page { prefix, after: Some(after), .. } = asked.wanted
        && after.as_str().starts_with(&**prefix)
    {
        let before = asked.answer_to(RowsWanted::Keys(vec![after.clone()])).await?.rows;
        page.rows.splice(0..0, before);
    }
    Ok(page)
}

async fn without_the_prefix(asked: Asked<'_>) -> Result<RowPage> {
    let RowsWanted::Page { after: Some(after), limit, .. } = asked.wanted else {
        return asked.answer().await;
    };
    let (prefix, after) = ("".into(), Some(after.clone()));
    asked.answer_to(RowsWanted::Page { prefix, after, limit: *limit }).await
}

async fn none_for_zero(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    if matches!(asked.wanted, RowsWanted::Page { limit: 0, .. }) {
        page.has_more |= !page.rows.is_empty();
        page.rows.clear();
    }
    Ok(page)
}

async fn beyond_the_limit(asked: Asked<'_>) -> Result<RowPage> {
    let mut page = asked.answer().await?;
    let RowsWanted::Page { prefix, limit, .. } = asked.wanted else { return Ok(page) };
    let limit = (*limit).max(1);
    while page.has_more && page.rows.len() < limit {
        let after = page.rows.last().map(|row: &Row| row.key.clone());
        let next = RowsWanted::Page { prefix: prefix.clone(), after, limit };
        let next = asked.answer_to(next).await?;
        page.rows.extend(next.rows);
        page.has_more = next.has_more;
    }
    page.rows.truncate(limit);
    Ok(page)
}

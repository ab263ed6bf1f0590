//! Reading all of a view.

use std::time::Duration;

use freehold::consistency::Lag;
use freehold::projection::{Projection, View, Want};

use super::contracts::Failure;

/// How many lines are in memory at once.
const LINES_PER_PAGE: usize = 1_000;

/// How fresh a view must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// All that is in the logs is in the view, and it is waited for that as long as it takes.
    Complete,
    /// All that is in the logs, if that is in the view in a moment; else what is there.
    Newest,
}

impl Freshness {
    /// How long it is waited for. A view that has stopped says so at once.
    #[must_use]
    pub const fn within(self) -> Duration {
        match self {
            Self::Complete => Duration::from_mins(15),
            Self::Newest => Duration::from_secs(5),
        }
    }
}

/// Hands every line whose key begins with `prefix` to `each`, in the order of the keys, page by page. Returns how far the
/// view was behind when the first page was read.
///
/// # Errors
/// [`Failure::Failed`] if the view cannot be read, or is not as fresh as it must be.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn read<P: Projection>(
    view: &View<P>,
    prefix: &str,
    freshness: Freshness,
    mut each: impl FnMut(&str, P::View),
) -> Result<Lag, Failure> {
    let failed = |error| Failure::failed("reads", P::NAME, error);
    let first = view.page(prefix, None, LINES_PER_PAGE).want(Want::Head).within(freshness.within());
    let first = match freshness {
        Freshness::Complete => first.await,
        Freshness::Newest => first.or_stale().await,
    };
    let mut page = first.map_err(failed)?;
    let lag = page.lag;
    loop {
        let after = page.views.last().map(|(key, _)| key.clone());
        let has_more = page.has_more;
        for (key, line) in std::mem::take(&mut page.value.views) {
            each(key.as_str(), line);
        }
        let Some(after) = after.filter(|_| has_more) else { return Ok(lag) };
        page = view.page(prefix, Some(after.as_str()), LINES_PER_PAGE).await.map_err(failed)?;
    }
}

//! Whether a stream is closed.

use std::convert::Infallible;

use super::{Aggregate, ExecuteError, Repository};
use crate::types::{Closing, ReadFrom};

impl<A: Aggregate> Repository<A> {
    /// What was said when the stream of `id` was closed; `None` if it is open, or not there.
    ///
    /// # Errors
    /// [`ExecuteError::Id`] or [`ExecuteError::Read`].
    ///
    /// # Cancel safety
    /// Reading changes nothing; the future may be dropped.
    pub async fn closing(
        &self,
        id: impl AsRef<str>,
    ) -> Result<Option<Closing>, ExecuteError<Infallible>> {
        let stream = Self::stream(id)?;
        let page = self.shared().desk.store.read_stream(&stream, ReadFrom::End, 1).await?;
        Ok(page.events.first().and_then(Closing::of))
    }
}

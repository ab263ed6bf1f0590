//! The handle of an index: what it is asked for.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::SearchError;
use super::folder::Folder;
use super::index::Index;
use super::indexing::Indexing;
use super::query::best;
use super::reader::{Reader, Snapshot};
use super::searched::{self, Searched};
use crate::consistency::{Behind, Lag, Progress, Reached, Session};
use crate::ports::{BackendError, telemetry};
use crate::projection::level::Asynchronous;
use crate::projection::read::{Fresh, ReadError};
use crate::projection::read_side::ReadSide;
use crate::projection::rounds::Asking;
use crate::projection::wait::deadline;
use crate::subscription::Running;
use crate::types::{LeaseName, Row, RowKey};

/// The search index of a projection, to be kept up, searched and waited for. Clones share it.
pub struct Search<P> {
    index: Arc<Index>,
    projection: PhantomData<fn() -> P>,
}

/// A view that was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit<V> {
    /// Its key.
    pub key: RowKey,
    /// The view.
    pub view: V,
    /// How well it fits: more is better. Scores of two searches, or of two moments, cannot be compared.
    pub score: f32,
}

impl ReadSide {
    /// The search index of a projection in `folder`, which is made if it is not there. Nothing else is kept in that folder. It
    /// follows the logs of this read side, whose store keeps the lease of who writes it.
    ///
    /// # Errors
    /// [`SearchError`] if the folder holds something else, or cannot be read or written.
    ///
    /// # Cancel safety
    /// Dropping the future may leave an empty index.
    pub async fn search<P: Searched>(
        &self,
        folder: impl Into<PathBuf> + Send,
    ) -> Result<Search<P>, SearchError> {
        searched::check::<P>();
        let model = self.model::<P>();
        let (path, id) = (folder.into(), model.ids.draw());
        let at = path.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let folder = Folder::open(path, P::NAME, id)?;
            let id = folder.pointer()?.id;
            Ok((folder, id))
        });
        let (folder, id) = opened.await.map_err(|why| SearchError::files(&at, why))??;
        // Each folder is an index of its own, with a job of its own.
        let job = LeaseName::new(&format!("{}.search.{}", P::NAME, id.simple()));
        let job = job.map_err(|why| SearchError::damaged(&at, why))?;
        let (reader, progress) = (Reader::new(folder), Progress::new(1));
        let index = Arc::new(Index { model, reader, job, progress, looks: Asking::default() });
        Ok(Search { index, projection: PhantomData })
    }
}

impl<P: Searched<Level: Asynchronous>> Search<P> {
    /// Keeps the index up, on the runtime of the caller, until the handle is stopped or dropped. Every process that may do
    /// so runs it: one of them does the work.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn run(&self, projection: P) -> Running {
        self.indexing(projection).start()
    }

    /// How the index is kept up, for who wants other bounds, or all of it built anew.
    pub fn indexing(&self, projection: P) -> Indexing<P> {
        Indexing::new(projection, Arc::clone(&self.index))
    }
}

impl<P: Searched> Search<P> {
    /// Finds the views in which all these words are, the best first: at most `limit` of them, and never more than 10,000.
    ///
    /// Words are letters and digits; what else is typed stands between them and means nothing. Neither case nor marks on
    /// letters matter. Each word may be in another field, and the last one may be the beginning of a word. Where there are no
    /// words, nothing is found; only the first 32 are looked at.
    ///
    /// # Errors
    /// [`ReadError`] if the index or a log cannot be read, or holds views of another shape. No word leads to an error.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn find(
        &self,
        words: &str,
        limit: usize,
    ) -> Result<Fresh<Vec<Hit<P::View>>>, ReadError> {
        let words = words.to_owned();
        let rows = move |snapshot: &Snapshot| {
            let kept = snapshot.kept();
            let found = best::<P>(snapshot, &words, limit)?.into_iter();
            found.map(|(score, at)| Ok((score, kept.read(at)?))).collect()
        };
        let rows: Fresh<Vec<(f32, Row)>> = self.read(rows).await?;
        rows.and_then(|rows| rows.into_iter().map(Hit::of).collect())
    }

    /// The view under a key.
    ///
    /// # Errors
    /// [`ReadError`] as for [`Search::find`], and if no view can have this key.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn get(&self, key: &str) -> Result<Fresh<Option<P::View>>, ReadError> {
        let key = RowKey::new(key)?;
        let row = self.read(move |snapshot| snapshot.kept().get(key.as_str())).await?;
        row.and_then(|row: Option<Row>| {
            let view = row.map(|row| row.value.read()).transpose();
            view.map_err(|why| ReadError::Shape(Arc::new(why)))
        })
    }

    /// How many views are in the index.
    ///
    /// # Errors
    /// [`ReadError`] if the index or a log cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn count(&self) -> Result<Fresh<u64>, ReadError> {
        self.read(|snapshot| Ok(snapshot.searcher.num_docs())).await
    }

    /// Waits until a search shows what a token stands for, or all tokens of a session, but no longer than `within`.
    ///
    /// # Errors
    /// [`Behind`] says why not. The write that the token stands for has happened all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn wait_for(
        &self,
        seen: impl Into<Session>,
        within: Duration,
    ) -> Result<Reached, Behind> {
        let (until, mut at) = (deadline(within), Session::new());
        for mark in seen.into().marks() {
            at.observe(self.index.wait_for(*mark, until).await?.at);
        }
        Ok(Reached { at })
    }

    /// Waits until a search shows all that is in the logs now, but no longer than `within`.
    ///
    /// # Errors
    /// As [`Search::wait_for`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn wait_for_head(&self, within: Duration) -> Result<Reached, Behind> {
        let ends = self.index.model.ends().await.map_err(Behind::Unreadable)?;
        self.wait_for(ends, within).await
    }

    /// How far the index is behind its logs.
    ///
    /// # Errors
    /// [`BackendError`] if the index or a log cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn lag(&self) -> Result<Lag, BackendError> {
        let at = self.index.at().await?;
        self.index.model.lag(&at).await
    }

    /// How far a build that is made beside the one that is read is behind its logs; `None` if none is.
    ///
    /// # Errors
    /// [`BackendError`] if the index or a log cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn rebuilding(&self) -> Result<Option<Lag>, BackendError> {
        let logs = self.index.model.logs.iter().map(|log| log.identity());
        match self.index.blocking(|index| index.reader.building()).await? {
            Some(stamp) => Ok(Some(self.index.model.lag(&stamp.at(logs)).await?)),
            None => Ok(None),
        }
    }

    /// Which build is read, counted from 0; `None` before there was one. It grows when one that was made beside it takes its
    /// place.
    ///
    /// # Errors
    /// [`BackendError`] if the index cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn build(&self) -> Result<Option<u32>, BackendError> {
        self.index.blocking(|index| index.reader.live()).await
    }

    /// Something of one moment, and how far the index was then.
    async fn read<T: Default + Send + 'static>(
        &self,
        what: impl FnOnce(&Snapshot) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<Fresh<T>, ReadError> {
        let of_snapshot = |index: &Index| {
            let Some(snapshot) = index.reader.snapshot()? else { return Ok((T::default(), None)) };
            Ok((what(&snapshot)?, Some(snapshot.stamp)))
        };
        let (value, stamp) = self.index.blocking(of_snapshot).await?;
        let logs = self.index.model.logs.iter().map(|log| log.identity());
        let at = stamp.map(|stamp| stamp.at(logs)).unwrap_or_default();
        let lag = self.index.model.lag(&at).await?;
        telemetry::read(self.index.model.name, "any", true);
        Ok(Fresh { value, at, lag, met: true })
    }
}

impl<V: serde::de::DeserializeOwned> Hit<V> {
    fn of((score, Row { key, value }): (f32, Row)) -> Result<Self, ReadError> {
        let view = value.read().map_err(|why| ReadError::Shape(Arc::new(why)))?;
        Ok(Self { key, view, score })
    }
}

impl<P> Clone for Search<P> {
    fn clone(&self) -> Self {
        Self { index: Arc::clone(&self.index), projection: PhantomData }
    }
}

impl<P: Searched> fmt::Debug for Search<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").field("name", &P::NAME).finish_non_exhaustive()
    }
}

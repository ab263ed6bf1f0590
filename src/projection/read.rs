//! One read of views: what is wanted, and how fresh it was.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::contract::Projection;
use super::generation::Generation;
use super::model::Model;
use super::wait;
use crate::consistency::{Behind, Lag, Session};
use crate::ports::{BackendError, Fault, telemetry};
use crate::types::{InvalidRowKey, Row, RowKey, RowPage, RowsWanted, Token};

/// How long a read waits by default for what it wants.
const WITHIN: Duration = Duration::from_secs(2);

/// How fresh a read must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// What is there.
    #[default]
    Any,
    /// All that the session has seen and done, as far as it is of logs that the view follows: who asks reads their own
    /// writes, and never goes back in time.
    AtLeast(Session),
    /// No event may have waited for longer.
    Within(Duration),
    /// All that is in the logs now.
    Head,
}

impl Want {
    /// What it is called where reads are counted.
    const fn name(&self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::AtLeast(_) => "at_least",
            Self::Within(_) => "within",
            Self::Head => "head",
        }
    }
}

/// A value, and how fresh it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fresh<T> {
    /// What was read.
    pub value: T,
    /// How far the view was in each of its logs when it was read. A session that observes it never reads anything older.
    pub at: Session,
    /// How far that was behind the logs.
    pub lag: Lag,
    /// Whether it is as fresh as was wanted; `false` only after [`Read::or_stale`].
    pub met: bool,
}

impl<T> Fresh<T> {
    /// What was read as something else, as fresh as it was.
    #[cfg(feature = "tantivy")]
    pub(super) fn and_then<U, E>(
        self,
        as_what: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Fresh<U>, E> {
        let Self { value, at, lag, met } = self;
        Ok(Fresh { value: as_what(value)?, at, lag, met })
    }
}

impl<T> Deref for Fresh<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Some of the views, with their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewPage<V> {
    /// The views and their keys, in the byte order of the keys.
    pub views: Vec<(RowKey, V)>,
    /// Whether more follow.
    pub has_more: bool,
}

/// Why nothing was read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The view is not as fresh as was wanted, for this reason.
    #[error(transparent)]
    Behind(#[from] Behind),
    /// The store or a log cannot be read.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// No view can have this key.
    #[error(transparent)]
    Key(#[from] InvalidRowKey),
    /// What is kept is no view of this shape: the projection has changed, and was not rebuilt.
    #[error("a view is not of its projection's shape: rebuild it")]
    Shape(#[source] Arc<serde_json::Error>),
}

/// A read that becomes one when it is awaited. By default it takes what is there.
///
/// ```
/// # use std::time::Duration;
/// # use freehold::projection::{Projection, ReadError, View, Want};
/// # use freehold::consistency::Session;
/// # async fn example<P: Projection>(orders: View<P>, session: Session) -> Result<(), ReadError> {
/// let order = orders.get("1234").want(Want::AtLeast(session)).within(Duration::from_secs(1)).await?;
/// println!("as of {}, {} events behind", order.at, order.lag.events);
/// # Ok(())
/// # }
/// ```
#[must_use = "a read does nothing until it is awaited"]
pub struct Read<'v, P, T> {
    model: &'v Arc<Model>,
    query: Query,
    want: Want,
    within: Duration,
    or_stale: bool,
    result: PhantomData<fn() -> (P, T)>,
}

/// Which views.
pub(super) enum Query {
    Key(String),
    Keys(Vec<String>),
    Page { prefix: String, after: Option<String>, limit: usize },
}

/// What rows become.
#[allow(unnameable_types, reason = "that is what seals a trait")]
pub trait FromRows: Sized {
    #[doc(hidden)]
    fn from_rows(page: RowPage) -> Result<Self, serde_json::Error>;
}

impl<V: DeserializeOwned> FromRows for Option<V> {
    fn from_rows(page: RowPage) -> Result<Self, serde_json::Error> {
        page.rows.first().map(|row| row.value.read()).transpose()
    }
}

impl<V: DeserializeOwned> FromRows for ViewPage<V> {
    fn from_rows(page: RowPage) -> Result<Self, serde_json::Error> {
        let has_more = page.has_more;
        let read = |row: Row| Ok((row.key, row.value.read()?));
        let views = page.rows.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?;
        Ok(Self { views, has_more })
    }
}

impl<'v, P: Projection, T: FromRows> Read<'v, P, T> {
    pub(super) const fn new(model: &'v Arc<Model>, query: Query) -> Self {
        let result = PhantomData;
        Self { model, query, want: Want::Any, within: WITHIN, or_stale: false, result }
    }

    /// Says how fresh it must be.
    pub fn want(mut self, want: Want) -> Self {
        self.want = want;
        self
    }

    /// Says how long it may wait for that. 2 s by default.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Takes what is there if it cannot be so fresh in time, and says so in [`Fresh::met`].
    pub fn or_stale(mut self) -> Self {
        self.or_stale = true;
        self
    }

    async fn run(self) -> Result<Fresh<T>, ReadError> {
        let until = wait::deadline(self.within);
        let mut wanted = self.wanted().await?;
        let (fresh, met) = loop {
            let is_late = match self.wait(&wanted, until).await {
                Ok(()) => false,
                Err(Behind::Unreadable(error)) => return Err(error.into()),
                Err(_) if self.or_stale => true,
                Err(behind) => return Err(behind.into()),
            };
            let fresh = self.read().await?;
            let is_met = !is_late && self.is_met(&wanted, &fresh);
            if is_met || is_late || Instant::now() >= until {
                break (fresh, is_met);
            }
            // Another build is read now, which is not so far yet; or time has passed.
            sleep(self.model.poll_interval).await;
            if let Want::Within(_) = self.want {
                wanted = self.wanted().await?;
            }
        };
        telemetry::read(self.model.name, self.want.name(), met);
        if met || self.or_stale {
            Ok(Fresh { met, ..fresh })
        } else {
            Err(Behind::TimedOut { lag: fresh.lag }.into())
        }
    }

    /// What is there now.
    async fn read(&self) -> Result<Fresh<T>, ReadError> {
        // Asked before the rows are read: what is reached now is in them. It may be more than the checkpoints say, by
        // events that the view does not want.
        let live = self.model.live().await?;
        let mut at = Session::new();
        for log in &self.model.logs {
            let id = log.identity();
            at.observe(Token::new(id, live.progress.position(id)));
        }
        let (page, checkpoints) = self.rows(&live).await?;
        at.observe(checkpoints);
        let lag = self.model.lag(&at).await?;
        let value = T::from_rows(page).map_err(|why| ReadError::Shape(Arc::new(why)))?;
        Ok(Fresh { value, at, lag, met: true })
    }

    /// How far the view must be in its logs.
    async fn wanted(&self) -> Result<Session, ReadError> {
        match &self.want {
            Want::Any => Ok(Session::new()),
            Want::AtLeast(session) => Ok(session.clone()),
            Want::Within(time) => {
                let live = self.model.live().await?;
                let at = self.model.checkpoints(&live).await?;
                let is_young = self.model.lag(&at).await?.time <= *time;
                Ok(if is_young { Session::new() } else { self.model.ends().await? })
            }
            Want::Head => Ok(self.model.ends().await?),
        }
    }

    /// Waits until the view is as far as is wanted.
    async fn wait(&self, wanted: &Session, until: Instant) -> Result<(), Behind> {
        for mark in self.followed(wanted) {
            self.model.wait_for(*mark, until).await?;
        }
        Ok(())
    }

    /// Whether what was read is as fresh as was wanted.
    fn is_met(&self, wanted: &Session, read: &Fresh<T>) -> bool {
        let is_reached = |mark: &Token| read.at.position(mark.log()) >= mark.position();
        let is_young = match &self.want {
            Want::Within(time) => read.lag.time <= *time,
            _ => true,
        };
        is_young && self.followed(wanted).all(is_reached)
    }

    /// The marks of the logs that the view follows.
    fn followed<'s>(&'s self, session: &'s Session) -> impl Iterator<Item = &'s Token> {
        let follows =
            |mark: &&Token| self.model.logs.iter().any(|log| log.identity() == mark.log());
        session.marks().iter().filter(follows)
    }

    /// The rows and the checkpoints, of one moment. With several parts it is that of the first; the others can only be
    /// further by then than they are said to be.
    async fn rows(&self, live: &Generation) -> Result<(RowPage, Session), ReadError> {
        let model = self.model;
        let wanted = match &self.query {
            Query::Key(key) => RowsWanted::Keys(vec![RowKey::new(key)?]),
            Query::Keys(keys) => {
                let keys = keys.iter().map(|key| RowKey::new(key));
                RowsWanted::Keys(keys.collect::<Result<_, _>>()?)
            }
            Query::Page { prefix, after, limit } => {
                let after = after.as_deref().map(RowKey::new).transpose()?;
                RowsWanted::Page { prefix: prefix.as_str().into(), after, limit: *limit }
            }
        };
        let (first, others) = match live.parts.split_first() {
            Some((first, others)) => (Some(first), others),
            None => (None, &[][..]),
        };
        let mut parts = Vec::with_capacity(live.parts.len());
        for name in others {
            parts.push(model.store.lease(name).await?.checkpoints);
        }
        let read = || model.store.rows(&live.set, &wanted, first);
        let mut page = match (read().await, first) {
            (Err(error), Some(first)) if error.fault() == Fault::Missing => {
                let has_begun = !model.store.lease(first).await?.checkpoints.is_empty();
                // Nobody has run it yet, so there is nothing; or somebody has begun just now.
                if has_begun { read().await? } else { RowPage::default() }
            }
            (page, _) => page?,
        };
        parts.push(std::mem::take(&mut page.checkpoints));
        Ok((page, model.joined(&parts)))
    }
}

impl<'v, P: Projection, T: FromRows + Send + 'v> IntoFuture for Read<'v, P, T> {
    type Output = Result<Fresh<T>, ReadError>;
    type IntoFuture = BoxFuture<'v, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().boxed()
    }
}

impl<P, T> fmt::Debug for Read<'_, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read")
            .field("name", &self.model.name)
            .field("want", &self.want)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

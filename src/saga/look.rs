//! Looks at one saga, or at one event of its log.

use tokio::time::timeout;

use super::contract::Saga;
use super::desk::Wake;
use super::error::OperateError;
use super::id::{CATEGORY, SagaId};
use super::instance::{Instance, Opened, records};
use super::outcome::told;
use super::record::Record;
use super::sagas::{LOOK_EVERY, Sagas};
use super::show::{Ended, GivenUp, Listed, Row, Standing};
use crate::event;
use crate::ports::{EventStore, EventStoreExt};
use crate::types::{RecordedEvent, StreamVersion};

/// Where a saga is, or how it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// It is not over.
    Open(Listed),
    /// It is over.
    Over(Ended),
}

/// What an event in the log of a saga says to others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News<I> {
    /// It was started, with this.
    Started(I),
    /// It is under way, and something has happened.
    GoesOn,
    /// It is over.
    Ended(Ended),
}

/// Of which saga an event says what, if it is of one.
type Told<I> = Option<(SagaId, News<I>)>;

impl Sagas {
    /// Where a saga is, as its own log says: to the moment, where the [list](Sagas::list) may be behind.
    ///
    /// # Errors
    /// [`OperateError::Missing`] if it was never started; [`OperateError::Read`] and [`OperateError::Unreadable`].
    pub async fn find(&self, id: &SagaId) -> Result<Found, OperateError> {
        let missing = || OperateError::Missing(id.clone());
        let stream = id.stream().map_err(|_| missing())?;
        let events = self.0.store.read_tail(&stream, StreamVersion::NONE).await?;
        let records = records(&events).map_err(OperateError::Unreadable)?;
        let (first, at) = records.first().ok_or_else(missing)?;
        let Record::Started(started) = first else {
            return Err(OperateError::Unreadable("it does not begin with its start".to_owned()));
        };
        let mut row = Row::started(started.by, *at);
        for (record, at) in &records {
            if let Some(ended) = Ended::of(record) {
                return Ok(Found::Over(ended));
            }
            row.apply(record, *at);
        }
        if let Opened::Stuck(why) = Instance::of(&self.0.book, id, stream, &events) {
            row.standing = Standing::Stuck;
            row.why = Some(why);
        }
        Ok(Found::Open(row.listed(id.clone())))
    }

    /// Waits until a saga is over, or waits for an operator: until nothing more comes of it by itself.
    ///
    /// # Errors
    /// As [`Sagas::find`].
    ///
    /// # Cancel safety
    /// Waiting changes nothing; the future may be dropped.
    pub async fn rested(&self, id: &SagaId) -> Result<Found, OperateError> {
        // Another may have taken it over, and nobody here hears of that.
        let mut is_late = false;
        loop {
            let told = self.0.desk.wait_for(id);
            if is_late || !self.0.desk.holds(id) || self.0.desk.is_closed() {
                let found = self.find(id).await?;
                let Found::Open(Listed {
                    standing: Standing::Running | Standing::Compensating,
                    ..
                }) = found
                else {
                    return Ok(found);
                };
            }
            match timeout(LOOK_EVERY, told).await {
                Ok(Ok(ended)) => return Ok(Found::Over(ended)),
                ended => is_late = ended.is_err(),
            }
        }
    }

    /// Takes a saga over now, and does not wait until the lease of the process that ran it has expired: for who knows that
    /// this process is no more. If it is still there, the saga is taken from it, and is right all the same.
    pub fn take_over(&self, id: &SagaId) {
        self.0.desk.wake(id, Wake::ForGood);
    }

    /// What an event says of a saga of this definition, to whoever follows the log; nothing if it is of none.
    ///
    /// # Errors
    /// [`OperateError::Unreadable`] if what it says cannot be read.
    pub fn news<S: Saga>(event: &RecordedEvent) -> Result<Told<S::Input>, OperateError> {
        let unreadable =
            |error: &(dyn std::error::Error + 'static)| OperateError::Unreadable(told(error));
        if event.stream().category() != CATEGORY {
            return Ok(None);
        }
        let Some(id) = SagaId::of(event.stream()).filter(|id| id.name() == S::NAME) else {
            return Ok(None);
        };
        // What a step has given back is of no interest, and may be long.
        if matches!(event.name().as_str(), "Done" | "Settled") {
            return Ok(Some((id, News::GoesOn)));
        }
        let record = event::decode::<Record>(event).map_err(|error| unreadable(&error))?;
        let news = match (&record, Ended::of(&record)) {
            (_, Some(ended)) => News::Ended(ended),
            (Record::Started(started), None) => {
                News::Started(started.input.read().map_err(|error| unreadable(&error))?)
            }
            _ => News::GoesOn,
        };
        Ok(Some((id, news)))
    }
}

impl GivenUp {
    /// Why a saga was given up, as its log says; nothing if it was not. A compensation that must know asks the store that
    /// holds the saga.
    ///
    /// # Errors
    /// [`OperateError::Read`] and [`OperateError::Unreadable`].
    pub async fn of(store: &dyn EventStore, id: &SagaId) -> Result<Option<Self>, OperateError> {
        let stream = id.stream().map_err(|_| OperateError::Missing(id.clone()))?;
        let events = store.read_tail(&stream, StreamVersion::NONE).await?;
        let records = records(&events).map_err(OperateError::Unreadable)?;
        let cause = records.iter().find_map(|(record, _)| match record {
            Record::Unwind { cause, .. } => Some(cause),
            _ => None,
        });
        Ok(cause.map(Self::from))
    }
}

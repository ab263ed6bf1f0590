//! Keeps the list of the sagas that are not over, and with it knows which have to be taken over.
//!
//! It follows the logs of all sagas, a part of them in each process. Its rows and its checkpoint are one commit, so that whoever
//! is granted a part finds in the rows what was not over at the checkpoint, and in the feed what has happened since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::desk::Wake;
use super::id::{CATEGORY, SIGNALS, SagaId};
use super::record::Record;
use super::shared::Shared;
use super::show::{Ended, Row, Standing};
use crate::event;
use crate::ports::{BackendError, CommitError, telemetry};
use crate::subscription::{Applied, Batch, Partition, Sink, SinkError};
use crate::types::{
    Commit, Filter, LeaseName, RecordedEvent, RowKey, RowSet, RowValue, RowWrite, RowsWanted,
    StreamId,
};

/// The name of the job.
const NAME: &str = "freehold_sagas";
/// When a commit is repeated of which it is not known whether it has happened.
const COMMIT_AGAIN: Duration = Duration::from_millis(50);
/// How many rows are read at a time.
const ROWS: usize = 1_000;

/// What is known of the sagas of a part.
#[derive(Default)]
struct Part {
    rows: HashMap<SagaId, Row>,
    /// Sagas that another process runs which has not this part, and when they are taken over unless it is heard of.
    guests: HashMap<SagaId, Instant>,
    /// Whether all is known that was written before the part was granted: by whoever had it then, and has it no more.
    has_caught_up: bool,
}

pub(super) struct Ledger {
    shared: Arc<Shared>,
    name: LeaseName,
    filter: Filter,
    set: RowSet,
    parts: Mutex<HashMap<u32, Part>>,
}

/// The set of the rows.
pub(super) fn set() -> Result<RowSet, BackendError> {
    RowSet::new(NAME).map_err(malformed)
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> BackendError {
    BackendError::new("the list of sagas", "name itself", crate::ports::Fault::Other, error)
}

impl Ledger {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self, BackendError> {
        Ok(Self {
            shared,
            name: LeaseName::new(NAME).map_err(malformed)?,
            filter: Filter::categories([CATEGORY, SIGNALS]).map_err(malformed)?,
            set: set()?,
            parts: Mutex::default(),
        })
    }

    // What is known of a part is whole whoever panicked.
    fn parts(&self) -> MutexGuard<'_, HashMap<u32, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the sagas of processes that have been silent for too long.
    pub(super) async fn watch(&self) {
        loop {
            sleep(self.shared.options.adopt_after / 4).await;
            for (index, part) in self.parts().iter_mut() {
                self.adopt(part);
                self.count(*index, part);
            }
        }
    }

    /// Tells whoever watches how many there are, and how old the oldest is.
    fn count(&self, index: u32, part: &Part) {
        let of = |standing| part.rows.values().filter(|row| row.standing == standing).count();
        let counts = Standing::ALL.map(|standing| (standing.as_str(), of(standing)));
        let oldest = part.rows.values().map(|row| row.started_at).min();
        let age = oldest.and_then(|at| (self.shared.clock.now() - at).to_std().ok());
        telemetry::sagas_open(index, &counts, age.unwrap_or_default());
    }

    fn adopt(&self, part: &mut Part) {
        let now = Instant::now();
        part.guests.retain(|id, silent_at| {
            let is_silent = *silent_at <= now;
            if is_silent {
                tracing::info!(saga = %id, "its owner is silent");
                self.shared.desk.wake(id, Wake::ForGood);
            }
            !is_silent
        });
    }

    /// When a saga is taken over of which the owner has just been heard, if nothing more is heard.
    fn silent_at(&self, part: &Part) -> Instant {
        let is_here = part.has_caught_up;
        let patience = if is_here { self.shared.options.adopt_after } else { Duration::ZERO };
        Instant::now() + patience
    }

    /// A saga is over: it leaves the list, and whoever waits for its end is told.
    fn take_out(&self, part: &mut Part, (id, ended): (&SagaId, Ended), touched: &mut Touched) {
        self.shared.desk.tell(id, ended);
        part.guests.remove(id);
        if part.rows.contains_key(id) {
            touched.insert(id.clone(), None);
        } else {
            touched.remove(id);
        }
    }

    /// Looks at what an event says, and tells those whom it concerns.
    fn take_in(
        &self,
        part: &mut Part,
        event: &RecordedEvent,
        touched: &mut Touched,
        begun: &mut Vec<(SagaId, bool)>,
    ) {
        let desk = &self.shared.desk;
        // These change nothing in the list, and are most of all.
        let is_progress = matches!(event.name().as_str(), "Done" | "Undone" | "Settled");
        if is_progress && part.guests.is_empty() {
            return;
        }
        let Some(id) = SagaId::of(event.stream()) else { return };
        if event.stream().category() == SIGNALS {
            let is_known = part.rows.contains_key(&id) || touched.contains_key(&id);
            if is_known || desk.holds(&id) {
                desk.wake(&id, Wake::ForGood);
            }
            return;
        }
        if part.guests.contains_key(&id) {
            let silent_at = self.silent_at(part);
            part.guests.insert(id.clone(), silent_at);
        }
        if is_progress || event.closes() {
            return;
        }
        let at = event.recorded_at();
        let before = touched.remove(&id).unwrap_or_else(|| part.rows.get(&id).cloned());
        let record = match event::decode::<Record>(event) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(saga = %id, %error, "a record of a saga cannot be read");
                let row = before.unwrap_or_else(|| Row::started(None, at));
                touched.insert(id, Some(row.stuck(&error)));
                return;
            }
        };
        let mut row = match (&record, before) {
            (Record::Started(started), None) => Row::started(started.by, at),
            (_, Some(row)) => row,
            // It was over before.
            (_, None) => {
                touched.insert(id, None);
                return;
            }
        };
        let lives = row.apply(&record, at);
        if let Some(ended) = Ended::of(&record) {
            desk.tell(&id, ended);
        }
        let is_ours = row.by == Some(self.shared.owner);
        match &record {
            Record::Started(_) | Record::TakenOver { .. } if !is_ours && row.by.is_some() => {
                let silent_at = self.silent_at(part);
                part.guests.insert(id.clone(), silent_at);
            }
            Record::Started(_) => begun.push((id.clone(), is_ours)),
            Record::CancelAsked { .. } | Record::Operator { .. } if lives => {
                desk.wake(&id, Wake::ForGood);
            }
            _ => {}
        }
        if !lives {
            part.guests.remove(&id);
        }
        touched.insert(id, lives.then_some(row));
    }

    fn writes(&self, part: &Part, touched: &Touched) -> Result<Vec<RowWrite>, SinkError> {
        let mut writes = Vec::new();
        for (id, row) in touched {
            let before = part.rows.get(id);
            if before == row.as_ref() {
                continue;
            }
            let key = RowKey::new(id.as_str()).map_err(SinkError::fatal)?;
            writes.push(match row {
                Some(row) => {
                    RowWrite::put(&self.set, &key, RowValue::of(row).map_err(SinkError::fatal)?)
                }
                None => RowWrite::delete(&self.set, &key),
            });
        }
        Ok(writes)
    }
}

/// Whether an event is the last one of a saga; of those that an operator has ended there are few, and they are not known by
/// their names.
fn is_end(event: &RecordedEvent) -> bool {
    let is_one = matches!(event.name().as_str(), "Completed" | "Compensated");
    is_one && event.stream().category() == CATEGORY
}

/// How a saga has ended, if an event says that it has.
fn end_of(event: &RecordedEvent) -> Option<(&StreamId, Ended)> {
    let record = is_end(event).then(|| event::decode::<Record>(event).ok())??;
    Some((event.stream(), Ended::of(&record)?))
}

/// The rows that a batch has touched, as they are after it.
type Touched = HashMap<SagaId, Option<Row>>;

#[async_trait]
impl Sink for Ledger {
    fn name(&self) -> &LeaseName {
        &self.name
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    // The signals for a saga belong to its part.
    fn key<'e>(&self, event: &'e RecordedEvent) -> &'e str {
        event.stream().id()
    }

    async fn prepare(&self, partition: Partition) -> Result<(), SinkError> {
        self.shared.store.prepare(&self.set).await?;
        let mut part = Part::default();
        let mut after = None;
        loop {
            let wanted = RowsWanted::Page { prefix: "".into(), after, limit: ROWS };
            let page = self.shared.store.rows(&self.set, &wanted, None).await?;
            after = page.rows.last().map(|row| row.key.clone());
            for row in page.rows {
                let Some((name, key)) = row.key.as_str().split_once('/') else { continue };
                let Ok(id) = SagaId::new(name, key) else { continue };
                if partition.owns(id.as_str()) {
                    let row = row.value.read::<Row>().map_err(SinkError::fatal)?;
                    part.rows.insert(id, row);
                }
            }
            if !page.has_more {
                break;
            }
        }
        let lively = part.rows.iter().filter(|(_, row)| row.standing != Standing::Suspended);
        let lively: Vec<SagaId> = lively.map(|(id, _)| id.clone()).collect();
        self.parts().insert(partition.index(), part);
        self.shared.parts().insert(partition.index());
        // Whoever had this part has lost it: what is not over is taken over.
        for id in &lively {
            self.shared.desk.wake(id, Wake::ForGood);
        }
        Ok(())
    }

    async fn apply(&self, batch: Batch<'_>) -> Result<Applied, SinkError> {
        let index = batch.partition().index();
        let (mut touched, mut begun) = (Touched::new(), Vec::new());
        let writes = {
            let mut parts = self.parts();
            let part = parts.entry(index).or_default();
            let ends: HashMap<&StreamId, Ended> =
                batch.events().iter().filter_map(end_of).collect();
            for event in batch.events() {
                match ends.get(event.stream()) {
                    None => self.take_in(part, event, &mut touched, &mut begun),
                    // Most sagas are over when they are heard of, and nothing else matters of them.
                    Some(ended) if is_end(event) => {
                        let Some(id) = SagaId::of(event.stream()) else { continue };
                        self.take_out(part, (&id, *ended), &mut touched);
                    }
                    Some(_) => {}
                }
            }
            // Most have ended since.
            for (id, is_ours) in begun {
                if touched.get(&id).is_some_and(Option::is_some) {
                    self.shared.desk.has_started(&id, is_ours);
                }
            }
            self.adopt(part);
            part.has_caught_up |= !batch.has_more();
            self.writes(part, &touched)?
        };
        let commit = Commit::new().rows(writes).and(batch.checkpoint());
        // What is known of the part must be what was written: the same again tells.
        while let Err(error) = self.shared.store.commit(commit.clone()).await {
            match error {
                CommitError::Unknown(_) => sleep(COMMIT_AGAIN).await,
                error => return Err(error.into()),
            }
        }
        if let Some(part) = self.parts().get_mut(&index) {
            for (id, row) in touched {
                match row {
                    Some(row) => drop(part.rows.insert(id, row)),
                    None => drop(part.rows.remove(&id)),
                }
            }
        }
        if !batch.has_more() {
            // Most sagas begin and end meanwhile, and never come into the list.
            sleep(self.shared.options.index_interval).await;
        }
        Ok(Applied::WithCheckpoint)
    }

    async fn leave(&self, partition: Partition) {
        self.shared.parts().remove(&partition.index());
        self.parts().remove(&partition.index());
        // Whoever has it now counts them.
        self.count(partition.index(), &Part::default());
    }
}

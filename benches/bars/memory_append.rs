//! Memory: 64 tasks that append.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use freehold::backend::memory::MemoryStore;
use freehold::{
    Commit, EventId, NewEvent, Position, RecordedEvent, Recording, Store, StreamId, StreamVersion,
};

use crate::entry;
use crate::harness::{Bar, interleave, runtime, timed};

const TASKS: usize = 64;
const APPENDS: usize = 2_000;

pub(crate) fn run() -> bool {
    let rates = interleave(&mut [&mut ours, &mut locked_map]);
    let what = "memory_append: 64 tasks";
    let floor = "a locked map of vectors with a global log";
    Bar { what, floor, at_least: 0.8, unit: "appends/s" }.judge(&rates[0], &rates[1])
}

fn ours() -> f64 {
    in_tasks(&MemoryStore::new())
}

fn locked_map() -> f64 {
    in_tasks(&Arc::<Mutex<Map>>::default())
}

trait Append: Clone + Send + Sync + 'static {
    fn append(
        &self,
        stream: StreamId,
        version: u64,
        event: NewEvent,
    ) -> impl Future<Output = Position> + Send;
}

impl Append for MemoryStore {
    async fn append(&self, stream: StreamId, version: u64, event: NewEvent) -> Position {
        let commit = Commit::new().append(&stream, StreamVersion::new(version), [event]);
        self.commit(commit).await.unwrap().token().position()
    }
}

/// What one would write by hand: streams, a global log, and the ids that tell a repetition.
#[derive(Default)]
struct Map {
    streams: HashMap<StreamId, Vec<RecordedEvent>>,
    log: Vec<RecordedEvent>,
    ids: HashSet<EventId>,
}

impl Append for Arc<Mutex<Map>> {
    async fn append(&self, stream: StreamId, version: u64, event: NewEvent) -> Position {
        let recorded_at = chrono::Utc::now();
        let map = &mut *self.lock().unwrap();
        assert!(map.ids.insert(event.id()));
        let position = Position::new(map.log.len() as u64 + 1);
        let events = map.streams.entry(stream.clone()).or_default();
        assert_eq!(events.len() as u64, version);
        let version = StreamVersion::new(version + 1);
        let event = event.recorded(Recording { stream, version, position, recorded_at });
        events.push(event.clone());
        map.log.push(event);
        position
    }
}

fn in_tasks(to: &impl Append) -> f64 {
    let runtime = runtime();
    let event = entry::new_event(0);
    timed(TASKS * APPENDS, || {
        runtime.block_on(async {
            let tasks = (0..TASKS).map(|task| {
                let (to, stream, event) = (to.clone(), entry::account(task), event.clone());
                tokio::spawn(async move {
                    for n in 0..APPENDS {
                        let id = EventId::new(uuid::Uuid::from_u64_pair(task as u64 + 1, n as u64));
                        let event = NewEvent::new(id, event.name().clone(), event.data().clone());
                        to.append(stream.clone(), n as u64, event).await;
                    }
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    })
}

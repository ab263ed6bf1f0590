//! What becomes of events in a store: all who read them see what was written.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use freehold::aggregate::{AsOf, Options, SnapshotPolicy, Snapshotted};
use freehold::event::{self, Upcasts};
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
use freehold::{
    Aggregate, Commit, Event, EventId, EventName, EventStore, ExpectedVersion, Filter, NewEvent,
    Position, Repository, RowKey, RowSet, RowStore, RowsWanted, Token,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::form::Shape;

/// All that has happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Heap(Vec<Shape>);

impl Aggregate for Heap {
    type Event = Shape;

    fn apply(&mut self, shape: &Shape) {
        self.0.push(shape.clone());
    }
}

impl Snapshotted for Heap {
    const STATE_VERSION: u32 = 1;
}

/// The same as a view.
struct Heaps;

impl Projection for Heaps {
    const NAME: &'static str = "heaps";
    type View = Vec<Shape>;
    type Events = (Shape, Today);
    type Level = Eventual<5_000>;
}

impl On<Shape> for Heaps {
    fn on(&self, event: &Recorded<'_, Shape>, views: &mut Views<'_, Vec<Shape>>) {
        views.update(event.record().stream().as_str(), |heap| heap.push(event.event().clone()));
    }
}

impl On<Today> for Heaps {
    fn on(&self, event: &Recorded<'_, Today>, views: &mut Views<'_, Vec<Shape>>) {
        let Today::Held(both) = event.event();
        views.update(event.record().stream().as_str(), |heap| heap.push(both.shape.clone()));
    }
}

/// An event of today that was a bare shape once, and then two of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Today {
    Held(Both),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Both {
    shape: Shape,
    nth: u8,
}

impl Event for Today {
    const CATEGORY: &'static str = "held";

    fn upcasts() -> &'static Upcasts<Self> {
        static UPCASTS: LazyLock<Upcasts<Today>> = LazyLock::new(|| {
            Upcasts::builder()
                .rename("Shape.v0", "Shape.v1")
                .reshape("Shape.v1", "Shape.v2", |shape: Shape| Ok((shape, 1_u8)))
                .split("Shape.v2", |(shape, nth): (Shape, u8)| {
                    let both = |nth| Today::Held(Both { shape: shape.clone(), nth });
                    Ok([both(nth), both(nth + 1)])
                })
                .build()
        });
        &UPCASTS
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pile(Vec<Both>);

impl Aggregate for Pile {
    type Event = Today;

    fn apply(&mut self, Today::Held(both): &Today) {
        self.0.push(both.clone());
    }
}

impl Snapshotted for Pile {
    const STATE_VERSION: u32 = 1;
}

fn uncached() -> Options {
    Options { cached_states_max: 0, ..Options::default() }
}

/// Loads with snapshots until one is stored, and then from there.
async fn loaded<A, S>(store: &S, stream: &str) -> Result<A, TestCaseError>
where
    A: Snapshotted + PartialEq + Debug,
    S: EventStore + RowStore + Clone,
{
    let policy = SnapshotPolicy { every_events: 1, ..SnapshotPolicy::default() };
    let begin = || Repository::<A>::with_snapshots(store.clone(), uncached(), policy);
    let whole = begin().load("1").await.unwrap();
    let (set, key) = (RowSet::new("freehold_snapshots").unwrap(), RowKey::new(stream).unwrap());
    let wanted = RowsWanted::Keys(vec![key]);
    let row = async {
        loop {
            match store.rows(&set, &wanted, None).await {
                Ok(page) if !page.rows.is_empty() => break,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), row).await.expect("a state is stored");
    let stored = begin().load("1").await.unwrap();
    prop_assert_eq!(&stored.state(), &whole.state());
    prop_assert_eq!(stored.version(), whole.version());
    let then = begin().load_as_of("1", AsOf::Version(whole.version())).await.unwrap();
    prop_assert_eq!(then.state(), whole.state());
    Ok(whole.into_state())
}

/// Writes events as an old program has, under a name that nobody writes any more.
async fn write_old(store: &impl EventStore, shapes: &[Shape]) -> Token {
    let old = |shape| {
        let (name, data) =
            (EventName::new("Shape.v0").unwrap(), serde_json::to_vec(shape).unwrap());
        NewEvent::new(EventId::new(Uuid::now_v7()), name, data)
    };
    let stream = event::stream::<Today>("1").unwrap();
    let commit = Commit::new().append(&stream, ExpectedVersion::NoStream, shapes.iter().map(old));
    store.commit(commit).await.unwrap().token()
}

/// The store is empty, and holds these events then.
pub(crate) async fn survive<S: EventStore + RowStore + Clone>(
    store: &S,
    shapes: &[Shape],
) -> Result<(), TestCaseError> {
    let heaps = Repository::<Heap>::new(store.clone());
    let decide = |_: &Heap| Ok::<_, Infallible>(shapes.to_vec());
    let done = heaps.execute("1", decide).await.unwrap();
    prop_assert_eq!(done.events(), shapes);
    let token = write_old(store, shapes).await;

    let page = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap();
    let (new, old) = page.events.split_at(shapes.len());
    let read: Vec<Shape> = new.iter().map(|record| event::decode(record).unwrap()).collect();
    prop_assert_eq!(read.as_slice(), shapes);
    let twice: Vec<Both> =
        shapes.iter().flat_map(|s| [1, 2].map(|nth| Both { shape: s.clone(), nth })).collect();
    let read = old.iter().flat_map(|record| event::decode_all::<Today>(record).unwrap());
    let read: Vec<Both> = read.map(|Today::Held(both)| both).collect();
    prop_assert_eq!(&read, &twice);

    prop_assert_eq!(loaded::<Heap, _>(store, "any-1").await?.0, shapes);
    prop_assert_eq!(loaded::<Pile, _>(store, "held-1").await?.0, twice.clone());

    let reads = ReadSide::new(store.clone()).follow(store.clone());
    let running = reads.run(Heaps);
    let view = reads.view::<Heaps>();
    view.wait_for(token, Duration::from_secs(20)).await.unwrap();
    prop_assert_eq!(view.get("any-1").await.unwrap().value.unwrap(), shapes);
    let twice: Vec<Shape> = twice.into_iter().map(|both| both.shape).collect();
    prop_assert_eq!(view.get("held-1").await.unwrap().value.unwrap(), twice);
    running.stop().await;
    Ok(())
}

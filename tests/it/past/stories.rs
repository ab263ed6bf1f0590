//! What is read as of a place is what was there, whatever was written since.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use fastrand::Rng;
use freehold::consistency::Session;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};
use freehold::{
    Aggregate, Event, EventStore, EventStoreExt, Filter, Position, RecordedEvent, Repository,
    RowStore, Token,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Moved {
    In { n: i64 },
    Out,
}

impl Event for Moved {
    const CATEGORY: &'static str = "shelf";
}

#[derive(Clone, Debug, Default)]
struct Shelf;

impl Aggregate for Shelf {
    type Event = Moved;

    fn apply(&mut self, _: &Moved) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Other {
    Happened,
}

impl Event for Other {
    const CATEGORY: &'static str = "other";
}

#[derive(Clone, Debug, Default)]
struct Others;

impl Aggregate for Others {
    type Event = Other;

    fn apply(&mut self, _: &Other) {}
}

/// What is on each shelf, and how often something was moved under its first letter.
pub(super) struct Shelves;

impl Projection for Shelves {
    const NAME: &'static str = "shelves";
    type View = Vec<i64>;
    type Events = Moved;
    type Level = Eventual<5_000>;
}

impl On<Moved> for Shelves {
    fn on(&self, event: &Recorded<'_, Moved>, views: &mut Views<'_, Vec<i64>>) {
        match event.event() {
            Moved::In { n } => views.update(event.id(), |shelf| shelf.push(*n)),
            Moved::Out => views.remove(event.id()),
        }
        views.change_under("a", |_, shelf| shelf.push(-1));
    }
}

/// One event of either kind, on a shelf that chance chooses.
pub(super) async fn one<S: EventStore + Clone>(store: &S, chance: &mut Rng) -> Token {
    let id = *chance.choice(["a", "ab", "b", "c"].as_slice()).unwrap();
    let done = match chance.u8(0..6) {
        0 => {
            let others = Repository::<Others>::new(store.clone());
            let happened = |_: &Others| Ok::<_, Infallible>(vec![Other::Happened; 2]);
            others.execute(id, happened).await.unwrap().token()
        }
        kind => {
            let moved = if kind == 1 { Moved::Out } else { Moved::In { n: chance.i64(0..99) } };
            let shelves = Repository::<Shelf>::new(store.clone());
            let moved = |_: &Shelf| Ok::<_, Infallible>(vec![moved.clone()]);
            shelves.execute(id, moved).await.unwrap().token()
        }
    };
    done.unwrap()
}

pub(super) fn reads<S: EventStore + RowStore + Clone>(store: &S) -> ReadSide {
    ReadSide::new(store.clone()).follow(store.clone())
}

/// The feed as of a position, in pages of so many.
async fn feed(
    store: &impl EventStore,
    until: Position,
    filter: &Filter,
    limit: usize,
) -> (Vec<RecordedEvent>, Position) {
    let (mut events, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_until(after, until, filter, limit).await.unwrap();
        assert!(page.events.len() <= limit && page.upto <= until, "{page:?}");
        assert!(page.upto > after || !page.has_more, "it does not move");
        events.extend(page.events);
        after = page.upto;
        if !page.has_more {
            return (events, after);
        }
    }
}

/// As of every position there is, and some that there is not.
pub(crate) async fn the_feed_as_of_a_position_is_what_was_there<S: EventStore + Clone>(store: &S) {
    let mut chance = Rng::with_seed(7);
    for _ in 0..30 {
        one(store, &mut chance).await;
    }
    let of_shelves = Filter::categories(["shelf"]).unwrap();
    let all = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap().events;
    let head = store.head().await.unwrap();
    for later in [false, true] {
        for n in 0..=head.get() {
            let until = Position::new(n);
            for filter in [Filter::all(), of_shelves.clone()] {
                let was_there = |event: &&RecordedEvent| {
                    event.position() <= until && filter.admits(event.stream().category())
                };
                let expected: Vec<RecordedEvent> = all.iter().filter(was_there).cloned().collect();
                for limit in [1, 3, 1_000] {
                    assert_eq!(feed(store, until, &filter, limit).await, (expected.clone(), until));
                }
            }
        }
        if later {
            break;
        }
        // Beyond the end it says where the end is, and that nothing follows.
        let beyond = Position::new(head.get() + 5);
        assert_eq!(feed(store, beyond, &Filter::all(), 7).await, (all.clone(), head));
        for _ in 0..10 {
            one(store, &mut chance).await;
        }
    }
    // Whoever is there already is told so.
    let page = store.read_until(head, Position::new(2), &Filter::all(), 9).await.unwrap();
    assert_eq!((page.events.len(), page.upto, page.has_more), (0, head, false));
}

/// As the clocks of those who have recorded have it.
pub(crate) async fn a_moment_is_a_position<S: EventStore + Clone>(store: &S) {
    let mut chance = Rng::with_seed(8);
    for _ in 0..12 {
        one(store, &mut chance).await;
    }
    let all = store.read_all(Position::START, &Filter::all(), 1_000).await.unwrap().events;
    let tick = chrono::TimeDelta::microseconds(1);
    for event in &all {
        for moment in [event.recorded_at() - tick, event.recorded_at(), event.recorded_at() + tick]
        {
            let before = all.iter().take_while(|event| event.recorded_at() <= moment);
            let expected = before.last().map_or(Position::START, RecordedEvent::position);
            assert_eq!(store.position_at(moment).await.unwrap(), expected);
        }
    }
}

/// After each event, what a projection shows that is kept up; and later, what it shows as of then.
pub(crate) async fn views_as_of_a_position_are_what_was_shown<S>(store: &S)
where
    S: EventStore + RowStore + Clone,
{
    let (mut chance, mut shown) = (Rng::with_seed(9), Vec::new());
    let reads = reads(store);
    let running = reads.run(Shelves);
    let view = reads.view::<Shelves>();
    for _ in 0..25 {
        let token = one(store, &mut chance).await;
        view.wait_for(token, Duration::from_secs(30)).await.unwrap();
        let page = view.page("", None, 100).await.unwrap().value;
        let page = page.views.into_iter().map(|(key, view)| (key.to_string(), view));
        shown.push((token, page.collect::<BTreeMap<_, _>>()));
    }
    running.stop().await;
    for (token, expected) in &shown {
        let then = reads.as_of(&Shelves, token).await.unwrap();
        let views = then.iter().map(|(key, view)| (key.to_string(), view.clone()));
        assert_eq!(views.collect::<BTreeMap<_, _>>(), *expected, "as of {token}");
        assert_eq!(*then.at(), Session::from(token));
        assert_eq!(then.get("a"), expected.get("a"));
        assert_eq!(then.get("nobody"), None);
    }
    assert!(shown.iter().any(|(_, views)| views.len() > 2), "there was little to see");
    let nothing = reads.as_of(&Shelves, Session::new()).await.unwrap();
    assert_eq!(nothing.iter().len(), 0);
}

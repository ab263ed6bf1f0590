//! Looks at every world that can come about.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::check;
use super::world::{Broken, Budget, Event, World};
use crate::saga::{Rules, Shape};

/// What the explorer has seen.
#[derive(Debug)]
pub(crate) struct Explored {
    /// How many worlds.
    pub(crate) worlds: usize,
    /// In how many of them nothing can happen any more.
    pub(crate) ends: usize,
}

/// A promise was broken, and this is the shortest way there.
pub(crate) struct Violation {
    pub(crate) why: Broken,
    pub(crate) way: Vec<String>,
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.why)?;
        for (n, event) in (1..).zip(&self.way) {
            writeln!(f, "  {n:2} {event}")?;
        }
        Ok(())
    }
}

/// What is explored.
pub(crate) struct Plan {
    pub(crate) shape: Arc<Shape>,
    pub(crate) rules: Rules,
    pub(crate) budget: Budget,
    /// Whether the store refuses what an older owner appends.
    pub(crate) is_fenced: bool,
    pub(crate) worlds_max: usize,
}

/// How a world came about: from which one, and by what.
type From = Option<(u128, Event)>;

impl Plan {
    /// Looks at every world, the nearest first, until a promise is broken.
    pub(crate) fn explore(&self) -> Result<Explored, Violation> {
        let start = World::new(&self.shape, self.rules, self.budget)
            .map_err(|why| Violation { why, way: Vec::new() })?;
        let mut seen: HashMap<u128, From> = HashMap::from([(digest(&start), None)]);
        let mut ahead = VecDeque::from([start]);
        let mut ends = 0;
        while let Some(world) = ahead.pop_front() {
            let id = digest(&world);
            let here = |why| Violation { why, way: way(&seen, id, None) };
            check::moment(&self.shape, &world).map_err(here)?;
            let next = world.next(&self.shape, self.rules, self.is_fenced);
            let is_over = next.iter().all(|(event, _)| !goes_on(event));
            if is_over {
                ends += 1;
                check::end(&self.shape, &world).map_err(here)?;
            }
            for (event, then) in next {
                let then = match then {
                    Ok(then) => then,
                    Err(why) => return Err(Violation { why, way: way(&seen, id, Some(&event)) }),
                };
                let then_id = digest(&then);
                if let Entry::Vacant(new) = seen.entry(then_id) {
                    new.insert(Some((id, event)));
                    ahead.push_back(then);
                }
            }
            assert!(seen.len() <= self.worlds_max, "more than {} worlds", self.worlds_max);
        }
        Ok(Explored { worlds: seen.len(), ends })
    }
}

/// Whether the saga would have ended without it.
const fn goes_on(event: &Event) -> bool {
    !matches!(
        event,
        Event::TakenOver { .. }
            | Event::Died { .. }
            | Event::Overdue { .. }
            | Event::Asked
            | Event::Operated { .. }
    )
}

/// The events that led to a world, and the last.
fn way(seen: &HashMap<u128, From>, mut id: u128, last: Option<&Event>) -> Vec<String> {
    let mut way: Vec<String> = last.iter().map(|event| format!("{event:?}")).collect();
    while let Some(Some((before, event))) = seen.get(&id) {
        way.push(format!("{event:?}"));
        id = *before;
    }
    way.reverse();
    way
}

/// So long that no two worlds share one.
fn digest(world: &World) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, world).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

//! The explorer finds what is wrong with a saga, and nothing wrong with one that is right.

use freehold::backend::memory::MemoryStore;
use freehold::saga::Ended;
use freehold::testkit::saga::{Breach, Coverage, Exploration, explore, now};
use freehold::{EventStore, EventStoreExt, Filter};

use super::fixture::{Fulfilment, World, order};

/// The participants, and the log in which orders are confirmed.
#[derive(Debug, Default)]
struct Shop {
    world: World,
    log: MemoryStore,
}

fn fulfilment() -> Exploration<Shop, Fulfilment> {
    explore(|shop: &Shop| Fulfilment(shop.world.clone()))
        .on(order())
        .world(Shop::default)
        .store(|shop| shop.log.clone())
        .invariant(all_or_nothing)
}

/// Three effects and a confirmed order, or nothing.
fn all_or_nothing(shop: &Shop, ended: Ended) -> Result<(), String> {
    let effects = shop.world.effects();
    let wanted = if ended == Ended::Completed { 3 } else { 0 };
    if effects.len() == wanted { Ok(()) } else { Err(format!("{ended:?}, and there is {effects:?}")) }
}

#[test]
fn a_saga_that_is_right_passes_whatever_goes_wrong() {
    let start = std::time::Instant::now();
    let explored = fulfilment().faults(2).takeovers(1).without_mutants().run().unwrap();
    println!("{explored:?} in {:?}", start.elapsed());
    assert_eq!(explored.coverage, Coverage::Whole);
}

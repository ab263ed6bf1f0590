//! Which slot a key has.

use std::hash::{BuildHasher, Hash};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// So many keys are faster compared than hashed.
pub(super) const FEW: usize = 8;

/// Finds the slot of a key. The slots have the keys; here is at most a table of where each is.
pub(super) struct Places {
    table: Option<Table>,
}

/// Of more than a few keys, the number of the slot of each.
struct Table {
    numbers: HashTable<u32>,
    /// From a seed of its own, so that nobody who sends keys knows which of them collide.
    hasher: DefaultHashBuilder,
}

/// What has a key.
pub(super) trait Keyed {
    type Key: Eq + Hash;

    fn key(&self) -> &Self::Key;
}

impl Places {
    pub(super) const fn new() -> Self {
        Self { table: None }
    }

    /// Makes room for so many more keys than those of `slots`.
    pub(super) fn reserve<T: Keyed>(&mut self, more: usize, slots: &[T]) {
        if slots.len() + more > FEW {
            let Table { numbers, hasher } = self.table.get_or_insert_with(|| Table::of(slots));
            numbers.reserve(more, |number| hash_at(*number, slots, hasher));
        }
    }

    /// The number of the slot of a key; of one that is new, the next, which is to be added to `slots` then.
    pub(super) fn find_or_add<T: Keyed>(&mut self, key: &T::Key, slots: &[T]) -> u32 {
        let next = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        if slots.len() < FEW && self.table.is_none() {
            let known = (0..).zip(slots).find(|(_, slot)| slot.key() == key);
            return known.map_or(next, |(number, _)| number);
        }
        let Table { numbers, hasher } = self.table.get_or_insert_with(|| Table::of(slots));
        let entry = numbers.entry(
            hasher.hash_one(key),
            |number| slots.get(*number as usize).is_some_and(|slot| slot.key() == key),
            |number| hash_at(*number, slots, hasher),
        );
        match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => *vacant.insert(next).get(),
        }
    }
}

impl Table {
    fn of<T: Keyed>(slots: &[T]) -> Self {
        let (mut numbers, hasher) = (HashTable::new(), DefaultHashBuilder::default());
        for (number, slot) in (0..).zip(slots) {
            let hash = hasher.hash_one(slot.key());
            numbers.insert_unique(hash, number, |number| hash_at(*number, slots, &hasher));
        }
        Self { numbers, hasher }
    }
}

fn hash_at<T: Keyed>(number: u32, slots: &[T], hasher: &DefaultHashBuilder) -> u64 {
    slots.get(number as usize).map_or(0, |slot| hasher.hash_one(slot.key()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Slot(u64);

    impl Keyed for Slot {
        type Key = u64;

        fn key(&self) -> &u64 {
            &self.0
        }
    }

    #[test]
    fn each_key_keeps_its_slot_however_many_there_are() {
        for at_once in [0, 1, 7, 8, 9, 300] {
            let (mut places, mut slots) = (Places::new(), Vec::new());
            places.reserve(at_once, &slots);
            for round in 0..2 {
                for key in (0..300_u64).map(|key| key * 7) {
                    let place = places.find_or_add(&key, &slots);
                    assert_eq!(u64::from(place) * 7, key, "round {round}");
                    if place as usize == slots.len() {
                        slots.push(Slot(key));
                    }
                    assert_eq!(places.find_or_add(&key, &slots), place, "at once again");
                }
            }
            assert_eq!(slots.len(), 300);
        }
    }
}

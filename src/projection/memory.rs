//! The rows that the last batches have written, so that the next one need not load them.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::subscription::Partition;
use crate::types::{Epoch, RowKey, RowValue, RowWrite};

/// How much is remembered of each part, in bytes, unless somebody wants otherwise.
pub(super) const BYTES_MAX: usize = 4 << 20;

/// What is remembered of each part of the job, between a batch and the next.
#[derive(Debug)]
pub(super) struct Memories {
    bytes_max: usize,
    of: Mutex<HashMap<u32, Memory>>,
}

impl Memories {
    /// At most so many bytes of keys and values for each part.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, of: Mutex::default() }
    }

    /// What is remembered of a part, which is forgotten here until it is put back: whatever becomes of the batch.
    pub(super) fn take(&self, partition: Partition, epoch: Epoch) -> Memory {
        let known = self.lock().remove(&partition.index());
        // Under another grant, somebody else may have written.
        let known = known.filter(|memory| memory.epoch() == epoch);
        known.unwrap_or_else(|| Memory::new(epoch, self.bytes_max))
    }

    pub(super) fn put(&self, partition: Partition, memory: Memory) {
        self.lock().insert(partition.index(), memory);
    }

    pub(super) fn forget(&self, partition: Partition) {
        self.lock().remove(&partition.index());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Memory>> {
        // A part that is not there is loaded.
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of one part of a job as its last commits have left them, under one grant of its lease. They are kept as they are
/// stored, so that a view is read anew for each batch, as if it were loaded.
#[derive(Debug)]
pub(super) struct Memory {
    epoch: Epoch,
    /// How long the keys and the values of each half may be.
    half_bytes_max: usize,
    /// Those that were written last.
    young: HashMap<RowKey, Option<RowValue>>,
    young_bytes: usize,
    /// Those before them. They are forgotten when there are as many new ones again.
    old: HashMap<RowKey, Option<RowValue>>,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Remembered<'m> {
    /// It holds this.
    Holds(&'m RowValue),
    /// It is not there.
    Gone,
}

impl Memory {
    pub(super) fn new(epoch: Epoch, bytes_max: usize) -> Self {
        let half_bytes_max = bytes_max / 2;
        let (young, old) = Default::default();
        Self { epoch, half_bytes_max, young, young_bytes: 0, old }
    }

    /// Under which grant of the lease the rows were written.
    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What is known of a row, if anything is.
    pub(super) fn row(&self, key: &RowKey) -> Option<Remembered<'_>> {
        let value = self.young.get(key).or_else(|| self.old.get(key))?;
        Some(value.as_ref().map_or(Remembered::Gone, Remembered::Holds))
    }

    /// Rows were written.
    pub(super) fn written(&mut self, rows: Vec<RowWrite>) {
        for RowWrite { key, value, .. } in rows {
            let bytes = |value: &Option<RowValue>| value.as_ref().map_or(0, |v| v.json().len());
            let bytes_now = key.as_str().len() + bytes(&value);
            if let Some(before) = self.young.remove(&key) {
                self.young_bytes -= key.as_str().len() + bytes(&before);
            }
            if bytes_now > self.half_bytes_max {
                self.old.remove(&key);
                continue;
            }
            if self.young_bytes + bytes_now > self.half_bytes_max {
                self.old = mem::take(&mut self.young);
                self.young_bytes = 0;
            }
            // An older one that is still kept is hidden by this one, and forgotten first.
            self.young.insert(key, value);
            self.young_bytes += bytes_now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RowSet;

    fn row(key: &str, value: Option<&str>) -> RowWrite {
        let (set, key) = (RowSet::new("views").unwrap(), RowKey::new(key).unwrap());
        match value {
            Some(value) => RowWrite::put(&set, &key, RowValue::of(&value).unwrap()),
            None => RowWrite::delete(&set, &key),
        }
    }

    /// What it remembers of a row; `gone` if it is not there.
    fn is(memory: &Memory, key: &str) -> Option<String> {
        Some(match memory.row(&RowKey::new(key).unwrap())? {
            Remembered::Holds(value) => value.read().unwrap(),
            Remembered::Gone => "gone".into(),
        })
    }

    #[test]
    fn the_newest_of_a_row_is_remembered_and_that_it_is_gone() {
        let mut memory = Memory::new(Epoch::new(1), 1_000);
        assert_eq!(is(&memory, "a"), None);
        memory.written(vec![row("a", Some("1")), row("b", Some("1"))]);
        memory.written(vec![row("a", Some("2")), row("b", None)]);
        assert_eq!(is(&memory, "a"), Some("2".into()));
        assert_eq!(is(&memory, "b"), Some("gone".into()));
    }

    /// Whatever is remembered, it is what was written last, and not more than the bound.
    #[test]
    fn what_is_remembered_is_bounded_and_never_old() {
        for seed in 0..200 {
            let (mut chance, mut all) = (fastrand::Rng::with_seed(seed), HashMap::new());
            let bytes_max = chance.usize(0..400);
            let mut memory = Memory::new(Epoch::new(1), bytes_max);
            for _ in 0..300 {
                let key = format!("k{}", chance.u8(0..20));
                let value = chance.bool().then(|| "x".repeat(chance.usize(0..40)));
                memory.written(vec![row(&key, value.as_deref())]);
                all.insert(key, value);
                let halves = memory.young.iter().chain(&memory.old);
                let bytes: usize = halves
                    .map(|(key, value)| {
                        key.as_str().len() + value.as_ref().map_or(0, |value| value.json().len())
                    })
                    .sum();
                assert!(bytes <= bytes_max, "seed {seed}: {bytes} of {bytes_max}");
                for (key, value) in &all {
                    let right = value.as_deref().unwrap_or("gone");
                    assert!(is(&memory, key).is_none_or(|known| known == right), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn what_was_written_under_another_grant_is_forgotten_and_so_is_what_is_not_put_back() {
        let memories = Memories::new(1_000);
        let remember = || {
            let mut memory = memories.take(Partition::WHOLE, Epoch::new(1));
            memory.written(vec![row("a", Some("1"))]);
            memories.put(Partition::WHOLE, memory);
        };
        let known = |epoch| is(&memories.take(Partition::WHOLE, Epoch::new(epoch)), "a").is_some();
        remember();
        assert!(known(1));
        assert!(!known(1), "it was not put back");
        remember();
        assert!(!known(2));
    }

    #[test]
    fn each_part_remembers_its_own() {
        let memories = Memories::new(1_000);
        let parts: Vec<_> = Partition::all(2).collect();
        let mut memory = memories.take(parts[0], Epoch::new(1));
        memory.written(vec![row("a", Some("1"))]);
        memories.put(parts[0], memory);
        assert!(is(&memories.take(parts[1], Epoch::new(1)), "a").is_none());
        assert!(is(&memories.take(parts[0], Epoch::new(1)), "a").is_some());
    }
}

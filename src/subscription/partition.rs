//! Which part of a job is whose.

/// One of several parts that a subscription is shared out over. Every key belongs to just one.
///
/// ```
/// use freehold::subscription::Partition;
///
/// let parts: Vec<_> = Partition::all(4).filter(|part| part.owns("order-1234")).collect();
/// assert_eq!(parts.len(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    index: u32,
    of: u32,
}

impl Partition {
    /// The only part of a job that is not shared out.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// All parts of a job that is shared out over so many; 0 counts as 1.
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        let of = of.max(1);
        (0..of).map(move |index| Self { index, of })
    }

    /// Which part it is, counted from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    #[must_use]
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Whether `key` belongs to this part. The answer is the same on every machine and in every version.
    #[must_use]
    pub fn owns(self, key: &str) -> bool {
        if self.of == 1 {
            return true;
        }
        // FNV-1a of 64 bits, folded: Fowler, Noll, Vo, https://datatracker.ietf.org/doc/draft-eastlake-fnv/.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        (hash ^ (hash >> 32)) % u64::from(self.of) == u64::from(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_belongs_to_one_part_and_the_parts_are_alike() {
        let parts: Vec<_> = Partition::all(7).collect();
        let mut owned = [0_u32; 7];
        for n in 0..7_000 {
            let key = format!("order-{n}");
            let owners: Vec<_> = parts.iter().filter(|part| part.owns(&key)).collect();
            assert_eq!(owners.len(), 1, "{key}");
            owned[owners[0].index() as usize] += 1;
        }
        assert!(owned.iter().all(|keys| (900..1_100).contains(keys)), "{owned:?}");
    }

    #[test]
    fn the_owner_of_a_key_never_changes() {
        let owner = |key| Partition::all(16).find(|part| part.owns(key)).unwrap().index();
        assert_eq!(["a", "order-1234", "ä"].map(owner), OWNERS);
    }

    /// Written down when this was written: who changes the hash moves every key to another owner.
    const OWNERS: [u32; 3] = [0, 8, 5];
}

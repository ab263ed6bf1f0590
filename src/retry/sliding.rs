//! Two counts of what happened lately.

use std::time::Duration;

use tokio::time::Instant;

const SLOTS: u8 = 10;

/// Two counts over a window of time that moves on by a tenth of it.
#[derive(Debug)]
pub(super) struct Sliding {
    begin: Instant,
    slot: Duration,
    slots: [Slot; SLOTS as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which tenth, counted from the begin.
    nth: u128,
    counts: [u64; 2],
}

impl Sliding {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        let slot = (window / u32::from(SLOTS)).max(Duration::from_millis(1));
        Self { begin: now, slot, slots: [Slot::default(); SLOTS as usize] }
    }

    pub(super) fn add(&mut self, now: Instant, counts: [u64; 2]) {
        let nth = self.nth(now);
        let Some(slot) = self.place(nth) else { return };
        if slot.nth != nth {
            *slot = Slot { nth, counts: [0; 2] };
        }
        let [a, b] = counts;
        let [all_a, all_b] = &mut slot.counts;
        *all_a += a;
        *all_b += b;
    }

    /// The sums over the window that ends now.
    pub(super) fn sums(&self, now: Instant) -> [u64; 2] {
        let nth = self.nth(now);
        let recent = self.slots.iter().filter(|slot| slot.nth + u128::from(SLOTS) > nth);
        recent.fold([0; 2], |[a, b], slot| {
            let [more_a, more_b] = slot.counts;
            [a + more_a, b + more_b]
        })
    }

    fn place(&mut self, nth: u128) -> Option<&mut Slot> {
        let place = usize::try_from(nth % u128::from(SLOTS)).ok()?;
        self.slots.get_mut(place)
    }

    fn nth(&self, now: Instant) -> u128 {
        now.saturating_duration_since(self.begin).as_nanos() / self.slot.as_nanos()
    }
}

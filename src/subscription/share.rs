//! How many parts of a job this process works at: its share, and not all that it can get.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// Which parts this process has asked for or works at, and how many they may be.
#[derive(Debug)]
pub(super) struct Share(watch::Sender<Held>);

/// Which parts that are.
#[derive(Debug)]
pub(super) struct Held {
    parts_max: usize,
    parts: BTreeSet<u32>,
    /// Those that nobody wanted, beyond the share. They are not given up before the share changes: to whom?
    unwanted: BTreeSet<u32>,
}

impl Held {
    fn has_room(&self) -> bool {
        self.parts.len() < self.parts_max
    }

    /// Whether this part is one too many: of those that there are, the last ones are.
    pub(super) fn is_surplus(&self, part: u32) -> bool {
        self.parts.iter().skip(self.parts_max).any(|surplus| *surplus == part)
    }
}

impl Share {
    pub(super) fn of(parts_max: usize) -> Self {
        let (parts, unwanted) = (BTreeSet::new(), BTreeSet::new());
        Self(watch::Sender::new(Held { parts_max, parts, unwanted }))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Held> {
        self.0.subscribe()
    }

    /// From now on the share is so many parts.
    pub(super) fn is(&self, parts_max: usize) {
        self.0.send_if_modified(|held| {
            let changes = held.parts_max != parts_max;
            if changes {
                held.parts_max = parts_max;
                held.parts.append(&mut held.unwanted);
            }
            changes
        });
    }

    /// Takes the room for a part, if there is any.
    pub(super) fn take_room(&self, part: u32) -> bool {
        self.0.send_if_modified(|held| held.has_room() && held.parts.insert(part))
    }

    /// Waits until there is room for a part, and takes it.
    pub(super) async fn room(&self, part: u32) {
        let mut held = self.subscribe();
        // The sender is ours.
        while !self.take_room(part) && held.wait_for(Held::has_room).await.is_ok() {}
    }

    /// Takes a part that nobody else wants, beyond the share.
    pub(super) fn take_unwanted(&self, part: u32) {
        self.0.send_modify(|held| held.unwanted.extend([part]));
    }

    /// This process does not work at the part any more, or was not granted it.
    pub(super) fn give_back(&self, part: u32) {
        self.0.send_modify(|held| {
            held.parts.remove(&part);
            held.unwanted.remove(&part);
        });
    }
}

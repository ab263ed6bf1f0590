//! What a step of archiving has done.

/// What one call of [`Archive::archive`](crate::Archive::archive) has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it says whether there is more to do"]
pub struct Archived {
    /// How many events.
    pub events: u64,
    /// Of how many streams the last one.
    pub streams: u64,
    /// Whether closed streams are left that have events to be moved.
    pub has_more: bool,
}

impl Archived {
    /// For backends: so many events, and the last ones of so many streams.
    pub const fn new(events: u64, streams: u64, has_more: bool) -> Self {
        Self { events, streams, has_more }
    }
}

//! Bounds on one commit and on one page.

/// How large one commit and one page may be. Every store has them, and says so with
/// [`InvalidCommit::TooLarge`](super::InvalidCommit::TooLarge).
///
/// ```
/// use freehold::Limits;
///
/// let limits = Limits { bytes_per_event_max: 64 << 10, ..Limits::default() };
/// # assert!(limits.events_per_page_max >= 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..Limits::default()`")]
pub struct Limits {
    /// The most streams in one commit, written or guarded. 10,000 by default.
    pub streams_per_commit_max: usize,
    /// The most events in one commit. 10,000 by default.
    pub events_per_commit_max: usize,
    /// The longest payload of one event, in bytes. 1 MiB by default.
    pub bytes_per_event_max: usize,
    /// The most messages in one commit. 10,000 by default.
    pub messages_per_commit_max: usize,
    /// The longest payload of one message, in bytes. 1 MiB by default.
    pub bytes_per_message_max: usize,
    /// The most rows in one commit. 10,000 by default.
    pub rows_per_commit_max: usize,
    /// The longest value of one row, in bytes. 1 MiB by default.
    pub bytes_per_row_max: usize,
    /// The longest payloads, messages and rows of one commit together, in bytes. 16 MiB by default.
    pub bytes_per_commit_max: usize,
    /// The most events in one page, whatever the reader asks for; 0 counts as 1. 1,000 by default.
    pub events_per_page_max: usize,
    /// The most rows in one page, whatever the reader asks for; 0 counts as 1. 1,000 by default.
    pub rows_per_page_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams_per_commit_max: 10_000,
            events_per_commit_max: 10_000,
            bytes_per_event_max: 1 << 20,
            messages_per_commit_max: 10_000,
            bytes_per_message_max: 1 << 20,
            rows_per_commit_max: 10_000,
            bytes_per_row_max: 1 << 20,
            bytes_per_commit_max: 16 << 20,
            events_per_page_max: 1_000,
            rows_per_page_max: 1_000,
        }
    }
}

impl Limits {
    /// For backends: how many events a page holds at most when a reader asks for `asked`. At least 1.
    #[must_use]
    pub fn page(&self, asked: usize) -> usize {
        asked.clamp(1, self.events_per_page_max.max(1))
    }

    /// For backends: how many rows a page holds at most when a reader asks for `asked`. At least 1.
    #[must_use]
    pub fn row_page(&self, asked: usize) -> usize {
        asked.clamp(1, self.rows_per_page_max.max(1))
    }
}

//! Where fresh ids come from.

use std::fmt::Debug;
use std::sync::Arc;

use uuid::Uuid;

/// Draws the ids of events and logs.
///
/// # Contract
/// - **I1 distinct** – no id is drawn twice, by any source, in any process.
pub trait Ids: Debug + Send + Sync + 'static {
    /// A fresh id.
    fn draw(&self) -> Uuid;
}

/// UUIDs of version 7: by time, then by chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn draw(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl<I: Ids + ?Sized> Ids for Arc<I> {
    fn draw(&self) -> Uuid {
        (**self).draw()
    }
}

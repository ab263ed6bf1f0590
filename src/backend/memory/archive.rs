//! The archive. In memory no place is cheaper than another, so that what is moved stays where it is, and is counted.

use async_trait::async_trait;

use super::MemoryStore;
use super::log::Log;
use crate::ports::{Archive, BackendError, Store};
use crate::types::{Archived, StreamVersion};

#[async_trait]
impl Archive for MemoryStore {
    async fn archive(&self, events_max: usize) -> Result<Archived, BackendError> {
        Ok(self.log().archive(self.limits().page(events_max) as u64))
    }
}

impl Log {
    fn archive(&mut self, events_max: u64) -> Archived {
        let (mut events, mut streams) = (0, 0);
        while let Some(first) = self.to_archive.front_mut().filter(|_| events < events_max) {
            let here = first.get().min(events_max - events);
            events += here;
            *first = StreamVersion::new(first.get() - here);
            if first.get() == 0 {
                streams += 1;
                self.to_archive.pop_front();
            }
        }
        Archived::new(events, streams, !self.to_archive.is_empty())
    }
}

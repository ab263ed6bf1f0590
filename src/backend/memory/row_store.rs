//! The keeping of rows.

use async_trait::async_trait;

use super::MemoryStore;
use super::store::BACKEND;
use crate::ports::{BackendError, Fault, RowStore, Store};
use crate::types::{LeaseName, RowPage, RowSet, RowsWanted};

#[async_trait]
impl RowStore for MemoryStore {
    async fn prepare(&self, set: &RowSet) -> Result<(), BackendError> {
        self.log().rows.prepare(set);
        Ok(())
    }

    async fn remove(&self, set: &RowSet) -> Result<(), BackendError> {
        self.log().rows.remove(set);
        Ok(())
    }

    async fn rows(
        &self,
        set: &RowSet,
        wanted: &RowsWanted,
        of: Option<&LeaseName>,
    ) -> Result<RowPage, BackendError> {
        let page = self.log().rows.page(set, wanted, of, |asked| self.limits().row_page(asked));
        page.map_err(|why| BackendError::new(BACKEND, "read rows", Fault::Missing, why))
    }
}

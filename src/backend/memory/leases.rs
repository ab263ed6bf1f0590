//! Who may do a job now.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::ports::{BackendError, Leases};
use crate::types::{Claim, Lease, LeaseName, LeaseState, Owner};

#[async_trait]
impl Leases for MemoryStore {
    async fn claim(
        &self,
        name: &LeaseName,
        owner: Owner,
        time: Duration,
    ) -> Result<Claim, BackendError> {
        Ok(self.log().rows.claim(name, owner, time))
    }

    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, BackendError> {
        Ok(self.log().rows.renew(lease, time))
    }

    async fn release(&self, lease: &Lease) -> Result<(), BackendError> {
        self.log().rows.release(lease);
        Ok(())
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseState, BackendError> {
        Ok(self.log().rows.lease(name))
    }
}

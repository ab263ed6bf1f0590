//! What is read back from the service's own data.

use freehold::Service;

use super::contracts::{Failure, InvoiceNo, Trail};
use super::service::{NotificationOwner, NotificationService};

impl NotificationService {
    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if its data cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(NotificationOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}

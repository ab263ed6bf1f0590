//! Forgetting a customer, as every service does it.

use super::{Customer, Failure, ServiceStore};

/// Forgets a customer in the database of `service`, which tells those who follow its events.
///
/// # Errors
/// [`Failure::Refused`] of a guest, who is nobody; [`Failure::Failed`] if the database cannot be written.
///
/// # Cancel safety
/// Ask again to know whether it happened; it happens once.
pub async fn forget(
    service: &'static str,
    store: &dyn ServiceStore,
    customer: Customer,
) -> Result<(), Failure> {
    let Some(subject) = customer.subject() else {
        return Err(Failure::refused(service, "a guest is nobody"));
    };
    let forgotten = store.forget(&subject).await;
    forgotten.map_err(|error| Failure::failed(service, "forget a customer", error))
}

//! What is read back from the service's own events.

use std::collections::BTreeMap;

use freehold::{Event, Service, event};

use super::contracts::{Customer, Failure, InvoiceNo, Profile, Trail};
use super::events::UserEvent;
use super::service::{UsersOwner, UsersService};

/// Every customer, by the id of their stream; of who was forgotten, there is no profile.
pub type Figures = BTreeMap<String, Option<Profile>>;

/// What is known of a customer after an event.
fn known(before: Option<Profile>, event: UserEvent) -> Option<Profile> {
    let renamed = |name| before.map(|profile| Profile { name, ..profile });
    match event {
        UserEvent::CustomerMet(profile) => profile.into_known().ok(),
        UserEvent::CustomerRenamed(name) => name.into_known().ok().and_then(renamed),
        UserEvent::UserRegistered(profile) => Some(profile),
        UserEvent::UserRenamed { name } => renamed(name),
    }
}

impl UsersService {
    /// What a customer is called, and where they are written to, if they have a profile.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn profile(&self, customer: Customer) -> Result<Option<Profile>, Failure> {
        let events: Vec<UserEvent> = self.feed().of_stream(&customer.to_string()).await?;
        Ok(events.into_iter().fold(None, known))
    }

    /// Reads every profile.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn figures(&self) -> Result<Figures, Failure> {
        let mut figures = Figures::new();
        self.feed()
            .read(|recorded| {
                if recorded.stream().category() != UserEvent::CATEGORY {
                    return Ok(());
                }
                let profile = figures.entry(recorded.stream().id().to_owned()).or_default();
                *profile = known(profile.take(), event::decode(recorded)?);
                Ok(())
            })
            .await?;
        Ok(figures)
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if its data cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(UsersOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}

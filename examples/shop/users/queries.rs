//! What is read back from the service's own events.

use std::collections::BTreeMap;

use freehold::personal::Forgetting;
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
        let profile = events.into_iter().fold(None, known);
        // What was recorded in plain is there for ever, and is not told of who was forgotten.
        let is_told = profile.is_none() || !self.has_forgotten(customer).await?;
        Ok(profile.filter(|_| is_told))
    }

    /// How many events of a customer were recorded in plain, before profiles were sealed: those stay.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn in_plain(&self, customer: Customer) -> Result<usize, Failure> {
        let events: Vec<UserEvent> = self.feed().of_stream(&customer.to_string()).await?;
        let is_plain = |event: &&UserEvent| {
            matches!(event, UserEvent::UserRegistered(_) | UserEvent::UserRenamed { .. })
        };
        Ok(events.iter().filter(is_plain).count())
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
                match recorded.stream().category() {
                    Forgetting::CATEGORY => {
                        let Forgetting::SubjectForgotten { subject } = event::decode(recorded)?;
                        let customer = Customer::of_subject(&subject).map(|who| who.to_string());
                        if let Some(profile) = customer.and_then(|id| figures.get_mut(&id)) {
                            *profile = None;
                        }
                    }
                    UserEvent::CATEGORY => {
                        let id = recorded.stream().id().to_owned();
                        let profile = figures.entry(id).or_default();
                        *profile = known(profile.take(), event::decode(recorded)?);
                    }
                    _ => {}
                }
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

//! What may happen to a customer's profile.

use freehold::{Aggregate, Personal};

use super::contracts::{Customer, Profile};
use super::events::UserEvent;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 190;

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has this number.
    #[error("there is no such customer")]
    NoUser,
    /// Nobody is called so.
    #[error("a name is 1 to 190 bytes without control characters")]
    NoName,
    /// Nothing is written down of who was forgotten.
    #[error("the customer was forgotten")]
    Forgotten,
}

/// A customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    is_known: bool,
    /// Of who was forgotten, there is none.
    profile: Option<Profile>,
}

impl Aggregate for User {
    type Event = UserEvent;

    fn apply(&mut self, event: &UserEvent) {
        self.is_known = true;
        match event {
            UserEvent::CustomerMet(profile) => self.profile = profile.get().cloned(),
            UserEvent::UserRegistered(profile) => self.profile = Some(profile.clone()),
            UserEvent::CustomerRenamed(name) => self.is_called(name.get()),
            UserEvent::UserRenamed { name } => self.is_called(Some(name)),
        }
    }
}

impl User {
    /// Somebody is met. Nothing happens when they were met before, whatever they are called by now.
    #[must_use]
    pub fn register(&self, profile: &Personal<Profile>) -> Vec<UserEvent> {
        if self.is_known { Vec::new() } else { vec![UserEvent::CustomerMet(profile.clone())] }
    }

    /// Somebody takes another name. Nothing happens when it is the one they have.
    ///
    /// # Errors
    /// [`Refusal::NoUser`], [`Refusal::Forgotten`], or [`Refusal::NoName`] if nobody can be called so.
    pub fn rename(&self, customer: Customer, name: &str) -> Result<Vec<UserEvent>, Refusal> {
        if !self.is_known {
            return Err(Refusal::NoUser);
        }
        let Some(profile) = &self.profile else { return Err(Refusal::Forgotten) };
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len());
        if !is_name || name.chars().any(char::is_control) {
            return Err(Refusal::NoName);
        }
        if profile.name == name {
            return Ok(Vec::new());
        }
        let name = customer.personal(name.to_owned());
        Ok(name.map(UserEvent::CustomerRenamed).into_iter().collect())
    }

    fn is_called(&mut self, name: Option<&String>) {
        match (&mut self.profile, name) {
            (Some(profile), Some(name)) => profile.name.clone_from(name),
            // Whoever has a name that is forgotten is forgotten.
            (profile, _) => *profile = None,
        }
    }
}

//! What a service writes to have a process manager.

use std::error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::reaction::Reaction;
use super::route::Route;

/// A process over several services that nobody directs: it hears what they publish, and answers each message with messages of
/// its own.
///
/// All three functions are pure. For each message that is heard by an instance, [`react`](Self::react) decides on the state
/// from before, and [`evolve`](Self::evolve) makes the state from after. What an instance has heard is recorded, and the state
/// is folded from it each time; so `evolve` may change with the program, and what it makes of old messages changes with it.
pub trait ProcessManager: Send + Sync + 'static {
    /// Its name, for ever: 1 to 64 of `a`–`z`, `0`–`9` and `_`.
    const NAME: &'static str;
    /// What it hears: an enum whose variants' names are the types of messages, as in [`message`](crate::message). It can be
    /// written, too, since a timer is a message to oneself.
    type Event: Serialize + DeserializeOwned + Send + Sync;
    /// What it knows of one instance; the default is what it knows at first.
    type State: Default + Send;

    /// Which instance a message is for, and what it may do there.
    fn correlate(&self, event: &Self::Event) -> Route;

    /// What is to be done about a message.
    ///
    /// # Errors
    /// Why the instance cannot go on: it is parked with this message, and those that come for it wait behind. A panic does
    /// the same. Other instances go on.
    fn react(
        &self,
        state: &Self::State,
        event: &Self::Event,
    ) -> Result<Reaction<Self::Event>, Box<dyn Error + Send + Sync>>;

    /// What is known after a message.
    fn evolve(&self, state: Self::State, event: &Self::Event) -> Self::State;
}

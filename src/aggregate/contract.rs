//! What an application implements.

use crate::event::Event;

/// A state folded from the events of one stream. Pure: no I/O, no clock, no chance.
///
/// A command is an ordinary method that reads `&self` and returns the events, or says why not; see the
/// [module](super) for one.
pub trait Aggregate: Default + Clone + Send + Sync + 'static {
    /// Its events, which also name the category of its streams.
    type Event: Event;

    /// Takes one event in. It has happened, so there is nothing to refuse; the default state and the events
    /// of the stream, in order, are all there is to know.
    fn apply(&mut self, event: &Self::Event);
}

/// An aggregate whose commands are data as well, for those who queue, log or send them.
///
/// ```
/// # use freehold::{Aggregate, Event, Handle, Repository, backend::memory::MemoryStore};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # enum Turned { On {}, Off {} }
/// # impl Event for Turned { const CATEGORY: &'static str = "lamp"; }
/// # #[derive(Clone, Default)]
/// # struct Lamp(bool);
/// # impl Aggregate for Lamp {
/// #     type Event = Turned;
/// #     fn apply(&mut self, event: &Turned) { self.0 = matches!(event, Turned::On {}); }
/// # }
/// #[derive(Clone)]
/// enum Switch { On, Off }
///
/// impl Handle for Lamp {
///     type Command = Switch;
///     type Error = std::convert::Infallible;
///
///     fn handle(&self, command: Switch) -> Result<Vec<Turned>, Self::Error> {
///         Ok(match (command, self.0) {
///             (Switch::On, false) => vec![Turned::On {}],
///             (Switch::Off, true) => vec![Turned::Off {}],
///             _ => vec![],
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), freehold::aggregate::ExecuteError<std::convert::Infallible>> {
/// let lamps = Repository::<Lamp>::new(MemoryStore::new());
/// assert!(lamps.handle("desk", Switch::On).await?.0);
/// # Ok(())
/// # }
/// ```
pub trait Handle: Aggregate {
    /// The commands.
    type Command: Clone + Send + Sync + 'static;
    /// Why a command is refused.
    type Error: Send + Sync + 'static;

    /// Decides on the state: the events, or why not. Pure, as [`Aggregate::apply`] is; it may run several
    /// times for one command.
    ///
    /// # Errors
    /// The domain's own refusal.
    fn handle(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;
}

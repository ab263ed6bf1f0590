//! What makes a type a projection.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::events::Events;
use super::recorded::Recorded;
use super::views::Views;
use crate::event::Event;

/// A read model: its name, what it keeps, what it listens to, and how fresh it is.
///
/// The module [`projection`](crate::projection) has a complete example.
///
/// # Contract
/// - **P1 pure** – [`On::on`] depends on the event, the views it is shown and the facts of the batch, and on nothing else;
///   it has no other effect than on the views.
/// - **P2 keyed by the event** – which keys it touches follows from the event, and the facts of the batch, alone, so that both passes touch
///   the same.
pub trait Projection: Send + Sync + Sized + 'static {
    /// The name of the set of its views, and of its job: 1 to 40 of `a`–`z`, `0`–`9` and `_`, the first of them a letter. It
    /// does not begin with `freehold_`, nor end with `_g` and a number, as the sets of rebuilds do. It must never change, or
    /// the projection begins anew.
    const NAME: &'static str;

    /// Over how many parts it is shared out, by the keys of its views; processes that run it share the parts. It cannot be
    /// changed later: views that were shared out otherwise are not kept up, which is said.
    const PARTITIONS: u32 = 1;

    /// What is kept under each key.
    type View: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The events: an enum, or a tuple of enums. For each of them the compiler asks for an [`On`].
    type Events: Events<Self>;

    /// How fresh: [`Strong`](super::Strong) or [`Eventual`](super::Eventual).
    type Level: 'static;
}

/// What the events of one enum do to the views.
pub trait On<E: Event>: Projection {
    /// Takes an event in. It runs twice for each event, the first time only to learn the keys: what is given to
    /// [`Views`] as a closure is not run then.
    fn on(&self, event: &Recorded<'_, E>, views: &mut Views<'_, Self::View>);
}

//! Steps from old names to today's events.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;

use super::builder::UpcastsBuilder;
use super::flaw::UpcastFlaw;
use crate::event::Event;
use crate::event::join::join;
#[cfg(feature = "testkit")]
use crate::event::join::place_of_misfit;
use crate::event::mismatch::Mismatch;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How the events of earlier programs become today's `E`: a step for each old name, which leads to another old name, or to
/// today's events.
///
/// [`Event::upcasts`] returns it, and so every reader of the type takes the same steps. Nothing stored is touched. An event
/// without a step costs one look-up of its name, and a type without steps not even that.
///
/// ```
/// use std::sync::LazyLock;
///
/// use freehold::event::Upcasts;
/// use freehold::{Event, event};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// enum Order {
///     Placed { cents: i64, currency: String },
///     Paid { cents: i64 },
///     Shipped,
/// }
///
/// // The payloads of earlier programs, as far as they are still wanted.
/// #[derive(Deserialize)]
/// struct PlacedV1 {
///     euros: i64,
/// }
/// #[derive(Serialize, Deserialize)]
/// struct PlacedV2 {
///     cents: i64,
/// }
/// #[derive(Deserialize)]
/// struct Settled {
///     cents: i64,
/// }
///
/// static UPCASTS: LazyLock<Upcasts<Order>> = LazyLock::new(|| {
///     Upcasts::builder()
///         .rename("order_placed", "Placed.v1")
///         .reshape("Placed.v1", "Placed.v2", |old: PlacedV1| Ok(PlacedV2 { cents: 100 * old.euros }))
///         .replace("Placed.v2", |old: PlacedV2| {
///             Ok(Order::Placed { cents: old.cents, currency: "EUR".into() })
///         })
///         .split("Settled", |old: Settled| Ok([Order::Paid { cents: old.cents }, Order::Shipped]))
///         .drop("Viewed", "page views are no facts of an order")
///         .build()
/// });
///
/// impl Event for Order {
///     const CATEGORY: &'static str = "order";
///
///     fn upcasts() -> &'static Upcasts<Self> {
///         &UPCASTS
///     }
/// }
///
/// # let recorded = |name, data: &'static str| {
/// #     let name = freehold::EventName::from_static(name).unwrap();
/// #     let id = freehold::EventId::new(uuid::Uuid::nil());
/// #     freehold::NewEvent::new(id, name, data).recorded(freehold::Recording {
/// #         stream: event::stream::<Order>("1").unwrap(), version: freehold::StreamVersion::new(1),
/// #         position: freehold::Position::new(1), recorded_at: Default::default(),
/// #     })
/// # };
/// // A test of its own sees flaws before any event does.
/// assert_eq!(UPCASTS.flaw(), None);
///
/// let placed = recorded("order_placed", r#"{"euros":7}"#);
/// assert_eq!(event::decode::<Order>(&placed)?, Order::Placed { cents: 700, currency: "EUR".into() });
/// let settled = recorded("Settled", r#"{"cents":700}"#);
/// let became: Vec<Order> = event::decode_all(&settled)?.collect();
/// assert_eq!(became, [Order::Paid { cents: 700 }, Order::Shipped]);
/// assert_eq!(event::decode_all::<Order>(&recorded("Viewed", "{}"))?.len(), 0);
/// # Ok::<(), event::EventError>(())
/// ```
pub struct Upcasts<E> {
    steps: Table<E>,
    flaw: Option<UpcastFlaw>,
    /// What the steps are, for those who compare them.
    outline: String,
}

/// `None` without steps, since no constant can hold a map.
type Table<E> = Option<HashMap<&'static str, Step<E>>>;

pub(super) enum Step<E> {
    /// The same payload under another name.
    Rename(&'static str),
    /// Other payloads.
    Turn(Turn<E>),
    /// Nothing, for a reason.
    Drop(&'static str),
}

pub(super) type Turn<E> =
    Box<dyn Fn(&[u8], &mut Vec<Form<E>>) -> Result<(), BoxError> + Send + Sync>;

/// What a step makes.
pub(super) enum Form<E> {
    Today(E),
    Old(&'static str, Bytes),
}

/// Why the steps did not lead to the end.
#[derive(Debug)]
pub(in crate::event) struct Stuck {
    /// The name that the event had become by then, if it was another one than in the log.
    pub(in crate::event) at: Option<&'static str>,
    pub(in crate::event) why: Why,
}

#[derive(Debug)]
pub(in crate::event) enum Why {
    Step(BoxError),
    End(Mismatch),
}

impl<E: Event> Upcasts<E> {
    const NONE: &'static Self = &Self { steps: None, flaw: None, outline: String::new() };

    /// No steps: there are no old events, or today's enum reads them as they are.
    #[must_use]
    pub const fn none() -> &'static Self {
        Self::NONE
    }

    /// The first of the steps, in any order.
    pub fn builder() -> UpcastsBuilder<E> {
        UpcastsBuilder::new()
    }

    pub(super) fn checked(
        steps: HashMap<&'static str, Step<E>>,
        flaw: Option<UpcastFlaw>,
        outline: String,
    ) -> Self {
        Self { steps: Some(steps), flaw, outline }
    }

    /// What is wrong with the steps, if anything is. Then no event can be read or written.
    #[must_use]
    pub const fn flaw(&self) -> Option<&UpcastFlaw> {
        self.flaw.as_ref()
    }

    /// What the steps are, in one order: the same text, the same steps. Nothing tells what a closure does.
    pub(crate) fn outline(&self) -> &str {
        &self.outline
    }

    /// What an event becomes, if a step begins at its name.
    pub(in crate::event) fn upcast(
        &self,
        name: &str,
        data: &[u8],
    ) -> Option<Result<Vec<E>, Stuck>> {
        let step = self.step(name)?;
        let mut events = Vec::new();
        Some(self.take(step, None, data, &mut events).map(|()| events))
    }

    /// The step that begins at a name: the one look-up that an event costs.
    fn step(&self, name: &str) -> Option<&Step<E>> {
        #[cfg(test)]
        crate::event::tests::LOOKUPS.with(|lookups| lookups.set(lookups.get() + 1));
        self.steps.as_ref()?.get(name)
    }

    /// Whether there are any.
    pub(in crate::event) const fn is_none(&self) -> bool {
        self.steps.is_none()
    }

    /// Whether a step begins at a name.
    #[cfg(feature = "testkit")]
    pub(crate) fn has_step(&self, name: &str) -> bool {
        self.step(name).is_some()
    }

    /// The name under which an event of this name is read, if that is all that becomes of it.
    #[cfg(feature = "testkit")]
    pub(crate) fn renamed<'n>(&self, mut name: &'n str) -> &'n str {
        while let Some(Step::Rename(to)) = self.step(name) {
            name = to;
        }
        name
    }

    /// Where in what the steps make of a payload it cannot be read as an event of today; nothing if no place in it is to blame.
    #[cfg(feature = "testkit")]
    pub(crate) fn place_of_misfit(&self, name: &str, data: &[u8]) -> String {
        match self.step(name) {
            None => place_of_misfit::<E>(name, data),
            Some(Step::Rename(to)) => self.place_of_misfit(to, data),
            Some(Step::Drop(_)) => String::new(),
            Some(Step::Turn(turn)) => {
                let mut forms = Vec::new();
                // A step that fails says itself what is wrong.
                let _ = turn(data, &mut forms);
                let places = forms.iter().map(|form| match form {
                    Form::Today(_) => String::new(),
                    Form::Old(name, data) => self.place_of_misfit(name, data),
                });
                places.into_iter().find(|place| !place.is_empty()).unwrap_or_default()
            }
        }
    }

    /// Why events of this name are dropped.
    pub(in crate::event) fn reason(&self, mut name: &str) -> Option<&'static str> {
        loop {
            match self.step(name)? {
                Step::Rename(to) => name = to,
                Step::Drop(reason) => return Some(reason),
                Step::Turn(_) => return None,
            }
        }
    }

    /// Takes a step, and all that follow from it. No step is taken twice, since there is no cycle.
    fn take(
        &self,
        step: &Step<E>,
        at: Option<&'static str>,
        data: &[u8],
        events: &mut Vec<E>,
    ) -> Result<(), Stuck> {
        match step {
            Step::Rename(to) => self.go_on(to, data, events),
            Step::Drop(_) => Ok(()),
            Step::Turn(turn) => {
                let mut forms = Vec::new();
                turn(data, &mut forms).map_err(|source| Stuck { at, why: Why::Step(source) })?;
                for form in forms {
                    match form {
                        Form::Today(event) => events.push(event),
                        Form::Old(name, data) => self.go_on(name, &data, events)?,
                    }
                }
                Ok(())
            }
        }
    }

    fn go_on(&self, name: &'static str, data: &[u8], events: &mut Vec<E>) -> Result<(), Stuck> {
        if let Some(step) = self.step(name) {
            return self.take(step, Some(name), data, events);
        }
        let event = join(name, data)
            .map_err(|mismatch| Stuck { at: Some(name), why: Why::End(mismatch) })?;
        events.push(event);
        Ok(())
    }
}

impl<E> fmt::Debug for Upcasts<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upcasts").field("steps", &self.outline).field("flaw", &self.flaw).finish()
    }
}

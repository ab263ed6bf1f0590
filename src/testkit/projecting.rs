//! Given these events, then those views.

use std::fmt::{self, Debug};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::event::{Event, encode, stream};
use crate::projection::{Facts, On, Projection, PureViews};
use crate::types::{EventId, Position, RecordedEvent, Recording, RowValue, StreamVersion};

/// Begins a scenario of a projection, without a store.
///
/// The events go the way that they go in a service: written as JSON, read back, and folded in two passes. Views are
/// compared as the JSON that is kept of them.
///
/// ```
/// # use freehold::projection::{Eventual, On, Projection, Recorded, Views};
/// use freehold::testkit::project;
/// # use freehold::Event;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # enum OrderEvent { Placed { customer: String }, Shipped, Withdrawn }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Summary { customer: String, shipped: bool }
/// # struct OrderSummary;
/// # impl Projection for OrderSummary {
/// #     const NAME: &'static str = "order_summary";
/// #     type View = Summary;
/// #     type Events = OrderEvent;
/// #     type Level = Eventual<5_000>;
/// # }
/// # impl On<OrderEvent> for OrderSummary {
/// #     fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, Summary>) {
/// #         match &**event {
/// #             OrderEvent::Placed { customer } => {
/// #                 views.set(event.id(), Summary { customer: customer.clone(), shipped: false });
/// #             }
/// #             OrderEvent::Shipped => views.change(event.id(), |order| order.shipped = true),
/// #             OrderEvent::Withdrawn => views.remove(event.id()),
/// #         }
/// #     }
/// # }
///
/// project(OrderSummary)
///     .given("1234", [OrderEvent::Placed { customer: "Ada".into() }, OrderEvent::Shipped])
///     .given("1235", [OrderEvent::Placed { customer: "Bob".into() }])
///     .then("1234", Summary { customer: "Ada".into(), shipped: true })
///     .given("1235", [OrderEvent::Withdrawn])
///     .then_no("1235");
/// ```
#[must_use = "a scenario shows nothing before `then`"]
pub fn project<P: Projection>(projection: P) -> Projected<P> {
    Projected { projection, events: Vec::new(), views: PureViews::default(), facts: Facts::new() }
}

/// A scenario of a projection, made by [`project`]. Each `given` folds on, each `then` panics if it is not so.
#[must_use = "a scenario shows nothing before `then`"]
pub struct Projected<P> {
    projection: P,
    events: Vec<RecordedEvent>,
    views: PureViews,
    facts: Facts,
}

impl<P: Projection> Projected<P> {
    /// What [`Enrich`](crate::projection::Enrich) has found for the batches that follow.
    pub fn facts(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// These events happen in the stream `id` of their category, one batch.
    ///
    /// # Panics
    /// If an event cannot be recorded or folded.
    #[track_caller]
    pub fn given<E: Event>(mut self, id: &str, events: impl IntoIterator<Item = E>) -> Self
    where
        P: On<E>,
    {
        let before = self.events.len();
        for event in events {
            self.record(id, &event);
        }
        let batch = self.events.get(before..).unwrap_or_default();
        if let Err(error) = self.views.fold(&self.projection, batch, &self.facts) {
            panic!("the events cannot be folded: {error}: {:?}", std::error::Error::source(&error));
        }
        self
    }

    /// There is just this view under a key.
    ///
    /// # Panics
    /// If it is not so, with both as JSON.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "`then` is the end, unless more follows")]
    #[allow(clippy::needless_pass_by_value, reason = "it is written down where it is expected")]
    pub fn then(self, key: &str, view: P::View) -> Self {
        let expected = RowValue::of(&view).expect("a view can be written as JSON");
        assert_eq!(text(self.kept(key)), text(Some(&expected)), "the view under `{key}`");
        self
    }

    /// There is no view under a key.
    ///
    /// # Panics
    /// If there is one.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "`then` is the end, unless more follows")]
    pub fn then_no(self, key: &str) -> Self {
        assert_eq!(text(self.kept(key)), text(None), "the view under `{key}`");
        self
    }

    /// There are just views under these keys.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "`then` is the end, unless more follows")]
    pub fn then_keys(self, keys: &[&str]) -> Self {
        let found: Vec<_> = self.views.0.keys().map(|key| key.as_str().to_owned()).collect();
        let mut expected = keys.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "the keys of the views");
        self
    }

    /// The events so far, as a log holds them: for [`laws`](super::laws).
    #[must_use]
    pub fn into_events(self) -> Vec<RecordedEvent> {
        self.events
    }

    fn kept(&self, key: &str) -> Option<&RowValue> {
        self.views.0.get(key)
    }

    #[track_caller]
    fn record<E: Event>(&mut self, id: &str, event: &E) {
        let stream = stream::<E>(id).expect("the id makes a stream");
        let version = self.events.iter().filter(|event| *event.stream() == stream).count() as u64;
        let position = self.events.len() as u64 + 1;
        let id = EventId::new(Uuid::from_u128(position.into()));
        let new = encode(event, id).expect("the event can be recorded");
        self.events.push(new.recorded(Recording {
            stream,
            version: StreamVersion::new(version + 1),
            position: Position::new(position),
            recorded_at: DateTime::<Utc>::UNIX_EPOCH,
        }));
    }
}

fn text(value: Option<&RowValue>) -> String {
    value.map_or_else(
        || "no view".to_owned(),
        |value| String::from_utf8_lossy(value.json()).into_owned(),
    )
}

impl<P: Projection> Debug for Projected<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projected")
            .field("name", &P::NAME)
            .field("events", &self.events.len())
            .field("views", &self.views.0.len())
            .finish_non_exhaustive()
    }
}

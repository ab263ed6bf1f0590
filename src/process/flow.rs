//! A flow as it is meant: who reacts to what with what.

use std::fmt::Write;

use super::timeline::{Happened, Timeline};

/// A flow over several services as it is meant: who reacts to which event with which events. It runs nothing: it is what people
/// draw on a wall, in a form that can be [checked](Flow::lints), [drawn](Flow::mermaid), and held against what
/// [has happened](Flow::deviations).
///
/// ```
/// use freehold::process::{Flow, Hop};
///
/// let flow = Flow::beginning_with("order.placed")
///     .hop(Hop::of("inventory").on("order.placed").effect("stock.reserved").fails("stock.refused"))
///     .hop(Hop::of("payment").on("stock.reserved").effect("payment.processed").fails("payment.failed"))
///     .hop(Hop::of("inventory").on("payment.failed").gives("stock.released").releasing("stock.reserved"))
///     .hop(Hop::of("order").on("payment.processed").gives("order.confirmed"))
///     .hop(Hop::of("order").on("stock.refused").on("stock.released").gives("order.cancelled"))
///     .ending_with(["order.confirmed", "order.cancelled"]);
/// assert!(flow.lints().is_empty(), "{:?}", flow.lints());
/// assert!(flow.mermaid().contains("inventory"));
///
/// let forgetful = Flow::beginning_with("order.placed")
///     .hop(Hop::of("inventory").on("order.placed").effect("stock.reserved"))
///     .hop(Hop::of("payment").on("stock.reserved").gives("payment.processed").fails("payment.failed"))
///     .ending_with(["payment.processed", "payment.failed"]);
/// assert_eq!(
///     forgetful.lints()[0].to_string(),
///     "`payment.failed` may follow `stock.reserved`, and nothing after it releases that",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a flow does nothing until it is checked or drawn"]
pub struct Flow {
    pub(super) first: String,
    pub(super) hops: Vec<Hop>,
    pub(super) ends: Vec<String>,
}

/// A service's part in a flow: to which events it reacts, and with which.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a hop does nothing until it is part of a flow"]
pub struct Hop {
    pub(super) service: String,
    pub(super) on: Vec<String>,
    pub(super) gives: Vec<Given>,
    pub(super) releases: Vec<String>,
    pub(super) waits: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) event: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fact,
    Effect,
    Failure,
}

impl Hop {
    /// A part of the service.
    pub fn of(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            on: Vec::new(),
            gives: Vec::new(),
            releases: Vec::new(),
            waits: false,
        }
    }

    /// It reacts to this event, among others.
    pub fn on(mut self, event: &str) -> Self {
        self.on.push(event.to_owned());
        self
    }

    /// It may give this event, of which nothing need be taken back.
    pub fn gives(self, event: &str) -> Self {
        self.given(event, Kind::Fact)
    }

    /// It may give this event, and what that tells of must be released if the flow fails later.
    pub fn effect(self, event: &str) -> Self {
        self.given(event, Kind::Effect)
    }

    /// It may give this event, with which the flow fails.
    pub fn fails(self, event: &str) -> Self {
        self.given(event, Kind::Failure)
    }

    fn given(mut self, event: &str, kind: Kind) -> Self {
        self.gives.push(Given { event: event.to_owned(), kind });
        self
    }

    /// It releases what this event tells of.
    pub fn releasing(mut self, effect: &str) -> Self {
        self.releases.push(effect.to_owned());
        self
    }

    /// It waits for a time before it reacts: a flow may come by here again and again.
    pub const fn after_a_timer(mut self) -> Self {
        self.waits = true;
        self
    }
}

impl Flow {
    /// A flow that this event begins.
    pub fn beginning_with(event: &str) -> Self {
        Self { first: event.to_owned(), hops: Vec::new(), ends: Vec::new() }
    }

    /// Adds a service's part.
    pub fn hop(mut self, hop: Hop) -> Self {
        self.hops.push(hop);
        self
    }

    /// Sets the events with which it is over.
    pub fn ending_with<'e>(mut self, events: impl IntoIterator<Item = &'e str>) -> Self {
        self.ends.extend(events.into_iter().map(str::to_owned));
        self
    }

    /// The flow as a Mermaid flow chart: services are boxes, events are arrows. Failures are dotted.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n    start([start])\n");
        // Writing to a text cannot fail.
        for (nth, hop) in self.hops.iter().enumerate() {
            let release = match hop.releases.as_slice() {
                [] => String::new(),
                all => format!("<br>releases {}", all.join(", ")),
            };
            let _ = writeln!(text, "    h{nth}[\"{}{release}\"]", hop.service);
        }
        for (nth, end) in self.ends.iter().enumerate() {
            let _ = writeln!(text, "    e{nth}([{end}])");
        }
        self.arrows(&mut text, "start", &self.first, Kind::Fact);
        for (nth, hop) in self.hops.iter().enumerate() {
            for given in &hop.gives {
                self.arrows(&mut text, &format!("h{nth}"), &given.event, given.kind);
            }
        }
        text
    }

    fn arrows(&self, text: &mut String, from: &str, event: &str, kind: Kind) {
        let arrow = if kind == Kind::Failure { "-.->" } else { "-->" };
        for (nth, hop) in self.hops.iter().enumerate() {
            if hop.on.iter().any(|on| on == event) {
                let timer = if hop.waits { " ⏲" } else { "" };
                let _ = writeln!(text, "    {from} {arrow}|{event}{timer}| h{nth}");
            }
        }
        for (nth, end) in self.ends.iter().enumerate() {
            if end == event {
                let _ = writeln!(text, "    {from} {arrow} e{nth}");
            }
        }
    }

    /// What has happened to an instance and is not meant to: events that the flow does not know, and events before which none has
    /// come that they react to. The process must hear or send every event of the flow; timers are left out.
    #[must_use]
    pub fn deviations(&self, timeline: &Timeline) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        let mut found = Vec::new();
        for event in seen_in(timeline) {
            if !self.knows(&event) {
                found.push(format!("`{event}` is not part of the flow"));
            } else if event != self.first && !self.leads_to(&event).any(|on| seen.contains(on)) {
                found.push(format!("`{event}` came before anything that leads to it"));
            }
            seen.push(event);
        }
        found
    }

    /// The events that an instance waits for, as the flow says: those that may follow what has happened, and have not. None if it
    /// is over.
    #[must_use]
    pub fn waits_for(&self, timeline: &Timeline) -> Vec<&str> {
        let seen: Vec<_> = seen_in(timeline).collect();
        if self.ends.iter().any(|end| seen.contains(end)) {
            return Vec::new();
        }
        let mut next = Vec::new();
        for hop in self.hops.iter().filter(|hop| hop.on.iter().any(|on| seen.contains(on))) {
            // One of its events has come: the others will not.
            if hop.gives.iter().any(|given| seen.contains(&given.event)) {
                continue;
            }
            next.extend(hop.gives.iter().map(|given| given.event.as_str()));
        }
        next.sort_unstable();
        next.dedup();
        next
    }

    fn knows(&self, event: &str) -> bool {
        self.first == event
            || self.hops.iter().any(|hop| {
                hop.on.iter().any(|on| on == event) || hop.gives.iter().any(|it| it.event == event)
            })
    }

    /// The events that an event is a reaction to.
    fn leads_to<'f>(&'f self, event: &'f str) -> impl Iterator<Item = &'f String> {
        let gives = move |hop: &&Hop| hop.gives.iter().any(|given| given.event == event);
        self.hops.iter().filter(gives).flat_map(|hop| &hop.on)
    }
}

/// The messages that an instance has heard and sent, in order, by their types.
fn seen_in(timeline: &Timeline) -> impl Iterator<Item = String> {
    timeline.moments().iter().flat_map(|moment| match &moment.what {
        Happened::Heard { message, sent, .. } if !super::wire::is_timer(message) => {
            let heard = std::iter::once(message.kind().to_string());
            heard.chain(sent.iter().map(|(_, kind)| kind.clone())).collect()
        }
        Happened::Heard { sent, .. } => sent.iter().map(|(_, kind)| kind.clone()).collect(),
        _ => Vec::new(),
    })
}

//! What each service knew of an invoice, and when: one line for each commit.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::contracts::{Failure, InvoiceNo, Trail};
use super::driver::Services;

/// All that one service wrote down at once, because of one thing.
struct Moment {
    at: DateTime<Utc>,
    /// Its place among those of the service.
    nth: usize,
    service: &'static str,
    because: Option<Uuid>,
    /// How many events of which name, in order of their first.
    happened: Vec<(String, usize)>,
    said: Vec<String>,
}

/// What each service knew of `invoice` so many milliseconds after it began, by the clocks of their stores: because of which message,
/// what has happened, and what was said. A saga says no messages.
///
/// # Errors
/// [`Failure::Refused`] if no service knows it; [`Failure::Failed`] if one cannot read its data.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn of(services: &Services, invoice: &InvoiceNo) -> Result<String, Failure> {
    let Services { orders, inventory, payments, users, products, notifications } = services;
    let trails = [
        ("order", orders.trail(invoice).await?),
        ("inventory", inventory.trail(invoice).await?),
        ("payment", payments.trail(invoice).await?),
        ("users", users.trail(invoice).await?),
        ("products", products.trail(invoice).await?),
        ("notification", notifications.trail(invoice).await?),
    ];
    let mut kinds = BTreeMap::new();
    let mut moments = Vec::new();
    for (service, trail) in trails {
        for (_, said) in &trail.messages {
            kinds.insert(said.id().as_uuid(), said.kind().to_string());
        }
        moments.extend(moments_of(service, &trail));
    }
    // Within a service the order is that of its log, and what leads to something comes before it.
    moments.sort_by_key(|moment| (moment.at, moment.nth));
    let Some(began) = moments.first().map(|moment| moment.at) else {
        let reason = format!("there is no invoice {invoice}");
        return Err(Failure::Refused { service: "timeline", reason });
    };
    let mut text = format!("{invoice}, which began at {}\n", began.format("%FT%T%.3fZ"));
    for moment in &moments {
        let because = moment.because.and_then(|cause| kinds.get(&cause));
        let took = (moment.at - began).num_milliseconds();
        // Writing to a text does not fail.
        let _ = writeln!(text, "T+{took:<6} {:<13}{}", moment.service, moment.line(because));
    }
    Ok(text)
}

/// What the service wrote down, commit by commit: it answers one thing once, so what has one cause is of one commit.
fn moments_of(service: &'static str, trail: &Trail) -> Vec<Moment> {
    let mut moments: BTreeMap<Option<Uuid>, Moment> = BTreeMap::new();
    let new = |because, at, nth| {
        let (happened, said) = (Vec::new(), Vec::new());
        Moment { at, nth, service, because, happened, said }
    };
    for event in &trail.events {
        let (because, nth) = (event.metadata().causation(), moments.len());
        let moment = moments.entry(because).or_insert(new(because, event.recorded_at(), nth));
        let name = event.name().as_str();
        match moment.happened.iter_mut().find(|(before, _)| before == name) {
            Some((_, times)) => *times += 1,
            None => moment.happened.push((name.to_owned(), 1)),
        }
    }
    for (kept, said) in &trail.messages {
        let (because, nth) = (said.metadata().causation(), moments.len());
        let moment = moments.entry(because).or_insert(new(because, kept.recorded_at(), nth));
        moment.said.push(said.kind().to_string());
    }
    moments.into_values().collect()
}

impl Moment {
    fn line(&self, because: Option<&String>) -> String {
        let times = |(name, times): &(String, usize)| match times {
            1 => name.clone(),
            times => format!("{times} × {name}"),
        };
        let because = because.map(|kind| format!("{kind}: ")).unwrap_or_default();
        let happened: Vec<_> = self.happened.iter().map(times).collect();
        let said: Vec<_> = self.said.iter().map(|kind| format!("→ {kind}")).collect();
        let parts = [happened.join(", "), said.join(" ")];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("{because}{}", parts.join(" "))
    }
}

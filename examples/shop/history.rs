//! One invoice over the three services that settle it.

use std::fmt::Display;

use chrono::SecondsFormat;
use freehold::RecordedEvent;
use freehold::event;
use freehold::trail::{CausalTree, Evidence, Origin};

use super::contracts::{Failure, InvoiceNo, Step, Trail};
use super::driver::{Driver, Services};
use super::order::events::OrderEvent;

/// The longest payload that is shown, in bytes.
const PAYLOAD_BYTES_MAX: usize = 400;

/// What the three services know of `invoice`, as the tree of what has caused what: commands, messages between services, and below
/// them the events, each with who asked for it (`actor`), which command or message caused it (`causation`) and which flow it belongs to
/// (`correlation`).
///
/// # Errors
/// [`Failure::Refused`] if no service knows it; [`Failure::Failed`] if one cannot read its events.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn of(driver: &Driver, invoice: &InvoiceNo) -> Result<String, Failure> {
    let Services { orders, inventory, payments, users, products, notifications } =
        driver.services();
    let (orders, goods, money) =
        tokio::try_join!(orders.trail(invoice), inventory.trail(invoice), payments.trail(invoice))?;
    // What the others have said is heard by the three.
    let others = tokio::try_join!(
        users.trail(invoice),
        products.trail(invoice),
        notifications.trail(invoice)
    )?;
    if orders.events.is_empty() && goods.events.is_empty() && money.events.is_empty() {
        let reason = format!("there is no invoice {invoice}");
        return Err(Failure::Refused { service: "history", reason });
    }
    let mut evidence = named(invoice, &orders.events);
    for trail in [&orders, &goods, &money, &others.0, &others.1, &others.2] {
        evidence = evidence.messages(trail.messages.iter().map(|(_, said)| said));
    }
    let logs = [("order", orders), ("inventory", goods), ("payment", money)];
    let all =
        |evidence: Evidence, (service, Trail { events, .. })| evidence.events(service, events);
    Ok(drawn(&logs.into_iter().fold(evidence, all).tree()))
}

/// What the ids are that no event has: the flow is the invoice, and commands are steps.
fn named(invoice: &InvoiceNo, orders: &[RecordedEvent]) -> Evidence {
    let flow = invoice.flow();
    let evidence = Evidence::new().cause(flow, &format!("invoice {invoice}"), None);
    let named = |evidence: Evidence, step: Step<'_>| {
        evidence.cause(step.id(invoice), step.name(), Some(flow))
    };
    let evidence = Step::ALL.into_iter().fold(evidence, named);
    orders.iter().fold(evidence, |evidence, recorded| match event::decode(recorded) {
        Ok(OrderEvent::OrderShipped { tracking, .. }) => named(evidence, Step::Ship(&tracking)),
        _ => evidence,
    })
}

fn drawn(tree: &CausalTree) -> String {
    let mut text = String::new();
    for branch in tree.branches() {
        text += &branch.stem();
        if let Origin::Event { log, event, .. } = branch.origin() {
            text += &line(log, event);
        } else {
            text += &branch.to_string();
            text.push('\n');
        }
    }
    text
}

fn line(service: &str, event: &RecordedEvent) -> String {
    let time = event.recorded_at().to_rfc3339_opts(SecondsFormat::Micros, true);
    let metadata = event.metadata();
    let payload = match event.data() {
        long if long.len() > PAYLOAD_BYTES_MAX => format!("({} bytes)", long.len()),
        short => String::from_utf8_lossy(short).into_owned(),
    };
    format!(
        "{time} {service:<9} {name:<20} {stream} v{version} actor={actor} causation={causation} \
         correlation={correlation} {payload}\n",
        name = event.name().as_str(),
        stream = event.stream(),
        version = event.version(),
        actor = metadata.actor().unwrap_or("-"),
        causation = or_dash(metadata.causation()),
        correlation = or_dash(metadata.correlation()),
    )
}

fn or_dash(id: Option<impl Display>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

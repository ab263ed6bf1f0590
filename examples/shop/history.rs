//! One invoice over the three services.

use std::collections::VecDeque;
use std::fmt::Display;

use chrono::SecondsFormat;
use freehold::RecordedEvent;

use super::contracts::{Failure, InvoiceNo};
use super::driver::Driver;

/// The longest payload that is shown, in bytes.
const PAYLOAD_BYTES_MAX: usize = 400;

/// What the three services know of `invoice`, in the order of time, with who asked for it (`actor`), which
/// command caused it (`causation`) and which flow it belongs to (`correlation`).
///
/// # Errors
/// [`Failure::Refused`] if no service knows it; [`Failure::Failed`] if one cannot read its events.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn of(driver: &Driver, invoice: &InvoiceNo) -> Result<String, Failure> {
    let (orders, goods, money) = tokio::try_join!(
        driver.orders().trail(invoice),
        driver.inventory().trail(invoice),
        driver.payments().trail(invoice),
    )?;
    if orders.events.is_empty() && goods.events.is_empty() && money.events.is_empty() {
        let reason = format!("there is no invoice {invoice}");
        return Err(Failure::Refused { service: "history", reason });
    }
    let trails = [("order", orders), ("inventory", goods), ("payment", money)];
    let trails = trails.map(|(service, trail)| (service, trail.events));
    Ok(in_order(trails).iter().map(|(service, event)| line(service, event)).collect())
}

/// Joins the trails by time. Within a service the order is that of its log, whatever its clock did.
fn in_order(trails: [(&'static str, Vec<RecordedEvent>); 3]) -> Vec<(&'static str, RecordedEvent)> {
    let mut trails = trails.map(|(service, events)| (service, VecDeque::from(events)));
    let mut joined = Vec::new();
    loop {
        let waiting = trails.iter_mut().filter(|(_, events)| !events.is_empty());
        let next = waiting
            .min_by_key(|(_, events)| events.front().map(freehold::RecordedEvent::recorded_at))
            .and_then(|(service, events)| events.pop_front().map(|event| (*service, event)));
        match next {
            Some(next) => joined.push(next),
            None => return joined,
        }
    }
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

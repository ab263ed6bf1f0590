//! What people see of the views.

use std::cmp::Reverse;
use std::fmt::Write;

use freehold::Personal;

use super::contracts::Failure;
use super::gateway::Gateway;
use super::order_summary::{Entry, orders_of};
use super::pages::{Freshness, read};
use super::totals::Totals;

/// How many products and customers are shown.
const LINES_MAX: usize = 10;

/// Invoices by status, revenue by day and country, the products and the customers of which most was sold and earned.
///
/// # Errors
/// [`Failure::Failed`] if a view cannot be read.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn of_all(gateway: &Gateway) -> Result<String, Failure> {
    let totals = Totals::read(gateway, Freshness::Newest).await?;
    let mut text = String::from("invoices\n");
    // Writing to a string does not fail.
    for (status, (count, total)) in &totals.by_status {
        let _ = writeln!(text, "  {status:<31}{count:>15}{total:>15}");
    }
    text += "\nrevenue                               orders        revenue        refunded\n";
    for line in &totals.days {
        let (day, country) = (&line.day, &line.country);
        let (orders, revenue, refunded) = (line.orders, &line.revenue, &line.refunded);
        let _ = writeln!(text, "  {day:<12}{country:<22}{orders:>8}{revenue:>15}{refunded:>16}");
    }
    let mut products: Vec<_> = totals.stocked().collect();
    products.sort_by_key(|(_, level)| Reverse(level.sold));
    text +=
        "\nproducts                                              sold      available      price\n";
    for (code, level) in products.into_iter().take(LINES_MAX) {
        let (words, sold, available) = (&level.description, level.sold, level.available);
        let price = level.price.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "  {code:<10}{words:<38}{sold:>8}{available:>15}{price:>11}");
    }
    let mut customers: Vec<_> = totals.customers.iter().collect();
    customers.sort_by(|(_, one), (_, other)| other.total.cmp(&one.total));
    text += "\ncustomers                                           orders         total\n";
    for (number, bought) in customers.into_iter().take(LINES_MAX) {
        let name = bought.profile.as_ref().map_or("", |profile| profile.name.as_str());
        let (orders, total) = (bought.orders, &bought.total);
        let _ = writeln!(text, "  {number:<10}{name:<38}{orders:>8}{total:>14}");
    }
    let _ = writeln!(text, "\n{} events behind the services", totals.events_behind);
    Ok(text)
}

/// The invoices of a customer, and what has happened to them.
///
/// # Errors
/// [`Failure::Failed`] if a view cannot be read; [`Failure::Refused`] if they hold nothing of the customer.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn of_customer(gateway: &Gateway, customer: &str) -> Result<String, Failure> {
    let (prefix, mut text) = (orders_of(customer), String::new());
    let summaries = gateway.summaries();
    read(&summaries, &prefix, Freshness::Newest, |_, entry| {
        let Entry::Order(order) = entry else { return };
        let (name, email) = (order.customer_name, order.customer_email);
        let _ = writeln!(
            text,
            "{number} {created_at} {status} {items} items {total} {name} <{email}>",
            number = order.order,
            created_at = order.created_at,
            status = order.status,
            items = order.item_count,
            total = order.total,
            name = shown(name.as_ref()),
            email = shown(email.as_ref()),
        );
    })
    .await?;
    if text.is_empty() {
        let reason = format!("there is no invoice of {customer}");
        return Err(Failure::Refused { service: "report", reason });
    }
    text += "\n";
    read(&gateway.histories(), &prefix, Freshness::Newest, |_, happened| {
        let (at, order, status) = (happened.at.to_rfc3339(), happened.order, happened.status);
        let amount = happened.amount.map(|amount| format!(" {amount}")).unwrap_or_default();
        let note = happened.note.map(|note| format!(" {note}")).unwrap_or_default();
        let _ = writeln!(text, "{at} {order} {status}{amount}{note}");
    })
    .await?;
    Ok(text)
}

/// What is known of somebody.
fn shown(known: Option<&Personal<String>>) -> &str {
    known.map_or("-", |known| known.get().map_or("(forgotten)", String::as_str))
}

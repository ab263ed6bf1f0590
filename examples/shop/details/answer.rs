//! What the query answers.

use std::fmt::Write;

use freehold::composer::{Composed, ComposerExt};
use freehold::source::PartReport;
use serde::Serialize;

use super::super::contracts::{Customer, InvoiceNo, Line, Money, Profile, total};
use super::super::problem::Problem;
use super::super::reads::order_details::Details;
use super::query::{OrderDetails, Whom};

/// An order with its customer and its products. What is not known now is `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    invoice: InvoiceNo,
    status: String,
    created_at: String,
    customer: String,
    customer_name: Option<String>,
    customer_email: Option<String>,
    lines: Vec<AnswerLine>,
    total: Money,
}

/// A line of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct AnswerLine {
    code: String,
    /// What the catalogue calls it.
    product: Option<String>,
    units: u64,
    price: Money,
}

impl Answer {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        invoice: InvoiceNo,
        order: Details,
        profile: Option<Profile>,
        products: Vec<Option<String>>,
    ) -> Self {
        let total = total(&order.lines);
        let line = |(line, product): (Line, Option<String>)| AnswerLine {
            code: line.code.to_string(),
            product,
            units: line.units,
            price: line.price,
        };
        let (customer_name, customer_email) =
            profile.map(|profile| (profile.name, profile.email)).unzip();
        Self {
            invoice,
            status: order.status.to_string(),
            created_at: order.created_at,
            customer: order.customer.to_string(),
            customer_name,
            customer_email,
            lines: order.lines.into_iter().zip(products).map(line).collect(),
            total,
        }
    }

    fn to_text(&self) -> String {
        let unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let mut text = format!("{} {} {}\n", self.invoice, self.status, self.created_at);
        if self.customer == Customer::Guest.to_string() {
            text += "a guest\n";
        } else {
            let (name, email) = (unknown(&self.customer_name), unknown(&self.customer_email));
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} {name} <{email}>", self.customer);
        }
        for line in &self.lines {
            let (product, AnswerLine { code, units, price, .. }) = (unknown(&line.product), line);
            let _ = writeln!(text, "{units:>8} {code:<10}{product:<38}{price:>11}");
        }
        let _ = writeln!(text, "{:>68}", self.total);
        text
    }
}

/// The answer, what it lacks, and how it was composed.
///
/// # Errors
/// [`Problem::Other`] if there is no answer.
///
/// # Cancel safety
/// Reading changes nothing.
pub async fn text(
    query: &OrderDetails,
    invoice: &InvoiceNo,
    whom: Whom,
) -> Result<String, Problem> {
    let composed = query.run(query.terms(), (invoice.clone(), whom)).await;
    let composed = composed.map_err(|error| Problem::other("compose its answer", error))?;
    let Composed { value, plan, degraded, .. } = composed;
    let lacks: String = degraded.iter().map(lack).collect();
    Ok(format!("{}\n{lacks}{plan}\n", value.to_text()))
}

fn lack(report: &PartReport) -> String {
    format!("{report}\n")
}

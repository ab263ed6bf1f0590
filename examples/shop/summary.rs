//! What the services say in the end.

use serde::Serialize;

use super::contracts::{Failure, Money, Units};
use super::driver::{Driver, Outcomes, Waiting};
use super::problem::Problem;
use super::reads::status::Status;
use super::reads::totals::Totals;

/// What somebody who has seen the day may want to see.
pub const WHAT_NEXT: &str = "
What to try next, each after `cargo run --release --example shop --`:
  replay examples/shop/data/2010-12-01.csv --stock 7 --card-limit 50   other settings, or other files
  replay examples/shop/data/2010-12-01.csv --data DIR                  keep the databases; kill it, run it again
  replay examples/shop/data/2010-12-01.csv --store URL --mailbox DIR   the same on PostgreSQL, a role for each service
  replay examples/shop/data/2010-12-01.csv --mode choreography         nobody directs: services react to each other's messages
  timeline 536365 --data DIR                                           what each service knew of an invoice, and when
  history 536365 --data DIR                                            one invoice over the three services
  ship 536365 TRACK-1 --data DIR                                       refused unless the order is confirmed
  report --data DIR                                                    what the views hold; --customer 17850
  rename 17850 'Ada Lovelace' --data DIR                               and see the report again
  rebuild order_summary --data DIR                                     a view anew, beside the one that is read
  replay examples/shop/data/2010-12-01.csv --concurrency 64 --json     many at a time, for programs to read
  replay examples/shop/data/2010-12-01.csv --fail confirm=decline      every order is refunded; or charge=hang, reserve=flap
  saga show 536365 --data DIR                                          the saga of an invoice, step by step
";

/// What the services say in the end, each from its own events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    invoices: u64,
    orders: u64,
    confirmed: u64,
    cancelled_out_of_stock: u64,
    cancelled_payment_declined: u64,
    #[serde(skip_serializing_if = "is_none")]
    cancelled_given_up: u64,
    returns: u64,
    rejected: u64,
    units_sold: Units,
    units_restocked: Units,
    revenue: Money,
    refunded: Money,
    skus: u64,
    stock_on_hand: Units,
    /// What became of the sagas, if that is to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    sagas: Option<Outcomes>,
}

impl Summary {
    /// Reads the figures of all three services.
    ///
    /// # Errors
    /// [`Failure::Failed`] if one cannot read its events.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn read(driver: &Driver) -> Result<Self, Failure> {
        let (orders, goods, money) = tokio::try_join!(
            driver.orders().figures(),
            driver.inventory().figures(),
            driver.payments().figures(),
        )?;
        Ok(Self {
            invoices: orders.orders + orders.returns + orders.rejected,
            orders: orders.orders,
            confirmed: orders.confirmed,
            cancelled_out_of_stock: orders.cancelled_out_of_stock,
            cancelled_payment_declined: orders.cancelled_payment_declined,
            cancelled_given_up: orders.cancelled_given_up,
            returns: orders.returns,
            rejected: orders.rejected,
            units_sold: goods.units_sold,
            units_restocked: goods.units_restocked,
            revenue: money.revenue,
            refunded: money.refunded,
            skus: goods.skus,
            stock_on_hand: goods.stock_on_hand,
            sagas: None,
        })
    }

    /// The same figures as the views have them.
    #[must_use]
    pub fn of_views(views: &Totals) -> Self {
        let [revenue, refunded] = views.money();
        let of = |statuses: &[Status]| statuses.iter().map(|status| views.count(*status)).sum();
        let confirmed: u64 = of(&[Status::Confirmed, Status::Shipped]);
        let cancelled: u64 = of(&[Status::OutOfStock, Status::PaymentDeclined, Status::GivenUp]);
        let orders = confirmed + cancelled + of(&[Status::Pending]);
        let returns = of(&[Status::Returning, Status::Returned]);
        let rejected = of(&[Status::Rejected]);
        Self {
            invoices: orders + returns + rejected,
            orders,
            confirmed,
            cancelled_out_of_stock: views.count(Status::OutOfStock),
            cancelled_payment_declined: views.count(Status::PaymentDeclined),
            cancelled_given_up: views.count(Status::GivenUp),
            returns,
            rejected,
            units_sold: views.units(|level| level.sold),
            units_restocked: views.units(|level| level.restocked),
            revenue,
            refunded,
            skus: views.stocked().count() as u64,
            stock_on_hand: views.units(|level| level.available + level.reserved),
            sagas: None,
        }
    }

    /// The same, and what became of the sagas.
    #[must_use]
    pub fn with_sagas(self, sagas: Outcomes) -> Self {
        Self { sagas: Some(sagas), ..self }
    }

    /// One JSON object on one line.
    ///
    /// # Errors
    /// [`Problem::Other`] never comes: every figure is a number or a text.
    pub fn to_json(&self) -> Result<String, Problem> {
        let json = serde_json::to_string(self).map_err(|error| Problem::other("sum up", error))?;
        Ok(json + "\n")
    }

    /// A table for people.
    #[must_use]
    pub fn to_table(&self) -> String {
        let given_up = self.cancelled_given_up;
        let rows: [(&str, &dyn std::fmt::Display); 14] = [
            ("invoices", &self.invoices),
            ("  orders", &self.orders),
            ("    confirmed", &self.confirmed),
            ("    cancelled, out of stock", &self.cancelled_out_of_stock),
            ("    cancelled, payment declined", &self.cancelled_payment_declined),
            ("    cancelled, given up", &given_up),
            ("  returns", &self.returns),
            ("  rejected", &self.rejected),
            ("units sold", &self.units_sold),
            ("units restocked", &self.units_restocked),
            ("revenue", &self.revenue),
            ("refunded", &self.refunded),
            ("stock codes", &self.skus),
            ("stock on hand", &self.stock_on_hand),
        ];
        let row = |name: &str, figure: &dyn std::fmt::Display| format!("{name:<33}{figure:>15}\n");
        let rows = rows.iter().filter(|(name, _)| given_up > 0 || !name.ends_with("given up"));
        let mut table: String = rows.map(|(name, figure)| row(name, figure)).collect();
        if let Some(Outcomes { completed, compensated, abandoned, waiting }) = &self.sagas {
            table += &row("sagas completed", completed);
            table += &row("sagas compensated", compensated);
            if *abandoned > 0 {
                table += &row("sagas abandoned", abandoned);
            }
            table += &row("sagas that wait", &waiting.len());
            let line = |Waiting { saga, why }: &Waiting| format!("  {saga}: {why}\n");
            table.extend(waiting.iter().map(line));
        }
        table
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

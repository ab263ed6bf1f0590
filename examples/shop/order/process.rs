//! What Order remembers of an invoice that nobody directs: what has been answered, and what is still to come.

use std::collections::BTreeSet;
use std::error::Error;

use freehold::process::{ProcessManager, Reaction, Route};
use serde::{Deserialize, Serialize};

use super::contracts::{Customer, InvoiceNo, Line, Money, OrderSays, WhyCancelled};

/// What it hears: what Order itself has said first, and then what the others say about that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Heard {
    /// An order begins.
    #[serde(rename = "shop.order.placed.v1")]
    Placed {
        /// Its number.
        invoice: InvoiceNo,
        /// Whose it is.
        customer: Customer,
        /// How much it comes to.
        total: Money,
    },
    /// A return begins.
    #[serde(rename = "shop.return.announced.v1")]
    ReturnAnnounced {
        /// Its number.
        invoice: InvoiceNo,
        /// What comes back.
        lines: Vec<Line>,
    },
    /// There are too few goods.
    #[serde(rename = "shop.stock.refused.v1")]
    Refused(Of),
    /// The goods are for others again.
    #[serde(rename = "shop.stock.released.v1")]
    Released(Of),
    /// The goods have left the shop.
    #[serde(rename = "shop.stock.taken.v1")]
    Taken(Of),
    /// What came back is for others again.
    #[serde(rename = "shop.stock.restocked.v1")]
    Restocked(Of),
    /// The order is paid.
    #[serde(rename = "shop.payment.processed.v1")]
    Processed(Of),
    /// The return is paid back.
    #[serde(rename = "shop.payment.refunded.v1")]
    Refunded(Of),
    /// The customer has a profile.
    #[serde(rename = "shop.customer.known.v1")]
    CustomerKnown(Of),
    /// The goods are in the catalogue.
    #[serde(rename = "shop.products.listed.v1")]
    ProductsListed(Of),
    /// The customer has been told.
    #[serde(rename = "shop.confirmation.mailed.v1")]
    Mailed(Of),
}

/// Of which invoice it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Of {
    /// Its number.
    pub invoice: InvoiceNo,
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Whether the order is confirmed or cancelled.
    Verdict,
    /// The goods leave, or come back.
    Goods,
    /// The return is paid back.
    Money,
    /// The customer has a profile.
    Customer,
    /// The goods are in the catalogue.
    Catalogue,
    /// The customer is told.
    Mail,
}

/// What is known of one invoice.
#[derive(Clone, Debug, Default)]
pub struct Known {
    to_come: BTreeSet<Part>,
    /// What is to be said when the order is paid.
    bill: Option<(Customer, Money)>,
    /// What is to be said when the return is paid back.
    lines: Vec<Line>,
}

/// Settles an invoice without anybody who directs: an order is confirmed when it is paid, and cancelled when it cannot be; a return
/// is completed when money and goods are back. It is over when everybody has done what they do about it.
#[derive(Clone, Copy, Debug)]
pub struct Settling;

impl ProcessManager for Settling {
    const NAME: &'static str = "settling";
    type Event = Heard;
    type State = Known;

    fn correlate(&self, heard: &Heard) -> Route {
        match heard {
            Heard::Placed { invoice, .. } | Heard::ReturnAnnounced { invoice, .. } => {
                Route::StartOnce(invoice.key())
            }
            // It begins in the commit that says so: nothing comes before that.
            Heard::Refused(of)
            | Heard::Released(of)
            | Heard::Taken(of)
            | Heard::Restocked(of)
            | Heard::Processed(of)
            | Heard::Refunded(of)
            | Heard::CustomerKnown(of)
            | Heard::ProductsListed(of)
            | Heard::Mailed(of) => Route::Continue(of.invoice.key()),
        }
    }

    fn react(
        &self,
        known: &Known,
        heard: &Heard,
    ) -> Result<Reaction<Heard>, Box<dyn Error + Send + Sync>> {
        let reaction = match (heard, known) {
            (Heard::Processed(Of { invoice }), Known { bill: Some((customer, total)), .. }) => {
                let (invoice, total) = (invoice.clone(), total.clone());
                let says = OrderSays::Confirmed { invoice, customer: *customer, total };
                Reaction::new().send(&says)
            }
            (Heard::Refused(of), _) => cancelled(of, WhyCancelled::OutOfStock),
            (Heard::Released(of), _) => cancelled(of, WhyCancelled::PaymentDeclined),
            (Heard::Refunded(Of { invoice }), Known { lines, .. }) => {
                let (invoice, lines) = (invoice.clone(), lines.clone());
                Reaction::new().send(&OrderSays::ReturnPaid { invoice, lines })
            }
            (Heard::Restocked(Of { invoice }), _) => {
                Reaction::new().send(&OrderSays::ReturnCompleted { invoice: invoice.clone() })
            }
            _ => Reaction::new(),
        };
        let is_over = self.evolve(known.clone(), heard).to_come.is_empty();
        Ok(if is_over { reaction.complete() } else { reaction })
    }

    fn evolve(&self, mut known: Known, heard: &Heard) -> Known {
        match heard {
            Heard::Placed { customer, total, .. } => {
                known.to_come.extend([Part::Verdict, Part::Customer, Part::Catalogue]);
                known.bill = Some((*customer, total.clone()));
            }
            Heard::ReturnAnnounced { lines, .. } => {
                let parts = [Part::Money, Part::Goods, Part::Customer, Part::Catalogue];
                known.to_come.extend(parts);
                known.lines.clone_from(lines);
            }
            Heard::Processed(_) => {
                known.to_come.remove(&Part::Verdict);
                known.to_come.extend([Part::Goods, Part::Mail]);
            }
            Heard::Refused(_) | Heard::Released(_) => drop(known.to_come.remove(&Part::Verdict)),
            Heard::Taken(_) | Heard::Restocked(_) => drop(known.to_come.remove(&Part::Goods)),
            Heard::Refunded(_) => drop(known.to_come.remove(&Part::Money)),
            Heard::CustomerKnown(_) => drop(known.to_come.remove(&Part::Customer)),
            Heard::ProductsListed(_) => drop(known.to_come.remove(&Part::Catalogue)),
            Heard::Mailed(_) => drop(known.to_come.remove(&Part::Mail)),
        }
        known
    }
}

fn cancelled(Of { invoice }: &Of, why: WhyCancelled) -> Reaction<Heard> {
    Reaction::new().send(&OrderSays::Cancelled { invoice: invoice.clone(), why })
}

//! The steps of an invoice.

use freehold::InvalidMetadata;

use super::super::contracts::{Clerk, Command, Failure, InvoiceNo, Step, total, units_by_code};
use super::super::input::{Content, Invoice};
use super::super::inventory::aggregate::Answer as Reserving;
use super::super::inventory::service::InventoryService;
use super::super::order::events::{CancelReason, Intake};
use super::super::order::queries::{Open, OpenKind};
use super::super::order::service::OrderService;
use super::super::payment::aggregate::Answer as Charging;
use super::super::payment::service::PaymentService;

/// Speaks to the three services, which do not know of each other.
#[derive(Debug)]
pub struct Driver {
    clerk: Clerk,
    orders: OrderService,
    inventory: InventoryService,
    payments: PaymentService,
}

impl Driver {
    /// A driver of these services.
    ///
    /// # Errors
    /// [`InvalidMetadata`] never comes: its name fits.
    pub fn new(
        orders: OrderService,
        inventory: InventoryService,
        payments: PaymentService,
    ) -> Result<Self, InvalidMetadata> {
        Ok(Self { clerk: Clerk::new("shop")?, orders, inventory, payments })
    }

    /// The Order service.
    #[must_use]
    pub const fn orders(&self) -> &OrderService {
        &self.orders
    }

    /// The Inventory service.
    #[must_use]
    pub const fn inventory(&self) -> &InventoryService {
        &self.inventory
    }

    /// The Payment service.
    #[must_use]
    pub const fn payments(&self) -> &PaymentService {
        &self.payments
    }

    /// Records an invoice, and brings it to its end.
    ///
    /// # Errors
    /// [`Failure`] of a service; the invoice is then open, or was never begun.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the invoice open: [`Driver::finish`] it.
    pub async fn settle(&self, invoice: Invoice) -> Result<(), Failure> {
        let Invoice { number, customer, fingerprint, content } = invoice;
        let intake = |lines| Intake { invoice: number.clone(), customer, lines, fingerprint };
        match content {
            Content::Nonsense(reason) => {
                let command = self.clerk.asks(&number, Step::Reject);
                self.orders.reject(&command, fingerprint, &reason).await
            }
            Content::Order(lines) => {
                let intake = intake(lines);
                self.orders.place(&self.clerk.asks(&number, Step::Place), &intake).await?;
                self.finish_order(&intake).await
            }
            Content::Return(lines) => {
                let intake = intake(lines);
                let command = self.clerk.asks(&number, Step::Announce);
                self.orders.announce_return(&command, &intake).await?;
                self.finish_return(&intake).await
            }
        }
    }

    /// Brings an invoice to its end that was recorded before, and perhaps has gone some steps.
    ///
    /// # Errors
    /// [`Failure`] of a service; the invoice is then still open.
    ///
    /// # Cancel safety
    /// As [`Driver::settle`].
    pub async fn finish(&self, open: Open) -> Result<(), Failure> {
        match open.kind {
            OpenKind::Order => self.finish_order(&open.intake).await,
            OpenKind::Return => self.finish_return(&open.intake).await,
        }
    }

    /// Ships a confirmed order.
    ///
    /// # Errors
    /// [`Failure::Refused`] unless it is confirmed.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn ship(&self, invoice: &InvoiceNo, tracking: &str) -> Result<(), Failure> {
        let command = self.clerk.asks(invoice, Step::Ship(tracking));
        self.orders.ship(&command, tracking).await
    }

    /// Reserve, charge, take, confirm; or cancel.
    async fn finish_order(&self, order: &Intake) -> Result<(), Failure> {
        let ask = |step| self.clerk.asks(&order.invoice, step);
        let goods = units_by_code(&order.lines);
        match self.inventory.reserve(&ask(Step::Reserve), &goods).await? {
            Reserving::Reserved => {}
            Reserving::OutOfStock => {
                return self.cancel(&ask(Step::Cancel), CancelReason::OutOfStock).await;
            }
        }
        let total = total(&order.lines);
        match self.payments.charge(&ask(Step::Charge), order.customer, &total).await? {
            Charging::Charged => {
                self.inventory.take(&ask(Step::Take)).await?;
                self.orders.confirm(&ask(Step::Confirm)).await
            }
            Charging::Declined => {
                self.inventory.release(&ask(Step::Release)).await?;
                self.cancel(&ask(Step::Cancel), CancelReason::PaymentDeclined).await
            }
        }
    }

    async fn cancel(&self, command: &Command, reason: CancelReason) -> Result<(), Failure> {
        self.orders.cancel(command, reason).await
    }

    /// Refund, restock, complete.
    async fn finish_return(&self, back: &Intake) -> Result<(), Failure> {
        let ask = |step| self.clerk.asks(&back.invoice, step);
        let total = total(&back.lines);
        self.payments.refund(&ask(Step::Refund), back.customer, &total).await?;
        let goods = units_by_code(&back.lines);
        self.inventory.restock(&ask(Step::Restock), &goods).await?;
        self.orders.complete_return(&ask(Step::Complete)).await
    }
}

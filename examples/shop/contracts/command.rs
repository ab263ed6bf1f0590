//! What the driver asks of a service.

use freehold::{InvalidMetadata, Message, Metadata};
use uuid::Uuid;

use super::InvoiceNo;

/// What is to be done for an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Order: an order is placed.
    Place,
    /// Order: an invoice that makes no sense is kept, with the reason.
    Reject,
    /// Users: whoever ordered has a profile.
    Register,
    /// Products: what is on the lines is in the catalogue.
    List,
    /// Inventory: all codes are reserved, or none.
    Reserve,
    /// Payment: the total is charged, or declined.
    Charge,
    /// Payment: what was charged is given back.
    Reverse,
    /// Inventory: what was reserved leaves the shop.
    Take,
    /// Inventory: what was reserved is for others again.
    Release,
    /// Order: the order is confirmed.
    Confirm,
    /// Order: the order is cancelled.
    Cancel,
    /// Order: a confirmed order leaves with this tracking number.
    Ship(&'a str),
    /// Order: a return comes in.
    Announce,
    /// Payment: its total is paid back.
    Refund,
    /// Inventory: its goods are put back.
    Restock,
    /// Order: the return is done.
    Complete,
    /// Notification: the customer is told that the order is confirmed.
    Mail,
}

impl Step<'_> {
    /// All steps that are taken once for an invoice, whatever is said with them.
    pub const ALL: [Self; 16] = [
        Self::Place,
        Self::Reject,
        Self::Register,
        Self::List,
        Self::Reserve,
        Self::Charge,
        Self::Reverse,
        Self::Take,
        Self::Release,
        Self::Confirm,
        Self::Cancel,
        Self::Announce,
        Self::Refund,
        Self::Restock,
        Self::Complete,
        Self::Mail,
    ];

    /// The id of the command to take it for `invoice`.
    #[must_use]
    pub fn id(self, invoice: &InvoiceNo) -> Uuid {
        let id = Uuid::new_v5(&invoice.flow(), self.name().as_bytes());
        match self {
            // Shipping with another tracking number is another command, and must be refused as such.
            Self::Ship(tracking) => Uuid::new_v5(&id, tracking.as_bytes()),
            _ => id,
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Reject => "reject",
            Self::Register => "register",
            Self::List => "list",
            Self::Reserve => "reserve",
            Self::Charge => "charge",
            Self::Reverse => "reverse",
            Self::Take => "take",
            Self::Release => "release",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Ship(_) => "ship",
            Self::Announce => "announce",
            Self::Refund => "refund",
            Self::Restock => "restock",
            Self::Complete => "complete",
            Self::Mail => "mail",
        }
    }
}

/// Somebody who asks services for steps.
#[derive(Clone, Debug)]
pub struct Clerk {
    says: Metadata,
}

impl Clerk {
    /// The one called `name`.
    ///
    /// # Errors
    /// [`InvalidMetadata`] if the name does not fit an event's metadata.
    pub fn new(name: &str) -> Result<Self, InvalidMetadata> {
        Ok(Self { says: Metadata::new().with_actor(name)? })
    }

    /// What the events of a command carry that belongs to no invoice: who asked.
    #[must_use]
    pub fn says(&self) -> Metadata {
        self.says.clone()
    }

    /// The command to take `step` for `invoice`.
    #[must_use]
    pub fn asks(&self, invoice: &InvoiceNo, step: Step<'_>) -> Command {
        let (flow, id) = (invoice.flow(), step.id(invoice));
        let metadata = self.says.clone().with_correlation(flow).with_causation(id);
        Command { invoice: invoice.clone(), id, metadata }
    }
}

/// A step for an invoice. Its id is the same whenever and wherever the step is asked for, so that asking
/// twice does it once.
#[derive(Clone, Debug)]
pub struct Command {
    invoice: InvoiceNo,
    id: Uuid,
    metadata: Metadata,
}

impl Command {
    /// The command to take `step` for `invoice`, which `service` gives itself because of what it has heard.
    ///
    /// # Errors
    /// [`InvalidMetadata`] if the service's name does not fit an event's metadata.
    pub fn answering(
        message: &Message,
        service: &str,
        invoice: &InvoiceNo,
        step: Step<'_>,
    ) -> Result<Self, InvalidMetadata> {
        let metadata = Metadata::answering(&message.envelope).with_actor(service)?;
        Ok(Self { invoice: invoice.clone(), id: step.id(invoice), metadata })
    }

    /// What it is about.
    #[must_use]
    pub const fn invoice(&self) -> &InvoiceNo {
        &self.invoice
    }

    /// What its repetition is known by.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// What its events carry: the flow of the invoice, this command as their cause, who asked.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }
}

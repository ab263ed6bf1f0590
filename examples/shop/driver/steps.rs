//! The steps at other services.

use std::collections::BTreeMap;

use freehold::saga::{
    Again, Do, Effect, Failure, Key, Policy, ReadOnly, Resolve, Retriable, Step as SagaStep, Undo,
};
use serde::{Deserialize, Serialize};

use super::super::contracts::{self, Customer, InvoiceNo, Line, Money, StockCode, Units, articles};
use super::super::inventory::aggregate::Answer as Reserving;
use super::super::order::events::CancelReason;
use super::super::payment::aggregate::Answer as Charging;
use super::faults::Part;
use super::parties::Shared;
use contracts::Step;

/// Whose invoice it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Buyer {
    pub(super) invoice: InvoiceNo,
    pub(super) customer: Customer,
}

/// What an invoice is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lines {
    pub(super) invoice: InvoiceNo,
    pub(super) lines: Vec<Line>,
}

/// How many units of which codes it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Goods {
    pub(super) invoice: InvoiceNo,
    pub(super) goods: BTreeMap<StockCode, Units>,
}

/// How much money it is about, and whose.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sum {
    pub(super) invoice: InvoiceNo,
    pub(super) customer: Customer,
    pub(super) total: Money,
}

/// Sees to it that whoever buys has a profile. Nothing of it is taken back: who has asked stays a customer, whatever becomes of
/// the order.
pub(super) struct Register(pub(super) Shared);

/// Sees to it that what is on the lines is in the catalogue. Nothing of it is taken back, either.
pub(super) struct List(pub(super) Shared);

/// Reserves all goods of an order, or none.
pub(super) struct Reserve(pub(super) Shared);

/// Charges the total of an order.
pub(super) struct Charge(pub(super) Shared);

/// Lets what was reserved leave the shop.
pub(super) struct Take(pub(super) Shared);

/// Tells the customer that the order is confirmed.
pub(super) struct Notify(pub(super) Shared);

/// Pays the total of a return back.
pub(super) struct Refund(pub(super) Shared);

/// Puts the goods of a return back.
pub(super) struct Restock(pub(super) Shared);

/// What a service's failure says of an action: what its rules forbid is for an operator; of anything else nobody knows whether
/// it has happened.
pub(super) fn unheard<R>(failure: contracts::Failure) -> Failure<R> {
    match failure {
        contracts::Failure::Refused { .. } => Failure::broken(failure),
        contracts::Failure::Failed { .. } => Failure::Unknown(failure.into()),
    }
}

/// The same of what cannot be refused.
pub(super) fn again(failure: contracts::Failure) -> Again {
    match failure {
        contracts::Failure::Refused { .. } => Again::broken(failure),
        contracts::Failure::Failed { .. } => Again::Unknown(failure.into()),
    }
}

impl Register {
    async fn ask(&self, Buyer { invoice, customer }: &Buyer) -> Result<(), contracts::Failure> {
        let command = self.0.asks(invoice, Step::Register);
        self.0.services.users.register(&command, *customer).await
    }
}

impl ReadOnly for Register {
    const NAME: &'static str = "register";
    type In = Buyer;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, buyer: &Buyer) -> Result<(), Failure<CancelReason>> {
        self.ask(buyer).await.map_err(unheard)
    }
}

impl Retriable for Register {
    const NAME: &'static str = "register";
    type In = Buyer;
    type Out = ();

    async fn run(&self, _: &Key<Do>, buyer: &Buyer) -> Result<(), Again> {
        self.ask(buyer).await.map_err(again)
    }
}

impl List {
    async fn ask(&self, Lines { invoice, lines }: &Lines) -> Result<(), contracts::Failure> {
        let command = self.0.asks(invoice, Step::List);
        self.0.services.products.list(&command, &articles(lines)).await
    }
}

impl ReadOnly for List {
    const NAME: &'static str = "list";
    type In = Lines;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, lines: &Lines) -> Result<(), Failure<CancelReason>> {
        self.ask(lines).await.map_err(unheard)
    }
}

impl Retriable for List {
    const NAME: &'static str = "list";
    type In = Lines;
    type Out = ();

    async fn run(&self, _: &Key<Do>, lines: &Lines) -> Result<(), Again> {
        self.ask(lines).await.map_err(again)
    }
}

impl SagaStep for Reserve {
    const NAME: &'static str = "reserve";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = Goods;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, key: &Key<Do>, of: &Goods) -> Result<(), Failure<CancelReason>> {
        let reserve = async {
            let command = self.0.asks(&of.invoice, Step::Reserve);
            let inventory = &self.0.services.inventory;
            match inventory.reserve(&command, key.as_str(), &of.goods).await.map_err(unheard)? {
                Reserving::Reserved => Ok(()),
                Reserving::OutOfStock => Err(Failure::Rejected(CancelReason::OutOfStock)),
            }
        };
        self.0.faults.around(Part::Reserve, CancelReason::OutOfStock, reserve).await
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        action: &Key<Do>,
        of: &Goods,
        _: Effect<()>,
    ) -> Result<(), Again> {
        let release = async {
            let command = self.0.asks(&of.invoice, Step::Release);
            self.0.services.inventory.release(&command, action.as_str()).await.map_err(again)
        };
        self.0.faults.around_undo(Part::Reserve, release).await
    }

    fn policy(&self) -> Policy {
        self.0.faults.policy(Part::Reserve)
    }
}

impl SagaStep for Charge {
    const NAME: &'static str = "charge";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = Sum;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, key: &Key<Do>, of: &Sum) -> Result<(), Failure<CancelReason>> {
        let charge = async {
            let command = self.0.asks(&of.invoice, Step::Charge);
            let payments = &self.0.services.payments;
            let charged = payments.charge(&command, key.as_str(), of.customer, &of.total).await;
            match charged.map_err(unheard)? {
                Charging::Charged => Ok(()),
                Charging::Declined => Err(Failure::Rejected(CancelReason::PaymentDeclined)),
            }
        };
        self.0.faults.around(Part::Charge, CancelReason::PaymentDeclined, charge).await
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        action: &Key<Do>,
        of: &Sum,
        _: Effect<()>,
    ) -> Result<(), Again> {
        let reverse = async {
            let command = self.0.asks(&of.invoice, Step::Reverse);
            let payments = &self.0.services.payments;
            let key = action.as_str();
            payments.reverse(&command, key, of.customer, &of.total).await.map_err(again)
        };
        self.0.faults.around_undo(Part::Charge, reverse).await
    }

    fn policy(&self) -> Policy {
        self.0.faults.policy(Part::Charge)
    }
}

impl Retriable for Take {
    const NAME: &'static str = "take";
    type In = InvoiceNo;
    type Out = ();

    async fn run(&self, _: &Key<Do>, invoice: &InvoiceNo) -> Result<(), Again> {
        let command = self.0.asks(invoice, Step::Take);
        self.0.services.inventory.take(&command).await.map_err(again)
    }
}

impl Retriable for Notify {
    const NAME: &'static str = "notify";
    type In = Sum;
    type Out = ();

    async fn run(&self, key: &Key<Do>, of: &Sum) -> Result<(), Again> {
        let command = self.0.asks(&of.invoice, Step::Mail);
        let notifications = &self.0.services.notifications;
        let mailed = notifications.mail(&command, key.as_str(), of.customer, &of.total).await;
        mailed.map_err(again)
    }
}

impl Retriable for Refund {
    const NAME: &'static str = "refund";
    type In = Sum;
    type Out = ();

    async fn run(&self, _: &Key<Do>, of: &Sum) -> Result<(), Again> {
        let command = self.0.asks(&of.invoice, Step::Refund);
        self.0.services.payments.refund(&command, of.customer, &of.total).await.map_err(again)
    }
}

impl Retriable for Restock {
    const NAME: &'static str = "restock";
    type In = Goods;
    type Out = ();

    async fn run(&self, _: &Key<Do>, of: &Goods) -> Result<(), Again> {
        let command = self.0.asks(&of.invoice, Step::Restock);
        self.0.services.inventory.restock(&command, &of.goods).await.map_err(again)
    }
}

//! The sagas: which steps, in which order, and which of them decides.

use freehold::saga::{Before, Definition, HasPivot, Saga};

use super::super::contracts::{total, units_by_code};
use super::super::order::events::Intake;
use super::local::{Announce, Complete, Confirm, Parcel, Place, Ship};
use super::parties::Shared;
use super::steps::{
    Buyer, Charge, Goods, Lines, List, Notify, Refund, Register, Reserve, Restock, Sum, Take,
};

/// Settles an order: it is placed, its goods are reserved and its total is charged, or all of that is taken back; it is
/// confirmed, and then the goods leave the stock, and the customer is told.
pub(super) struct Fulfilment(pub(super) Shared);

/// Settles a return. It is never refused: the first step decides, and the rest follows.
pub(super) struct Returns(pub(super) Shared);

/// Ships a confirmed order, when somebody asks for it.
pub(super) struct Shipping(pub(super) Shared);

impl Saga for Fulfilment {
    const NAME: &'static str = "fulfilment";
    // In the first one nobody was told. What was begun so is carried on, and told.
    const VERSION: u32 = 2;
    const CONTINUES: &'static [(u32, &'static [(&'static str, &'static str)])] = &[(1, &[])];
    type Input = Intake;
    type Ending = HasPivot;

    fn define(&self, mut steps: Before<Intake>) -> Definition<Intake, HasPivot> {
        let with = || self.0.clone();
        let placed = steps.local_step(Place(with()), (), |order: &Intake, ()| order.clone());
        let registered = steps.beside().read_only(Register(with()), (), |order, ()| buyer(order));
        let listed = steps.beside().read_only(List(with()), (), |order, ()| lines(order));
        let known = (placed, registered, listed);
        let reserved = steps.step(Reserve(with()), known, |order, _| goods(order));
        let charged = steps.step(Charge(with()), (reserved,), |order, _| sum(order));
        let confirm = Confirm(with());
        let (confirmed, mut steps) =
            steps.local_pivot(confirm, (charged,), |order, _| order.invoice.clone());
        steps.then(Take(with()), (confirmed,), |order, _| order.invoice.clone());
        steps.beside().then(Notify(with()), (confirmed,), |order, _| sum(order));
        steps.build()
    }
}

impl Saga for Returns {
    const NAME: &'static str = "returns";
    type Input = Intake;
    type Ending = HasPivot;

    fn define(&self, steps: Before<Intake>) -> Definition<Intake, HasPivot> {
        let with = || self.0.clone();
        let announce = Announce(with());
        let (announced, mut steps) =
            steps.local_pivot(announce, (), |back: &Intake, ()| back.clone());
        let refunded = steps.then(Refund(with()), (announced,), |back, _| sum(back));
        let registered = steps.beside().then(Register(with()), (announced,), |back, _| buyer(back));
        let listed = steps.beside().then(List(with()), (announced,), |back, _| lines(back));
        let paid = (refunded, registered, listed);
        let restocked = steps.then(Restock(with()), paid, |back, _| goods(back));
        steps.local_then(Complete(with()), (restocked,), |back, _| back.invoice.clone());
        steps.build()
    }
}

impl Saga for Shipping {
    const NAME: &'static str = "shipping";
    type Input = Parcel;
    type Ending = HasPivot;

    fn define(&self, steps: Before<Parcel>) -> Definition<Parcel, HasPivot> {
        let ship = Ship(self.0.clone());
        let (_, steps) = steps.local_pivot(ship, (), |parcel: &Parcel, ()| parcel.clone());
        steps.build()
    }
}

fn buyer(intake: &Intake) -> Buyer {
    Buyer { invoice: intake.invoice.clone(), customer: intake.customer }
}

fn lines(intake: &Intake) -> Lines {
    Lines { invoice: intake.invoice.clone(), lines: intake.lines.clone() }
}

fn goods(intake: &Intake) -> Goods {
    Goods { invoice: intake.invoice.clone(), goods: units_by_code(&intake.lines) }
}

fn sum(intake: &Intake) -> Sum {
    let (invoice, customer) = (intake.invoice.clone(), intake.customer);
    Sum { invoice, customer, total: total(&intake.lines) }
}

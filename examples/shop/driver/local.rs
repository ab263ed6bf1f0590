//! The steps in Order's own log, which also holds the sagas: each is one commit with the saga's record of it.

use freehold::Commit;
use freehold::saga::{
    Again, Do, Failure, GivenUp, Key, Local, LocalPivot, LocalRetriable, LocalStep, Policy, Saga,
    SagaId, Undo,
};
use serde::{Deserialize, Serialize};

use super::super::contracts::{InvoiceNo, Step};
use super::super::order::events::{CancelReason, Intake};
use super::faults::Part;
use super::parties::Shared;
use super::sagas::Fulfilment;
use super::steps::{again, unheard};

/// Places an order; it is pending then. If the saga is given up, the order is cancelled.
pub(super) struct Place(pub(super) Shared);

/// Confirms an order. From here on it will be delivered.
pub(super) struct Confirm(pub(super) Shared);

/// Lets a confirmed order leave.
pub(super) struct Ship(pub(super) Shared);

/// Takes a return in. From here on it will be paid back.
pub(super) struct Announce(pub(super) Shared);

/// Says that a return is done.
pub(super) struct Complete(pub(super) Shared);

/// What leaves, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parcel {
    pub(super) invoice: InvoiceNo,
    pub(super) tracking: String,
}

type Decided = Result<Local<()>, Failure<CancelReason>>;

fn decided(commit: Result<Commit, super::super::contracts::Failure>) -> Decided {
    Ok(Local::new((), commit.map_err(unheard)?))
}

impl LocalStep for Place {
    const NAME: &'static str = "place";
    type In = Intake;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, _: &Key<Do>, intake: &Intake) -> Decided {
        let command = self.0.asks(&intake.invoice, Step::Place);
        decided(self.0.services.orders.place(&command, intake).await)
    }

    async fn compensate(&self, _: &Key<Undo>, of: &Intake, (): ()) -> Result<Commit, Again> {
        let orders = &self.0.services.orders;
        let saga = SagaId::new(Fulfilment::NAME, &of.invoice.key())?;
        let reason = match orders.given_up(&saga).await.map_err(again)? {
            // A step refuses with the reason that the order is cancelled for.
            Some(GivenUp::Refused { why, .. }) => serde_json::from_str(&why)?,
            _ => CancelReason::GivenUp,
        };
        let command = self.0.asks(&of.invoice, Step::Cancel);
        orders.cancel(&command, reason).await.map_err(again)
    }
}

impl LocalPivot for Confirm {
    const NAME: &'static str = "confirm";
    type In = InvoiceNo;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, _: &Key<Do>, invoice: &InvoiceNo) -> Decided {
        let confirm = async {
            let command = self.0.asks(invoice, Step::Confirm);
            decided(self.0.services.orders.confirm(&command).await)
        };
        self.0.faults.around(Part::Confirm, CancelReason::GivenUp, confirm).await
    }

    fn policy(&self) -> Policy {
        self.0.faults.policy(Part::Confirm)
    }
}

impl LocalPivot for Ship {
    const NAME: &'static str = "ship";
    type In = Parcel;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, _: &Key<Do>, Parcel { invoice, tracking }: &Parcel) -> Decided {
        let command = self.0.asks(invoice, Step::Ship(tracking));
        decided(self.0.services.orders.ship(&command, tracking).await)
    }
}

impl LocalPivot for Announce {
    const NAME: &'static str = "announce";
    type In = Intake;
    type Out = ();
    type Refusal = CancelReason;

    async fn run(&self, _: &Key<Do>, intake: &Intake) -> Decided {
        let command = self.0.asks(&intake.invoice, Step::Announce);
        decided(self.0.services.orders.announce_return(&command, intake).await)
    }
}

impl LocalRetriable for Complete {
    const NAME: &'static str = "complete";
    type In = InvoiceNo;
    type Out = ();

    async fn run(&self, _: &Key<Do>, invoice: &InvoiceNo) -> Result<Local<()>, Again> {
        let command = self.0.asks(invoice, Step::Complete);
        let commit = self.0.services.orders.complete_return(&command).await;
        Ok(Local::new((), commit.map_err(again)?))
    }
}

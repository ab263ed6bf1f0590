//! What the service does when it hears what others say.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use freehold::inbox::{HandleError, Handler};
use freehold::process::{News, Processes};
use freehold::{
    Commit, Envelope, EventStore, Filter, Message, Position, RecordedEvent, Service, Store,
};

use super::contracts::{
    Asked, Broker, Cause, Command, Failure, Hears, InvoiceNo, OrderSays, ServiceStore, Station,
    Step, heard, said, source, total,
};
use super::events::{CancelReason, Intake};
use super::process::{Heard, Settling};
use super::service::{OrderOwner, OrderService};

/// How many invoices that are not over are read at a time.
const PAGE: usize = 500;

/// What it listens to. What it says itself first, it has heard in the commit that says so.
pub const HEARS: Hears = Hears {
    kinds: &[
        "shop.stock.refused.v1",
        "shop.stock.released.v1",
        "shop.stock.taken.v1",
        "shop.stock.restocked.v1",
        "shop.payment.processed.v1",
        "shop.payment.refunded.v1",
        "shop.customer.known.v1",
        "shop.products.listed.v1",
        "shop.confirmation.mailed.v1",
    ],
    invoices_max: 16,
};

/// The part of the service that settles invoices which nobody directs.
///
/// What a message does to an order, what is remembered of it, the answer and the mark that the message was handled are one commit.
#[derive(Clone, Debug)]
pub struct Reactions {
    service: Arc<OrderService>,
    store: Arc<dyn ServiceStore>,
    settling: Processes<Settling, Arc<dyn ServiceStore>>,
}

impl Reactions {
    /// That of this service.
    ///
    /// # Errors
    /// [`Failure::Failed`] never comes: the process is called well.
    pub fn new(service: &Arc<OrderService>) -> Result<Self, Failure> {
        let store = service.handle();
        let settling = Processes::new(Settling, Arc::clone(&store));
        let settling = settling.map_err(|why| failed("settle invoices", why))?;
        Ok(Self { service: Arc::clone(service), store, settling })
    }

    /// Listens to others, as long as the value lives.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn react(&self, broker: &Broker) -> Result<Station, Failure> {
        Station::open::<OrderOwner>(Arc::clone(&self.store), broker, HEARS, self.clone()).await
    }

    /// Places an order, and tells others.
    ///
    /// # Errors
    /// [`Failure::Refused`] without lines, or if the invoice is known with other rows.
    ///
    /// # Cancel safety
    /// Ask again to know whether it happened; it happens once.
    pub async fn place(&self, command: &Command, intake: &Intake) -> Result<(), Failure> {
        let placed = self.service.place(command, intake).await?;
        self.begin(placed, said(command, &OrderSays::Placed(asked(intake)))?).await
    }

    /// Announces a return, and tells others.
    ///
    /// # Errors
    /// As [`Reactions::place`].
    ///
    /// # Cancel safety
    /// As [`Reactions::place`].
    pub async fn announce_return(&self, command: &Command, intake: &Intake) -> Result<(), Failure> {
        let announced = self.service.announce_return(command, intake).await?;
        self.begin(announced, said(command, &OrderSays::ReturnAnnounced(asked(intake)))?).await
    }

    /// What has happened, what is said of it and what will be remembered of it are one commit.
    async fn begin(&self, happened: Commit, says: Envelope) -> Result<(), Failure> {
        let task = "begin an invoice";
        let source = source::<OrderOwner>().map_err(|why| failed(task, why))?;
        let message = Message::new(says.clone(), source, None);
        let begun = self.settling.handle(&message).await.map_err(|why| failed(task, why))?;
        let commit = happened.and(begun).send(&says);
        self.store.commit(commit).await.map(drop).map_err(|why| failed(task, why))
    }

    /// The keys of the invoices that are not over, each with what keeps it from going on, if anything does.
    ///
    /// # Errors
    /// [`Failure::Failed`] if they cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn open(&self) -> Result<Vec<(String, Option<String>)>, Failure> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.settling.list(after.as_deref(), PAGE).await;
            let (page, has_more) = page.map_err(|why| failed("list invoices", why))?;
            after = page.last().map(|last| last.instance.clone());
            all.extend(page.into_iter().map(|listed| (listed.instance, listed.why)));
            if !has_more {
                return Ok(all);
            }
        }
    }

    /// Where the service's log ends now.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn head(&self) -> Result<Position, Failure> {
        self.store.head().await.map_err(|why| failed("follow its invoices", why))
    }

    /// Hands all that happens from `after` on to invoices that nobody directs to `each`, for ever.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn follow(
        &self,
        mut after: Position,
        each: impl Fn(String, News) + Send,
    ) -> Result<Infallible, Failure> {
        let lost = |why| failed("follow its invoices", why);
        loop {
            let page = self.store.read_all(after, &Filter::all(), PAGE).await.map_err(lost)?;
            for event in &page.events {
                if let Some((key, news)) = self.news(event)? {
                    each(key, news);
                }
            }
            after = page.upto;
            if !page.has_more {
                self.store.changed(after).await.map_err(lost)?;
            }
        }
    }

    /// What an event of the service says of an invoice that nobody directs: its key, and whether it is over.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    pub fn news(&self, event: &RecordedEvent) -> Result<Option<(String, News)>, Failure> {
        self.settling.news(event).map_err(|why| failed("follow an invoice", why))
    }

    /// What a message does to an order.
    async fn decided(&self, message: &Message, heard: Heard) -> Result<Commit, Failure> {
        let asks = |invoice: &InvoiceNo, step| {
            Command::answering(message, OrderOwner::NAME, invoice, step).map_err(Failure::from)
        };
        match heard {
            Heard::Processed(of) => self.service.confirm(&asks(&of.invoice, Step::Confirm)?).await,
            Heard::Refused(of) => {
                let command = asks(&of.invoice, Step::Cancel)?;
                self.service.cancel(&command, CancelReason::OutOfStock).await
            }
            Heard::Released(of) => {
                let command = asks(&of.invoice, Step::Cancel)?;
                self.service.cancel(&command, CancelReason::PaymentDeclined).await
            }
            Heard::Restocked(of) => {
                self.service.complete_return(&asks(&of.invoice, Step::Complete)?).await
            }
            _ => Ok(Commit::new()),
        }
    }
}

#[async_trait]
impl Handler for Reactions {
    async fn handle(&self, message: &Message) -> Result<Commit, HandleError> {
        let remembered = self.settling.handle(message).await?;
        match heard::<Heard>(message)? {
            // What was heard before, or comes too late, changes nothing.
            Some(heard) if !remembered.is_empty() => {
                Ok(remembered.and(self.decided(message, heard).await?))
            }
            _ => Ok(remembered),
        }
    }
}

fn asked(intake: &Intake) -> Asked {
    let Intake { invoice, customer, lines, .. } = intake.clone();
    let total = total(&lines);
    Asked { invoice, customer, lines, total }
}

fn failed(task: &'static str, why: impl Into<Cause>) -> Failure {
    Failure::failed(OrderOwner::NAME, task, why)
}

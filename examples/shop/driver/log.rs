//! What Order's log says of the sagas.

use std::collections::HashMap;

use freehold::saga::{Ended, Found, News, Saga, SagaId, Sagas};
use freehold::{Event, RecordedEvent, event};
use serde::Serialize;
use uuid::Uuid;

use super::super::contracts::{Failure, Feed, InvoiceNo};
use super::super::order::events::{Intake, Nonsense, OrderEvent};
use super::Driver;
use super::sagas::{Fulfilment, Returns, Shipping};

/// An invoice that was replayed before, or was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The flow it is.
    pub flow: Uuid,
    /// Tells its rows from others.
    pub fingerprint: Uuid,
}

/// How many sagas have ended how, and what the others wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Every step has happened.
    pub completed: u64,
    /// All that had happened was taken back.
    pub compensated: u64,
    /// An operator has ended them as they were.
    pub abandoned: u64,
    /// Those that are not over.
    pub waiting: Vec<Waiting>,
}

/// A saga that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Which.
    pub saga: String,
    /// What it waits for.
    pub why: String,
}

/// The sagas that are not over, each with the place in the log where it was started.
#[derive(Default)]
struct Open(HashMap<SagaId, u64>);

impl Open {
    fn follow<I>(&mut self, id: SagaId, news: &News<I>, event: &RecordedEvent) {
        match news {
            News::Started(_) => drop(self.0.insert(id, event.position().get())),
            News::Ended(_) => drop(self.0.remove(&id)),
            _ => {}
        }
    }

    fn in_order(self) -> Vec<SagaId> {
        let mut open: Vec<_> = self.0.into_iter().collect();
        open.sort_unstable_by_key(|(_, position)| *position);
        open.into_iter().map(|(id, _)| id).collect()
    }
}

impl Known {
    /// The invoice with this number, whose rows this tells from others.
    #[must_use]
    pub fn new(invoice: &InvoiceNo, fingerprint: Uuid) -> Self {
        Self { flow: invoice.flow(), fingerprint }
    }
}

impl Driver {
    /// Whether an event of Order's log is of a saga that settles an invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it is, and cannot be read.
    pub fn has_begun(event: &RecordedEvent) -> Result<bool, Failure> {
        Ok(news::<Fulfilment>(event)?.is_some() || news::<Returns>(event)?.is_some())
    }

    /// Hands every invoice that was replayed or begun before to `each`, and returns the sagas that are not over, in the order
    /// in which they were started. Only those are in memory.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn known(&self, mut each: impl FnMut(Known) + Send) -> Result<Vec<SagaId>, Failure> {
        let mut open = Open::default();
        let mut know = |invoice: &InvoiceNo, fingerprint| {
            each(Known::new(invoice, fingerprint));
        };
        let mut take = |event: &RecordedEvent| -> Result<(), Failure> {
            for news in [news::<Fulfilment>(event)?, news::<Returns>(event)?].into_iter().flatten()
            {
                if let (_, News::Started(Intake { invoice, fingerprint, .. })) = &news {
                    know(invoice, *fingerprint);
                }
                open.follow(news.0, &news.1, event);
            }
            if let Some((id, news)) = news::<Shipping>(event)? {
                open.follow(id, &news, event);
            }
            if event.stream().category() == OrderEvent::CATEGORY
                && event.name().as_str() == "InvoiceRejected"
                && let OrderEvent::InvoiceRejected(Nonsense { invoice, fingerprint, .. }) =
                    event::decode(event).map_err(unreadable)?
            {
                know(&invoice, fingerprint);
            }
            Ok(())
        };
        self.read(&mut take).await?;
        Ok(open.in_order())
    }

    /// How many sagas have ended how, and what the others wait for.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn outcomes(&self) -> Result<Outcomes, Failure> {
        let (mut outcomes, mut open) = (Outcomes::default(), Open::default());
        let mut take = |event: &RecordedEvent| {
            let Some((id, news)) = any_news(event)? else { return Ok(()) };
            match news {
                News::Ended(Ended::Completed) => outcomes.completed += 1,
                News::Ended(Ended::Compensated) => outcomes.compensated += 1,
                News::Ended(_) => outcomes.abandoned += 1,
                _ => {}
            }
            open.follow(id, &news, event);
            Ok(())
        };
        self.read(&mut take).await?;
        for id in open.in_order() {
            let found = self.sagas().find(&id).await;
            let found = found.map_err(|error| Failure::failed("order", "read a saga", error))?;
            let Found::Open(listed) = found else { continue };
            let why = listed.why.unwrap_or_else(|| "it is under way".to_owned());
            outcomes.waiting.push(Waiting { saga: id.to_string(), why });
        }
        Ok(outcomes)
    }

    /// The sagas that are not over, in the order in which they were started.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn open(&self) -> Result<Vec<SagaId>, Failure> {
        self.known(|_| {}).await
    }

    async fn read(
        &self,
        take: &mut (dyn FnMut(&RecordedEvent) -> Result<(), Failure> + Send),
    ) -> Result<(), Failure> {
        let published = self.orders().published();
        let mut taken = Ok(());
        let each = |event: &RecordedEvent| {
            if taken.is_ok() {
                taken = take(event);
            }
            Ok(())
        };
        Feed::new("order", &published).read(each).await?;
        taken
    }
}

/// What an event says of a saga of any kind, without what it was started with.
fn any_news(event: &RecordedEvent) -> Result<Option<(SagaId, News<()>)>, Failure> {
    fn plain<I>((id, news): (SagaId, News<I>)) -> (SagaId, News<()>) {
        let news = match news {
            News::Started(_) => News::Started(()),
            News::Ended(ended) => News::Ended(ended),
            _ => News::GoesOn,
        };
        (id, news)
    }
    if let Some(told) = news::<Fulfilment>(event)? {
        return Ok(Some(plain(told)));
    }
    if let Some(told) = news::<Returns>(event)? {
        return Ok(Some(plain(told)));
    }
    Ok(news::<Shipping>(event)?.map(plain))
}

/// What an event says of a saga.
type Told<S> = Option<(SagaId, News<<S as Saga>::Input>)>;

fn news<S: Saga>(event: &RecordedEvent) -> Result<Told<S>, Failure> {
    Sagas::news::<S>(event).map_err(unreadable)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::failed("order", "read a saga", error)
}

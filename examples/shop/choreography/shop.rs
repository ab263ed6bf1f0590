//! Places invoices, and waits for what others make of them.

use std::sync::Arc;

use futures::future::select_all;

use super::super::contracts::{Broker, Failure, Station, Step};
use super::super::driver::{Driver, Known, Services};
use super::super::input::{Content, Invoice};
use super::super::order::events::{Intake, Nonsense};
use super::super::order::reactions::Reactions;
use super::watch::Watch;

/// The shop in which nobody directs: Order says that an order was placed, and the others know what to do about it.
#[derive(Debug)]
pub struct Choreography {
    driver: Arc<Driver>,
    orders: Reactions,
    watch: Watch,
}

impl Choreography {
    /// The same services as those of a driver. What becomes of their invoices is heard from now on.
    ///
    /// # Errors
    /// [`Failure::Failed`] if Order's log cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn new(driver: &Arc<Driver>) -> Result<Self, Failure> {
        let orders = Reactions::new(&driver.services().orders)?;
        let watch = Watch::start(&orders).await?;
        Ok(Self { driver: Arc::clone(driver), orders, watch })
    }

    /// Whose services they are.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Hands every invoice that was replayed or begun before to `each`.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn known(&self, mut each: impl FnMut(Known) + Send) -> Result<(), Failure> {
        let each = |invoice: &_, fingerprint| each(Known::new(invoice, fingerprint));
        self.driver.orders().known(each).await
    }

    /// Lets every service listen, in this process.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn open(&self, broker: &Broker) -> Result<Stations, Failure> {
        let Services { inventory, payments, users, products, notifications, .. } =
            self.driver.services();
        Ok(Stations(vec![
            self.orders.react(broker).await?,
            inventory.react(broker).await?,
            payments.react(broker).await?,
            users.react(broker).await?,
            products.react(broker).await?,
            notifications.react(broker).await?,
        ]))
    }

    /// Waits until everything is over that was begun before.
    ///
    /// # Errors
    /// [`Failure::Refused`] if something stands still; [`Failure::Failed`] if Order's log cannot be read.
    ///
    /// # Cancel safety
    /// It goes on by itself.
    pub async fn finish(&self) -> Result<(), Failure> {
        // Whatever is over between the two is told to who expects it, or not in the list.
        let mut expected = Vec::new();
        for (key, why) in self.orders.open().await? {
            if let Some(why) = why {
                return Err(Failure::refused("order", &format!("{key} cannot go on: {why}")));
            }
            expected.push(self.watch.expect(&key));
        }
        let open = self.orders.open().await?;
        for one in expected {
            if open.iter().any(|(key, _)| one.is(key)) {
                one.over().await?;
            }
        }
        Ok(())
    }

    /// Records an invoice, and waits until it is over.
    ///
    /// # Errors
    /// [`Failure`] of Order; the invoice was then never begun, or stands still.
    ///
    /// # Cancel safety
    /// An invoice that was begun goes on by itself.
    pub async fn settle(&self, invoice: Invoice) -> Result<(), Failure> {
        let Invoice { number, customer, country, date, fingerprint, content } = invoice;
        let addressee = self.driver.orders().addressee(customer).await?;
        let asks = |step| self.driver.asks(&number, step);
        // Before anything can happen to it.
        let expect = || self.watch.expect(&number.key());
        let intake = |lines| {
            let invoice = number.clone();
            Intake { invoice, customer, addressee, country, date, lines, fingerprint }
        };
        match content {
            Content::Nonsense(reason) => {
                let Intake { invoice, date, .. } = intake(Vec::new());
                let nonsense = Nonsense { invoice, customer, date, fingerprint, reason };
                return self.driver.orders().reject(&asks(Step::Reject), &nonsense).await;
            }
            Content::Order(lines) => {
                let expected = expect();
                self.orders.place(&asks(Step::Place), &intake(lines)).await?;
                expected.over().await
            }
            Content::Return(lines) => {
                let expected = expect();
                self.orders.announce_return(&asks(Step::Announce), &intake(lines)).await?;
                expected.over().await
            }
        }
    }
}

/// All services that listen in this process.
#[derive(Debug)]
pub struct Stations(Vec<Station>);

impl Stations {
    /// Nobody listens here: each service is a process of its own.
    #[must_use]
    pub const fn elsewhere() -> Self {
        Self(Vec::new())
    }

    /// Does `work`, unless something waits for somebody that cannot be handled.
    ///
    /// # Errors
    /// That of the work, or what cannot be handled.
    ///
    /// # Cancel safety
    /// That of the work.
    pub async fn during<T, E: From<Failure>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.0.is_empty() {
            return work.await;
        }
        let trouble = select_all(self.0.iter().map(|station| Box::pin(station.trouble())));
        tokio::select! {
            done = work => done,
            (trouble, ..) = trouble => Err(trouble.into()),
        }
    }

    /// They stop, so that another process can go on at once.
    pub async fn stop(self) {
        for station in self.0 {
            station.stop().await;
        }
    }
}

//! A service as a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use tokio::signal;

use super::cli::Serve;
use super::contracts::{Broker, Station};
use super::inventory::service::InventoryService;
use super::notification::mailbox::Mailbox;
use super::notification::service::NotificationService;
use super::order::reactions::Reactions;
use super::order::service::OrderService;
use super::payment::service::PaymentService;
use super::place::{Databases, Place};
use super::problem::{self, Problem};
use super::products::service::ProductsService;
use super::users::service::UsersService;

/// A service that can be a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Served {
    /// What becomes of an invoice.
    Order,
    /// Goods.
    Inventory,
    /// Money.
    Payment,
    /// Letters.
    Notification,
    /// Customers.
    Users,
    /// The catalogue.
    Products,
}

/// Runs one service, and opens nothing that is another's, until the process is told to end.
///
/// # Errors
/// [`Problem::Usage`] if the broker cannot be shared, or the service runs elsewhere; [`Problem::Service`] if something cannot be
/// handled.
///
/// # Cancel safety
/// What is under way comes again.
pub async fn serve(task: Serve) -> Result<(), Problem> {
    if !task.broker.is_shared() {
        let text = "--broker: expected one that other processes reach, as nats://HOST:PORT";
        return Err(Problem::Usage(text.to_owned()));
    }
    let name = task.service.name();
    let place = Place::shared(&task.data, &name)?;
    let broker = task.broker.open(&place.shop()?).await;
    let broker = broker.map_err(|why| Problem::other("reach its broker", why))?;
    let station = listen(task.service, &place, task.mailbox, &broker).await?;
    problem::print(&format!("{name} listens\n"))?;
    let done = tokio::select! {
        ended = told_to_end() => ended,
        trouble = station.trouble() => Err(trouble.into()),
    };
    station.stop().await;
    done
}

async fn listen(
    service: Served,
    place: &Place,
    mailbox: Option<PathBuf>,
    broker: &Broker,
) -> Result<Station, Problem> {
    let databases = place.databases();
    let Databases { order, inventory, payment, users, products, notification, .. } = databases;
    let station = match service {
        Served::Order => {
            let orders = Arc::new(OrderService::new(OrderService::open(order).await?));
            Reactions::new(&orders)?.react(broker).await
        }
        Served::Inventory => {
            let store = InventoryService::open(inventory).await?;
            Arc::new(InventoryService::new(store)).react(broker).await
        }
        Served::Payment => {
            let store = PaymentService::open(payment).await?;
            Arc::new(PaymentService::new(store)).react(broker).await
        }
        Served::Notification => {
            let mailbox = Mailbox::in_folder(mailbox.unwrap_or_else(|| place.mailbox()));
            let store = NotificationService::open(notification).await?;
            Arc::new(NotificationService::new(store, mailbox)).react(broker).await
        }
        Served::Users => {
            let store = UsersService::open(users).await?;
            Arc::new(UsersService::new(store)).react(broker).await
        }
        Served::Products => {
            let store = ProductsService::open(products).await?;
            Arc::new(ProductsService::new(store)).react(broker).await
        }
    };
    Ok(station?)
}

/// Returns when somebody at the terminal, or the system, wants the process to end.
///
/// # Errors
/// [`Problem::Other`] if signals cannot be listened to.
///
/// # Cancel safety
/// Nothing is lost but a signal.
pub async fn told_to_end() -> Result<(), Problem> {
    let failed = |why: std::io::Error| Problem::other("listen to signals", why);
    #[cfg(unix)]
    {
        let asked = signal::unix::signal(signal::unix::SignalKind::terminate());
        let mut asked = asked.map_err(failed)?;
        tokio::select! {
            done = signal::ctrl_c() => done.map_err(failed),
            _ = asked.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await.map_err(failed)
}

impl Served {
    /// What it is called.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

//! A folder or a server, chosen once.

use std::path::{Path, PathBuf};

use freehold::LogId;

use super::super::cli::Where;
use super::super::contracts::Database;
use super::super::inventory::service::InventoryOwner;
use super::super::notification::service::NotificationOwner;
use super::super::order::service::OrderOwner;
use super::super::payment::service::PaymentOwner;
use super::super::problem::Problem;
use super::super::products::service::ProductsOwner;
use super::super::reads::gateway::ReadsOwner;
use super::super::users::service::UsersOwner;
use super::address::Address;
use super::folder::{Folder, Local};
use super::server::{IfMissing, Server};

/// The folder in that of a shop with its search index.
const INDEX: &str = "search";
/// The folder in that of a shop with its letters.
const MAILBOX: &str = "mailbox";

/// Where the databases are. No other process has them, until this value goes or the process does, in whatever way.
#[derive(Debug)]
pub enum Place {
    /// A folder with a SQLite file for each service.
    Folder(Folder),
    /// A PostgreSQL server with a database and a role for each service, and a folder of this machine for the search index.
    Server(Box<Server>, Local),
}

/// The database of each service. The type of each names its owner: they cannot be mixed up.
#[derive(Clone, Debug)]
pub struct Databases {
    /// The Order service's.
    pub order: Database<OrderOwner>,
    /// The Inventory service's.
    pub inventory: Database<InventoryOwner>,
    /// The Payment service's.
    pub payment: Database<PaymentOwner>,
    /// The Users service's.
    pub users: Database<UsersOwner>,
    /// The Products service's.
    pub products: Database<ProductsOwner>,
    /// The Notification service's.
    pub notification: Database<NotificationOwner>,
    /// The views'.
    pub reads: Database<ReadsOwner>,
}

impl Place {
    /// The place to replay into, made if it is not there; if none is named, a folder that goes when the program ends.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it is another process's, or not the shop's; [`Problem::Other`] if the server refuses or
    /// fails.
    ///
    /// # Cancel safety
    /// Dropping the future may leave a part of it made; the next run makes the rest.
    pub async fn for_replay(at: &Where) -> Result<Self, Problem> {
        match &at.store {
            Some(store) => on_server(store, at, IfMissing::Create).await,
            None => Folder::for_replay(at.data.as_deref()).map(Self::Folder),
        }
    }

    /// The place of a shop whose services are processes of their own, for the one that is called `who`. It is a folder: the roles
    /// of a server have passwords that only one process knows.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it cannot be had, or somebody is called so already.
    pub fn shared(data: &Path, who: &str) -> Result<Self, Problem> {
        Folder::shared(data, who).map(Self::Folder)
    }

    /// The place of a shop that has replayed something before.
    ///
    /// # Errors
    /// As [`Place::for_replay`], and [`Problem::Usage`] if there is no such shop.
    ///
    /// # Cancel safety
    /// As [`Place::for_replay`].
    pub async fn of_a_shop(at: &Where) -> Result<Self, Problem> {
        match &at.store {
            Some(store) => on_server(store, at, IfMissing::Refuse).await,
            None => Folder::of_a_shop(at.data.as_deref()).map(Self::Folder),
        }
    }

    /// The place of a shop in which another process may be at work, for who only reads what the services have. A server
    /// has no such place: every process gives the roles new passwords.
    ///
    /// # Errors
    /// As [`Place::of_a_shop`].
    ///
    /// # Cancel safety
    /// As [`Place::for_replay`].
    pub async fn beside(at: &Where) -> Result<Self, Problem> {
        match &at.store {
            Some(_) => Self::of_a_shop(at).await,
            None => Folder::beside(at.data.as_deref()).map(Self::Folder),
        }
    }

    /// The databases in it.
    #[must_use]
    pub fn databases(&self) -> Databases {
        match self {
            Self::Folder(folder) if folder.is_shared() => Databases {
                order: Database::in_shared_folder(folder.path()),
                inventory: Database::in_shared_folder(folder.path()),
                payment: Database::in_shared_folder(folder.path()),
                users: Database::in_shared_folder(folder.path()),
                products: Database::in_shared_folder(folder.path()),
                notification: Database::in_shared_folder(folder.path()),
                reads: Database::in_folder(folder.path()),
            },
            Self::Folder(folder) => Databases {
                order: Database::in_folder(folder.path()),
                inventory: Database::in_folder(folder.path()),
                payment: Database::in_folder(folder.path()),
                users: Database::in_folder(folder.path()),
                products: Database::in_folder(folder.path()),
                notification: Database::in_folder(folder.path()),
                reads: Database::in_folder(folder.path()),
            },
            Self::Server(server, _) => server.databases(),
        }
    }

    /// What the shop is called where others are, too, as in a broker. A shop on a server is called as the log of its `orders`.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it cannot be written down.
    pub fn shop_of(&self, orders: LogId) -> Result<String, Problem> {
        match self {
            Self::Folder(_) => self.shop(),
            Self::Server(..) => Ok(format!("shop-{}", orders.as_uuid())),
        }
    }

    /// The same of a folder.
    ///
    /// # Errors
    /// As [`Place::shop_of`]; [`Problem::Usage`] if it is a server.
    pub fn shop(&self) -> Result<String, Problem> {
        match self {
            Self::Folder(folder) => Ok(format!("shop-{}", folder.id()?)),
            Self::Server(..) => Err(Problem::Usage("--data: expected a folder".to_owned())),
        }
    }

    /// The folder of this machine with the search index: nobody but the gateway keeps something in it.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().join(INDEX),
            Self::Server(_, local) => local.path().join(INDEX),
        }
    }

    /// The folder of this machine with the letters to customers: nobody but the Notification service writes there.
    #[must_use]
    pub fn mailbox(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().join(MAILBOX),
            Self::Server(_, local) => local.path().join(MAILBOX),
        }
    }

    /// Makes sure that no other process can have had the place since it was opened.
    ///
    /// # Errors
    /// [`Problem::Other`] if the connection with the lock was lost.
    ///
    /// # Cancel safety
    /// After dropping the future, ask no more.
    pub async fn check_lock(&mut self) -> Result<(), Problem> {
        match self {
            // The operating system takes the lock of a file from nobody.
            Self::Folder(_) => Ok(()),
            Self::Server(server, _) => server.check_lock().await,
        }
    }
}

async fn on_server(store: &Address, at: &Where, if_missing: IfMissing) -> Result<Place, Problem> {
    let local = Local::new(at.index.as_deref())?;
    let server = Server::open(store, &at.name, if_missing).await?;
    Ok(Place::Server(Box::new(server), local))
}

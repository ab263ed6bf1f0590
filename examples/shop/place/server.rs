//! A PostgreSQL server with the databases, for one process at a time.

use freehold::Service;
use freehold::backend::postgres::sqlx::error::DatabaseError;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgConnection};
use freehold::backend::postgres::sqlx::{self, ConnectOptions, Connection, Executor};

use super::super::contracts::Database;
use super::super::inventory::service::InventoryOwner;
use super::super::notification::service::NotificationOwner;
use super::super::order::service::OrderOwner;
use super::super::payment::service::PaymentOwner;
use super::super::problem::Problem;
use super::super::products::service::ProductsOwner;
use super::super::reads::gateway::ReadsOwner;
use super::super::users::service::UsersOwner;
use super::account::{Account, Made, failed};
use super::address::{Address, ShopName};
use super::either::Databases;

/// The number of the lock, in the Order service's database: `shop` in ASCII.
const LOCK: i64 = 0x7368_6f70;

/// How the session with the lock lives. It waits a moment for the lock: a process that was just killed has it until
/// the server notices. Nobody ends it because it is idle, and the server finds out within a minute if the machine of
/// this process has gone.
const SESSION: &str =
    "SET lock_timeout = '5s'; SET statement_timeout = 0; SET idle_session_timeout = 0;
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

/// A shop on a server. No other process has it, until this value goes or the process does, in whatever way: the lock
/// is that of a session.
#[derive(Debug)]
pub struct Server {
    keeper: PgConnection,
    databases: Databases,
}

/// What to do if the shop is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Make it, or the rest of it.
    Create,
    /// Say so.
    Refuse,
}

/// The administrator, who may make roles and databases.
struct Administrator {
    options: PgConnectOptions,
}

impl Server {
    /// Opens a shop: its databases, each for a role of its own.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it is another process's, or not the shop's, or not there and not to be made;
    /// [`Problem::Other`] if the server refuses or fails.
    ///
    /// # Cancel safety
    /// Dropping the future may leave a part of it made; the next run makes the rest.
    pub async fn open(
        address: &Address,
        shop: &ShopName,
        if_missing: IfMissing,
    ) -> Result<Self, Problem> {
        let admin = Administrator { options: address.options()? };
        let order = Account::of::<OrderOwner>(shop);
        let inventory = Account::of::<InventoryOwner>(shop);
        let payment = Account::of::<PaymentOwner>(shop);
        let users = Account::of::<UsersOwner>(shop);
        let products = Account::of::<ProductsOwner>(shop);
        let notification = Account::of::<NotificationOwner>(shop);
        let reads = Account::of::<ReadsOwner>(shop);
        let all = [&order, &inventory, &payment, &users, &products, &notification, &reads];
        admin.make_missing(shop, &all, if_missing).await?;
        // The lock is in a database of the shop: it is then the same one by whatever database the administrator comes.
        let mut keeper = admin.connect_to(&order).await?;
        lock(&mut keeper, shop).await?;
        let databases = Databases {
            order: admin.open(&order, &mut keeper).await?,
            inventory: admin.open(&inventory, &mut keeper).await?,
            payment: admin.open(&payment, &mut keeper).await?,
            users: admin.open(&users, &mut keeper).await?,
            products: admin.open(&products, &mut keeper).await?,
            notification: admin.open(&notification, &mut keeper).await?,
            reads: admin.open(&reads, &mut keeper).await?,
        };
        Ok(Self { keeper, databases })
    }

    /// The databases on it.
    #[must_use]
    pub fn databases(&self) -> Databases {
        self.databases.clone()
    }

    /// Makes sure that the lock was held all the time.
    ///
    /// # Errors
    /// [`Problem::Other`] if the connection was lost, and the lock with it.
    ///
    /// # Cancel safety
    /// After dropping the future, ask no more.
    pub async fn check_lock(&mut self) -> Result<(), Problem> {
        self.keeper.ping().await.map_err(failed("be sure that it was alone; run it again"))
    }
}

impl Administrator {
    async fn make_missing(
        &self,
        shop: &ShopName,
        accounts: &[&Account],
        if_missing: IfMissing,
    ) -> Result<(), Problem> {
        let mut conn = connect(&self.options).await?;
        for account in accounts {
            let made = account.look(&mut conn).await?;
            if made != Made::Both && if_missing == IfMissing::Refuse {
                let text = format!("{shop}: expected a shop that was replayed into");
                return Err(Problem::Usage(text));
            }
            account.make(&mut conn, made).await?;
        }
        conn.close().await.map_err(failed("leave the server"))
    }

    async fn connect_to(&self, account: &Account) -> Result<PgConnection, Problem> {
        let options = self.options.clone().database(account.name());
        connect(&options.application_name(&format!("{}, the lock", account.name()))).await
    }

    /// Closes an account to all others, and says how its service connects.
    async fn open<O: Service>(
        &self,
        account: &Account,
        keeper: &mut PgConnection,
    ) -> Result<Database<O>, Problem> {
        let name = account.name();
        let options = self.options.clone().database(name);
        let mut within = connect(&options).await?;
        account.close(&mut within).await?;
        within.close().await.map_err(failed("leave the server"))?;
        let password = account.renew_password(keeper).await?;
        let options = options.username(name).password(&password).application_name(name);
        Ok(Database::on_server(options))
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Problem> {
    options.connect().await.map_err(failed("connect to the server"))
}

async fn lock(keeper: &mut PgConnection, shop: &ShopName) -> Result<(), Problem> {
    keeper.execute(sqlx::raw_sql(SESSION)).await.map_err(failed("set a session"))?;
    let locked = sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(keeper).await;
    let is_late = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(DatabaseError::code);
        code.as_deref() == Some("55P03")
    };
    match locked {
        Ok(_) => Ok(()),
        Err(error) if is_late(&error) => {
            let text =
                format!("{shop}: another process works in this shop; wait until it has ended");
            Err(Problem::Usage(text))
        }
        Err(error) => Err(failed("lock itself")(error)),
    }
}

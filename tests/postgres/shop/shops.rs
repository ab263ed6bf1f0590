//! Shops with a name of their own, which go away with their databases and roles.

use std::path::{Path, PathBuf};

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, ConnectOptions, Executor};
use freehold::personal::SealedStore;
use tempfile::TempDir;
use uuid::Uuid;

use super::log::{self, DATABASES, SERVICES};
use super::program::{self, Run};
use crate::server;

pub(super) const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// A shop on the server. `DATABASE_URL` has to be of a superuser: it looks into what belongs to the services.
pub(super) struct Shop {
    name: String,
    url: String,
    files: TempDir,
    mailbox: TempDir,
}

impl Shop {
    /// Nothing yet but its name.
    pub(super) fn new() -> Self {
        let name = format!("t{:012x}", Uuid::now_v7().as_u128() & 0xffff_ffff_ffff);
        let [files, mailbox] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        Self { name, url: server::url(), files, mailbox }
    }

    /// A shop whose databases are there, and empty of invoices.
    pub(super) fn opened() -> Self {
        let shop = Self::new();
        let empty = shop.file("");
        shop.replay(&[&empty], &[]);
        shop
    }

    /// The arguments that name it, with its letters in a folder of this machine.
    pub(super) fn options(&self) -> [&str; 6] {
        self.options_by(&self.url)
    }

    /// The same by another URL.
    pub(super) fn options_by<'a>(&'a self, url: &'a str) -> [&'a str; 6] {
        let mailbox = self.mailbox.path().to_str().unwrap();
        ["--store", url, "--name", &self.name, "--mailbox", mailbox]
    }

    /// How many letters there are, finished or not.
    pub(super) fn letters(&self) -> u64 {
        std::fs::read_dir(self.mailbox.path()).unwrap().count() as u64
    }

    /// A file of invoices with these rows.
    pub(super) fn file(&self, rows: &str) -> PathBuf {
        let path = self.files.path().join(format!("{}.csv", Uuid::now_v7()));
        std::fs::write(&path, format!("{HEADER}{rows}")).unwrap();
        path
    }

    pub(super) fn replay(&self, files: &[&Path], more: &[&str]) -> String {
        program::replay(files, &[&self.options()[..], more].concat())
    }

    pub(super) fn replay_run(&self, files: &[&Path], more: &[&str]) -> Run {
        program::replay_run(files, &[&self.options()[..], more].concat())
    }

    /// Any command of the program, on this shop.
    pub(super) fn run(&self, args: &[&str]) -> Run {
        program::run(&[args, &self.options()].concat())
    }

    /// The replay of the bundled day, to be started.
    pub(super) fn day(&self) -> std::process::Command {
        let day = program::day();
        let args = ["replay", day.to_str().unwrap(), "--json"];
        program::command(&[&args[..], &self.options()].concat())
    }

    /// The name of a service's role and database.
    pub(super) fn of(&self, service: &str) -> String {
        format!("{}_{service}", self.name)
    }

    /// A service's database, for the administrator.
    pub(super) fn database(&self, service: &str) -> PgConnectOptions {
        self.url.parse::<PgConnectOptions>().unwrap().database(&self.of(service))
    }

    /// A service's store, looked into from outside.
    pub(super) async fn store(&self, service: &str) -> SealedStore<PostgresStore> {
        let pool = PgPoolOptions::new().max_connections(2).connect_with(self.database(service));
        SealedStore::new(PostgresStore::open(pool.await.unwrap()).await.unwrap())
    }

    /// How many events each service has. That is not where its log ends: a commit that came to nothing leaves a gap.
    pub(super) async fn heads(&self) -> [u64; SERVICES.len()] {
        let mut heads = [0; SERVICES.len()];
        for (head, service) in heads.iter_mut().zip(SERVICES) {
            *head = log::events(&self.store(service).await).await.len() as u64;
        }
        heads
    }

    /// The same without those of the sagas.
    pub(super) async fn business(&self) -> [usize; SERVICES.len()] {
        let mut counts = [0; SERVICES.len()];
        for (count, service) in counts.iter_mut().zip(SERVICES) {
            *count = log::business(&self.store(service).await).await.len();
        }
        counts
    }

    pub(super) async fn finished(&self) -> usize {
        log::finished(&self.store("order").await).await
    }

    /// How many of its roles and databases there are.
    pub(super) async fn made(&self, admin: &mut PgConnection) -> i64 {
        let made = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = ANY($1))
            + (SELECT count(*) FROM pg_database WHERE datname = ANY($1))";
        let names = DATABASES.map(|service| self.of(service)).to_vec();
        sqlx::query_scalar(made).bind(names).fetch_one(admin).await.unwrap()
    }
}

/// A session of the administrator's.
pub(super) async fn admin() -> PgConnection {
    server::url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

/// Statements that must succeed.
pub(super) async fn execute(conn: &mut PgConnection, sql: String) {
    conn.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
}

impl Drop for Shop {
    fn drop(&mut self) {
        let names = DATABASES.map(|service| self.of(service));
        server::run_apart(async move {
            let mut admin = admin().await;
            // A role that still has rights in a database is not dropped.
            for name in &names {
                execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            }
            execute(&mut admin, format!("DROP ROLE IF EXISTS {}", names.join(", "))).await;
        });
    }
}

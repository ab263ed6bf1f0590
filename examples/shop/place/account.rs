//! A role and a database for one service.
//!
//! The administrator makes both and keeps the database: its owner could open it to others, or drop it. The role may
//! connect to it, and make a schema in it, which is then the role's own. Nobody else may connect.

use freehold::Service;
use freehold::backend::postgres::sqlx::error::DatabaseError;
use freehold::backend::postgres::sqlx::postgres::PgConnection;
use freehold::backend::postgres::sqlx::{self, AssertSqlSafe, Executor, Row};

use super::super::problem::Problem;
use super::address::ShopName;

/// What says of a role that a shop has made it. A role without it is somebody else's, and is left alone.
const MARK: &str = "a service of the example shop of freehold";

/// The role of one service and its database, which have one name.
#[derive(Debug)]
pub struct Account {
    name: String,
}

/// How much of an account there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Nothing.
    Nothing,
    /// The role, without a database.
    Role,
    /// Both.
    Both,
}

impl Account {
    /// The account of the service `O` of a shop.
    #[must_use]
    pub fn of<O: Service>(shop: &ShopName) -> Self {
        Self { name: shop.of_service(O::NAME) }
    }

    /// The name of the role and of the database. It needs no quotes in SQL, so nothing else gets in with it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks how much of it there is.
    ///
    /// # Errors
    /// [`Problem::Usage`] if a role or a database has the name and is not the shop's; [`Problem::Other`] if the server
    /// fails.
    ///
    /// # Cancel safety
    /// Looking changes nothing.
    pub async fn look(&self, admin: &mut PgConnection) -> Result<Made, Problem> {
        let query = sqlx::query(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1),
                (SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1)",
        );
        let row = query.bind(&self.name).fetch_one(admin).await.map_err(failed("look around"))?;
        let read = |error| Problem::other("look around", error);
        let database: bool = row.try_get(0).map_err(read)?;
        let role: Option<String> = row.try_get(1).map_err(read)?;
        match (role.as_deref(), database) {
            (None, false) => Ok(Made::Nothing),
            (Some(MARK), false) => Ok(Made::Role),
            // The role was first: nobody has a database of its name before it but the shop.
            (Some(MARK), true) => Ok(Made::Both),
            (Some(_), _) | (None, true) => {
                let name = &self.name;
                let text = format!(
                    "--name: the server has a role or a database {name} that no shop has made; choose another name"
                );
                Err(Problem::Usage(text))
            }
        }
    }

    /// Makes what is missing.
    ///
    /// # Errors
    /// [`Problem::Usage`] if another process makes it at the same time; [`Problem::Other`] if the administrator may
    /// not make it, or the server fails.
    ///
    /// # Cancel safety
    /// A part of it may be made; the next run makes the rest.
    pub async fn make(&self, admin: &mut PgConnection, made: Made) -> Result<(), Problem> {
        let name = &self.name;
        if made == Made::Nothing {
            // One message is one transaction: there is no role without its mark.
            let role = format!(
                "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD NULL;
                 COMMENT ON ROLE {name} IS '{MARK}'"
            );
            run(admin, role).await.map_err(|error| overtaken(error, "make a role", name))?;
        }
        if made != Made::Both {
            // Nothing that somebody has put into the usual template, and no locale of the server's.
            let database = format!(
                "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"
            );
            run(admin, database)
                .await
                .map_err(|error| overtaken(error, "make a database", name))?;
        }
        Ok(())
    }

    /// Closes the database, on the administrator's connection to it, to all but the role.
    ///
    /// # Errors
    /// [`Problem::Other`] if the administrator may not, or the server fails.
    ///
    /// # Cancel safety
    /// Done, or not at all.
    pub async fn close(&self, within: &mut PgConnection) -> Result<(), Problem> {
        let name = &self.name;
        let rights = format!(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC;
             REVOKE ALL ON SCHEMA public FROM PUBLIC;
             GRANT CONNECT, CREATE ON DATABASE {name} TO {name}"
        );
        run(within, rights).await.map_err(failed("close a database"))
    }

    /// Gives the role a new password, which only this process knows. It is drawn and set by the server: no statement
    /// has it in its text, so no log of statements does. Its answer does, on this connection.
    ///
    /// # Errors
    /// [`Problem::Other`] if the administrator may not, or the server fails.
    ///
    /// # Cancel safety
    /// Perhaps nobody knows the password; the next run sets another.
    pub async fn renew_password(&self, admin: &mut PgConnection) -> Result<String, Problem> {
        let name = &self.name;
        let renew = format!(
            "DO $$ BEGIN
                PERFORM set_config('freehold_shop.password', gen_random_uuid() || '-' || gen_random_uuid(), false);
                EXECUTE format('ALTER ROLE {name} PASSWORD %L', current_setting('freehold_shop.password'));
            END $$"
        );
        let task = "set a password";
        run(admin, renew).await.map_err(failed(task))?;
        let row = sqlx::query("SELECT current_setting('freehold_shop.password')").fetch_one(admin);
        row.await.and_then(|row| row.try_get(0)).map_err(failed(task))
    }
}

async fn run(conn: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    conn.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ())
}

/// The server fails to do `task`. What it says is said once, without the driver's words around it.
pub fn failed(task: &'static str) -> impl FnOnce(sqlx::Error) -> Problem {
    move |error| match error {
        sqlx::Error::Database(said) => Problem::other(task, said.message().to_owned()),
        sqlx::Error::Io(cause) => Problem::other(task, cause),
        error => Problem::other(task, error),
    }
}

/// It was not there a moment ago: who has made it since is another process of this shop.
fn overtaken(error: sqlx::Error, task: &'static str, name: &str) -> Problem {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.as_deref() {
        Some("42710" | "42P04" | "23505") => Problem::Usage(format!(
            "{name}: another process makes this shop; wait until it has ended"
        )),
        _ => failed(task)(error),
    }
}

//! What a service's role is refused: another service's database, and all that is in it. PostgreSQL says `42501`.

use freehold::backend::postgres::PostgresStore;
use freehold::backend::postgres::sqlx::error::DatabaseError;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use freehold::backend::postgres::sqlx::{
    self, AssertSqlSafe, ConnectOptions, Connection, Executor,
};
use freehold::{Fault, Store};

use super::log::DATABASES;
use super::shops::{self, Shop, admin, execute};
use crate::server;

const DENIED: Option<&str> = Some("42501");

/// What a stranger may try in a database that it was let into. `{other}` is the role whose database it is.
const ATTEMPTS: [&str; 22] = [
    "SELECT * FROM freehold.events",
    "INSERT INTO freehold.events SELECT * FROM freehold.events",
    "UPDATE freehold.streams SET version = 0",
    "DELETE FROM freehold.events",
    "TRUNCATE freehold.events",
    "COPY freehold.events TO STDOUT",
    "DO $$ BEGIN LOCK TABLE freehold.streams; END $$",
    "SELECT nextval('freehold.positions')",
    "SELECT * FROM freehold.horizon()",
    "SELECT * FROM freehold.feed_holders",
    "CREATE TABLE freehold.mine (id bigint)",
    "CREATE TABLE public.mine (id bigint)",
    "CREATE VIEW public.mine AS SELECT * FROM freehold.events",
    "CREATE SCHEMA mine",
    "CREATE TEMPORARY TABLE mine (id bigint)",
    "ALTER TABLE freehold.events ADD COLUMN mine bigint",
    "DROP TABLE freehold.events",
    "DROP SCHEMA freehold CASCADE",
    "SET ROLE {other}",
    "GRANT {other} TO CURRENT_USER",
    "ALTER ROLE {other} PASSWORD 'mine'",
    "ALTER DATABASE {other} OWNER TO CURRENT_USER",
];

/// The outcome of a statement: `None`, or the SQLSTATE of its refusal.
async fn attempt(conn: &mut PgConnection, sql: &str) -> Option<String> {
    let sql = AssertSqlSafe(sql.to_owned());
    state(conn.execute(sqlx::raw_sql(sql)).await.map(|_| ()))
}

fn state<T>(answer: sqlx::Result<T>) -> Option<String> {
    let error = answer.err()?;
    let said = error.as_database_error().and_then(DatabaseError::code);
    Some(said.map_or_else(|| error.to_string(), std::borrow::Cow::into_owned))
}

/// How to connect as `service` to the database of `other`.
fn login(shop: &Shop, service: &str, other: &str) -> PgConnectOptions {
    shop.database(other).username(&shop.of(service)).password("of the test")
}

/// A shop with an invoice in it, whose roles have a password that the test knows.
async fn shop() -> Shop {
    let shop = Shop::new();
    shop.replay(&[&shop.file("1,A,LAMP,1,d,2.5,7.0,UK\n")], &[]);
    for service in DATABASES {
        let role = shop.of(service);
        execute(&mut admin().await, format!("ALTER ROLE {role} PASSWORD 'of the test'")).await;
    }
    shop
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = DATABASES.into_iter().flat_map(|me| DATABASES.map(|other| (me, other)));
    all.filter(|(me, other)| me != other)
}

#[tokio::test]
async fn a_service_is_at_home_in_its_own_database() {
    let shop = shop().await;
    for service in DATABASES {
        let pool = PgPoolOptions::new().max_connections(2);
        let pool = pool.connect_with(login(&shop, service, service)).await.unwrap();
        let store = PostgresStore::open(pool).await.unwrap();
        let _ = store.commit(server::one(1, "a")).await.unwrap();
    }
}

#[tokio::test]
async fn a_service_cannot_connect_to_another_services_database() {
    let shop = shop().await;
    let mut refused = 0;
    for (me, other) in pairs() {
        let answer = login(&shop, me, other).connect().await;
        assert_eq!(state(answer).as_deref(), DENIED, "{me} to {other}");
        let pool = PgPoolOptions::new().connect_lazy_with(login(&shop, me, other));
        let error = PostgresStore::open(pool).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Denied, "{me} to {other}");
        refused += 1;
    }
    assert_eq!(refused, DATABASES.len() * (DATABASES.len() - 1));
}

/// Not by one right too many: here the administrator has opened the door, and then the schema too.
#[tokio::test]
async fn a_service_that_is_let_into_anothers_database_is_refused_all_that_is_in_it() {
    let shop = shop().await;
    for (me, other) in pairs() {
        let (role, database) = (shop.of(me), shop.of(other));
        execute(&mut admin().await, format!("GRANT CONNECT ON DATABASE {database} TO {role}"))
            .await;
        for grant in [None, Some(format!("GRANT USAGE ON SCHEMA freehold TO {role}"))] {
            let mut owner = shop.database(other).connect().await.unwrap();
            if let Some(grant) = &grant {
                execute(&mut owner, grant.clone()).await;
            }
            let mut conn = login(&shop, me, other).connect().await.unwrap();
            for sql in ATTEMPTS {
                let sql = sql.replace("{other}", &database);
                let answer = attempt(&mut conn, &sql).await;
                assert_eq!(answer.as_deref(), DENIED, "{me} to {other}, {grant:?}: {sql}");
            }
            conn.close().await.unwrap();
        }
        let revoke = format!("REVOKE USAGE ON SCHEMA freehold FROM {role}");
        execute(&mut shop.database(other).connect().await.unwrap(), revoke).await;
        execute(&mut admin().await, format!("REVOKE CONNECT ON DATABASE {database} FROM {role}"))
            .await;
    }
}

/// Its database is the administrator's: it cannot hand it on, and it has no powers on the server.
#[tokio::test]
async fn a_service_can_give_nobody_rights_to_its_database_and_make_nothing_beside_it() {
    let shop = shop().await;
    for me in DATABASES {
        let mut conn = login(&shop, me, me).connect().await.unwrap();
        let mine = shop.of(me);
        for sql in [
            &format!("ALTER DATABASE {mine} ALLOW_CONNECTIONS true"),
            &format!("ALTER DATABASE {mine} RENAME TO {mine}_2"),
            "CREATE DATABASE mine",
            "CREATE ROLE mine",
            "CREATE TEMPORARY TABLE mine (id bigint)",
            "CREATE TABLE public.mine (id bigint)",
            "COPY (SELECT 1) TO PROGRAM 'true'",
        ] {
            assert_eq!(attempt(&mut conn, sql).await.as_deref(), DENIED, "{me}: {sql}");
        }
        // PostgreSQL only warns that nothing was granted: what counts is that it was not.
        let _ = attempt(&mut conn, &format!("GRANT CONNECT ON DATABASE {mine} TO PUBLIC")).await;
        let anybody = "SELECT has_schema_privilege('public', 'USAGE')";
        let anybody = sqlx::query_scalar::<_, bool>(anybody).fetch_one(&mut conn).await;
        assert!(!anybody.unwrap(), "{me}: what is in schema public is for all");
    }
    for (me, other) in pairs() {
        let answer = login(&shop, me, other).connect().await;
        assert_eq!(state(answer).as_deref(), DENIED, "{me} to {other}");
    }
}

/// A right too many that somebody has granted to all is taken back.
#[tokio::test]
async fn the_rights_are_mended_by_the_next_run() {
    let shop = shop().await;
    let mut admin = shops::admin().await;
    for service in DATABASES {
        let database = shop.of(service);
        execute(&mut admin, format!("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO PUBLIC"))
            .await;
    }
    assert!(login(&shop, "order", "payment").connect().await.is_ok());
    assert_eq!(shop.run(&["history", "1"]).code, Some(0));
    for service in DATABASES {
        let sql = format!("ALTER ROLE {} PASSWORD 'of the test'", shop.of(service));
        execute(&mut admin, sql).await;
    }
    for (me, other) in pairs() {
        let answer = login(&shop, me, other).connect().await;
        assert_eq!(state(answer).as_deref(), DENIED, "{me} to {other}");
    }
}

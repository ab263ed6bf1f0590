//! What the program is refused, and how it says so: which exit code, and never a password.

use freehold::backend::postgres::sqlx;
use freehold::backend::postgres::sqlx::postgres::PgConnectOptions;

use super::log::DATABASES;
use super::oracle;
use super::program::{self, Run};
use super::shops::{self, Shop, execute};
use crate::cluster::Cluster;
use crate::server;

/// Stands for the password in every URL here.
const SECRET: &str = "open-sesame";

/// Replays the bundled day by this URL, and fails if the password is seen.
fn replay(shop: &Shop, url: &str) -> Run {
    let run = program::replay_run(&[&program::day()], &shop.options_by(url));
    assert!(!run.out.contains(SECRET) && !run.err.contains(SECRET), "{run:?}");
    run
}

fn fails(run: &Run, code: i32, expected: &str) {
    assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{run:?}");
    assert!(run.err.contains(expected), "{expected}: {run:?}");
}

#[test]
fn a_malformed_url_or_name_is_a_wrong_command_line() {
    let shop = Shop::new();
    for url in [
        &format!("mysql://root:{SECRET}@localhost/shop"),
        &format!("sqlite://{SECRET}"),
        &format!("root:{SECRET}@localhost"),
        &format!("postgres://root:{SECRET}@localhost:99999/shop"),
        &format!("postgres://root:{SECRET}/@localhost/shop"),
        &format!("postgres://root:{SECRET}@localhost/shop?sslmode={SECRET}"),
        "",
    ] {
        fails(&replay(&shop, url), 2, "--store: expected a URL as postgres://");
    }
    let url = server::url();
    for options in [
        &["--store", &url, "--name", "Shop"][..],
        &["--store", &url, "--name", "pg_shop"],
        &["--store", &url, "--name", "a-b"],
        &["--store", &url, "--name", "a;b"],
        &["--store", &url, "--name", &"x".repeat(41)],
        &["--store", &url, "--data", "folder"],
        &["--name", "shop"],
    ] {
        fails(&program::replay_run(&[&program::day()], options), 2, "");
    }
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let shop = Shop::new();
    // Nobody listens on the discard port.
    let run = replay(&shop, &format!("postgres://root:{SECRET}@127.0.0.1:9/shop"));
    fails(&run, 1, "the shop cannot connect to the server: ");
}

/// The administrator may create roles first, and databases only later; then all goes well without a superuser.
#[tokio::test]
async fn an_administrator_needs_the_rights_to_create_and_no_more() {
    let shop = Shop::new();
    let administrator = shop.of("administrator");
    let mut admin = shops::admin().await;
    let create = format!("CREATE ROLE {administrator} LOGIN PASSWORD '{SECRET}'");
    execute(&mut admin, create).await;
    let options = server::url().parse::<PgConnectOptions>().unwrap();
    let url = format!(
        "postgres://{administrator}:{SECRET}@{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or("postgres"),
    );
    fails(&replay(&shop, &url), 1, "the shop cannot make a role: permission denied");
    assert_eq!(shop.made(&mut admin).await, 0);
    execute(&mut admin, format!("ALTER ROLE {administrator} CREATEROLE")).await;
    fails(&replay(&shop, &url), 1, "the shop cannot make a database: permission denied");
    assert_eq!(shop.made(&mut admin).await, 1);
    execute(&mut admin, format!("ALTER ROLE {administrator} CREATEDB")).await;
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    for _ in 0..2 {
        let run = replay(&shop, &url);
        assert_eq!((run.code, run.out.as_str()), (Some(0), expected.as_str()), "{run:?}");
    }
    // A role and a database for each of seven.
    assert_eq!(shop.made(&mut admin).await, 14);
    drop(shop);
    execute(&mut admin, format!("DROP ROLE {administrator}")).await;
}

#[tokio::test]
async fn a_role_or_a_database_that_no_shop_has_made_is_left_alone() {
    let mut admin = shops::admin().await;
    for make in ["CREATE ROLE {name} LOGIN PASSWORD 'theirs'", "CREATE DATABASE {name}"] {
        for service in DATABASES {
            let shop = Shop::new();
            let name = shop.of(service);
            execute(&mut admin, make.replace("{name}", &name)).await;
            let before = password(&name).await;
            let run = shop.replay_run(&[&program::day()], &[]);
            fails(&run, 2, &format!("--name: the server has a role or a database {name} that"));
            assert_eq!(password(&name).await, before);
        }
    }
}

/// What the server keeps of a role's password.
async fn password(role: &str) -> Option<String> {
    let query = sqlx::query_scalar("SELECT rolpassword FROM pg_authid WHERE rolname = $1");
    query.bind(role).fetch_optional(&mut shops::admin().await).await.unwrap()
}

/// Where every login takes a password, the services have theirs; no log of statements shows one.
#[tokio::test]
async fn a_server_that_asks_for_passwords_is_given_the_right_ones() {
    let cluster = Cluster::start_with_password(SECRET);
    // It is up when it answers.
    let mut admin = cluster.pool().acquire().await.unwrap();
    let shop = Shop::new();
    let wrong = format!("not-{SECRET}");
    fails(&replay(&shop, &cluster.url(&wrong)), 1, "password authentication failed");
    assert_eq!(shop.made(&mut admin).await, 0);
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    let mut passwords = Vec::new();
    for _ in 0..2 {
        let run = replay(&shop, &cluster.url(SECRET));
        assert_eq!((run.code, run.out.as_str()), (Some(0), expected.as_str()), "{run:?}");
        let query = "SELECT rolpassword FROM pg_authid WHERE rolname LIKE '%\\_payment'";
        let kept: String = sqlx::query_scalar(query).fetch_one(&mut *admin).await.unwrap();
        assert!(kept.starts_with("SCRAM-SHA-256$"), "{kept}");
        passwords.push(kept);
    }
    assert_ne!(passwords[0], passwords[1], "every run has its own");
    let log = std::fs::read_to_string(cluster.log()).unwrap();
    assert!(log.contains("CREATE ROLE") && log.contains("gen_random_uuid()"), "{log}");
    assert!(!log.contains("PASSWORD '") && !log.contains(SECRET), "{log}");
}

//! One process at a time.

use std::process::Output;

use freehold::Position;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgConnection};
use freehold::backend::postgres::sqlx::{self, ConnectOptions, Connection};
use tokio::process::{Child, Command};

use super::shops::{self, Shop};
use super::{kill, oracle, program};

/// A replay that stands still in the middle of the day.
struct Stopped(Child);

impl Stopped {
    async fn of(shop: &Shop) -> Self {
        let store = shop.store("order").await;
        let stopped = Self(Command::from(shop.day()).kill_on_drop(true).spawn().unwrap());
        kill::reached(&store, Position::new(20)).await;
        stopped.signal("-STOP").await;
        stopped
    }

    async fn signal(&self, signal: &str) {
        let process = self.0.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &process]).status().await;
        assert!(sent.unwrap().success());
    }

    async fn go_on(self) -> Output {
        self.signal("-CONT").await;
        self.0.wait_with_output().await.unwrap()
    }
}

/// Also when its administrator comes by another database of the server.
#[tokio::test]
async fn a_second_process_is_refused_and_the_first_one_goes_on() {
    let shop = Shop::opened();
    let first = Stopped::of(&shop).await;
    let heads = shop.heads().await;
    let elsewhere = server_url("template1");
    let day = program::day();
    let day = day.to_str().unwrap();
    let commands = [
        [&["replay", day][..], &shop.options()].concat(),
        [&["replay", day][..], &shop.options_by(&elsewhere)].concat(),
        [&["ship", "536365", "T"][..], &shop.options()].concat(),
        [&["history", "536365"][..], &shop.options()].concat(),
    ];
    std::thread::scope(|scope| {
        let runs: Vec<_> = commands.iter().map(|args| scope.spawn(|| program::run(args))).collect();
        for run in runs {
            let run = run.join().unwrap();
            assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
            assert!(run.err.contains("another process works in this shop"), "{run:?}");
        }
    });
    assert_eq!(shop.heads().await, heads);
    let output = first.go_on().await;
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert!(output.status.success() && output.stderr.is_empty());
}

/// The URL of the tests with another database.
fn server_url(database: &str) -> String {
    let url = crate::server::url();
    let (server, parameters) = url.split_once('?').unwrap_or((&url, ""));
    let after_scheme = server.find("://").unwrap() + 3;
    let end = server[after_scheme..].find('/').map_or(server.len(), |at| after_scheme + at);
    let other = format!("{}/{database}?{parameters}", &server[..end]);
    assert_eq!(other.parse::<PgConnectOptions>().unwrap().get_database(), Some(database));
    other
}

/// Nobody else was there in this test, but the first process cannot know.
#[tokio::test]
async fn a_process_that_has_lost_the_lock_says_so() {
    let shop = Shop::opened();
    let first = Stopped::of(&shop).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    let keeper = format!("{}, the lock", shop.of("order"));
    let ended = sqlx::query(end).bind(keeper).fetch_all(&mut shops::admin().await).await;
    assert_eq!(ended.unwrap().len(), 1);
    let output = first.go_on().await;
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the shop cannot be sure that it was alone; run it again"), "{said}");
    let expected = oracle::figures(&[&program::day()], 100, "500").to_json();
    assert_eq!(shop.replay(&[&program::day()], &[]), expected);
}

/// A process that was killed has the lock until the server notices. Here it is a session of the test that has it, and
/// goes when the next process waits for it.
#[tokio::test]
async fn a_process_waits_for_a_lock_that_goes_in_a_moment() {
    let shop = Shop::opened();
    let mut killed = shop.database("order").connect().await.unwrap();
    shops::execute(&mut killed, "SELECT pg_advisory_lock(x'73686f70'::bigint)".to_owned()).await;
    let mut process = Command::from(shop.day()).kill_on_drop(true).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = $1 AND locktype = 'advisory' AND NOT granted";
    let is_waiting = async |admin: &mut PgConnection| {
        let waiting = sqlx::query_scalar::<_, i64>(waiting).bind(shop.of("order"));
        waiting.fetch_one(admin).await.unwrap() == 1
    };
    let mut admin = shops::admin().await;
    while !is_waiting(&mut admin).await {
        assert!(process.try_wait().unwrap().is_none(), "it does not wait");
    }
    // Not just for the time of one look.
    for _ in 0..30 {
        assert!(is_waiting(&mut admin).await, "it does not go on waiting");
    }
    killed.close().await.unwrap();
    assert!(process.wait().await.unwrap().success());
}

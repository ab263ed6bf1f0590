//! The shop's services over NATS, run as its user runs them: in one process, and each as a process of its own.

#![allow(dead_code, reason = "some helpers of the tests without NATS are not for these")]

#[path = "../it/shop/log.rs"]
mod log;
#[path = "../it/shop/mailbox.rs"]
mod mailbox;
#[path = "../it/shop/oracle.rs"]
mod oracle;
#[path = "../it/shop/program.rs"]
mod program;
#[path = "../it/shop/stores.rs"]
mod stores;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use freehold::{EventStore, Position};

use crate::server::Server;

const SERVICES: [&str; 6] = ["order", "inventory", "payment", "notification", "users", "products"];
/// Of the bundled day, with its header: some fifty invoices.
const ROWS: usize = 1_000;

/// A shop of a test's own: its broker, its folder, and some hours of invoices.
struct Shop {
    server: Server,
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let day = std::fs::read_to_string(program::day()).unwrap();
        let some: Vec<&str> = day.lines().take(ROWS).collect();
        std::fs::write(folder.path().join("some.csv"), some.join("\n")).unwrap();
        Self { server: Server::start(), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("some.csv")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn replay(&self, more: &[&str]) -> Command {
        let (file, data) = (self.file(), self.data());
        let args = ["replay", file.to_str().unwrap(), "--json", "--mode", "choreography"];
        program::command(&[&args[..], &["--data", data.to_str().unwrap()], more].concat())
    }

    /// A service as a process, when it listens.
    fn serve(&self, service: &str) -> Served {
        let (data, url) = (self.data(), self.server.url());
        let args = ["serve", service, "--broker", &url, "--data", data.to_str().unwrap()];
        let mut child = program::command(&args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("{service} listens\n"));
        Served(child)
    }
}

/// A process that goes with the test.
struct Served(Child);

impl Served {
    /// As the system ends it.
    fn end(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until a service has so many events.
async fn has(data: &Path, service: &str, events: u64) {
    let store = stores::open(data, service).await;
    let mut head = Position::START;
    while head < Position::new(events) {
        store.changed(head).await.unwrap();
        head = store.head().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_processes_come_to_the_known_figures_though_two_are_killed() {
    let shop = Shop::new();
    let mut served: Vec<(&str, Served)> =
        SERVICES.iter().map(|service| (*service, shop.serve(service))).collect();
    let replay = shop.replay(&["--served"]).spawn().unwrap();
    for (service, events) in [("payment", 30), ("inventory", 900)] {
        has(&shop.data(), service, events).await;
        let nth = served.iter().position(|(name, _)| *name == service).unwrap();
        served.remove(nth).1.kill();
        served.push((service, shop.serve(service)));
    }
    let done = replay.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(done.stdout), String::from_utf8(done.stderr));
    let expected = oracle::figures(&[&shop.file()], 100, "500").to_json();
    assert_eq!((out.unwrap(), err.unwrap()), (expected.clone(), String::new()));
    mailbox::check(&shop.data()).await;
    // While somebody serves, nobody has the folder alone.
    let alone = shop.replay(&[]).output().unwrap();
    assert_eq!(alone.status.code(), Some(2), "{alone:?}");
    assert_eq!(shop.replay(&["--served"]).output().unwrap().stdout, expected.as_bytes());
    served.into_iter().for_each(|(_, served)| served.end());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_over_nats_that_is_killed_ends_with_the_same_figures() {
    let shop = Shop::new();
    let url = shop.server.url();
    let mut killed = shop.replay(&["--broker", &url]).spawn().unwrap();
    while !shop.data().join("order.db").is_file() {
        std::thread::yield_now();
    }
    has(&shop.data(), "order", 60).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let resumed = shop.replay(&["--broker", &url]).output().unwrap();
    let expected = oracle::figures(&[&shop.file()], 100, "500").to_json();
    assert_eq!(String::from_utf8(resumed.stdout).unwrap(), expected, "{:?}", resumed.stderr);
    mailbox::check(&shop.data()).await;
}

/// A broker in memory is in one process.
#[test]
fn a_service_needs_a_broker_that_others_reach() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let run = program::run(&["serve", "order", "--broker", "memory", "--data", data]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.err.contains("--broker: expected one that other processes reach"), "{run:?}");
    let run = program::run(&["serve", "order", "--broker", "nats://127.0.0.1:1", "--data", data]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.err.contains("the shop cannot reach its broker"), "{run:?}");
}

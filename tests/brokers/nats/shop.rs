//! The shop's services over NATS: in one process, and each as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use crate::nats::server::Server;
use crate::shop::{Shop, run};

const SERVICES: [&str; 6] = ["order", "inventory", "payment", "notification", "users", "products"];

/// A process that goes with the test.
struct Served(Child);

impl Served {
    /// A service of the shop, when it listens.
    fn start(shop: &Shop, server: &Server, service: &str) -> Self {
        let mut child = shop.serve(service, &server.url()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("{service} listens\n"));
        Self(child)
    }

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

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_processes_come_to_the_known_figures_though_two_are_killed() {
    let (shop, nats) = (Shop::new(), Server::start());
    let serve = |service| Served::start(&shop, &nats, service);
    let mut served: Vec<(&str, Served)> =
        SERVICES.iter().map(|service| (*service, serve(service))).collect();
    let replay = shop.replay(&["--served"]).spawn().unwrap();
    for (service, events) in [("payment", 30), ("inventory", 900)] {
        shop.has(service, events).await;
        let nth = served.iter().position(|(name, _)| *name == service).unwrap();
        served.remove(nth).1.kill();
        served.push((service, serve(service)));
    }
    let done = replay.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(done.stdout), String::from_utf8(done.stderr));
    let expected = shop.figures();
    assert_eq!((out.unwrap(), err.unwrap()), (expected.clone(), String::new()));
    shop.has_each_letter_once().await;
    // While somebody serves, nobody has the folder alone.
    let alone = shop.replay(&[]).output().unwrap();
    assert_eq!(alone.status.code(), Some(2), "{alone:?}");
    assert_eq!(shop.replay(&["--served"]).output().unwrap().stdout, expected.as_bytes());
    for (_, service) in served {
        service.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_over_nats_that_is_killed_ends_with_the_same_figures() {
    let server = Server::start();
    Shop::new().is_killed_and_resumed(&server.url()).await;
}

/// A broker in memory is in one process.
#[test]
fn a_service_needs_a_broker_that_others_reach() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for (broker, code, why) in [
        ("memory", 2, "--broker: expected one that other processes reach"),
        ("nats://127.0.0.1:1", 1, "the shop cannot reach its broker"),
    ] {
        let (ended, said, complaint) = run(&["serve", "order", "--broker", broker, "--data", data]);
        assert_eq!((ended, said.as_str()), (Some(code), ""), "{complaint}");
        assert!(complaint.contains(why), "{complaint}");
    }
}

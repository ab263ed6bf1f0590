//! The shop's services over RabbitMQ, run as its user runs them.

#![allow(dead_code, reason = "some helpers of the tests without RabbitMQ are not for these")]

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

use freehold::{EventStore, Position};

use crate::node;

/// Of the bundled day, with its header: some fifty invoices.
const ROWS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_over_rabbitmq_that_is_killed_ends_with_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let day = std::fs::read_to_string(program::day()).unwrap();
    let some: Vec<&str> = day.lines().take(ROWS).collect();
    let file = folder.path().join("some.csv");
    std::fs::write(&file, some.join("\n")).unwrap();
    let (data, url) = (folder.path().join("data"), node::shared().await.url());
    let replay = || {
        let args = ["replay", file.to_str().unwrap(), "--json", "--mode", "choreography"];
        let at = ["--data", data.to_str().unwrap(), "--broker", &url];
        program::command(&[&args[..], &at].concat())
    };
    let mut killed = replay().spawn().unwrap();
    while !data.join("order.db").is_file() {
        std::thread::yield_now();
    }
    let store = stores::open(&data, "order").await;
    let mut head = Position::START;
    while head < Position::new(60) {
        store.changed(head).await.unwrap();
        head = store.head().await.unwrap();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let resumed = replay().output().unwrap();
    let expected = oracle::figures(&[&file], 100, "500").to_json();
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(String::from_utf8(resumed.stdout).unwrap(), expected, "{said}");
    mailbox::check(&data).await;
}

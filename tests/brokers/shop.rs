//! The shop's services over a broker, run as its user runs them.

#![allow(dead_code, reason = "some helpers of the tests without a broker are not for these")]

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

use std::path::PathBuf;
use std::process::Command;

use freehold::{EventStore, Position};

/// Of the bundled day, with its header: some fifty invoices.
const ROWS: usize = 1_000;

/// A shop of a test's own: a folder, and some hours of invoices.
pub(crate) struct Shop(tempfile::TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let day = std::fs::read_to_string(program::day()).unwrap();
        let some: Vec<&str> = day.lines().take(ROWS).collect();
        std::fs::write(folder.path().join("some.csv"), some.join("\n")).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("some.csv")
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn replay(&self, more: &[&str]) -> Command {
        let (file, data) = (self.file(), self.data());
        let args = ["replay", file.to_str().unwrap(), "--json", "--mode", "choreography"];
        program::command(&[&args[..], &["--data", data.to_str().unwrap()], more].concat())
    }

    /// A service as a process of its own.
    pub(crate) fn serve(&self, service: &str, broker: &str) -> Command {
        let data = self.data();
        let args = ["serve", service, "--broker", broker, "--data", data.to_str().unwrap()];
        program::command(&args)
    }

    /// Every confirmed order has its letter, and one only.
    pub(crate) async fn has_each_letter_once(&self) {
        mailbox::check(&self.data()).await;
    }

    /// What a replay says in the end.
    pub(crate) fn figures(&self) -> String {
        oracle::figures(&[&self.file()], 100, "500").to_json()
    }

    /// Waits until a service has so many events.
    pub(crate) async fn has(&self, service: &str, events: u64) {
        let store = stores::open(&self.data(), service).await;
        let mut head = Position::START;
        while head < Position::new(events) {
            store.changed(head).await.unwrap();
            head = store.head().await.unwrap();
        }
    }

    /// Kills a replay over this broker in the middle, and runs it again: the figures are the same, and each letter is there once.
    pub(crate) async fn is_killed_and_resumed(&self, broker: &str) {
        let mut killed = self.replay(&["--broker", broker]).spawn().unwrap();
        while !self.data().join("order.db").is_file() {
            std::thread::yield_now();
        }
        self.has("order", 60).await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        let resumed = self.replay(&["--broker", broker]).output().unwrap();
        let said = String::from_utf8_lossy(&resumed.stderr);
        assert_eq!(String::from_utf8(resumed.stdout).unwrap(), self.figures(), "{said}");
        self.has_each_letter_once().await;
    }
}

/// Runs the program to its end: its exit code, what it prints, and what it complains of.
pub(crate) fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let run = program::run(args);
    (run.code, run.out, run.err)
}

//! A program that runs no more for a while, and whose connections stay.

use std::process::Command;
use std::time::Instant;

use crate::messages::PATIENCE;

/// The process runs no more until [`go_on`].
pub(crate) fn freeze(pid: u32) {
    signal(pid, "-STOP");
    let deadline = Instant::now() + PATIENCE;
    while !is_frozen(pid) {
        assert!(Instant::now() < deadline, "the server does not stop");
        std::thread::yield_now();
    }
}

pub(crate) fn go_on(pid: u32) {
    signal(pid, "-CONT");
}

pub(crate) fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// Whether none of its threads runs: they stop one after the other, some time after they were told to.
fn is_frozen(pid: u32) -> bool {
    let pid = pid.to_string();
    let threads = Command::new("ps").args(["-L", "-o", "stat=", "-p", &pid]).output().unwrap();
    let states = String::from_utf8(threads.stdout).unwrap();
    !states.is_empty() && states.lines().all(|state| state.trim_start().starts_with('T'))
}

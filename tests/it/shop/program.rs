//! Runs the built example.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The day that comes with the example.
pub fn day() -> PathBuf {
    source().join("data/2010-12-01.csv")
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop")
}

/// The built example. `cargo test` builds it; a run of one test binary alone does not, so an old one is
/// refused.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let name = format!("examples/shop{}", std::env::consts::EXE_SUFFIX);
    let binary = test.ancestors().nth(2).unwrap().join(name);
    let built = std::fs::metadata(&binary).and_then(|file| file.modified()).ok();
    assert!(
        built >= Some(newest(&source())),
        "build the program first: cargo build --example shop"
    );
    binary
}

fn newest(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let times = entries.map(|path| {
        if path.is_dir() { newest(&path) } else { path.metadata().unwrap().modified().unwrap() }
    });
    times.max().unwrap()
}

/// Starts the program.
pub fn start(args: &[&str]) -> Child {
    Command::new(binary())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the program to its end.
pub fn run(args: &[&str]) -> Run {
    let output = start(args).wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Replays files, and answers the summary that a program would read.
pub fn replay(files: &[&Path], options: &[&str]) -> String {
    let run = replay_run(files, options);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.err, "");
    run.out
}

/// Replays files, however it ends.
pub fn replay_run(files: &[&Path], options: &[&str]) -> Run {
    let mut args = vec!["replay"];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    args.push("--json");
    args.extend(options);
    run(&args)
}

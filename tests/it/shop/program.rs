//! Runs the built example.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// What a run of the program left.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// The day that comes with the example.
pub(super) fn day() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/data/2010-12-01.csv")
}

/// The example, built as this test was. Some ways of running tests build it beside them, and some do not;
/// where it is up to date this costs a moment.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let profile = match folder.file_name().and_then(OsStr::to_str).unwrap() {
        "debug" => "dev",
        name => name,
    };
    let mut cargo = Command::new(env!("CARGO"));
    // What this package is told of itself is of no interest to others: who asks for it when it is built would be built anew, and all
    // that stand on it, here and then again beside the test.
    let of_a_package = |name: &OsString| {
        let name = name.to_string_lossy();
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| of_a_package(name)) {
        cargo.env_remove(name);
    }
    let built = cargo
        .args(["build", "--offline", "--quiet", "--all-features", "--example", "shop"])
        .args(["--profile", profile])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .arg("--target-dir")
        .arg(folder.parent().unwrap())
        .status()
        .unwrap();
    assert!(built.success());
    folder.join(format!("examples/shop{}", std::env::consts::EXE_SUFFIX))
});

/// The program with these arguments, to be started.
pub(super) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub(super) fn run(args: &[&str]) -> Run {
    let output = command(args).output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Replays files, and answers the summary that a program would read.
pub(super) fn replay(files: &[&Path], options: &[&str]) -> String {
    let run = replay_run(files, options);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.err, "");
    run.out
}

/// Replays files, however it ends.
pub(super) fn replay_run(files: &[&Path], options: &[&str]) -> Run {
    let mut args = vec!["replay"];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    args.push("--json");
    args.extend(options);
    run(&args)
}

//! A server of the test's own, to be killed, stopped, or robbed of its files.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};
use std::time::{Duration, Instant};

use freehold::backend::nats::async_nats::{Client, ConnectOptions};
use freehold::backend::nats::{NatsBroker, NatsOptions};
use tempfile::TempDir;

use crate::end_to_end::Mortal;
use crate::messages::{PATIENCE, until};
use crate::process;

pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// A new server with no streams.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same with these lines in its configuration.
    pub(crate) fn start_with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.conf"), configuration).unwrap();
        let mut server = Self { folder, port: free_port(), child: None };
        server.run();
        server
    }

    /// Runs the program, and waits until it greets.
    fn run(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = Command::new(program())
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(self.files())
            .arg("-c")
            .arg(self.folder.path().join("server.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program that FREEHOLD_NATS_SERVER names can be run");
        let deadline = Instant::now() + PATIENCE;
        while !self.greets() {
            assert!(Instant::now() < deadline, "the server does not start");
            assert!(child.try_wait().unwrap().is_none(), "the server has ended");
            std::thread::yield_now();
        }
        self.child = Some(child);
    }

    /// Whether somebody listens on the port and says what a server says first. While nobody does, a client that is given that very
    /// port for its own end is connected with itself.
    fn greets(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = String::new();
        let is_own = stream.local_addr().unwrap() == stream.peer_addr().unwrap();
        !is_own && BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("INFO ")
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// A copy of the server's files. It must not run.
    pub(crate) fn copy_files(&self) -> TempDir {
        assert!(self.child.is_none(), "it would write meanwhile");
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&self.files(), &copy.path().join("files"));
        copy
    }

    /// Gives the server these files instead of those that it has. It must not run.
    pub(crate) fn restore_files(&self, copy: &TempDir) {
        assert!(self.child.is_none(), "it would write meanwhile");
        std::fs::remove_dir_all(self.files()).unwrap();
        copy_folder(&copy.path().join("files"), &self.files());
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_with(ConnectOptions::new()).await
    }

    pub(crate) async fn client_with(&self, options: ConnectOptions) -> Client {
        options.connect(self.url()).await.unwrap()
    }

    /// The stream called `name`, with answers that are waited for this long.
    pub(crate) async fn broker(&self, name: &str, answer_timeout: Duration) -> NatsBroker {
        let options = NatsOptions { answer_timeout, ..NatsOptions::new(name) };
        let client = self.client().await;
        // On a machine that has much to do, a stream is not made in so short a time.
        let open = async || NatsBroker::open(client.clone(), options.clone()).await.ok();
        until("the stream", open).await
    }
}

impl Mortal for Server {
    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.run();
    }

    fn freeze(&self) {
        process::freeze(self.pid());
    }

    fn go_on(&self) {
        process::go_on(self.pid());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// A client that comes back soon after a server did, and sees soon that nobody answers any more.
pub(crate) fn eager() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(20))
        .connection_timeout(Duration::from_secs(2))
        .ping_interval(Duration::from_millis(500))
}

/// # Panics
/// If nobody says where it is: a test that needs it must not pass without it.
fn program() -> PathBuf {
    let program = std::env::var_os("FREEHOLD_NATS_SERVER");
    program.map(PathBuf::from).expect(
        "these tests need NATS: run scripts/test, or set FREEHOLD_NATS_SERVER to the program nats-server",
    )
}

/// A port that nobody has, and that nobody is given who does not ask for that very one: of those that clients and tests are given
/// at random, one may be gone again before a server has it, or while a server that was killed is to come back.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id().wrapping_mul(61);
    loop {
        let nth = first.wrapping_add(TRIED.fetch_add(1, SeqCst).into());
        let port = 10_000 + u16::try_from(nth % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

//! A server of the test's own, to be killed, stopped, or robbed of its files.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};
use std::time::{Duration, Instant};

use freehold::backend::nats::async_nats::{Client, ConnectOptions};
use freehold::backend::nats::{NatsBroker, NatsOptions};
use freehold::{
    Broker, Deliveries, Delivery, Destination, Envelope, Message, MessageId, MessageType, Metadata,
    OrderingKey, Outbound, PublishError, Settle, Source, Stored,
};
use tempfile::TempDir;
use uuid::Uuid;

/// Far longer than anything here takes: who waits longer, waits in vain.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

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
        server.start_again();
        server
    }

    /// Starts the server with the files that it has, and waits until it greets.
    pub(crate) fn start_again(&mut self) {
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

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The server runs no more until [`Server::go_on`], and its connections stay.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
        let deadline = Instant::now() + PATIENCE;
        while !self.is_frozen() {
            assert!(Instant::now() < deadline, "the server does not stop");
            std::thread::yield_now();
        }
    }

    /// Whether none of its threads runs: they stop one after the other, some time after they were told to.
    fn is_frozen(&self) -> bool {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let threads = Command::new("ps").args(["-L", "-o", "stat=", "-p", &pid]).output().unwrap();
        let states = String::from_utf8(threads.stdout).unwrap();
        !states.is_empty() && states.lines().all(|state| state.trim_start().starts_with('T'))
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
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

pub(crate) fn destination(name: &str) -> Destination {
    Destination::new(name).unwrap()
}

/// The message that belongs to `n`, of a key.
pub(crate) fn message(n: u128, key: &str) -> Message {
    message_with(n, key, format!("{{\"n\":{n}}}"), Metadata::new())
}

pub(crate) fn message_with(
    n: u128,
    key: &str,
    data: impl Into<Vec<u8>>,
    metadata: Metadata,
) -> Message {
    let kind = MessageType::new("test.said.v1").unwrap();
    let id = MessageId::new(Uuid::from_u128(n));
    let envelope = Envelope::new(id, kind, OrderingKey::new(key).unwrap(), data.into());
    Message::new(envelope.with_metadata(metadata), Source::new("/test").unwrap(), None)
}

/// The message that belongs to `n`, for the destination `said`.
pub(crate) fn outbound(n: u128) -> Outbound {
    Outbound::new(message(n, &n.to_string()), destination("said"))
}

pub(crate) async fn publish(broker: &NatsBroker, n: u128) -> Result<Stored, PublishError> {
    broker.publish(&[outbound(n)]).await.remove(0)
}

/// Publishes what must not be stored, and is not to blame.
pub(crate) async fn in_trouble(broker: &NatsBroker, n: u128) -> PublishError {
    let error = publish(broker, n).await.expect_err("the broker is in trouble");
    let told = matches!(error, PublishError::Unavailable(_) | PublishError::Unknown(_));
    assert!(told, "trouble with the broker was answered {error:?}");
    error
}

/// Tries again and again until `work` gives something.
pub(crate) async fn until<T>(what: &str, mut work: impl AsyncFnMut() -> Option<T>) -> T {
    let trying = async {
        loop {
            if let Some(done) = work().await {
                return done;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// What was received, by the numbers of [`message`], until `count` are there; each is settled as done.
pub(crate) async fn received(deliveries: &dyn Deliveries, count: usize) -> Vec<u128> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = until("the next deliveries", async || deliveries.receive(100).await.ok()).await;
        for delivery in next {
            all.push(number(&delivery));
            let settle = async || deliveries.settle(delivery.tag, Settle::Done).await.ok();
            until("a delivery that is settled", settle).await;
        }
    }
    all
}

pub(crate) fn number(delivery: &Delivery) -> u128 {
    delivery.message.as_ref().unwrap().envelope.id().as_uuid().as_u128()
}

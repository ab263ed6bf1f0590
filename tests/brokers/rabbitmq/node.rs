//! A server of the tests' own, to be killed or frozen.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use freehold::backend::rabbitmq::RabbitSettings;
use freehold::backend::rabbitmq::lapin::uri::AMQPUri;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OnceCell};

use crate::end_to_end::Mortal;
use crate::messages::{PATIENCE, until};
use crate::process;

/// What every server is told: it takes short messages only, so that tests of long ones are short as well.
const CONFIGURATION: &str = "
log.file.level = warning
max_message_size = 200000
";
/// What a client says first, and a server answers.
const GREETING: &[u8] = b"AMQP\x00\x00\x09\x01";

static SHARED: OnceCell<Node> = OnceCell::const_new();
static MORTAL: Mutex<Option<Node>> = Mutex::const_new(None);

/// The server that all share who do nothing to it.
pub(crate) async fn shared() -> &'static Node {
    SHARED.get_or_init(Node::start).await
}

/// The server that may be killed and frozen, for one test at a time. However the one before has left it, it runs.
pub(crate) async fn mortal() -> MappedMutexGuard<'static, Node> {
    let mut node = MORTAL.lock().await;
    match &mut *node {
        Some(node) if node.running.is_some() => node.go_on(),
        Some(node) => node.start_again().await,
        None => *node = Some(Node::start().await),
    }
    MutexGuard::map(node, |node| node.as_mut().unwrap())
}

/// A server with files of its own, in a folder that goes with it. It ends with the tests, however they end.
pub(crate) struct Node {
    folder: PathBuf,
    /// For clients, for its distribution and for the port mapper of that.
    ports: [u16; 3],
    running: Option<Running>,
}

struct Running {
    /// It keeps the server for as long as its input is open.
    keeper: Child,
    pid: u32,
}

impl Node {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        // All three are held at once, so that they are three.
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        let listen = format!("listeners.tcp.1 = 127.0.0.1:{}\n{CONFIGURATION}", ports[0]);
        std::fs::write(folder.join("rabbitmq.conf"), listen).unwrap();
        let mut node = Self { folder, ports, running: None };
        node.start_again().await;
        node
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("out")).unwrap_or_default()
    }

    /// Whether somebody listens on the port and says what a server says first.
    fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port())) else { return false };
        // While nobody listens, a client that is given that very port for its own end is connected with itself.
        let is_own = stream.local_addr().unwrap() == stream.peer_addr().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut first = [0];
        // A frame of the kind that has a method in it.
        !is_own
            && stream.write_all(GREETING).is_ok()
            && stream.read_exact(&mut first).is_ok()
            && first == [1]
    }

    /// Waits until the server has written down that there is this quorum queue, which takes it seconds: killed before, it would
    /// not find the queue's log again.
    pub(crate) async fn keeps(&self, queue: &str) {
        let name = format!("freehold-{}@localhost", self.port());
        let names = self.folder.join("data").join(&name).join("quorum").join(&name);
        let wanted = format!("%2F_{queue}");
        until("a queue that is written down", async || {
            let names = std::fs::read(names.join("names.dets")).unwrap();
            names.windows(wanted.len()).any(|it| it == wanted.as_bytes()).then_some(())
        })
        .await;
    }

    /// Has the server told something by its command line.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let [port, _, mapper] = self.ports.map(|port| port.to_string());
        let done = Command::new(program().with_file_name("rabbitmqctl"))
            .env("HOME", self.folder.join("home"))
            .env("ERL_EPMD_PORT", mapper)
            .env("RABBITMQ_CONF_ENV_FILE", self.folder.join("no-environment"))
            .args(["--quiet", "--node", &format!("freehold-{port}@localhost")])
            .args(arguments)
            .status();
        assert!(done.unwrap().success(), "{arguments:?}");
    }

    fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().pid
    }

    pub(crate) const fn port(&self) -> u16 {
        self.ports[0]
    }

    pub(crate) fn settings(&self) -> RabbitSettings {
        settings(self.port())
    }

    /// What a program is told that connects to it.
    pub(crate) fn url(&self) -> String {
        url(self.port())
    }
}

impl Mortal for Node {
    fn kill(&mut self) {
        process::signal(self.pid(), "-KILL");
        let mut running = self.running.take().unwrap();
        // So that its files stay.
        running.keeper.stdin.take().unwrap().write_all(b"keep\n").unwrap();
        running.keeper.wait().unwrap();
        assert!(!self.greets(), "it was killed, and greets");
    }

    async fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/brokers/rabbitmq/node.sh");
        let mut keeper = Command::new("sh")
            .arg(script)
            .arg(&self.folder)
            .arg(program())
            .args(self.ports.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        self.running = Some(Running { keeper, pid: pid.trim().parse().unwrap() });
        let deadline = Instant::now() + PATIENCE;
        while !self.greets() {
            assert!(Instant::now() < deadline, "the server does not start: {}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn freeze(&self) {
        process::freeze(self.pid());
    }

    fn go_on(&self) {
        process::go_on(self.pid());
    }
}

/// # Panics
/// If nobody says where it is: a test that needs it must not pass without it.
fn program() -> PathBuf {
    let program = std::env::var_os("FREEHOLD_RABBITMQ_SERVER");
    program.map(PathBuf::from).expect(
        "these tests need RabbitMQ: run scripts/test, or set FREEHOLD_RABBITMQ_SERVER to the program rabbitmq-server",
    )
}

/// Who is at this port.
pub(crate) fn settings(port: u16) -> RabbitSettings {
    let address: AMQPUri = url(port).parse().unwrap();
    RabbitSettings::new(address)
}

fn url(port: u16) -> String {
    format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
}

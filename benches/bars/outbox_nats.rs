//! The outbox on PostgreSQL, drained into NATS `JetStream`, against what its client alone reaches. Needs `DATABASE_URL`, and
//! `FREEHOLD_NATS_SERVER` with the program of the server, which is started here, once for each way of writing.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use freehold::backend::nats::async_nats::jetstream::{self, Context};
use freehold::backend::nats::async_nats::{self, HeaderMap};
use freehold::backend::nats::{NatsBroker, NatsOptions};
use freehold::outbox::{Relay, RelayOptions};
use freehold::{LeaseName, Message, Source};
use futures::StreamExt;
use futures::stream;
use tempfile::TempDir;

use crate::harness::{Bar, interleave};
use crate::outbox::{envelope, filled};
use crate::postgres::{Log, url};

const PATIENCE: Duration = Duration::from_mins(1);
/// What is on its way at a time; more gains nothing.
const IN_FLIGHT: usize = 1_000;

pub(crate) fn run() -> bool {
    let Some(url) = url("outbox_nats") else { return false };
    let Some(program) = std::env::var_os("FREEHOLD_NATS_SERVER") else {
        println!("outbox_nats: left out, since FREEHOLD_NATS_SERVER names no program");
        return false;
    };
    let lazily = against(&url, &Server::start(&program, ""), 20_000, "as it comes", Floor::Singly);
    let always = Server::start(&program, "jetstream { sync_interval: always }");
    against(&url, &always, 4_000, "with `sync_interval: always`", Floor::InBatches) & lazily
}

/// How the client publishes alone: as is faster with the server.
#[derive(Clone, Copy)]
enum Floor {
    /// An acknowledgement for each message, with 1,000 on their way.
    Singly,
    /// Atomic batches of 1,000, one after the other.
    InBatches,
}

fn against(url: &str, server: &Server, messages: usize, how: &str, by: Floor) -> bool {
    let log = filled(url, messages);
    let (mut ours, mut floors) = (0, 0);
    let mut relay = || {
        ours += 1;
        relayed(&log, server, messages, ours)
    };
    let mut alone = || {
        floors += 1;
        published(&log, server, messages, floors, by)
    };
    let rates = interleave(&mut [&mut relay, &mut alone]);
    let what =
        format!("outbox_nats: a relay into JetStream, {messages} messages of 1,000 keys, {how}");
    let floor = match by {
        Floor::Singly => "the client alone, the same messages, 1,000 on their way",
        Floor::InBatches => "the client alone, the same messages, in atomic batches of 1,000",
    };
    Bar { what: &what, floor, at_least: 0.7, unit: "messages/s" }.judge(&rates[0], &rates[1])
}

fn relayed(log: &Log, server: &Server, messages: usize, nth: usize) -> f64 {
    let name = LeaseName::new(&format!("relay_{nth}")).unwrap();
    let options = RelayOptions { batch_messages_max: IN_FLIGHT, ..RelayOptions::default() };
    log.runtime.block_on(async {
        let client = async_nats::connect(&server.url).await.unwrap();
        let context = jetstream::new(client.clone());
        let stream = format!("ours_{nth}");
        let nats = NatsOptions {
            in_flight_messages_max: IN_FLIGHT,
            exclusive: true,
            ..NatsOptions::new(&stream)
        };
        let broker = NatsBroker::open(client, nats).await.unwrap();
        let began = Instant::now();
        let relay = Relay::new(name, Source::new("/bench").unwrap(), log.store.clone())
            .publish_to(broker)
            .options(options)
            .start();
        relay.drained().await.unwrap();
        let rate = crate::harness::rate(messages, began.elapsed());
        relay.stop().await;
        let info = context.get_stream(&stream).await.unwrap();
        assert_eq!(info.cached_info().state.messages, messages as u64);
        context.delete_stream(&stream).await.unwrap();
        rate
    })
}

/// The same headers and payloads, and an acknowledgement for each message. It reads no database and keeps no order.
fn published(log: &Log, server: &Server, messages: usize, nth: usize, by: Floor) -> f64 {
    log.runtime.block_on(async {
        let client = async_nats::connect(&server.url).await.unwrap();
        let context = jetstream::new(client);
        let name = format!("alone_{nth}");
        let config = jetstream::stream::Config {
            name: name.clone(),
            subjects: vec![format!("{name}.>")],
            allow_atomic_publish: true,
            ..Default::default()
        };
        context.create_stream(config).await.unwrap();
        let subject = format!("{name}.bench.said.v1");
        let all: Vec<_> = (0..messages)
            .map(|nth| {
                let message = Message::new(envelope(nth), Source::new("/bench").unwrap(), None);
                let mut headers = HeaderMap::new();
                for (name, value) in message.attributes() {
                    headers.insert(format!("ce-{name}"), value);
                }
                headers.insert("Nats-Msg-Id", message.envelope.id().to_string());
                (headers, message.envelope.data().clone())
            })
            .collect();
        let began = Instant::now();
        let acks = match by {
            Floor::Singly => singly(&context, &subject, all).await,
            Floor::InBatches => in_batches(&context, &subject, all).await,
        };
        let rate = crate::harness::rate(acks, began.elapsed());
        context.delete_stream(&name).await.unwrap();
        rate
    })
}

type Sent = (HeaderMap, Bytes);

async fn singly(context: &Context, subject: &str, all: Vec<Sent>) -> usize {
    let sends = stream::iter(all).map(|(headers, data)| {
        let (context, subject) = (context.clone(), subject.to_owned());
        async move {
            let sent = context.publish_with_headers(subject, headers, data).await;
            sent.unwrap().await.unwrap()
        }
    });
    sends.buffer_unordered(IN_FLIGHT).count().await
}

async fn in_batches(context: &Context, subject: &str, all: Vec<Sent>) -> usize {
    let (client, count) = (context.client(), all.len());
    let mut all = all.into_iter();
    for batch in 0..count / IN_FLIGHT {
        for n in 1..=IN_FLIGHT {
            let (mut headers, data) = all.next().unwrap();
            headers.insert("Nats-Batch-Id", batch.to_string());
            headers.insert("Nats-Batch-Sequence", n.to_string());
            if n < IN_FLIGHT {
                client.publish_with_headers(subject.to_owned(), headers, data).await.unwrap();
            } else {
                headers.insert("Nats-Batch-Commit", "1");
                let sent = context.publish_with_headers(subject.to_owned(), headers, data).await;
                sent.unwrap().await.unwrap();
            }
        }
    }
    count
}

/// A server with a folder of its own; both go away with it.
struct Server {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Server {
    fn start(program: &std::ffi::OsStr, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("server.conf");
        std::fs::write(&config, configuration).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(folder.path().join("files"))
            .arg("-c")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the server does not start");
            std::thread::yield_now();
        }
        Self { child, url: format!("nats://127.0.0.1:{port}"), _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

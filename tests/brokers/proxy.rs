//! What lies between a client and its server, and can do to them what a network does.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All goes through.
    Open,
    /// What the client says goes through, and what the server answers is dropped.
    Answerless,
    /// Of what the client says this many bytes go through, and the rest waits.
    Held(u64),
    /// Nothing goes through in either direction, and the connection stays.
    Dead,
    /// It is closed.
    Cut,
}

/// What has gone by.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicU64,
    dropped_bytes: AtomicU64,
    held_bytes: AtomicU64,
}

/// A proxy on a port of its own. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    /// The way of the connections that begin now. Those from before have ways of their own.
    way: Arc<Mutex<watch::Sender<Way>>>,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before a server on this port.
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(Mutex::new(watch::Sender::new(Way::Open)));
        let seen = Arc::<Seen>::default();
        let (ways, counted) = (Arc::clone(&way), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.connections.fetch_add(1, SeqCst);
                let way = ways.lock().unwrap().subscribe();
                tokio::spawn(connect(client, server, way, Arc::clone(&counted)));
            }
        });
        Self { port, way, seen, task }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(SeqCst)
    }

    /// How much was said that nobody has heard.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        self.seen.dropped_bytes.load(SeqCst)
    }

    /// How much was said that waits, or has waited.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.seen.held_bytes.load(SeqCst)
    }

    /// From now on, so many bytes go through to the server, and what is said behind them waits.
    pub(crate) fn hold_after(&self, bytes: u64) {
        self.way.lock().unwrap().send_replace(Way::Held(bytes));
    }

    /// What waits goes through, and all that follows.
    pub(crate) fn release(&self) {
        self.way.lock().unwrap().send_replace(Way::Open);
    }

    /// From now on, nobody hears what the server answers.
    pub(crate) fn drop_answers(&self) {
        self.way.lock().unwrap().send_replace(Way::Answerless);
    }

    /// Closes the connections that there are. New ones are as usual.
    pub(crate) fn cut(&self) {
        self.replace(Way::Cut);
    }

    /// The connections that there are stay, and nothing goes through them ever again. New ones are as usual.
    pub(crate) fn kill_silently(&self) {
        self.replace(Way::Dead);
    }

    fn replace(&self, way: Way) {
        let fresh = watch::Sender::new(Way::Open);
        let old = std::mem::replace(&mut *self.way.lock().unwrap(), fresh);
        // Its connections know what it said last, also when it is gone.
        old.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries what is said, until an end is closed.
async fn connect(client: TcpStream, server: u16, way: watch::Receiver<Way>, seen: Arc<Seen>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let mut until_cut = way.clone();
    let said = carry(from_client, to_server, way.clone(), Way::Dead, Arc::clone(&seen));
    let answered = carry(from_server, to_client, way, Way::Answerless, seen);
    tokio::select! {
        () = cut(&mut until_cut) => {}
        _ = said => {}
        _ = answered => {}
    }
}

/// Returns when the connection is to be closed.
async fn cut(way: &mut watch::Receiver<Way>) {
    if way.wait_for(|way| *way == Way::Cut).await.is_err() {
        pending::<()>().await;
    }
}

/// Carries what is said in one direction, and drops it if the way is this one or dead.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    dropping: Way,
    seen: Arc<Seen>,
) -> io::Result<()> {
    let (mut buffer, mut gone) = (vec![0; 16 * 1024], 0_u64);
    loop {
        let bytes = from.read(&mut buffer).await?;
        if bytes == 0 {
            return Ok(());
        }
        let now = *way.borrow();
        if now == Way::Cut {
            // The connection ends in a moment, and until then nothing gets through that did not before.
            return Ok(());
        }
        if let (Way::Held(upto), Way::Dead) = (now, dropping) {
            let free = usize::try_from(upto - gone.min(upto)).unwrap().min(bytes);
            to.write_all(&buffer[..free]).await?;
            gone += free as u64;
            if free == bytes {
                continue;
            }
            seen.held_bytes.fetch_add((bytes - free) as u64, SeqCst);
            let Ok(now) = way.wait_for(|way| !matches!(way, Way::Held(_))).await.map(|way| *way)
            else {
                return Ok(());
            };
            if now == Way::Open {
                to.write_all(&buffer[free..bytes]).await?;
            }
            gone = 0;
            continue;
        }
        if now == dropping || now == Way::Dead {
            seen.dropped_bytes.fetch_add(bytes as u64, SeqCst);
        } else {
            to.write_all(&buffer[..bytes]).await?;
        }
    }
}

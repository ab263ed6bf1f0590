//! Between the driver and the server: a proxy that can lose a statement, or the reply to it, and then stay away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use freehold::backend::postgres::sqlx::PgPool;
use freehold::backend::postgres::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::url;

/// What happens to the next statement that is executed, on whatever connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Nothing = 0,
    /// The connection is lost before the server hears of it.
    Statement = 1,
    /// The connection is lost when the server has replied, before the client hears of it.
    Reply = 2,
    /// As `Statement`, but it waits for the `COMMIT` of a transaction of several statements.
    Commit = 3,
    /// The reply to such a `COMMIT` is lost.
    CommitReply = 4,
}

/// What is done about a statement.
enum Deed {
    Carry,
    LoseIt,
    LoseItsReply,
}

/// The first byte of a message that binds arguments to a prepared statement; its execution follows in the same
/// write of the driver.
const BIND: u8 = b'B';
/// The first byte of a message that is a statement as it stands, which follows the length of the message.
const QUERY: u8 = b'Q';
const QUERY_TEXT_AT: usize = 5;

#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The cut that is to come.
    next: AtomicU8,
    /// Whether nothing gets through any more once it has come.
    ends_all: AtomicBool,
    is_away: AtomicBool,
}

impl State {
    /// What is done about what the client has sent.
    fn deed(&self, asked: &[u8]) -> Deed {
        let is_commit = asked.first() == Some(&QUERY)
            && asked.get(QUERY_TEXT_AT..).is_some_and(|text| text.starts_with(b"COMMIT"));
        let (cuts, deeds) = match asked.first() {
            Some(&BIND) => ([Cut::Statement, Cut::Reply], [Deed::LoseIt, Deed::LoseItsReply]),
            _ if is_commit => ([Cut::Commit, Cut::CommitReply], [Deed::LoseIt, Deed::LoseItsReply]),
            _ => return Deed::Carry,
        };
        for (cut, deed) in cuts.into_iter().zip(deeds) {
            let (from, to) = (cut as u8, Cut::Nothing as u8);
            let order = Ordering::SeqCst;
            if self.next.compare_exchange(from, to, order, order).is_ok() {
                self.is_away.store(self.ends_all.load(order), order);
                return deed;
            }
        }
        Deed::Carry
    }
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if !state.is_away.load(Ordering::SeqCst) {
                    tokio::spawn(carry(client, Arc::clone(&state)));
                }
            }
        });
        proxy
    }

    pub(crate) fn cut(&self, cut: Cut) {
        self.state.next.store(cut as u8, Ordering::SeqCst);
    }

    /// The same, and from the cut on nothing gets through until it [comes back](Self::come_back).
    pub(crate) fn cut_and_stay_away(&self, cut: Cut) {
        self.state.ends_all.store(true, Ordering::SeqCst);
        self.cut(cut);
    }

    pub(crate) fn come_back(&self) {
        self.state.ends_all.store(false, Ordering::SeqCst);
        self.state.is_away.store(false, Ordering::SeqCst);
    }

    /// Whether the last cut is still to come.
    pub(crate) fn is_armed(&self) -> bool {
        self.state.next.load(Ordering::SeqCst) != Cut::Nothing as u8
    }

    pub(crate) async fn pool(&self) -> PgPool {
        let options = url().parse::<PgConnectOptions>().unwrap();
        let options = options.host("127.0.0.1").port(self.address.port());
        PgPoolOptions::new().max_connections(3).connect_with(options).await.unwrap()
    }
}

/// Carries bytes both ways until one side ends, or the cut comes.
async fn carry(mut client: TcpStream, state: Arc<State>) {
    let options = url().parse::<PgConnectOptions>().unwrap();
    let server = (options.get_host().to_owned(), options.get_port());
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut loses_reply = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                if state.is_away.load(Ordering::SeqCst) {
                    return;
                }
                match state.deed(&asked[..n]) {
                    Deed::Carry => {}
                    Deed::LoseIt => return,
                    Deed::LoseItsReply => loses_reply = true,
                }
                if server.write_all(&asked[..n]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(n @ 1..) = read else { return };
                if loses_reply || client.write_all(&answered[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}

//! Between the driver and the server: a proxy that can lose a statement, or the reply to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

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
}

/// The first byte of a message that binds arguments to a prepared statement; its execution follows in the same
/// write of the driver.
const BIND: u8 = b'B';

#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    next: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy =
            Self { address: listener.local_addr().unwrap(), next: Arc::new(AtomicU8::new(0)) };
        let next = Arc::clone(&proxy.next);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, Arc::clone(&next)));
            }
        });
        proxy
    }

    pub(crate) fn cut(&self, cut: Cut) {
        self.next.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether the last cut is still to come.
    pub(crate) fn is_armed(&self) -> bool {
        self.next.load(Ordering::SeqCst) != Cut::Nothing as u8
    }

    pub(crate) async fn pool(&self) -> PgPool {
        let options = url().parse::<PgConnectOptions>().unwrap();
        let options = options.host("127.0.0.1").port(self.address.port());
        PgPoolOptions::new().max_connections(3).connect_with(options).await.unwrap()
    }
}

/// Carries bytes both ways until one side ends, or the cut comes.
async fn carry(mut client: TcpStream, next: Arc<AtomicU8>) {
    let options = url().parse::<PgConnectOptions>().unwrap();
    let server = (options.get_host().to_owned(), options.get_port());
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut loses_reply = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                if asked[0] == BIND {
                    match next.swap(Cut::Nothing as u8, Ordering::SeqCst) {
                        1 => return,
                        2 => loses_reply = true,
                        _ => {}
                    }
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

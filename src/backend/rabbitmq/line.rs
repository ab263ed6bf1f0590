//! A connection, made once.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, TLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, runtime};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::error::{LineError, NoTls};
use super::settings::RabbitSettings;

/// What is behind these locks is whole between any two statements.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection with one channel. With its last handle it is closed: in good order if the server answers, and at once if not.
pub(super) struct Line {
    channel: Channel,
    patience: Duration,
    /// There until it is dropped.
    ends: Option<(Connection, Cable)>,
}

impl Line {
    /// Connects, within `patience`.
    pub(super) async fn open(
        settings: &RabbitSettings,
        patience: Duration,
    ) -> Result<Self, LineError> {
        let cable = Cable::default();
        let opening = async {
            let connection = connect(settings, &cable, patience).await?;
            let channel = connection.create_channel().await?;
            Ok((connection, channel))
        };
        let (connection, channel) = in_time(patience, opening).await?;
        Ok(Self { channel, patience, ends: Some((connection, cable)) })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Another channel over the same connection.
    pub(super) async fn another_channel(&self) -> Result<Channel, LineError> {
        let (connection, _) = self.ends.as_ref().ok_or(LineError::Ended)?;
        in_time(self.patience, async { Ok(connection.create_channel().await?) }).await
    }

    /// Whether, as far as anybody knows, the server hears what is said over the channel.
    pub(super) fn is_up(&self) -> bool {
        self.channel.status().connected()
            && self.ends.as_ref().is_some_and(|(connection, _)| connection.status().connected())
    }

    /// Whether the server reads nothing for the time being, and has said so.
    pub(super) fn is_blocked(&self) -> bool {
        self.ends.as_ref().is_some_and(|(connection, _)| connection.status().blocked())
    }

    /// The longest frame that goes through, in bytes.
    pub(super) fn frame_bytes_max(&self) -> usize {
        let frame_max =
            self.ends.as_ref().map(|(connection, _)| connection.configuration().frame_max());
        // The protocol has 0 for none.
        frame_max
            .filter(|max| *max > 0)
            .map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Some((connection, cable)) = self.ends.take() else { return };
        // Without a runtime nobody can wait for an answer: the cable is cut where it is dropped.
        if let (true, Ok(runtime)) = (connection.status().connected(), Handle::try_current()) {
            let patience = self.patience;
            runtime.spawn(async move {
                drop(timeout(patience, connection.close(200, "".into())).await);
                drop(cable);
            });
        }
    }
}

/// What `work` leads to, if it does so within `patience`.
pub(super) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, LineError>>,
) -> Result<T, LineError> {
    timeout(patience, work).await.unwrap_or(Err(LineError::NoAnswer))
}

/// The client has a thread for each connection, which waits for the server as long as the socket is open, also before both have
/// agreed how long to wait. Hence this end of the socket, to cut it: with the last of its handles, or before.
#[derive(Default)]
struct Cable(Arc<Mutex<Plug>>);

#[derive(Default)]
enum Plug {
    #[default]
    Free,
    In(TcpStream),
    Cut,
}

impl Cable {
    fn cut(&self) {
        if let Plug::In(socket) = std::mem::replace(&mut *locked(&self.0), Plug::Cut) {
            // It may be closed already.
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Plug {
    /// Whether it is still wanted.
    fn plug_in(&mut self, socket: Option<TcpStream>) -> bool {
        if matches!(self, Self::Cut) {
            return false;
        }
        if let Some(socket) = socket {
            *self = Self::In(socket);
        }
        true
    }
}

#[cfg(unix)]
fn end_of(socket: &tokio::net::TcpStream) -> Option<TcpStream> {
    use std::os::fd::AsFd;
    socket.as_fd().try_clone_to_owned().map(TcpStream::from).ok()
}

/// Elsewhere the client's thread stays until the operating system has given the connection up.
#[cfg(not(unix))]
fn end_of(_: &tokio::net::TcpStream) -> Option<TcpStream> {
    None
}

async fn connect(
    settings: &RabbitSettings,
    cable: &Cable,
    patience: Duration,
) -> Result<Connection, LineError> {
    let RabbitSettings { address, properties, tls } = settings.clone();
    let (plug, runtime) = (Arc::clone(&cable.0), runtime::default_runtime()?);
    let reactor = runtime.clone();
    let connecting = async move |address: AMQPUri, _| {
        // The client's thread would wait for as long as the operating system does.
        let socket = timeout(patience, async {
            let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..address.clone() };
            let socket = plain.connect_with_config_async(TLSConfig::default(), &reactor).await?;
            let end = if let AsyncTcpStream::Plain(socket) = &socket {
                end_of(socket.get_ref())
            } else {
                None
            };
            if !locked(&plug).plug_in(end) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if address.scheme == AMQPScheme::AMQP {
                return Ok(socket);
            }
            match socket.into_tls(&address.authority.host, tls.as_ref()).await? {
                // Without TLS of its own the client would go on in the open.
                AsyncTcpStream::Plain(_) => Err(io::Error::other(NoTls)),
                socket => Ok(socket),
            }
        });
        let socket = socket.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        socket.map_err(lapin::Error::from)
    };
    Ok(Connection::connector(address, runtime, connecting, properties).await?)
}

//! How the server is reached.

use std::fmt;

use lapin::ConnectionProperties;
use lapin::auth::AuthProvider;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;

/// How the server is reached, each time that a connection is made: its address with the user's name and password, TLS, and what
/// the connections are called there.
///
/// What it holds is never shown: its `Debug` names the host and the virtual host only.
///
/// ```
/// use freehold::backend::rabbitmq::{RabbitSettings, lapin::uri::AMQPUri};
///
/// let address: AMQPUri = "amqp://shop:secret@localhost/%2f?heartbeat=10".parse()?;
/// let settings = RabbitSettings::new(address).named("shop, relay");
/// assert!(!format!("{settings:?}").contains("secret"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone)]
pub struct RabbitSettings {
    pub(super) address: AMQPUri,
    pub(super) properties: ConnectionProperties,
    pub(super) tls: OwnedTLSConfig,
}

impl RabbitSettings {
    /// The server at `address`. With `amqps`, a dependency of yours on `lapin` must switch on its TLS.
    #[must_use]
    pub fn new(address: AMQPUri) -> Self {
        let (properties, tls) = (ConnectionProperties::default(), OwnedTLSConfig::default());
        Self { address, properties, tls }
    }

    /// The same, with connections that the server shows under this name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.properties = self.properties.with_connection_name(name.into());
        self
    }

    /// The same, with certificates of your own.
    #[must_use]
    pub fn with_tls(mut self, tls: OwnedTLSConfig) -> Self {
        self.tls = tls;
        self
    }

    /// The same, but who connects is known by this instead of by name and password, as by a token that is fetched each time.
    #[must_use]
    pub fn with_auth(mut self, provider: impl AuthProvider) -> Self {
        self.properties = self.properties.with_auth_provider(provider);
        self
    }
}

impl From<AMQPUri> for RabbitSettings {
    fn from(address: AMQPUri) -> Self {
        Self::new(address)
    }
}

impl fmt::Debug for RabbitSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { authority, vhost, .. } = &self.address;
        f.debug_struct("RabbitSettings")
            .field("host", &authority.host)
            .field("port", &authority.port)
            .field("vhost", vhost)
            .finish_non_exhaustive()
    }
}

//! What the command line says of a server.

use std::fmt;

use freehold::backend::postgres::sqlx::postgres::PgConnectOptions;

use super::super::problem::Problem;

/// The longest name of a shop, in bytes. With the longest name of a service it is a name that PostgreSQL keeps whole.
const NAME_BYTES_MAX: usize = 40;

/// The URL of a server, as it was given. It may hold a password, and so it is never shown.
#[derive(Clone)]
pub struct Address(String);

impl Address {
    /// How to connect as the administrator.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it is no URL of a PostgreSQL server. It does not repeat what was given.
    pub fn options(&self) -> Result<PgConnectOptions, Problem> {
        let scheme = self.0.split_once("://").map(|(scheme, _)| scheme);
        let malformed = || {
            let text = "--store: expected a URL as postgres://USER@HOST:PORT/DATABASE; a sign that means \
                        something in a URL is written as %XX in a name or a password";
            Problem::Usage(text.to_owned())
        };
        match scheme {
            Some("postgres" | "postgresql") => self.0.parse().map_err(|_| malformed()),
            _ => Err(malformed()),
        }
    }
}

impl From<String> for Address {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

/// The name of a shop on a server: what the names of its databases and roles begin with. It needs no quotes in SQL.
#[derive(Clone, Debug)]
pub struct ShopName(String);

impl ShopName {
    /// A name of a shop: 1 to 40 of `a`–`z`, `0`–`9` and `_`, not beginning with a digit or `pg_`. `None` if it has
    /// another form.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        let is_name = begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(fits);
        // PostgreSQL keeps such names of roles to itself.
        (is_name && !name.starts_with("pg_")).then(|| Self(name.to_owned()))
    }

    /// The name of the role of a service, and of its database.
    #[must_use]
    pub fn of_service(&self, service: &str) -> String {
        format!("{}_{service}", self.0)
    }
}

impl fmt::Display for ShopName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

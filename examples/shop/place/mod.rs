//! Where the databases are: a folder or a PostgreSQL server, for one process at a time.
//!
//! In reading order: [`Place`] is either; [`Folder`](folder::Folder) has a SQLite file for each service and a file to
//! lock; [`Server`](server::Server) has a database and a role for each service, which an `account` makes, and a lock
//! of the server's; `address` is what the command line says of a server.

mod account;
mod address;
mod either;
mod folder;
mod server;

pub use address::{Address, ShopName};
pub use either::{Databases, Place};

//! The published language: all that the services, and those who call them, have in common. Values only.
//!
//! In reading order: [`Money`] is exact; [`Units`] count goods; [`InvoiceNo`], [`StockCode`] and [`Customer`]
//! name things; a [`Line`] is some units of a code at a price; a [`Command`] is what a [`Clerk`] asks of
//! a service, with an id that makes its repetition harmless; a [`Database`] is where a service keeps its
//! events, and a [`Feed`] reads them back; a [`Failure`] says what went wrong where.

mod command;
mod database;
mod failure;
mod feed;
mod line;
mod money;
mod names;

pub use command::{Clerk, Command, Step};
pub use database::{Database, Handle};
pub use failure::{Cause, Failure};
pub use feed::Feed;
pub use line::{Line, Units, total, units_by_code};
pub use money::Money;
pub use names::{Customer, InvoiceNo, NAME_BYTES_MAX, StockCode};

//! The published language: all that the services, and those who call them, have in common. Values only.
//!
//! In reading order: [`Money`] is exact; [`Units`] count goods; [`InvoiceNo`], [`StockCode`] and [`Customer`]
//! name things, and a [`Profile`] names a customer; a [`Line`] is some units of a code at a price, and an [`Article`] what
//! lines say of one code; a [`Command`] is what a [`Clerk`] asks of
//! a service, with an id that makes its repetition harmless, and beside it some are given the key of a saga's step; a [`Database`] is where a service keeps its
//! events, a [`Feed`] reads them back, and others follow what is [`Published`]; a [`Failure`] says what went wrong where.
//!
//! Without a driver the services talk by `messages`: a [`Station`] hears them from a [`Broker`] and sends the [`answer`].

mod answer;
mod broker;
mod command;
mod database;
mod failure;
mod feed;
mod forget;
mod line;
mod messages;
mod money;
mod names;
mod published;
mod station;

pub use answer::{answer, heard, said};
pub use broker::{Broker, BrokerAddress};
pub use command::{Clerk, Command, Step};
pub use database::{Database, Handle, RowHandle, ServiceStore};
pub use failure::{Cause, Failure};
pub use feed::{Feed, Trail};
pub use forget::forget;
pub use line::{Article, Line, Units, articles, total, units_by_code};
pub use messages::{
    Asked, InventorySays, NotificationSays, OrderSays, PaymentSays, ProductsSays, UsersSays,
    WhyCancelled,
};
pub use money::Money;
pub use names::{Customer, InvoiceNo, NAME_BYTES_MAX, Profile, StockCode, key_of};
pub use published::Published;
pub use station::{Hears, Station, source};

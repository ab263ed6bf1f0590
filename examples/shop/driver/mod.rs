//! The driver: leads each invoice through the services, one step after the other.
//!
//! Every step is one durable commit in one service, by a command whose id derives from the invoice and the
//! step: taken twice, it happens once. The first step of an invoice is its record in the Order service, the
//! last one closes that record; what lies between can be taken again from the record alone. So after a crash
//! the driver finishes what is open ([`Driver::finish`]) and then goes on with what is new
//! ([`Driver::settle`]). `docs/shop.md` goes through every crash point.
//!
//! In reading order: `flow`, the steps; `terms`, what must not change between two runs.

mod flow;
mod terms;

pub use flow::{Driver, Services};

//! Files in, invoices out. Nothing leaves this module before every file was found good.
//!
//! Two passes. The first, [`Plan::read`], checks every row of every file and notes, for each invoice, where
//! its rows stand and a fingerprint of them. The second, [`Invoices`], goes through the invoices in the order
//! of their first appearance and reads the rows of one at a time, from where they stand.
//!
//! So the memory that is needed is a note of some hundred bytes for each invoice (and for each time an
//! invoice goes on after another one), and the rows of one invoice; the files themselves may be of any size,
//! and an invoice may go on at the other end of the last file. What cannot be read twice, such as a pipe, is
//! first copied to a temporary file.
//!
//! In reading order: [`BadInput`] says where and what; `records` cuts bytes into rows and fields by RFC 4180;
//! `row` makes values of them; `source` opens files; `plan` is the first pass and `invoices` the second.

mod bad_input;
mod invoices;
mod plan;
mod records;
mod row;
mod source;

pub use bad_input::BadInput;
pub use invoices::{Content, Invoice, Invoices};
pub use plan::{Bounds, Plan};

//! The Order service: what becomes of an invoice. Its database is its own, and nobody else reads it.
//!
//! An order is Pending, then Confirmed and Shipped, or Cancelled with a reason. An invoice that makes no sense
//! is kept with the reason, and a return from its announcement to its end: every invoice that was replayed is
//! one stream here, with a fingerprint of its rows.
//!
//! In reading order: `events`, what can happen, and `older`, how earlier programs wrote it; `aggregate`, what may happen when; `service`, the face that
//! others see; `process`, what it remembers of an invoice that nobody directs, and `reactions`, what it does when it hears others; `queries`, what is read back;
//! `archive`, what becomes of what is done.

pub mod aggregate;
pub mod archive;
pub mod events;
pub mod older;
pub mod process;
pub mod queries;
pub mod reactions;
pub mod service;

// All that comes in from outside: the published language.
use super::contracts;

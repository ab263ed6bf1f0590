//! The Inventory service: goods. Its database is its own, and nobody else reads it.
//!
//! Every stock code is a stream. An order reserves all its codes in one commit, or none; what is reserved is
//! then taken, or released. What an invoice was answered is a stream too, written in the same commit: asked
//! again, the service gives the same answer, whatever the stock is by then.
//!
//! In reading order: `events`, what can happen; `aggregate`, what may happen when; `service`, the face that
//! others see; `reactions`, what it does when it hears others; `queries`, what is read back.

pub mod aggregate;
pub mod events;
pub mod queries;
pub mod reactions;
pub mod service;

// All that comes in from outside: the published language.
use super::contracts;

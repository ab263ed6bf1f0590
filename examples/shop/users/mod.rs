//! The Users service: who the customers are. Its database is its own, and nobody else reads it.
//!
//! Every customer with a number is a stream. A customer is registered when an invoice of theirs is first met, and may
//! take another name later.
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

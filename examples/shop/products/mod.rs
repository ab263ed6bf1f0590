//! The Products service: the catalogue. Its database is its own, and nobody else reads it.
//!
//! Every stock code is a stream: its first description that is not empty, and its latest price. What an invoice says of
//! its codes is one commit, of those of which it says something new.
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

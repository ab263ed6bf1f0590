//! The Notification service: tells customers that their order is confirmed. Its database is its own, and nobody else reads it.
//!
//! A saga asks it for a letter, or it hears of an order that is confirmed. A letter is a file in a mailbox, which no commit can hold;
//! so the letter is there first, under a name that follows from what asks for it, and then what is written down of it.
//!
//! In reading order: `events`, what can happen; `aggregate`, what may happen when; `mailbox`, where the letters are; `service`, the
//! face that others see; `reactions`, what it does when it hears others; `queries`, what is read back.

pub mod aggregate;
pub mod events;
pub mod mailbox;
pub mod queries;
pub mod reactions;
pub mod service;

// All that comes in from outside: the published language.
use super::contracts;

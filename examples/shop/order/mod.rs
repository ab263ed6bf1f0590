//! The Order service: what becomes of an invoice. Its database is `order.db`, and nobody else reads it.
//!
//! An order is Pending, then Confirmed and Shipped, or Cancelled with a reason. An invoice that makes no sense
//! is kept with the reason, and a return from its announcement to its end: every invoice that was replayed is
//! one stream here, with a fingerprint of its rows.
//!
//! In reading order: `events`, what can happen; `aggregate`, what may happen when; `service`, the face that
//! others see; `queries`, what is read back.

mod aggregate;
mod events;
mod queries;
mod service;

// All that comes in from outside: the published language.
use super::contracts;

pub use aggregate::{Order, Refusal, Status};
pub use events::{CancelReason, Intake, OrderEvent};
pub use queries::{Figures, Known, Open, OpenKind};
pub use service::{OrderOwner, OrderService, OrderStore};

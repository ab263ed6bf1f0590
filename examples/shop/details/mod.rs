//! A query that spans services: an order with its customer and its products.
//!
//! In reading order: `answer`, what comes out; `query`, the composition; `services` and `views`, the two that can be asked for its
//! parts; `down`, services that do not answer, on purpose.

mod answer;
mod down;
mod query;
mod services;
mod views;

pub use answer::{Answer, text};
pub use down::Down;
pub use query::{OrderDetails, Whom};

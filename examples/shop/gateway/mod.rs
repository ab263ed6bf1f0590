//! The gateway: the shop over HTTP, for who is not a service.
//!
//! In reading order: `order`, what somebody orders; `routes`, what is answered.

mod order;
mod routes;

pub use routes::serve;

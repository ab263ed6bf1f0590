//! The read side: views over the services' events, in a database of the gateway's own.
//!
//! Nobody decides on a view. Each is a fold of what the services publish, and can be thrown away and built anew.
//!
//! In reading order: the projections, `order_summary`, `order_details`, `order_history`, `revenue`, `stock` and `product_search`; `status`, a word that some
//! of them use; `gateway`, which keeps them up and hands them out, and `upheld`, what it keeps up; `pages` and `totals`, which read all of a view; `lags`, `rebuild`,
//! `report` and `found`, what people see.

pub mod found;
pub mod gateway;
pub mod lags;
pub mod order_details;
pub mod order_history;
pub mod order_summary;
pub mod pages;
pub mod product_search;
pub mod rebuild;
pub mod report;
pub mod revenue;
pub mod status;
pub mod stock;
pub mod totals;
pub mod upheld;

// All that comes in from outside: the published language, and what the services publish.
use super::contracts;
use super::inventory::events as inventory;
use super::order::events as order;
use super::products::events as products;
use super::users::events as users;

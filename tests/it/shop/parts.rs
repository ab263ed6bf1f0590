//! The program's own modules, compiled into the tests.

#![allow(
    dead_code,
    unreachable_pub,
    unnameable_types,
    unused_imports,
    reason = "a test uses a part of the program"
)]

#[path = "../../../examples/shop/contracts/mod.rs"]
pub(super) mod contracts;
#[path = "../../../examples/shop/choreography/flow.rs"]
pub(super) mod flow;
#[path = "../../../examples/shop/inventory/mod.rs"]
pub(super) mod inventory;
#[path = "../../../examples/shop/notification/mod.rs"]
pub(super) mod notification;
#[path = "../../../examples/shop/order/mod.rs"]
pub(super) mod order;
#[path = "../../../examples/shop/payment/mod.rs"]
pub(super) mod payment;
#[path = "../../../examples/shop/products/mod.rs"]
pub(super) mod products;
#[path = "../../../examples/shop/reads/mod.rs"]
pub(super) mod reads;
#[path = "../../../examples/shop/users/mod.rs"]
pub(super) mod users;

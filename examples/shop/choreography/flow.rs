//! The two flows as they are meant: who reacts to what with what. They run nothing; tests hold the services against them.

use freehold::process::{Flow, Hop};

/// What becomes of an order.
pub fn orders() -> Flow {
    Flow::beginning_with("shop.order.placed.v1")
        .hop(
            Hop::of("inventory")
                .on("shop.order.placed.v1")
                .effect("shop.stock.reserved.v1")
                .fails("shop.stock.refused.v1"),
        )
        .hop(
            Hop::of("payment")
                .on("shop.stock.reserved.v1")
                .effect("shop.payment.processed.v1")
                .fails("shop.payment.failed.v1"),
        )
        .hop(
            Hop::of("inventory")
                .on("shop.payment.failed.v1")
                .gives("shop.stock.released.v1")
                .releasing("shop.stock.reserved.v1"),
        )
        .hop(Hop::of("order").on("shop.payment.processed.v1").gives("shop.order.confirmed.v1"))
        .hop(
            Hop::of("order")
                .on("shop.stock.refused.v1")
                .on("shop.stock.released.v1")
                .gives("shop.order.cancelled.v1"),
        )
        .hop(Hop::of("inventory").on("shop.order.confirmed.v1").gives("shop.stock.taken.v1"))
        .hop(
            Hop::of("notification")
                .on("shop.order.confirmed.v1")
                .gives("shop.confirmation.mailed.v1"),
        )
        .hop(Hop::of("users").on("shop.order.placed.v1").gives("shop.customer.known.v1"))
        .hop(Hop::of("products").on("shop.order.placed.v1").gives("shop.products.listed.v1"))
        .ending_with([
            "shop.order.cancelled.v1",
            "shop.stock.taken.v1",
            "shop.confirmation.mailed.v1",
            "shop.customer.known.v1",
            "shop.products.listed.v1",
        ])
}

/// What becomes of a return. It is never refused.
pub fn returns() -> Flow {
    Flow::beginning_with("shop.return.announced.v1")
        .hop(Hop::of("payment").on("shop.return.announced.v1").gives("shop.payment.refunded.v1"))
        .hop(Hop::of("order").on("shop.payment.refunded.v1").gives("shop.return.paid.v1"))
        .hop(Hop::of("inventory").on("shop.return.paid.v1").gives("shop.stock.restocked.v1"))
        .hop(Hop::of("order").on("shop.stock.restocked.v1").gives("shop.return.completed.v1"))
        .hop(Hop::of("users").on("shop.return.announced.v1").gives("shop.customer.known.v1"))
        .hop(Hop::of("products").on("shop.return.announced.v1").gives("shop.products.listed.v1"))
        .ending_with([
            "shop.return.completed.v1",
            "shop.customer.known.v1",
            "shop.products.listed.v1",
        ])
}

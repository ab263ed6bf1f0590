//! Flows as they are meant, and what is wrong with them.

use freehold::process::{Flow, Hop, Lint};

use super::fixture::{hear_all, noted, orders, paid, placed, shipped};
use super::places::everywhere;

/// The flow of the process in `fixture`.
fn meant() -> Flow {
    Flow::beginning_with("t.placed.v1")
        .hop(Hop::of("order").on("t.placed.v1").gives("t.pay.v1"))
        .hop(Hop::of("payment").on("t.pay.v1").effect("t.paid.v1"))
        .hop(Hop::of("order").on("t.paid.v1").gives("t.ship.v1"))
        .hop(Hop::of("shipping").on("t.ship.v1").gives("t.shipped.v1"))
        .hop(Hop::of("order").on("t.shipped.v1").gives("t.confirmed.v1"))
        .ending_with(["t.confirmed.v1"])
}

fn lints(flow: &Flow) -> Vec<String> {
    flow.lints().iter().map(ToString::to_string).collect()
}

#[test]
fn a_flow_in_which_all_is_well_has_no_lints() {
    assert_eq!(lints(&meant()), [""; 0]);
}

#[test]
fn an_effect_that_nothing_releases_after_a_failure_is_named() {
    let flow = |releases: Hop| {
        Flow::beginning_with("a")
            .hop(Hop::of("one").on("a").effect("taken"))
            .hop(Hop::of("two").on("taken").gives("b").fails("failed"))
            .hop(releases)
            .ending_with(["b", "c"])
    };
    assert!(lints(&flow(Hop::of("one").on("failed").gives("c").releasing("taken"))).is_empty());
    let forgets = flow(Hop::of("one").on("failed").gives("c"));
    assert_eq!(
        lints(&forgets),
        ["`failed` may follow `taken`, and nothing after it releases that"]
    );
    // It is released before, which does not help.
    let elsewhere = flow(Hop::of("one").on("failed").gives("c"))
        .hop(Hop::of("one").on("b").gives("c").releasing("taken"));
    assert_eq!(lints(&elsewhere).len(), 1);
}

#[test]
fn what_fails_behind_a_release_need_not_release_again() {
    let flow = Flow::beginning_with("a")
        .hop(Hop::of("one").on("a").effect("taken"))
        .hop(Hop::of("two").on("taken").fails("failed"))
        .hop(Hop::of("one").on("failed").gives("released").releasing("taken"))
        .hop(Hop::of("three").on("released").fails("unheard"))
        .ending_with(["unheard"]);
    assert_eq!(lints(&flow), [""; 0]);
}

#[test]
fn events_that_nobody_hears_or_gives_or_comes_to_are_named() {
    let flow = meant().hop(Hop::of("order").on("never").gives("unheard"));
    assert_eq!(
        lints(&flow),
        [
            "nobody reacts to `unheard`, and it is no end",
            "the flow never comes to `unheard`",
            "nobody gives `never`",
        ]
    );
    let endless = meant().ending_with(["another.end"]);
    assert_eq!(endless.lints(), [Lint::Ungiven("another.end".into())]);
}

#[test]
fn a_cycle_needs_a_timer() {
    let cycle = |hop: Hop| {
        Flow::beginning_with("a")
            .hop(Hop::of("one").on("a").on("again").gives("asked"))
            .hop(Hop::of("two").on("asked").gives("done").fails("refused"))
            .hop(hop)
            .ending_with(["done"])
    };
    let hasty = cycle(Hop::of("one").on("refused").gives("again"));
    assert_eq!(
        lints(&hasty),
        ["the flow may go round without waiting: asked → refused → again → asked"]
    );
    assert!(lints(&cycle(Hop::of("one").on("refused").gives("again").after_a_timer())).is_empty());
}

#[test]
fn a_flow_is_drawn_as_it_was_declared() {
    let flow = Flow::beginning_with("a")
        .hop(Hop::of("one").on("a").effect("taken").fails("refused"))
        .hop(Hop::of("two").on("refused").gives("b").releasing("taken").after_a_timer())
        .ending_with(["taken", "b"]);
    let drawn = "flowchart LR
    start([start])
    h0[\"one\"]
    h1[\"two<br>releases taken\"]
    e0([taken])
    e1([b])
    start -->|a| h0
    h0 --> e0
    h0 -.->|refused ⏲| h1
    h1 --> e1
";
    assert_eq!(flow.mermaid(), drawn);
}

#[tokio::test]
async fn what_has_happened_is_held_against_the_flow() {
    everywhere(async |store| {
        let orders = orders(&store);
        let timeline = async |order| orders.find(order).await.unwrap().unwrap();
        hear_all(&orders, &store, &[placed("1")]).await;
        assert_eq!(meant().waits_for(&timeline("1").await), ["t.paid.v1"]);
        hear_all(&orders, &store, &[paid("1")]).await;
        assert_eq!(meant().waits_for(&timeline("1").await), ["t.shipped.v1"]);
        hear_all(&orders, &store, &[shipped("1")]).await;
        let over = timeline("1").await;
        assert!(meant().waits_for(&over).is_empty());
        assert!(meant().deviations(&over).is_empty());

        hear_all(&orders, &store, &[placed("2"), shipped("2")]).await;
        hear_all(&orders, &store, &[placed("3"), noted("3", "a")]).await;
        assert_eq!(
            meant().deviations(&timeline("2").await),
            ["`t.shipped.v1` came before anything that leads to it"]
        );
        assert_eq!(
            meant().deviations(&timeline("3").await),
            ["`t.noted.v1` is not part of the flow"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_timeline_is_the_tree_of_what_has_caused_what() {
    everywhere(async |store| {
        let orders = orders(&store);
        hear_all(&orders, &store, &[placed("1")]).await;
        // Payment answers what it was sent.
        let asked = super::fixture::outbox(&store).await[0].id();
        let metadata = freehold::Metadata::new().with_causation(asked.as_uuid());
        let answer = super::fixture::envelope(&paid("1")).with_metadata(metadata);
        super::fixture::hear(&orders, &store, answer).await;
        hear_all(&orders, &store, &[noted("1", "bad")]).await;
        let told = orders.find("1").await.unwrap().unwrap().to_string();
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines[0], "order/1");
        assert!(lines[1].starts_with("  +0 ms  t.placed.v1 from /elsewhere → t.pay.v1 ⏲ Late at "));
        assert!(lines[2].starts_with("    +") && lines[2].contains("t.paid.v1 from /elsewhere"));
        assert!(lines[3].starts_with("  +") && lines[3].ends_with("t.noted.v1 is parked: bad"));
    })
    .await;
}

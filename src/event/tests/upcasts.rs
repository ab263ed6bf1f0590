//! V5 in full: chains of steps, what is wrong with some, and what they cost.

use std::sync::LazyLock;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::LOOKUPS;
use super::samples::{Any, id, recorded};
use crate::event::{
    Event, EventError, Misfit, UpcastFlaw, Upcasts, UpcastsBuilder, decode, decode_all, encode,
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Order {
    Placed {
        cents: i64,
        currency: String,
    },
    Paid(i64),
    #[serde(alias = "Sent")]
    Shipped,
    #[serde(other)]
    Other,
}

#[derive(Serialize, Deserialize)]
struct PlacedV1 {
    euros: i64,
}

#[derive(Serialize, Deserialize)]
struct PlacedV2 {
    cents: i64,
}

/// What earlier programs wrote, and no one of them writes `Unreadable` as it reads it.
#[derive(Serialize, Deserialize)]
enum Earlier {
    #[serde(rename = "Placed.v1")]
    Placed(PlacedV1),
    #[serde(rename = "Viewed")]
    Viewed,
    Paid(i64),
    #[serde(rename(serialize = "Unreadable", deserialize = "Shipped"))]
    Unreadable,
}

fn steps() -> UpcastsBuilder<Order> {
    Upcasts::builder()
        // In no order: the last of the chain stands first.
        .replace("Placed.v2", |old: PlacedV2| {
            Ok(Order::Placed { cents: old.cents, currency: "EUR".into() })
        })
        .reshape("Placed.v1", "Placed.v2", |old: PlacedV1| {
            let cents = old.euros.checked_mul(100).ok_or("more than there is")?;
            Ok(PlacedV2 { cents })
        })
        .rename("order_placed", "Placed.v1")
        .rename("order_sent", "Sent")
        .split("Settled", |cents: i64| Ok([Order::Paid(cents), Order::Shipped]))
        .split("Bought", |cents: Vec<i64>| {
            let bought = |cents: i64| match cents {
                0 => Earlier::Viewed,
                1.. => Earlier::Placed(PlacedV1 { euros: cents / 100 }),
                _ => Earlier::Paid(-cents),
            };
            Ok(cents.into_iter().map(bought))
        })
        .drop("Viewed", "page views are no facts of an order")
        .rename("Seen", "Viewed")
        .replace("Strange", |_: IgnoredAny| Ok(Earlier::Unreadable))
}

impl Event for Order {
    const CATEGORY: &'static str = "order";

    fn upcasts() -> &'static Upcasts<Self> {
        static UPCASTS: LazyLock<Upcasts<Order>> = LazyLock::new(|| steps().build());
        &UPCASTS
    }
}

fn all(name: &str, data: &str) -> Vec<Order> {
    decode_all(&recorded(name, data)).unwrap().collect()
}

fn placed(cents: i64) -> Order {
    Order::Placed { cents, currency: "EUR".into() }
}

#[test]
fn an_event_takes_all_steps_from_wherever_it_begins() {
    assert_eq!(all("order_placed", r#"{"euros":7}"#), [placed(700)]);
    assert_eq!(all("Placed.v1", r#"{"euros":7}"#), [placed(700)]);
    assert_eq!(all("Placed.v2", r#"{"cents":701}"#), [placed(701)]);
    assert_eq!(all("Placed", r#"{"cents":5,"currency":"EUR"}"#), [placed(5)]);
    assert_eq!(all("order_sent", "{}"), [Order::Shipped]);
    assert_eq!(all("Invented.tomorrow", "{}"), [Order::Other]);
}

/// What an event is split into takes its own steps, in its own place.
#[test]
fn an_event_that_is_split_becomes_events_in_order_and_old_ones_among_them_go_on() {
    assert_eq!(all("Settled", "9"), [Order::Paid(9), Order::Shipped]);
    assert_eq!(all("Bought", "[0,200,-3,0,100]"), [placed(200), Order::Paid(3), placed(100)]);
    assert_eq!(all("Bought", "[]"), []);
}

#[test]
fn what_is_dropped_is_nothing_whatever_its_payload_says() {
    for name in ["Viewed", "Seen"] {
        assert_eq!(all(name, "no json"), []);
    }
}

#[test]
fn who_asks_for_one_event_gets_it_or_hears_why_there_is_not_one() {
    assert_eq!(decode::<Order>(&recorded("Bought", "[0,100]")).unwrap(), placed(100));
    for (name, data, misfit, why) in [
        ("Seen", "{}", Misfit::Dropped, "page views are no facts of an order"),
        ("Bought", "[0]", Misfit::Dropped, "a step makes nothing of it"),
        ("Settled", "9", Misfit::Several, "it is 2 events today"),
    ] {
        let error = decode::<Order>(&recorded(name, data)).unwrap_err();
        let EventError::Decode { name: said, misfit: told, source, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((said.as_str(), *told, &*source.to_string()), (name, misfit, why));
    }
}

/// The message names the event as it is in the log, and what it had become where it could not be read.
#[test]
fn an_event_that_is_stuck_on_its_way_is_told_by_both_names() {
    for (name, data, to, misfit, why) in [
        ("order_placed", "{}", Some("Placed.v1"), Misfit::Upcast, "missing field `euros`"),
        ("Placed.v1", r#"{"euros":""}"#, None, Misfit::Upcast, "invalid type"),
        ("Bought", "[200,", None, Misfit::Upcast, "EOF while parsing"),
        ("Placed.v1", r#"{"euros":9223372036854775807}"#, None, Misfit::Upcast, "more than"),
        ("order_sent", "no json", Some("Sent"), Misfit::Json, "expected"),
        // `other` would have taken it for an event that a later program writes.
        ("Strange", "{}", None, Misfit::Upcast, "the type must be an enum"),
    ] {
        let error = decode_all::<Order>(&recorded(name, data)).unwrap_err();
        let EventError::Decode { name: said, upcast_to, misfit: told, source, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((said.as_str(), *upcast_to, *told), (name, to, misfit));
        assert!(source.to_string().contains(why), "{source}");
        let named = to.map_or_else(String::new, |to| format!(", now `{to}`,"));
        let begin = format!("event `{name}`{named} at position 9, version 3 of stream `any-1`");
        assert!(error.to_string().starts_with(&begin), "{error}");
    }
}

#[test]
fn a_chain_that_cannot_work_is_told_when_it_is_built() {
    let flaw = |steps: UpcastsBuilder<Order>| steps.build().flaw().cloned();
    assert_eq!(flaw(steps()), None);
    let said = |steps| flaw(steps).unwrap().to_string();
    let gap = "leads to `Plased`, which neither today's enum nor a step reads";
    assert_eq!(said(steps().rename("A", "Plased")), format!("`A` {gap}"));
    let shaped = |()| Ok(());
    assert_eq!(said(steps().reshape("A", "Plased", shaped)), format!("`A` {gap}"));
    let earlier = |_: IgnoredAny| Ok(Earlier::Viewed);
    let partial = Upcasts::builder().drop("Viewed", "why").replace("A", earlier);
    assert_eq!(flaw(partial), Some(UpcastFlaw::Gap { from: "A", to: "Placed.v1" }));

    let around = steps().rename("A", "B").rename("B", "C").reshape("C", "B", shaped);
    assert_eq!(said(around), "steps lead around: B → C → B");
    assert_eq!(said(steps().rename("A", "A")), "steps lead around: A → A");
    let back = Upcasts::builder().drop("Viewed", "why").replace("Placed.v1", earlier);
    assert_eq!(said(back), "steps lead around: Placed.v1 → Placed.v1");

    assert_eq!(said(steps().rename("Seen", "Paid")), "two steps begin at `Seen`");
    for today in ["Paid", "Sent"] {
        let says = format!("a step begins at `{today}`, which today's enum reads itself");
        assert_eq!(said(steps().drop(today, "why")), says);
    }
    assert_eq!(said(steps().drop("A", " ")), "`A` is dropped without a reason");
    assert_eq!(said(steps().drop("", "why")), "no event can be called \"\"");
    let number = said(steps().replace("A", |n: u8| Ok(n)));
    assert!(number.starts_with("what `A` becomes is no enum"), "{number}");
}

/// Two ways that meet are none that leads around.
#[test]
fn steps_may_lead_to_one_name_from_several() {
    let met = steps().rename("A", "Seen").rename("B", "Seen").split("C", |()| Ok([Order::Other]));
    assert_eq!(met.build().flaw(), None);
}

/// Nobody has meant what a flawed chain makes of events, so nothing is read by it, and nothing is written that could not be read.
#[test]
fn a_flaw_keeps_everything_from_being_read_and_written_and_is_named() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Flawed {
        Known,
    }
    impl Event for Flawed {
        const CATEGORY: &'static str = "flawed";
        fn upcasts() -> &'static Upcasts<Self> {
            static UPCASTS: LazyLock<Upcasts<Flawed>> =
                LazyLock::new(|| Upcasts::builder().rename("Old", "Older").build());
            &UPCASTS
        }
    }
    let errors = [
        decode::<Flawed>(&recorded("Known", "{}")).unwrap_err(),
        decode_all::<Flawed>(&recorded("Old", "{}")).unwrap_err(),
        encode(&Flawed::Known, id()).unwrap_err(),
    ];
    for error in errors {
        let EventError::Upcasts { category: "flawed", flaw, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*flaw, UpcastFlaw::Gap { from: "Old", to: "Older" });
        assert!(
            error
                .to_string()
                .ends_with("`Old` leads to `Older`, which neither today's enum nor a step reads")
        );
    }
}

/// An event that needs no step costs one look-up, and one of a type without steps none.
#[test]
fn an_event_costs_one_look_up_and_one_more_for_each_step() {
    let cost = |read: &dyn Fn()| {
        let before = LOOKUPS.get();
        read();
        LOOKUPS.get() - before
    };
    for (name, data, lookups) in [
        ("Paid", "7", 1),
        ("Invented.tomorrow", "{}", 1),
        ("Viewed", "{}", 1),
        // It ends in today's enum by its type.
        ("Placed.v2", r#"{"cents":7}"#, 1),
        ("order_sent", "{}", 2),
        ("order_placed", r#"{"euros":7}"#, 3),
    ] {
        assert_eq!(cost(&|| drop(all(name, data))), lookups, "{name}");
    }
    let moved = || drop(decode::<Any>(&recorded("moved", r#"[1,"a"]"#)).unwrap());
    assert_eq!(cost(&moved), 0);
}

/// Snapshots and tests compare chains by it.
#[test]
fn the_outline_of_steps_tells_them_and_not_their_order() {
    let one = Upcasts::<Order>::builder().rename("A", "Paid").drop("B", "why").build();
    let two = Upcasts::<Order>::builder().drop("B", "why").rename("A", "Paid").build();
    assert_eq!((one.outline(), two.outline()), ("A → Paid; B → nothing (why)", one.outline()));
    assert_eq!(Upcasts::<Order>::none().outline(), "");
    let seen =
        format!("{:?}", Upcasts::<Order>::builder().split("A", |n: i64| Ok([Order::Paid(n)])));
    assert_eq!(seen, r#"["A → today's"]"#);
}

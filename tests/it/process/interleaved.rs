//! Messages in any order, doubled, one by one and at once.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::fixture::{
    Heard, Orders, Store, cancelled, envelope, hear, noted, orders, paid, placed, sent, shipped,
};
use super::places::everywhere;

const ORDERS: usize = 3;

fn seed() -> u64 {
    let seed = std::env::var("PROCESS_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("PROCESS_SEED={seed}");
    seed
}

/// What may be said of some orders, some of it twice, in an order by chance.
fn said(rng: &mut Rng, prefix: &str) -> Vec<Heard> {
    let mut all = Vec::new();
    for nth in 0..ORDERS {
        let order = format!("{prefix}{nth}");
        all.extend([placed(&order), paid(&order), shipped(&order)]);
        all.extend((0..rng.usize(..3)).map(|nth| noted(&order, &format!("n{nth}"))));
        if rng.u8(..4) == 0 {
            all.push(cancelled(&order));
        }
    }
    let doubled: Vec<_> = all.iter().filter(|_| rng.bool()).cloned().collect();
    all.extend(doubled);
    rng.shuffle(&mut all);
    all
}

/// A second and much simpler opinion on one order.
#[derive(Default)]
struct Opinion {
    known: BTreeSet<String>,
    waiting: Vec<Heard>,
    has_begun: bool,
    is_over: bool,
    is_paid: bool,
    sent: Vec<&'static str>,
}

impl Opinion {
    fn comes(&mut self, heard: &Heard) {
        let known = serde_json::to_string(heard).unwrap();
        if self.is_over || self.known.contains(&known) {
            return;
        }
        match heard {
            Heard::Placed { .. } => {
                self.known.insert(known);
                self.has_begun = true;
                self.sent.push("t.pay.v1");
                for waiting in std::mem::take(&mut self.waiting) {
                    self.goes_on(&waiting);
                }
            }
            Heard::Paid { .. } | Heard::Shipped { .. } if !self.has_begun => {
                self.known.insert(known);
                self.waiting.push(heard.clone());
            }
            _ if !self.has_begun => {}
            _ => {
                self.known.insert(known);
                self.goes_on(heard);
            }
        }
    }

    fn goes_on(&mut self, heard: &Heard) {
        match heard {
            _ if self.is_over => {}
            Heard::Paid { .. } => {
                self.is_paid = true;
                self.sent.push("t.ship.v1");
            }
            Heard::Shipped { .. } => {
                self.is_over = true;
                self.sent.push("t.confirmed.v1");
            }
            Heard::Cancelled { .. } => {
                self.is_over = true;
                self.sent.extend(self.is_paid.then_some("t.refund.v1"));
            }
            _ => {}
        }
    }
}

fn order_of(heard: &Heard) -> &str {
    match heard {
        Heard::Placed { order }
        | Heard::Imported { order }
        | Heard::Paid { order }
        | Heard::Shipped { order }
        | Heard::Noted { order, .. }
        | Heard::Cancelled { order }
        | Heard::Late { order } => order,
    }
}

/// What was sent, by instance.
async fn by_instance(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in sent(store).await {
        let (instance, kind) = line.split_once(' ').unwrap();
        all.entry(instance.to_owned()).or_default().push(kind.to_owned());
    }
    all
}

#[tokio::test]
async fn in_any_order_an_instance_does_what_a_simpler_opinion_says() {
    let seed = seed();
    everywhere(async |store| {
        let mut rng = Rng::with_seed(seed);
        let orders = orders(&store);
        let mut opinions: BTreeMap<String, Opinion> = BTreeMap::new();
        for round in 0..40 {
            for heard in said(&mut rng, &format!("{round}-")) {
                opinions.entry(order_of(&heard).to_owned()).or_default().comes(&heard);
                hear(&orders, &store, envelope(&heard)).await;
            }
        }
        let sent = by_instance(&store).await;
        let expected: BTreeMap<_, Vec<String>> = opinions
            .into_iter()
            .map(|(order, opinion)| (order, opinion.sent.iter().map(ToString::to_string).collect()))
            .collect();
        assert_eq!(sent, expected);
    })
    .await;
}

/// What an instance has sent is what it should have, after what it says that it has heard.
async fn is_consistent(orders: &Orders, sent: &BTreeMap<String, Vec<String>>) {
    for (order, sent) in sent {
        let mut opinion = Opinion::default();
        for kind in orders.find(order).await.unwrap().unwrap().heard() {
            match kind.as_str() {
                "t.placed.v1" => opinion.comes(&placed(order)),
                "t.paid.v1" => opinion.comes(&paid(order)),
                "t.shipped.v1" => opinion.comes(&shipped(order)),
                "t.cancelled.v1" => opinion.comes(&cancelled(order)),
                _ => {}
            }
        }
        assert_eq!(*sent, opinion.sent, "{order}");
        assert!(opinion.has_begun && opinion.is_over, "{order} is not over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_no_message_is_lost_or_answered_twice() {
    let seed = seed();
    everywhere(async |store| {
        let mut rng = Rng::with_seed(seed);
        let orders = orders(&store);
        for round in 0..10 {
            let hearing = said(&mut rng, &format!("{round}-")).into_iter().map(|heard| {
                let (orders, store) = (orders.clone(), store.clone());
                tokio::spawn(async move { hear(&orders, &store, envelope(&heard)).await })
            });
            for heard in hearing.collect::<Vec<_>>() {
                heard.await.unwrap();
            }
        }
        let sent = by_instance(&store).await;
        assert_eq!(sent.len(), 10 * ORDERS);
        is_consistent(&orders, &sent).await;
    })
    .await;
}

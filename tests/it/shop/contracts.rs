//! What the services tell each other: what is published is what is read, and what the pictures say.

use std::collections::BTreeSet;
use std::path::Path;

use freehold::process::Flow;
use freehold::testkit::{BrokenContracts, Contracts};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::parts::contracts::{
    Asked, Customer, Hears, InventorySays, InvoiceNo, Line, Money, NotificationSays, OrderSays,
    PaymentSays, ProductsSays, StockCode, UsersSays, WhyCancelled,
};
use super::parts::{flow, inventory, notification, order, payment, products, users};

const SERVICES: [&str; 6] = ["order", "inventory", "payment", "users", "products", "notification"];

fn of(service: &str) -> Contracts {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/contracts/samples");
    Contracts::in_folder(samples.join(service))
}

fn invoice() -> InvoiceNo {
    InvoiceNo::new("536365").unwrap()
}

fn total() -> Money {
    "17.85".parse().unwrap()
}

fn asked(customer: Customer) -> Asked {
    let code = StockCode::new("85123A").unwrap();
    let line = Line { code, units: 6, price: "2.55".parse().unwrap(), description: "LAMP".into() };
    Asked { invoice: invoice(), customer, lines: vec![line], total: total() }
}

fn published<M: Serialize + DeserializeOwned>(
    service: &str,
    samples: impl IntoIterator<Item = M>,
) -> Result<(), BrokenContracts> {
    of(service).published(samples)
}

#[test]
fn what_is_published_still_fits_who_reads_it() {
    let (invoice, customer) = (invoice(), Customer::Number(17_850));
    let order = [
        OrderSays::Placed(asked(customer)),
        OrderSays::Placed(asked(Customer::Guest)),
        OrderSays::Confirmed { invoice: invoice.clone(), customer, total: total() },
        OrderSays::Cancelled { invoice: invoice.clone(), why: WhyCancelled::OutOfStock },
        OrderSays::Cancelled { invoice: invoice.clone(), why: WhyCancelled::PaymentDeclined },
        OrderSays::ReturnAnnounced(asked(customer)),
        OrderSays::ReturnPaid { invoice: invoice.clone(), lines: asked(customer).lines },
        OrderSays::ReturnCompleted { invoice: invoice.clone() },
    ];
    let inventory = [
        InventorySays::Reserved { invoice: invoice.clone(), customer, total: total() },
        InventorySays::Refused { invoice: invoice.clone() },
        InventorySays::Released { invoice: invoice.clone() },
        InventorySays::Taken { invoice: invoice.clone() },
        InventorySays::Restocked { invoice: invoice.clone() },
    ];
    let payment = [
        PaymentSays::Processed { invoice: invoice.clone() },
        PaymentSays::Failed { invoice: invoice.clone() },
        PaymentSays::Refunded { invoice: invoice.clone() },
    ];
    published("order", order).unwrap();
    published("inventory", inventory).unwrap();
    published("payment", payment).unwrap();
    published("users", [UsersSays::Known { invoice: invoice.clone() }]).unwrap();
    published("products", [ProductsSays::Listed { invoice: invoice.clone() }]).unwrap();
    published("notification", [NotificationSays::Mailed { invoice }]).unwrap();
}

/// The types that a service publishes, by the files of its samples.
fn spoken(service: &str) -> BTreeSet<String> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/contracts/samples");
    let files = std::fs::read_dir(samples.join(service)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(".json").unwrap().to_owned()).collect()
}

/// Reads every sample of every type that the reader listens to.
fn reads<M: DeserializeOwned>(hears: Hears) {
    for service in SERVICES {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/contracts/samples");
        for kind in spoken(service).iter().filter(|kind| hears.kinds.contains(&kind.as_str())) {
            let text = std::fs::read(samples.join(service).join(format!("{kind}.json"))).unwrap();
            let samples: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
            for sample in samples {
                let tagged = serde_json::json!({ (kind.as_str()): sample });
                serde_json::from_value::<M>(tagged).unwrap_or_else(|why| panic!("{kind}: {why}"));
            }
        }
    }
}

#[test]
fn every_reader_reads_what_it_listens_to() {
    reads::<order::process::Heard>(order::reactions::HEARS);
    reads::<inventory::reactions::Heard>(inventory::reactions::HEARS);
    reads::<payment::reactions::Heard>(payment::reactions::HEARS);
    reads::<users::reactions::Heard>(users::reactions::HEARS);
    reads::<products::reactions::Heard>(products::reactions::HEARS);
    reads::<notification::reactions::Heard>(notification::reactions::HEARS);
}

/// A service, and a type of messages.
type Arrow = (String, String);

/// Who reacts to which types, and who says which, out of a picture: each arrow into a box, and out of one.
fn drawn(flow: &Flow) -> (BTreeSet<Arrow>, BTreeSet<Arrow>) {
    let picture = flow.mermaid();
    let boxes = picture.lines().filter_map(|line| line.trim().strip_prefix('h')?.split_once("[\""));
    let boxes: Vec<(&str, &str)> =
        boxes.map(|(nth, name)| (nth, name.split(['"', '<']).next().unwrap())).collect();
    let service = |nth: &str| boxes.iter().find(|(other, _)| *other == nth).unwrap().1.to_owned();
    let (mut hears, mut says) = (BTreeSet::new(), BTreeSet::new());
    for line in picture.lines().filter(|line| line.contains("->|")) {
        let (from, rest) = line.trim().split_once(' ').unwrap();
        let mut rest = rest.split('|').skip(1);
        let (kind, to) = (rest.next().unwrap().to_owned(), rest.next().unwrap().trim());
        if let Some(nth) = to.strip_prefix('h') {
            hears.insert((service(nth), kind.clone()));
        }
        if let Some(nth) = from.strip_prefix('h') {
            says.insert((service(nth), kind));
        }
    }
    (hears, says)
}

#[test]
fn the_flows_have_no_loose_ends_and_are_what_the_services_do() {
    let flows = [flow::orders(), flow::returns()];
    assert!(flows.iter().all(|flow| flow.lints().is_empty()), "{:?}", flows.map(|it| it.lints()));
    let hears = [
        ("order", order::reactions::HEARS),
        ("inventory", inventory::reactions::HEARS),
        ("payment", payment::reactions::HEARS),
        ("users", users::reactions::HEARS),
        ("products", products::reactions::HEARS),
        ("notification", notification::reactions::HEARS),
    ];
    let is_heard = |service: &str, kind: &str| {
        hears.iter().any(|(name, hears)| *name == service && hears.kinds.contains(&kind))
    };
    for flow in &flows {
        let (drawn_in, drawn_out) = drawn(flow);
        assert!(drawn_in.len() > 5);
        for (service, kind) in &drawn_in {
            assert!(is_heard(service, kind), "{service} does not listen to {kind}");
        }
        for (service, kind) in &drawn_out {
            assert!(spoken(service).contains(kind), "{service} does not say {kind}");
        }
    }
    let all: BTreeSet<_> = flows.iter().flat_map(|flow| drawn(flow).0).collect();
    // Order also hears of what is over, and then there is nothing more to say.
    for (service, hears) in hears.iter().filter(|(service, _)| *service != "order") {
        for kind in hears.kinds {
            let arrow = ((*service).to_owned(), (*kind).to_owned());
            assert!(all.contains(&arrow), "nobody has drawn that {service} hears {kind}");
        }
    }
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/shop.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for flow in &flows {
        let picture = format!("```mermaid\n{}```\n", flow.mermaid());
        assert!(docs.contains(&picture), "docs/shop.md has another picture than\n{picture}");
    }
}

/// What a broker that keeps nothing for later listeners is spared.
#[cfg(feature = "rabbitmq")]
#[test]
fn what_nobody_hears_is_known() {
    let heard = [
        order::reactions::HEARS,
        inventory::reactions::HEARS,
        payment::reactions::HEARS,
        users::reactions::HEARS,
        products::reactions::HEARS,
        notification::reactions::HEARS,
    ];
    let is_heard = |kind: &str| heard.iter().any(|hears| hears.kinds.contains(&kind));
    let said: BTreeSet<_> = SERVICES.into_iter().flat_map(spoken).collect();
    let unheard: Vec<_> = said.iter().filter(|kind| !is_heard(kind)).collect();
    assert_eq!(unheard, super::parts::contracts::Broker::UNHEARD);
}

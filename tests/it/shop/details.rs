//! An order with its customer and its products: of the services, of the views, and when somebody does not answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::http::Gateway;
use super::program;

struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        program::replay(&[&program::day()], &["--data", shop.data()]);
        shop
    }

    fn data(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// The numbers of the bundled day.
fn invoices() -> BTreeSet<String> {
    let mut rows = csv::Reader::from_path(program::day()).unwrap();
    rows.records().map(|row| row.unwrap()[0].to_owned()).collect()
}

#[test]
fn what_is_composed_of_the_services_and_what_the_views_show_are_equal() {
    let shop = Shop::new();
    let gateway = Gateway::start(shop.data(), &[]);
    let all = invoices();
    assert_eq!(all.len(), 143);
    let (mut named, mut lines) = (0, 0);
    for invoice in &all {
        let path = format!("/orders/{invoice}/details");
        let composed = gateway.get(&path, None);
        let joined = gateway.get(&(path + "?from=views"), None);
        assert_eq!((composed.status, joined.status), (200, 200), "{invoice}");
        assert_eq!(composed.body, joined.body, "{invoice}");
        assert!(composed.header("freehold-degraded").is_empty(), "{composed:?}");
        assert!(joined.header("freehold-degraded").is_empty(), "{joined:?}");
        assert_eq!(composed.body["invoice"], invoice.as_str());
        named += usize::from(composed.body["customer_name"].is_string());
        lines += composed.body["lines"].as_array().unwrap().len();
    }
    // Guests have no name.
    assert!(named > 100 && named < all.len() && lines > 2_000, "{named} named, {lines} lines");
}

#[test]
fn details_prints_the_answer_and_its_plan() {
    let shop = Shop::new();
    let run = |options: &[&str]| {
        let args =
            [&["details", "536365", "--within", "120", "--data", shop.data()], options].concat();
        let run = program::run(&args);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        run.out
    };
    let whole = run(&[]);
    for expected in [
        "536365 confirmed 2010-12-01 08:26:00\n",
        "17850 Customer 17850 <c17850@example.invalid>\n",
        "71053     WHITE METAL LANTERN                          3.39\n",
        "139.12\n\nround  source ",
        "\n3 calls in 2 rounds, 9 keys asked for 0 more times, ",
    ] {
        assert!(whole.contains(expected), "{expected:?} in {whole}");
    }
    let (answer, _) = whole.split_once("\nround").unwrap();
    assert!(run(&["--from", "views"]).starts_with(answer));
    let without = run(&["--down", "users", "--down", "products"]);
    assert!(without.contains("17850 ? <?>\n       6 85123A    ?  "), "{without}");
    assert!(without.contains("\nproducts: 7 missing (failed)\nusers: 1 missing (failed)\n"));
    let unknown = program::run(&["details", "nobody", "--data", shop.data()]);
    assert!(unknown.code == Some(1) && unknown.err.contains("`orders` has no such thing"));
}

#[test]
fn a_service_that_is_down_is_missing_at_first_and_stale_once_it_has_spoken() {
    let shop = Shop::new();
    let gateway = Gateway::start(shop.data(), &["--down", "users=1", "--down", "products"]);
    let path = "/orders/536365/details";
    let first = gateway.get(path, None);
    assert_eq!((first.status, &first.body["customer_name"]), (200, &json!("Customer 17850")));
    assert_eq!(first.header("freehold-degraded"), ["products: 7 missing (failed)"]);
    let second = gateway.get(path, None);
    assert_eq!((second.status, &second.body), (200, &first.body));
    let degraded = second.header("freehold-degraded");
    assert_eq!(degraded[0], "products: 7 missing (failed)");
    assert!(degraded[1].starts_with("users: 1 stale for ") && degraded[1].ends_with("s (failed)"));
    // Who was never asked for is not remembered.
    let other = gateway.get("/orders/536370/details", None);
    assert_eq!((other.status, &other.body["customer_name"]), (200, &Value::Null));
    assert_eq!(other.header("freehold-degraded")[1], "users: 1 missing (failed)");
}

fn order(invoice: &str, units: u64) -> Value {
    json!({
        "invoice": invoice, "customer": 99_001, "country": "Iceland", "date": "2010-12-02 09:00:00",
        "lines": [{ "code": "NEW1", "description": "A NEW LAMP", "units": units, "price": "2.5" }],
    })
}

/// The views follow behind; the header makes them wait.
#[test]
fn who_orders_over_http_reads_it_back_at_once() {
    let shop = Shop::new();
    let gateway = Gateway::start(shop.data(), &[]);
    for nth in 0..20 {
        let invoice = format!("web-{nth}");
        let placed = gateway.post("/orders", &order(&invoice, 1 + nth));
        assert_eq!(placed.status, 201, "{placed:?}");
        let session = placed.header("freehold-session")[0].to_owned();
        for from in ["services", "views"] {
            let path = format!("/orders/{invoice}/details?from={from}");
            let read = gateway.get(&path, Some(&session));
            assert_eq!(read.status, 200, "{invoice} of the {from}: {read:?}");
            let seen = ["status", "customer_name"].map(|name| &read.body[name]);
            // The last three ask for more than the hundred that there are at first.
            let status = if (1..=nth + 1).sum::<u64>() <= 100 {
                "confirmed"
            } else {
                "cancelled, out of stock"
            };
            assert_eq!(seen, [status, "Customer 99001"], "{invoice} of the {from}");
            assert_eq!(read.body["lines"][0]["product"], "A NEW LAMP");
        }
    }
    // The same again is the same order; another with its number is none.
    assert_eq!(gateway.post("/orders", &order("web-0", 1)).status, 201);
    assert_eq!(gateway.post("/orders", &order("web-0", 2)).status, 409);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let shop = Shop::new();
    let gateway = Gateway::start(shop.data(), &[]);
    let get = |path: &str| gateway.get(path, None);
    assert_eq!(get("/orders/nobody/details").status, 404);
    assert_eq!(get("/orders/536365/details?from=nowhere").status, 422);
    assert_eq!(get("/orders/536365/details?whom=views").status, 422);
    assert_eq!(gateway.get("/orders/536365/details", Some("nonsense")).status, 422);
    // A session that was made up is of a log that nobody follows, and demands nothing.
    let foreign = "00000000-0000-0000-0000-000000000001@7";
    assert_eq!(gateway.get("/orders/536365/details?from=views", Some(foreign)).status, 200);
    let mut bad = vec![json!({}), json!("no order")];
    for (field, value) in [
        ("invoice", json!("")),
        ("invoice", json!("C123")),
        ("lines", json!([])),
        ("lines", json!([{ "code": "A", "units": 0, "price": "1" }])),
        ("lines", json!([{ "code": "A", "units": 1, "price": "-1" }])),
        ("lines", json!([{ "code": "A", "units": 1, "price": "much" }])),
        ("stock", json!(5)),
    ] {
        let mut ordered = order("web", 1);
        ordered[field] = value;
        bad.push(ordered);
    }
    for ordered in bad {
        let refused = gateway.post("/orders", &ordered);
        assert_eq!(refused.status, 422, "{ordered}");
        assert!(refused.body["error"].as_str().is_some_and(|why| why.len() > 5), "{refused:?}");
    }
    assert_eq!(get("/orders/web/details").status, 404);
}

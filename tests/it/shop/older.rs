//! A data folder that an earlier program has left is read by today's, which does with it what it would have done with its own.

use std::fs;
use std::path::{Path, PathBuf};

use freehold::backend::sqlite::rusqlite::Connection;
use tempfile::TempDir;

use super::commands::tree;
use super::{kept, program, stores};

/// Each database, as SQL.
const DATABASES: [(&str, &str); 7] = [
    ("order", include_str!("older/order.sql")),
    ("inventory", include_str!("older/inventory.sql")),
    ("payment", include_str!("older/payment.sql")),
    ("users", include_str!("older/users.sql")),
    ("products", include_str!("older/products.sql")),
    ("notification", include_str!("older/notification.sql")),
    ("reads", include_str!("older/reads.sql")),
];

const VIEWS: [&str; 5] = ["order_summary", "order_details", "order_history", "revenue", "stock"];

/// The orders of the folder, and how they were called.
const PLACED: [(&str, &str); 6] = [
    ("536365", "Placed"),
    ("536366", "Placed"),
    ("536367", "Placed"),
    ("536370", "OrderPlaced.v1"),
    ("536371", "OrderPlaced.v1"),
    ("536372", "OrderPlaced.v1"),
];

/// A shop in a folder that goes away.
struct Shop(TempDir);

impl Shop {
    /// A copy of the folder that the earlier program has left.
    fn older() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, dump) in DATABASES {
            let database = Connection::open(folder.path().join(format!("{name}.db"))).unwrap();
            database.execute_batch(dump).unwrap();
        }
        fs::write(folder.path().join("lock"), "").unwrap();
        Self(folder)
    }

    /// That copy, with the view rebuilt whose rows have another shape today: names are sealed in them.
    fn upgraded() -> Self {
        let shop = Self::older();
        shop.print(&["rebuild", "order_summary"]);
        shop
    }

    /// The same orders, by today's program from the first on.
    fn today() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.replay();
        shop.print(&["ship", "536370", "R2D2"]);
        shop
    }

    fn print(&self, args: &[&str]) -> String {
        let run = program::run(&[args, &["--data", self.0.path().to_str().unwrap()]].concat());
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}: {run:?}");
        run.out
    }

    fn replay(&self) -> String {
        program::replay(&[&orders()], &["--data", self.0.path().to_str().unwrap()])
    }

    /// What is shown of a customer, without the moments at which it happened.
    fn customer(&self, customer: &str) -> Vec<String> {
        let text = self.print(&["report", "--customer", customer]);
        let (summaries, history) = text.split_once("\n\n").unwrap();
        let happened = history.lines().map(|line| line.split_once(' ').unwrap().1);
        summaries.lines().chain(happened).map(str::to_owned).collect()
    }
}

fn orders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/shop/older/orders.csv")
}

/// So that the other tests are about something.
#[test]
fn no_order_of_the_older_folder_is_called_as_it_would_be_today() {
    let shop = Shop::older();
    let database = Connection::open(shop.0.path().join("order.db")).unwrap();
    for (invoice, name) in PLACED {
        let found: String = database
            .query_row(
                "SELECT name FROM freehold_events WHERE category = 'order' AND stream = ?1 AND version = 1",
                [invoice],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(found, name, "{invoice}");
    }
    let today = "SELECT count(*) FROM freehold_events WHERE name = 'OrderPlaced'";
    assert_eq!(database.query_row(today, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn rows_of_an_older_shape_are_told_and_rebuilt() {
    let shop = Shop::older();
    let run = program::run(&["report", "--data", shop.0.path().to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let told = "order_summary: a view is not of its projection's shape: rebuild it";
    assert!(run.err.contains(told), "{run:?}");
    shop.print(&["rebuild", "order_summary"]);
    assert!(shop.print(&["report"]).contains("shipped"));
}

/// With the views that the earlier program has left, and by new ones.
#[test]
fn the_older_folder_is_reported_as_todays() {
    let (older, today, bare) = (Shop::upgraded(), Shop::today(), Shop::older());
    fs::remove_file(bare.0.path().join("reads.db")).unwrap();
    let report = today.print(&["report"]);
    assert!(report.contains("shipped"), "{report}");
    for shop in [older, bare] {
        assert_eq!(shop.print(&["report"]), report);
        for customer in ["17850", "13047", "12583", "guest"] {
            assert_eq!(shop.customer(customer), today.customer(customer), "{customer}");
        }
        let found = ["search", "hanging", "heart"];
        assert_eq!(shop.print(&found), today.print(&found));
    }
}

#[test]
fn the_history_of_an_older_order_is_that_of_todays_but_for_its_name() {
    let (older, today) = (Shop::older(), Shop::today());
    for (invoice, name) in PLACED {
        let history = |shop: &Shop| tree(&shop.print(&["history", invoice]));
        let renamed: Vec<String> =
            history(&today).iter().map(|line| line.replace("OrderPlaced", name)).collect();
        assert_eq!(history(&older), renamed, "{invoice}");
        assert!(renamed.iter().any(|line| line.ends_with(&format!("order {name}"))));
    }
}

#[tokio::test]
async fn the_views_of_the_older_folder_are_rebuilt_as_they_were() {
    let shop = Shop::upgraded();
    // Until it has read what the earlier program's views had not.
    shop.print(&["report"]);
    let rows =
        async |set: String| kept::rows(&stores::open(shop.0.path(), "reads").await, &set).await;
    for view in VIEWS {
        let (before, after) = match view {
            "order_summary" => (format!("{view}_g1"), format!("{view}_g2")),
            _ => (view.to_owned(), format!("{view}_g1")),
        };
        let before = rows(before).await;
        assert!(!before.is_empty());
        shop.print(&["rebuild", view]);
        assert_eq!(rows(after).await, before, "{view}");
    }
    assert_eq!(shop.print(&["report"]), Shop::today().print(&["report"]));
}

#[test]
fn an_older_order_is_shipped_and_known_again() {
    let (older, today) = (Shop::upgraded(), Shop::today());
    for shop in [&older, &today] {
        shop.print(&["ship", "536371", "C3PO"]);
        shop.print(&["ship", "536371", "C3PO"]);
        for (invoice, tracking, reason) in [
            ("536371", "BB8", "another tracking number"),
            ("536370", "BB8", "another tracking number"),
            ("536366", "BB8", "cancelled, out of stock"),
            ("536367", "BB8", "cancelled, payment declined"),
        ] {
            let data = shop.0.path().to_str().unwrap();
            let run = program::run(&["ship", invoice, tracking, "--data", data]);
            assert!(run.code == Some(1) && run.err.contains(reason), "{invoice}: {run:?}");
        }
    }
    // Its rows are those of the file, so that nothing is placed again.
    assert_eq!(older.replay(), today.replay());
    assert_eq!(older.print(&["report"]), today.print(&["report"]));
    assert_eq!(older.customer("guest"), today.customer("guest"));
}

/// A log never changes: it is not claimed that nothing of them is there, and nobody is told of it any more.
#[test]
fn who_is_forgotten_and_stands_in_plain_in_an_older_log_is_not_said_to_be_gone() {
    let shop = Shop::upgraded();
    let data = shop.0.path().to_str().unwrap();
    let known = "17850 Customer 17850 <c17850@example.invalid>";
    assert!(shop.print(&["details", "536365"]).contains(known));
    for _ in 0..2 {
        let run = program::run(&["forget", "17850", "--data", data]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), "17850 is forgotten\n"), "{run:?}");
        let told = "1 event(s) from before profiles were sealed hold 17850 in plain";
        assert!(run.err.contains(told), "{run:?}");
    }
    let details = shop.print(&["details", "536365"]);
    assert!(details.contains("17850 ? <?>") && !details.contains(known), "{details}");
    assert!(!shop.print(&["report", "--customer", "17850"]).contains("Customer 17850"));
    // Of whom nothing was recorded then, nothing is left.
    assert_eq!(shop.print(&["forget", "4711"]), "4711 is forgotten\n");
}

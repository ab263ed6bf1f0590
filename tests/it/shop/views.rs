//! What the views hold after a replay, and the commands that show them, on SQLite.

use std::path::Path;

use freehold::{
    Commit, EventId, EventStore, ExpectedVersion, Filter, NewEvent, Position, RowKey, RowSet,
    RowValue, RowWrite, Store,
};
use uuid::Uuid;

use super::{expected, kept, kill, program, stores};

const DAY_KEPT: usize = 143;

/// A shop that has replayed the bundled day.
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

    /// What a command prints that goes well.
    fn print(&self, args: &[&str]) -> String {
        let run = program::run(&[args, &["--data", self.data()]].concat());
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}: {run:?}");
        run.out
    }

    async fn rows(&self, view: &str) -> std::collections::BTreeMap<String, serde_json::Value> {
        kept::rows(&stores::open(self.0.path(), "reads").await, view).await
    }
}

#[tokio::test]
async fn the_views_of_the_bundled_day_are_what_the_files_say() {
    for (stock, limit) in [(100, "500"), (7, "50")] {
        let folder = tempfile::tempdir().unwrap();
        let stock_text = stock.to_string();
        let data = folder.path().to_str().unwrap();
        let options = ["--data", data, "--stock", &stock_text, "--card-limit", limit];
        program::replay(&[&program::day()], &options);
        let expected = expected::views(&[&program::day()], stock, limit);
        kept::check(&stores::open(folder.path(), "reads").await, &expected).await;
    }
}

/// The views are those of an undisturbed run, too; the program itself has compared them with what the services say.
#[tokio::test(flavor = "multi_thread")]
async fn views_are_right_after_kills_and_resuming() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let day = program::day();
    let empty = folder.path().join("empty.csv");
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    std::fs::write(&empty, header).unwrap();
    program::replay(&[&empty], &["--data", data]);
    let mut rng = fastrand::Rng::with_seed(kill::seed());
    for _ in 0..3 {
        let goods = stores::open(folder.path(), "inventory").await;
        let head = freehold::EventStore::head(&goods).await.unwrap().get();
        let target = Position::new(head + rng.u64(1..1_200));
        let args = ["replay", day.to_str().unwrap(), "--json", "--data", data];
        kill::run_until(&goods, target, program::command(&args).into()).await;
    }
    program::replay(&[&day], &["--data", data]);
    let expected = expected::views(&[&day], 100, "500");
    kept::check(&stores::open(folder.path(), "reads").await, &expected).await;
}

#[tokio::test]
async fn a_rename_reaches_the_summaries_and_every_later_order() {
    let shop = Shop::new();
    let said = shop.print(&["rename", "17850", "Ada Lovelace"]);
    assert_eq!(said, "17850 is Ada Lovelace, on 10 invoices\n");
    assert_eq!(shop.print(&["rename", "17850", "Ada Lovelace"]), said);
    let more = shop.0.path().join("more.csv");
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    let row = "new,22423,,1,2010-12-09 10:00:00,1.5,17850.0,United Kingdom\n";
    std::fs::write(&more, format!("{header}{row}")).unwrap();
    program::replay(&[&more], &["--data", shop.data()]);
    let mut named = 0;
    for (key, entry) in shop.rows("order_summary").await {
        let is_hers = key.starts_with("17850/");
        named += usize::from(is_hers);
        assert_eq!(entry["order"]["customer_name"] == "Ada Lovelace", is_hers, "{key}: {entry}");
    }
    assert_eq!(named, 11);
    let text = shop.print(&["report", "--customer", "17850"]);
    assert!(text.contains("new 2010-12-09 10:00:00") && !text.contains("Customer 17850"), "{text}");
    assert_eq!(text.matches("Ada Lovelace <c17850@example.invalid>").count(), 11, "{text}");
    for (customer, name, reason) in
        [("4711", "Bob", "no such customer"), ("17850", "", "a name is")]
    {
        let run = program::run(&["rename", customer, name, "--data", shop.data()]);
        assert!(run.code == Some(1) && run.err.contains(reason), "{run:?}");
    }
}

#[tokio::test]
async fn a_rebuild_gives_the_same_views() {
    let shop = Shop::new();
    for view in ["order_summary", "order_details", "order_history", "revenue", "stock"] {
        let before = shop.rows(view).await;
        assert!(!before.is_empty());
        let said = shop.print(&["rebuild", view]);
        assert!(said.contains(" events to go\n"), "{said}");
        assert!(said.ends_with("is built anew, and read from now on\n"), "{said}");
        assert_eq!(shop.rows(&format!("{view}_g1")).await, before, "{view}");
    }
    let text = shop.print(&["report"]);
    assert!(text.contains("18622.5") || text.contains("17795.17"), "{text}");
    let run = program::run(&["rebuild", "nothing", "--data", shop.data()]);
    assert_eq!(run.code, Some(2), "{run:?}");
    let all = "order_summary, order_details, order_history, revenue, stock, product_search";
    assert!(run.err.contains(all), "{run:?}");
}

/// In this process and from another one, orders keep coming while a view is built anew; the program compares the views
/// with what the services say at its end.
#[tokio::test]
async fn a_view_is_rebuilt_while_orders_keep_coming() {
    let shop = Shop::new();
    let more = shop.0.path().join("more.csv");
    let day = std::fs::read_to_string(program::day()).unwrap();
    std::fs::write(&more, day.replace("\n536", "\n636").replace("\nC536", "\nC636")).unwrap();
    let more_text = more.to_str().unwrap();
    let args = ["replay", more_text, "--json", "--data", shop.data(), "--rebuild", "stock"];
    let mut replay = tokio::process::Command::from(program::command(&args)).spawn().unwrap();
    let orders = stores::open(Path::new(shop.data()), "order").await;
    let head = freehold::EventStore::head(&orders).await.unwrap().get();
    kill::reached(&orders, Position::new(head + 5)).await;
    let said = shop.print(&["rebuild", "order_summary"]);
    assert!(said.ends_with("order_summary is built anew, and read from now on\n"), "{said}");
    assert!(replay.wait().await.unwrap().success());
    let expected = expected::views(&[&program::day(), &more], 100, "500");
    assert_eq!(shop.rows("order_summary_g1").await, expected.order_summary);
    assert_eq!(shop.rows("stock_g1").await, expected.stock);
}

#[tokio::test]
async fn a_report_prints_what_the_views_hold() {
    let shop = Shop::new();
    let text = shop.print(&["report"]);
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
    let has = |line: &str| lines.contains(&line.split_whitespace().collect());
    let expected = expected::views(&[&program::day()], 100, "500");
    for line in expected.revenue.values() {
        let field = |name: &str| line[name].as_str().unwrap().to_owned();
        let (revenue, refunded) = (field("revenue"), field("refunded"));
        let place = format!("{} {}", field("day"), field("country"));
        assert!(has(&format!("{place} {} {revenue} {refunded}", line["orders"])), "{text}");
    }
    assert!(has("confirmed 100 18622.5") && has("returned 6 325.23"), "{text}");
    let best = expected.stock.iter().max_by_key(|(_, level)| level["sold"].as_u64()).unwrap();
    let (code, level) = best;
    let words = level["description"].as_str().unwrap();
    let price = level["price"].as_str().unwrap();
    assert!(has(&format!("{code} {words} {} {} {price}", level["sold"], level["available"])));
    assert!(text.ends_with("\n0 events behind the services\n"), "{text}");
    let invoices = expected.order_summary.values().filter(|entry| entry["order"].is_object());
    assert_eq!(invoices.count(), DAY_KEPT);
}

#[test]
fn lags_are_told_by_watch_and_beside_a_replay() {
    let shop = Shop::new();
    let told = shop.print(&["watch", "--times", "2"]);
    let line = "order_summary 0 events 0 ms, order_details 0 events 0 ms, order_history 0 events 0 ms, revenue 0 events 0 ms, \
                stock 0 events 0 ms, product_search 0 events 0 ms\n";
    assert_eq!(told, line.repeat(2));
    let day = program::day();
    let run = program::replay_run(&[&day], &["--watch"]);
    assert!(run.code == Some(0) && run.out.starts_with("{\"invoices\":143,"), "{run:?}");
    let is_told = |line: &str| line.starts_with("order_summary ") && line.ends_with(" ms");
    assert!(run.err.lines().count() > 0 && run.err.lines().all(is_told), "{run:?}");
}

/// What the services have that the views do not show yet, since nobody keeps them up.
#[tokio::test]
async fn watch_tells_how_far_views_are_behind_that_nobody_keeps_up() {
    let shop = Shop::new();
    let orders = stores::open(shop.0.path(), "order").await;
    let page = orders.read_all(Position::START, &Filter::all(), 1_000).await.unwrap();
    let last = page.events.iter().rfind(|event| event.stream().category() == "order").unwrap();
    let again =
        NewEvent::new(EventId::new(Uuid::now_v7()), last.name().clone(), last.data().clone());
    let commit = Commit::new().append(last.stream(), ExpectedVersion::Any, [again]);
    orders.commit(commit).await.unwrap();
    let told = shop.print(&["watch", "--times", "1"]);
    assert!(told.starts_with("order_summary 1 events "), "{told}");
    assert!(told.contains("stock 0 events 0 ms"), "{told}");
    shop.print(&["report"]);
    let told = shop.print(&["watch", "--times", "1"]);
    assert!(told.starts_with("order_summary 0 events 0 ms"), "{told}");
}

#[tokio::test]
async fn a_replay_whose_views_say_something_else_than_the_services_fails() {
    let shop = Shop::new();
    let day = program::day();
    let again = ["replay", day.to_str().unwrap(), "--json", "--data", shop.data()];
    assert_eq!(program::run(&again).code, Some(0));
    let reads = stores::open(shop.0.path(), "reads").await;
    let (mut stock, set) = (shop.rows("stock").await, RowSet::new("stock").unwrap());
    let (code, level) = stock.iter_mut().next().unwrap();
    level["sold"] = (level["sold"].as_u64().unwrap() + 1).into();
    let row = RowWrite::put(&set, &RowKey::new(code).unwrap(), RowValue::of(level).unwrap());
    reads.commit(Commit::new().rows([row])).await.unwrap();
    let run = program::run(&again);
    assert!(run.code == Some(1) && run.out.is_empty(), "{run:?}");
    assert!(run.err.contains("agree with its views"), "{run:?}");
}

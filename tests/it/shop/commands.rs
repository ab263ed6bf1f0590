//! Shipping, the audit trail, and the ledger seen from outside.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use freehold::EventStore;
use rust_decimal::Decimal;

use super::{log, program, stores};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// A shop with one invoice of each kind: 1 is confirmed, 2 out of stock, 3 declined, C4 a return, 5 rejected.
fn shop(folder: &Path) -> String {
    let file = folder.join("file.csv");
    let rows = "1,A,LAMP,4,d,2.5,17850.0,UK\n1,B,RUG,1,d,7,17850.0,UK\n2,A,LAMP,99,d,2.5,,UK\n\
                3,B,RUG,2,d,700,,UK\nC4,A,LAMP,-1,d,2.5,17850.0,UK\n5,A,LAMP,0,d,2.5,,UK\n";
    fs::write(&file, format!("{HEADER}{rows}")).unwrap();
    let data = folder.join("data").to_str().unwrap().to_owned();
    program::replay(&[&file], &["--data", &data]);
    data
}

#[test]
fn only_a_confirmed_order_ships_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path());
    let ship = |invoice: &str, tracking: &str| {
        let run = program::run(&["ship", invoice, tracking, "--data", &data]);
        (run.code, run.err)
    };
    for (invoice, tracking, reason) in [
        ("2", "T1", "cancelled, out of stock"),
        ("3", "T1", "cancelled, payment declined"),
        ("C4", "T1", "the invoice is no order"),
        ("5", "T1", "the invoice is no order"),
        ("6", "T1", "there is no such order"),
        ("1", "", "a tracking number is needed"),
    ] {
        let (code, err) = ship(invoice, tracking);
        assert!(code == Some(1) && err.contains(reason), "{invoice}: {code:?} {err}");
    }
    assert_eq!(ship("1", "T1"), (Some(0), String::new()));
    assert_eq!(ship("1", "T1"), (Some(0), String::new()));
    let (code, err) = ship("1", "T2");
    assert!(code == Some(1) && err.contains("another tracking number"), "{code:?} {err}");
    // A shipped order was confirmed once, and counts as that.
    let file = folder.path().join("file.csv");
    assert!(program::replay(&[&file], &["--data", &data]).contains("\"confirmed\":1,"));
}

#[test]
fn shipping_and_history_need_a_shop() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["ship", "1", "T", "--data"][..], &["history", "1", "--data"]] {
        let run = program::run(&[args, &[folder.path().to_str().unwrap()]].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains("expected a folder that was replayed into"), "{run:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The words of a line of the tree that is about an event.
fn event(line: &str) -> Option<Vec<&str>> {
    let line = line.trim_start_matches(['│', '├', '└', '─', ' ']);
    line.contains(" actor=").then(|| line.split_whitespace().collect())
}

/// The lines of the tree without ids: of an event, its service and name.
pub(super) fn tree(out: &str) -> Vec<String> {
    let line = |line: &str| {
        let stem = line.len() - line.trim_start_matches(['│', '├', '└', '─', ' ']).len();
        let what = match event(line) {
            Some(words) => format!("{} {}", words[1], words[2]),
            None => line[stem..].rsplit_once(' ').unwrap().0.to_owned(),
        };
        format!("{}{what}", &line[..stem])
    };
    out.lines().map(line).collect()
}

#[test]
fn history_is_a_tree_of_the_commands_of_an_invoice_over_the_services() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path());
    program::run(&["ship", "1", "T1", "--data", &data]);
    let history = |invoice: &str| tree(&program::run(&["history", invoice, "--data", &data]).out);
    assert_eq!(
        history("1"),
        [
            "invoice 1",
            "├─ place",
            "│  └─ order OrderPlaced",
            "├─ reserve",
            "│  ├─ inventory ReservationMade",
            "│  ├─ inventory StockReceived",
            "│  ├─ inventory StockReserved",
            "│  ├─ inventory StockReceived",
            "│  └─ inventory StockReserved",
            "├─ charge",
            "│  ├─ payment PaymentProcessed",
            "│  ├─ payment Debited",
            "│  └─ payment Credited",
            "├─ confirm",
            "│  └─ order OrderConfirmed",
            "├─ take",
            "│  ├─ inventory ReservationTaken",
            "│  ├─ inventory StockTaken",
            "│  └─ inventory StockTaken",
            "└─ ship",
            "   └─ order OrderShipped",
        ]
    );
    assert_eq!(history("5"), ["invoice 5", "└─ reject", "   └─ order InvoiceRejected"]);
}

#[test]
fn history_tells_who_did_what_in_all_services_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path());
    program::run(&["ship", "1", "T1", "--data", &data]);
    let names = |invoice: &str| -> Vec<String> {
        let run = program::run(&["history", invoice, "--data", &data]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
        let lines: Vec<Vec<&str>> = run.out.lines().filter_map(event).collect();
        assert!(lines.is_sorted_by_key(|words| words[0]), "{}", run.out);
        let value = |words: &[&str], key: &str| {
            words.iter().find_map(|word| word.strip_prefix(key)).unwrap().to_owned()
        };
        let flows: HashSet<_> = lines.iter().map(|words| value(words, "correlation=")).collect();
        assert_eq!(flows.len(), 1, "{}", run.out);
        assert!(lines.iter().all(|words| value(words, "actor=") == "shop"), "{}", run.out);
        assert!(lines.iter().all(|words| value(words, "causation=").len() == 36), "{}", run.out);
        lines.iter().map(|words| format!("{} {}", words[1], words[2])).collect()
    };
    let (order, inventory, payment) = ("order", "inventory", "payment");
    let expected = |events: &[(&str, &str)]| -> Vec<String> {
        events.iter().map(|(service, name)| format!("{service} {name}")).collect()
    };
    assert_eq!(
        names("1"),
        expected(&[
            (order, "OrderPlaced"),
            (inventory, "ReservationMade"),
            (inventory, "StockReceived"),
            (inventory, "StockReserved"),
            (inventory, "StockReceived"),
            (inventory, "StockReserved"),
            (payment, "PaymentProcessed"),
            (payment, "Debited"),
            (payment, "Credited"),
            (order, "OrderConfirmed"),
            (inventory, "ReservationTaken"),
            (inventory, "StockTaken"),
            (inventory, "StockTaken"),
            (order, "OrderShipped"),
        ])
    );
    assert_eq!(
        names("3"),
        expected(&[
            (order, "OrderPlaced"),
            (inventory, "ReservationMade"),
            (inventory, "StockReserved"),
            (payment, "PaymentFailed"),
            (inventory, "ReservationReleased"),
            (inventory, "StockReleased"),
            (order, "OrderCancelled"),
        ])
    );
    assert_eq!(names("5"), expected(&[(order, "InvoiceRejected")]));
    let unknown = program::run(&["history", "6", "--data", &data]);
    assert!(unknown.code == Some(1) && unknown.err.contains("no invoice 6"), "{unknown:?}");
}

/// The balance of every account, and on the way there, that they add up to nothing after every commit.
pub(super) async fn ledger(data: &Path) -> BTreeMap<String, Decimal> {
    let payments = stores::open(data, "payment").await;
    let mut balances: BTreeMap<String, Decimal> = BTreeMap::new();
    let events = log::events(&payments).await;
    for (index, event) in events.iter().enumerate() {
        let amount = stores::payload(event)["amount"].as_str().map(|text| text.parse().unwrap());
        let amount: Decimal = amount.unwrap_or_default();
        let account = balances.entry(event.stream().id().to_owned()).or_default();
        match event.name().as_str() {
            "Debited" => *account += amount,
            "Credited" => *account -= amount,
            _ => {}
        }
        // One command, one commit: with the next command another commit begins.
        let next = events.get(index + 1).map(|event| event.metadata().causation());
        if next != Some(event.metadata().causation()) {
            let sum: Decimal = balances.values().sum();
            assert_eq!(sum, Decimal::ZERO, "at position {}", event.position());
        }
    }
    assert_eq!(events.len() as u64, payments.head().await.unwrap().get());
    balances
}

#[tokio::test]
async fn every_account_is_what_was_charged_and_paid_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path());
    let balances: Vec<(String, String)> = ledger(Path::new(&data))
        .await
        .into_iter()
        .filter(|(_, balance)| !balance.is_zero())
        .map(|(account, balance)| (account, balance.normalize().to_string()))
        .collect();
    let expected = [("card-17850", "14.5"), ("refunds", "2.5"), ("sales", "-17")];
    assert_eq!(
        balances,
        expected.map(|(account, balance)| (account.to_owned(), balance.to_owned()))
    );
}

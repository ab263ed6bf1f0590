//! A customer is forgotten: no file of the folder holds what the shop knew of them, and the figures are as they were.

use std::path::Path;

use freehold::EventStore;
use freehold::personal::Forgetting;

use super::{kept, log, program, stores};
use crate::personal::files::holding;

/// What the shop knows of 17850, as text that stands nowhere else.
const KNOWN: [&str; 3] = ["Customer 17850", "c17850@example.invalid", "Ada Lovelace"];

/// The first line of a file of invoices.
const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

fn print(data: &str, args: &[&str]) -> String {
    let run = program::run(&[args, &["--data", data]].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}");
    run.out
}

fn is_nowhere(folder: &Path, what: &str) {
    let (found, bytes) = holding(folder, what.as_bytes());
    assert!(found.is_empty() && bytes > 1_000_000, "{what} is in {found:?}, of {bytes} bytes");
}

#[tokio::test]
async fn a_customer_is_forgotten_in_every_file_and_the_figures_stay() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let day = program::day();
    let figures = program::replay(&[&day], &["--data", data]);
    assert_eq!(
        print(data, &["rename", "17850", KNOWN[2]]),
        "17850 is Ada Lovelace, on 10 invoices\n"
    );
    // It is sealed from the first byte, and opened for those who may read it.
    for what in KNOWN {
        is_nowhere(folder.path(), what);
    }
    let named = |text: &str| text.matches("Ada Lovelace <c17850@example.invalid>").count();
    assert_eq!(named(&print(data, &["report", "--customer", "17850"])), 10);

    let keys = keys(folder.path()).await;
    assert!(keys.len() >= 3, "of Order, Users and the views: {}", keys.len());
    for again in 0..2 {
        assert_eq!(print(data, &["forget", "17850"]), "17850 is forgotten\n", "the {again}. time");
    }
    for what in KNOWN {
        is_nowhere(folder.path(), what);
    }
    for key in &keys {
        assert_eq!(holding(folder.path(), key).0, [""; 0], "a key is still there");
    }

    let text = print(data, &["report", "--customer", "17850"]);
    let forgotten = text.matches("(forgotten) <(forgotten)>").count();
    assert_eq!((named(&text), forgotten), (0, 10), "{text}");
    let details = print(data, &["details", "536365"]);
    assert!(details.contains("17850 ? <?>"), "{details}");
    let refused = program::run(&["rename", "17850", "Bob", "--data", data]);
    assert!(refused.code == Some(1) && refused.err.contains("was forgotten"), "{refused:?}");
    // A rebuild of the view gives the same, and nobody else was forgotten.
    print(data, &["rebuild", "order_summary"]);
    assert_eq!(print(data, &["report", "--customer", "17850"]), text);
    let other = print(data, &["report", "--customer", "13047"]);
    assert!(other.contains("Customer 13047 <c13047@example.invalid>"), "{other}");
    let told = log::events(&stores::open(folder.path(), "users").await).await;
    let told = told.iter().filter(|event| event.name().as_str() == "SubjectForgotten");
    let told: Vec<Forgetting> = told.map(|event| freehold::event::decode(event).unwrap()).collect();
    let subject = freehold::DataSubject::new("customer-17850").unwrap();
    assert_eq!(told, [Forgetting::SubjectForgotten { subject }]);

    // The same file again: nothing new, and the same figures. And a new order of theirs is an order like any other.
    assert_eq!(program::replay(&[&day], &["--data", data]), figures);
    let more = folder.path().join("more.csv");
    let row = "new,22423,,1,2010-12-09 10:00:00,1.5,17850.0,United Kingdom\n";
    std::fs::write(&more, format!("{HEADER}{row}")).unwrap();
    program::replay(&[&more], &["--data", data]);
    for what in KNOWN {
        is_nowhere(folder.path(), what);
    }
    let text = print(data, &["report", "--customer", "17850"]);
    assert_eq!(text.matches("(forgotten) <(forgotten)>").count(), 11, "{text}");
}

/// A shop without an orchestrator meets customers otherwise.
#[test]
fn who_was_forgotten_beforehand_is_not_met_by_a_choreography() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let replay =
        |file: &Path| program::replay(&[file], &["--data", data, "--mode", "choreography"]);
    let guest = folder.path().join("guest.csv");
    std::fs::write(&guest, format!("{HEADER}1,A,LAMP,1,d,2.5,,UK\n")).unwrap();
    replay(&guest);
    print(data, &["forget", "17850"]);
    replay(&program::day());
    let text = print(data, &["report", "--customer", "17850"]);
    assert!(text.contains("536365") && !text.contains("Customer 17850"), "{text}");
    for what in &KNOWN[..2] {
        is_nowhere(folder.path(), what);
    }
}

/// The keys of 17850 in all databases of the shop.
async fn keys(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for service in log::SERVICES.iter().chain(&["reads"]) {
        let store = stores::open(folder, service).await;
        let subject = freehold::DataSubject::new("customer-17850").unwrap();
        let ring = freehold::SubjectKeys::rings(store.inner(), &[subject]).await.unwrap().remove(0);
        if let freehold::KeyRing::Keys(keys) = ring {
            all.extend(keys.iter().map(|key| key.bytes().to_vec()));
        }
    }
    all
}

#[tokio::test]
async fn a_guest_is_nobody_to_forget_and_an_unknown_number_is_forgotten_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let file = folder.path().join("one.csv");
    std::fs::write(&file, format!("{HEADER}1,A,LAMP,1,d,2.5,,UK\n2,A,LAMP,1,d,2.5,7.0,UK\n"))
        .unwrap();
    program::replay(&[&file], &["--data", data]);
    assert_eq!(print(data, &["forget", "4711"]), "4711 is forgotten\n");
    let rows = "3,A,LAMP,1,d,2.5,4711.0,UK\n4,A,LAMP,1,d,2.5,,UK\n";
    std::fs::write(&file, format!("{HEADER}{rows}")).unwrap();
    program::replay(&[&file], &["--data", data]);
    let reads = stores::open(folder.path(), "reads").await;
    let lines = kept::rows(&reads, "order_summary").await;
    assert!(lines["4711/3"]["order"]["customer_name"].is_null(), "{lines:?}");
    assert_eq!(lines["7/2"]["order"]["customer_name"], "Customer 7");
    assert!(reads.head().await.unwrap().get() == 1, "the views were told of one");
}

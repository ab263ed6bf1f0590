//! Published contracts: what breaks them is said, and what does not is let pass.

use std::fs;
use std::path::Path;

use freehold::testkit::Contracts;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Line {
    sku: String,
    units: u32,
}

#[derive(Serialize, Deserialize)]
enum Orders {
    #[serde(rename = "order.placed.v1")]
    Placed { order: String, total: u64, lines: Vec<Line>, note: Option<String> },
    #[serde(rename = "order.gone.v1")]
    Gone { order: String },
}

fn samples() -> [Orders; 2] {
    let lines = vec![Line { sku: "a".into(), units: 1 }];
    [
        Orders::Placed { order: "1".into(), total: 5, lines, note: Some("n".into()) },
        Orders::Gone { order: "1".into() },
    ]
}

fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Contracts::in_folder(folder.path()).write().published(samples()).unwrap();
    folder
}

/// What is said of a publisher who writes this today.
fn broken_by(folder: &Path, placed: &str) -> Vec<String> {
    // A publisher whose payload is any JSON.
    #[derive(Serialize, Deserialize)]
    enum Any {
        #[serde(rename = "order.placed.v1")]
        Placed(serde_json::Value),
        #[serde(rename = "order.gone.v1")]
        Gone(serde_json::Value),
    }
    let gone = Any::Gone(serde_json::json!({ "order": "1" }));
    let placed = Any::Placed(serde_json::from_str(placed).unwrap());
    match Contracts::in_folder(folder).published([placed, gone]) {
        Ok(()) => Vec::new(),
        Err(broken) => broken.problems().to_vec(),
    }
}

#[test]
fn what_is_published_as_before_breaks_nothing() {
    let folder = written();
    Contracts::in_folder(folder.path()).published(samples()).unwrap();
    let file = fs::read_to_string(folder.path().join("order.gone.v1.json")).unwrap();
    assert_eq!(file, "[\n  {\n    \"order\": \"1\"\n  }\n]\n");
}

#[test]
fn a_field_may_come() {
    let more =
        r#"{"order":"1","total":5,"lines":[{"sku":"b","units":2,"more":1}],"note":"","x":1}"#;
    assert_eq!(broken_by(written().path(), more), [""; 0]);
}

#[test]
fn a_field_that_goes_or_is_something_else_is_named() {
    let folder = written();
    for (today, why) in [
        (r#"{"total":5,"lines":[],"note":""}"#, "`order` is gone"),
        (r#"{"order":"1","total":"5","lines":[],"note":""}"#, "`total` was a number and is a text"),
        (r#"{"order":"1","total":5,"lines":[],"note":null}"#, "`note` was a text and is null"),
        (r#"{"order":"1","total":5,"lines":[{"sku":"a"}],"note":""}"#, "`lines[].units` is gone"),
        ("[]", "the payload was an object and is a list"),
    ] {
        let said = broken_by(folder.path(), today);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("`order.placed.v1`: {why}")), "{said:?}");
    }
}

#[test]
fn a_type_that_is_new_gone_or_without_a_sample_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = Contracts::in_folder(folder.path());
    let new = contracts.published(samples()).unwrap_err();
    assert_eq!(new.problems().len(), 2);
    assert!(new.to_string().contains("`order.placed.v1` is new"), "{new}");

    let folder = written();
    let contracts = Contracts::in_folder(folder.path());
    let [placed, _] = samples();
    let without = contracts.published([placed]).unwrap_err().to_string();
    assert!(without.contains("`order.gone.v1` has no sample"), "{without}");
    assert!(without.contains("`order.gone.v1` is published no more"), "{without}");
}

#[test]
fn a_broken_contract_is_not_written_over() {
    #[derive(Serialize, Deserialize)]
    enum Changed {
        #[serde(rename = "order.gone.v1")]
        Gone { number: String },
    }
    let folder = written();
    let before = fs::read_to_string(folder.path().join("order.gone.v1.json")).unwrap();
    let contracts = Contracts::in_folder(folder.path()).write();
    contracts.published([Changed::Gone { number: "1".into() }]).unwrap_err();
    let after = fs::read_to_string(folder.path().join("order.gone.v1.json")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_reader_reads_what_is_published_and_says_what_it_cannot() {
    #[derive(Deserialize)]
    enum Heard {
        #[serde(rename = "order.placed.v1")]
        Placed {
            #[allow(dead_code, reason = "it is only read")]
            order: String,
        },
        Overdue,
    }
    #[derive(Deserialize)]
    enum Wants {
        #[serde(rename = "order.placed.v1")]
        Placed {
            #[allow(dead_code, reason = "it is only read")]
            customer: String,
        },
        #[serde(rename = "order.paid.v1")]
        Paid,
    }
    let folder = written();
    let contracts = Contracts::in_folder(folder.path());
    contracts.clone().own(["Overdue"]).read_by::<Heard>().unwrap();
    let own = contracts.read_by::<Heard>().unwrap_err();
    assert_eq!(own.problems(), ["`Overdue` is read, and nobody publishes it"]);
    let broken = contracts.read_by::<Wants>().unwrap_err();
    assert!(broken.problems()[0].contains("missing field `customer`"), "{broken}");
    assert_eq!(broken.problems()[1], "`order.paid.v1` is read, and nobody publishes it");
    let _ = (Heard::Placed { order: String::new() }, Heard::Overdue);
    let _ = (Wants::Placed { customer: String::new() }, Wants::Paid);
}

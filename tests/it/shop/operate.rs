//! What an operator sees of the sagas, and does about them.

use std::fs;
use std::path::Path;

use super::{conserved, program};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// A shop with these rows, replayed with these options; its folder.
fn shop(folder: &Path, rows: &str, options: &[&str]) -> String {
    let file = folder.join("file.csv");
    fs::write(&file, format!("{HEADER}{rows}")).unwrap();
    let data = folder.join("data").to_str().unwrap().to_owned();
    let run = program::replay_run(&[&file], &[&["--data", &data], options].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    data
}

/// What `shop saga …` says, and its exit code.
fn saga(data: &str, args: &[&str]) -> (Option<i32>, String) {
    let run = program::run(&[&["saga"], args, &["--data", data]].concat());
    (run.code, run.out + &run.err)
}

/// What is written down of a saga, without the times.
fn steps(data: &str, of: &str) -> Vec<String> {
    let (code, text) = saga(data, &["show", of]);
    assert_eq!(code, Some(0), "{text}");
    let words = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    text.lines().map(words).collect()
}

const ORDERS: &str = "1,A,LAMP,4,d,2.5,17850.0,UK\n2,A,LAMP,999,d,2.5,,UK\n\
                      3,B,RUG,2,d,700,,UK\nC4,A,LAMP,-1,d,2.5,17850.0,UK\n";

#[test]
fn what_is_written_down_of_a_saga_is_shown_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path(), ORDERS, &[]);
    let has_happened = |step: &str| format!("`{step}` has happened");
    let of_order = steps(&data, "1");
    assert_eq!(of_order[..2], ["completed", "started, version 2"]);
    let mut known = of_order[2..5].to_vec();
    known.sort();
    assert_eq!(known, ["list", "place", "register"].map(has_happened));
    assert_eq!(of_order[5..8], ["reserve", "charge", "confirm"].map(has_happened));
    let mut both = of_order[8..10].to_vec();
    both.sort();
    assert_eq!(both, ["notify", "take"].map(has_happened));
    assert_eq!(of_order[10..], ["completed"]);
    let out_of_stock = steps(&data, "2");
    assert_eq!(out_of_stock[0], "compensated");
    let end = ["given up: `reserve` was refused", "`place` is compensated", "compensated"];
    assert_eq!(out_of_stock[5..8], end);
    assert_eq!(out_of_stock[8..], ["was refused with \"OutOfStock\""]);
    let declined = steps(&data, "fulfilment/3");
    assert_eq!(declined[9..], ["compensated", "was refused with \"PaymentDeclined\""]);
    assert_eq!(saga(&data, &["list"]), (Some(0), String::new()));
}

#[test]
fn a_saga_is_drawn_with_how_far_it_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path(), ORDERS, &["--fail", "charge=flap:1"]);
    let (code, drawn) = saga(&data, &["picture", "1"]);
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.starts_with("flowchart TD\n"), "{drawn}");
    let boxes = ["[\"reserve\"]:::done", "[\"charge\"]:::", "{{\"confirm\"}}"];
    for line in boxes.into_iter().chain(["[[\"take\"]]", "[[\"notify\"]]"]) {
        assert!(drawn.contains(line), "{line}: {drawn}");
    }
}

/// Refund and restock follow the announcement, and the return is done when both are.
#[test]
fn a_return_is_a_saga_that_is_never_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path(), ORDERS, &["--fail", "charge=hang"]);
    let steps = steps(&data, "C4");
    let place =
        |step: &str| steps.iter().position(|line| *line == format!("`{step}` has happened"));
    let order = ["announce", "refund", "restock", "complete"].map(|step| place(step).unwrap());
    assert!(order.is_sorted(), "{steps:?}");
    assert!(["register", "list"].into_iter().all(|step| place(step) < place("restock")));
    assert_eq!((steps.len(), steps[0].as_str()), (9, "completed"), "{steps:?}");
}

#[test]
fn a_shipping_is_a_saga_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = shop(folder.path(), ORDERS, &[]);
    assert_eq!(program::run(&["ship", "2", "T1", "--data", &data]).code, Some(1));
    assert_eq!(program::run(&["ship", "1", "T1", "--data", &data]).code, Some(0));
    let shipped = ["completed", "started, version 1", "`ship` has happened", "completed"];
    assert_eq!(steps(&data, "shipping/1"), shipped);
    // What was refused began none.
    let (code, text) = saga(&data, &["show", "shipping/2"]);
    assert!(code == Some(1) && text.contains("was never started"), "{text}");
}

#[tokio::test]
async fn a_saga_that_waits_is_listed_retried_resolved_and_abandoned() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "1,A,LAMP,1,d,2.5,,UK\n2,A,LAMP,1,d,2.5,,UK\n3,A,LAMP,1,d,2.5,,UK\n";
    let data = shop(folder.path(), rows, &["--fail", "charge=flap:1"]);
    let why = "waits for an operator: `charge`: its compensation was tried as often as it may be";
    let lines = |of: &[u8]| {
        of.iter().fold(String::new(), |all, n| all + &format!("fulfilment/{n} {why}\n"))
    };
    // What has failed last is said as well, and that is by chance.
    let told = |what: &str| {
        let (code, text) = saga(&data, &[what]);
        let known = text.lines().map(|line| line.split_inclusive(" may be").next().unwrap());
        (code, known.fold(String::new(), |all, line| all + line + "\n"))
    };
    assert_eq!(told("list"), (Some(0), lines(&[1, 2, 3])));
    assert_eq!(told("stuck"), (Some(0), lines(&[1, 2, 3])));
    let done = |what: &str| (Some(0), format!("fulfilment/{what}\n"));
    assert_eq!(saga(&data, &["retry", "1", "--reason", "it is back"]), done("1 compensated"));
    assert!(steps(&data, "1").contains(&"operator tries again: it is back".to_owned()));
    for (args, refusal) in [
        (&["retry", "1"][..], "the saga is over"),
        (&["retry", "9"], "was never started"),
        (&["compensate", "2"], "it cannot be given up any more"),
        (&["resolve", "2", "--step", "reserve", "--did-not"], "that cannot be said of this step"),
        (
            &["resolve", "2", "--step", "charge", "--happened", "{"],
            "that cannot be said of this step",
        ),
    ] {
        let (code, text) = saga(&data, args);
        assert!(code == Some(1) && text.contains(refusal), "{args:?}: {text}");
    }
    let resolved = saga(&data, &["resolve", "2", "--step", "charge", "--happened", "null"]);
    assert_eq!(resolved, done("2 compensated"));
    assert_eq!(told("stuck"), (Some(0), lines(&[3])));
    assert_eq!(saga(&data, &["abandon", "3"]), done("3 abandoned"));
    assert_eq!(saga(&data, &["list"]), (Some(0), String::new()));
    // A replay goes on beside it.
    let file = folder.path().join("file.csv");
    let run = program::replay_run(&[&file], &["--data", &data]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn operating_needs_a_shop_and_one_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for args in [
        &["saga", "list", "--data", data][..],
        &["saga", "retry", "1", "--data", data],
        &["saga", "resolve", "1", "--step", "charge", "--data", data],
        &["saga", "resolve", "1", "--step", "charge", "--undone", "--did-not", "--data", data],
        &["saga", "list"],
        &["saga"],
    ] {
        let run = program::run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{args:?}: {run:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A shop in which sagas are killed under way ends them when it is next replayed into, and until then lists them.
#[tokio::test]
async fn sagas_that_were_killed_are_listed_and_ended_by_the_next_replay() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().unwrap()];
    let file = folder.path().join("file.csv");
    fs::write(&file, format!("{HEADER}{ORDERS}")).unwrap();
    let args =
        [&["replay", file.to_str().unwrap(), "--fail", "charge=hang"], &options[..]].concat();
    // The charge of the first order hangs for a while: time enough to look.
    let empty = folder.path().join("empty.csv");
    fs::write(&empty, HEADER).unwrap();
    program::replay(&[&empty], &options);
    let inventory = super::stores::open(&data, "inventory").await;
    let reserved = freehold::Position::new(4);
    super::kill::run_until(&inventory, reserved, program::command(&args).into()).await;
    let listed = saga(data.to_str().unwrap(), &["list"]);
    assert_eq!(listed, (Some(0), "fulfilment/1 goes forward\n".to_owned()));
    let undisturbed = program::replay(&[&file], &[]);
    assert_eq!(program::replay(&[&file], &options), undisturbed);
    assert_eq!(saga(data.to_str().unwrap(), &["list"]), (Some(0), String::new()));
    conserved::check(&data).await;
}

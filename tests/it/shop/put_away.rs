//! Invoices that are done are closed and archived, and nobody who reads sees a difference.

use super::program;

/// Runs a command that must succeed, and answers what it prints.
fn print(args: &[&str], data: &str) -> String {
    let run = program::run(&[args, &["--data", data]].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}: {run:?}");
    run.out
}

#[test]
fn invoices_that_are_done_are_put_away_and_every_figure_is_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let options = ["--data", data];
    let first = program::replay(&[&program::day()], &options);
    let report = print(&["report"], data);
    // 28 out of stock, 8 declined, 6 returns and 1 rejected.
    let said = print(&["archive"], data);
    assert_eq!(said, "43 invoices are closed now, 128 events were moved\n");
    assert_eq!(print(&["archive"], data), "0 invoices are closed now, 0 events were moved\n");

    let file =
        freehold::backend::sqlite::rusqlite::Connection::open(folder.path().join("order.db"));
    let places = "SELECT (SELECT count(*) FROM freehold_events WHERE name = 'OrderCancelled'),
                         (SELECT count(*) FROM freehold_archive WHERE name = 'OrderCancelled')";
    let places = file.unwrap().query_row(places, [], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(places.unwrap(), (0_i64, 36_i64));

    assert_eq!(
        program::replay(&[&program::day()], &options),
        first,
        "the same files change nothing"
    );
    assert_eq!(print(&["report"], data), report);
    for view in ["order_summary", "order_history", "revenue"] {
        let _ = print(&["rebuild", view], data);
    }
    assert_eq!(print(&["report"], data), report, "from the start of the log");
}

#[test]
fn a_shipped_order_is_put_away_and_stays_shipped_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let file = folder.path().join("file.csv");
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    std::fs::write(&file, format!("{header}1,A,LAMP,1,d,2.5,7.0,UK\n2,A,LAMP,1,d,2.5,7.0,UK\n"))
        .unwrap();
    let first = program::replay(&[&file], &["--data", data]);
    assert_eq!(print(&["archive"], data), "0 invoices are closed now, 0 events were moved\n");
    let shipped = print(&["ship", "1", "T1"], data);
    assert_eq!(print(&["archive"], data), "1 invoices are closed now, 4 events were moved\n");
    assert_eq!(print(&["ship", "1", "T1"], data), shipped);
    let other = program::run(&["ship", "1", "T2", "--data", data]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(print(&["history", "1"], data).contains("freehold.closed.v1   order-1 v4"));
    assert_eq!(program::replay(&[&file], &["--data", data]), first);
}

//! Input that cannot be used: which file, line and column, what was expected; and nothing is applied.

use std::fs;
use std::path::Path;

use super::{program, stores};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const GOOD: &str = "1,A,LAMP,1,2010-12-01,2.5,17850.0,UK\n";

/// The content of a file, and what the message must say of it.
type Case = (&'static str, Vec<u8>, &'static [&'static str]);

fn rows(rows: &str) -> Vec<u8> {
    format!("{HEADER}{GOOD}{rows}").into_bytes()
}

/// A good row with another value in one place.
fn with(place: usize, value: &[u8]) -> Vec<u8> {
    let mut fields: Vec<&[u8]> = GOOD.trim_end().split(',').map(str::as_bytes).collect();
    fields[place] = value;
    [format!("{HEADER}{GOOD}").as_bytes(), &fields.join(&b","[..]), b"\n"].concat()
}

fn values() -> Vec<Case> {
    const INTEGER: &[&str] = &["line 3, column 4 (Quantity)", "an integer"];
    const DECIMAL: &[&str] = &["line 3, column 6 (UnitPrice)", "a decimal number"];
    const CUSTOMER: &[&str] = &["line 3, column 7 (CustomerID)", "a number as 17850"];
    let mut cases: Vec<Case> = vec![
        ("no invoice", with(0, b""), &["line 3, column 1 (InvoiceNo)", "a number of an invoice"]),
        ("long invoice", with(0, &[b'1'; 191]), &["line 3, column 1 (InvoiceNo)", "190 bytes"]),
        ("long code", with(1, &[b'%'; 64]), &["line 3, column 2 (StockCode)", "190 bytes"]),
        ("broken text", with(2, b"a\xFFb"), &["line 3, column 3 (Description)", "UTF-8"]),
        ("broken code", with(1, b"\xC3"), &["line 3, column 2 (StockCode)", "UTF-8"]),
        ("broken country", with(7, b"\xED\xA0\x80"), &["line 3, column 8 (Country)", "UTF-8"]),
    ];
    for quantity in
        ["", "-", "+1", "1.0", "1e3", " 1", "1 ", "0x10", "--1", "9223372036854775808", "\u{663}"]
    {
        cases.push(("quantity", with(3, quantity.as_bytes()), INTEGER));
    }
    for price in ["", "-", "1.", ".5", "+1", "1e5", "1,5", "NaN", " 2", "1.2.3", "\u{663}", "£1"] {
        let price = if price.contains(',') { format!("\"{price}\"") } else { price.to_owned() };
        cases.push(("price", with(5, price.as_bytes()), DECIMAL));
    }
    for customer in ["abc", "17850.5", "17850.", ".0", " ", "1e3"] {
        cases.push(("customer", with(6, customer.as_bytes()), CUSTOMER));
    }
    cases
}

fn shapes() -> Vec<Case> {
    let without = |column: &str| {
        let columns: Vec<_> = HEADER.trim_end().split(',').filter(|name| *name != column).collect();
        format!("{}\n", columns.join(",")).into_bytes()
    };
    let long = format!("1,A,{},1,d,1,,UK\n", "x".repeat(256 << 10));
    vec![
        ("empty", Vec::new(), &["line 1, column 1 (InvoiceNo)", "a column `InvoiceNo`"]),
        ("no price", without("UnitPrice"), &["line 1", "(UnitPrice)", "a column `UnitPrice`"]),
        ("no country", without("Country"), &["line 1", "(Country)", "a column `Country`"]),
        (
            "two columns",
            format!("Quantity,{HEADER}").into_bytes(),
            &["line 1, column 5 (Quantity)", "one column `Quantity`"],
        ),
        ("broken header", b"Invoice\xFFNo,StockCode\n".to_vec(), &["line 1, column 1", "UTF-8"]),
        (
            "short row",
            rows("1,A,LAMP,1,d\n"),
            &["line 3, column 6 (UnitPrice)", "8 fields", "not 5"],
        ),
        ("long row", rows("1,A,LAMP,1,d,1,,UK,,\n"), &["line 3, column 9", "8 fields", "not 10"]),
        ("text row", rows("\n\nthe end\n"), &["line 5, column 2 (StockCode)", "8 fields, "]),
        (
            "open quote",
            rows("1,A,\"LAMP,1,d,1,,UK\n2,A,B\n"),
            &["line 3, column 3", "closing quote"],
        ),
        ("stray quote", rows("1,A,LA\"MP,1,d,1,,UK\n"), &["line 3, column 3", "no quote within"]),
        ("late text", rows("1,A,\"LAMP\" x,1,d,1,,UK\n"), &["line 3, column 3", "a comma"]),
        ("bare return", rows("1,A,LAMP,1,d,1,,UK\r1,A"), &["line 3, column 8", "a line feed"]),
        ("long field", rows(&long), &["line 3, column 3", "at most 262144 bytes"]),
        // The line is that of the file, though the row before it is on three lines.
        (
            "after a long row",
            rows("1,A,\"on\nthree\r\nlines\",1,d,1,,UK\n1,A,,x,d,1,,UK\n"),
            &["line 6, column 4 (Quantity)"],
        ),
        (
            "within a long row",
            rows("1,A,\"two\nlines\",x,d,1,,UK\n"),
            &["line 4, column 4 (Quantity)"],
        ),
    ]
}

#[test]
fn bad_input_is_named_by_file_line_and_column_and_nothing_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (good, bad) = (folder.path().join("good.csv"), folder.path().join("bad.csv"));
    fs::write(&good, format!("{HEADER}{GOOD}")).unwrap();
    for (what, content, expected) in values().into_iter().chain(shapes()) {
        fs::write(&bad, &content).unwrap();
        let files: [&Path; 2] = [&good, &bad];
        let run = program::replay_run(&files, &["--data", data.to_str().unwrap()]);
        let case = format!("{what}: {:?}: {run:?}", String::from_utf8_lossy(&content));
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{case}");
        assert!(run.err.contains("bad.csv: ") && run.err.contains("expected "), "{case}");
        assert!(expected.iter().all(|part| run.err.contains(part)), "{expected:?} {case}");
        assert!(!data.exists(), "{case}");
    }
}

#[test]
fn a_file_that_is_absent_or_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["absent.csv", "."] {
        let file = folder.path().join(name);
        let run = program::replay_run(&[&file], &[]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
        let expected = format!("{}: expected a file that can be read", file.display());
        assert!(run.err.contains(&expected), "{run:?}");
    }
}

/// The first file is good, and was replayed before; the second is not.
#[tokio::test]
async fn bad_input_changes_nothing_in_a_shop_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().unwrap()];
    let (good, bad) = (folder.path().join("good.csv"), folder.path().join("bad.csv"));
    fs::write(&good, format!("{HEADER}{GOOD}")).unwrap();
    fs::write(&bad, format!("{HEADER}2,A,LAMP,1,d,1,,UK\n3,A,LAMP,one,d,1,,UK\n")).unwrap();
    program::replay(&[&good], &options);
    let before = stores::heads(&data).await;
    let run = program::replay_run(&[&bad], &options);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert_eq!(stores::heads(&data).await, before);
    assert!(before.iter().all(|head| *head > 0), "{before:?}");
}

#[test]
fn an_invoice_beyond_the_bounds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.csv");
    let long = format!("1,A,{},1,d,1,,UK\n", "x".repeat(200 << 10));
    for (rows, expected) in [
        (
            "1,A,,1,d,1,,UK\n".repeat(100_001),
            "line 100002, column 1 (InvoiceNo): expected at most 100000 rows",
        ),
        (long.repeat(41), "line 42, column 1 (InvoiceNo): expected at most 8388608 bytes"),
    ] {
        fs::write(&file, format!("{HEADER}{rows}")).unwrap();
        let run = program::replay_run(&[&file], &[]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(expected), "{run:?}");
    }
}

/// More codes than a store takes in one commit unless it is told to.
#[test]
fn an_invoice_of_many_codes_is_one_reservation() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wide.csv");
    let rows: Vec<String> = (0..10_001).map(|code| format!("1,{code},,1,d,0.01,,UK")).collect();
    fs::write(&file, format!("{HEADER}{}", rows.join("\n"))).unwrap();
    let out = program::replay(&[&file], &[]);
    assert!(out.contains("\"confirmed\":1,"), "{out}");
    assert!(
        out.contains("\"units_sold\":10001,\"units_restocked\":0,\"revenue\":\"100.01\""),
        "{out}"
    );
}

/// What RFC 4180 allows, and what it does not forbid.
#[test]
fn odd_but_good_input_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.csv");
    let columns = "\"Country\",UnitPrice,Extra,Quantity,StockCode,CustomerID,InvoiceNo,Description,InvoiceDate";
    for content in [
        // A byte order mark, CRLF, other columns in another order, quotes around anything, no last line end.
        format!(
            "\u{FEFF}{columns}\r\nUK,\"2.5\",,4,\"A\",17850.0,\"1\",\"a \"\"b\"\",\r\nc\",\"\""
        ),
        format!("\n{columns}\n\nUK,02.50,x,4,A,,1,,\n\n\n"),
        format!("{columns}\nUK,2.5,\"\",-0004,A,-1,C1,,\nUK,2.5,,4,A,,1,,\r\n"),
    ] {
        fs::write(&file, &content).unwrap();
        let out = program::replay(&[&file], &[]);
        assert!(
            out.contains("\"confirmed\":1,") && out.contains("\"revenue\":\"10\""),
            "{content}"
        );
    }
    fs::write(&file, HEADER).unwrap();
    assert!(program::replay(&[&file], &[]).starts_with("{\"invoices\":0,"));
}

/// A pipe can be read only once, and a replay reads twice.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_like_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, format!("{HEADER}{GOOD}"))
    });
    let out = program::replay(&[&pipe], &[]);
    writer.join().unwrap().unwrap();
    assert!(out.starts_with("{\"invoices\":1,\"orders\":1,\"confirmed\":1,"), "{out}");
}

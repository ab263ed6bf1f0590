//! A second run on the same folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::{invoices, mailbox, oracle, program, stores};

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

#[tokio::test]
async fn the_same_files_again_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().unwrap()];
    let first = program::replay(&[&program::day()], &options);
    let (heads, letters) = (stores::heads(&data).await, mailbox::letters(&data));
    mailbox::check(&data).await;
    assert_eq!(program::replay(&[&program::day()], &options), first);
    assert_eq!(stores::heads(&data).await, heads);
    assert_eq!(mailbox::letters(&data), letters);
}

#[test]
fn more_files_on_the_same_folder_are_one_run_over_all() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut parts) = (Vec::new(), Vec::new());
    for seed in 0..3 {
        let part = folder.path().join(seed.to_string());
        fs::create_dir(&part).unwrap();
        let [first, second] = invoices::write(&part, seed, 25);
        // The numbers of each part are its own.
        for file in [first, second] {
            let text = fs::read_to_string(&file).unwrap().replace("536", &format!("{seed}36"));
            fs::write(&file, text).unwrap();
            files.push(file);
        }
        parts.push(files.clone());
    }
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().unwrap(), "--stock", "40", "--card-limit", "60"];
    for part in parts {
        let part: Vec<&Path> = part.iter().map(PathBuf::as_path).collect();
        let expected = oracle::figures(&part, 40, "60").to_json();
        // Only what is new, then all of it: the known ones are passed over.
        let new = &part[part.len() - 2..];
        assert_eq!(program::replay(new, &options), expected);
        assert_eq!(program::replay(&part, &options), expected);
    }
}

#[tokio::test]
async fn a_known_number_with_other_rows_is_refused_and_nothing_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().unwrap()];
    let file = folder.path().join("file.csv");
    let first = "0,A,LAMP,1,d,2.5,7.0,UK\n1,A,LAMP,1,d,2.5,7.0,UK\nC2,A,LAMP,-1,d,2.5,,UK\n3,A,LAMP,0,d,2.5,,UK\n";
    let again = |text: &str| {
        fs::write(&file, format!("{HEADER}{text}")).unwrap();
        program::replay_run(&[&file], &options)
    };
    assert_eq!(again(first).code, Some(0));
    let heads = stores::heads(&data).await;
    for (text, line) in [
        ("new,A,LAMP,1,d,1,,UK\n1,A,LAMP,2,d,2.5,7.0,UK\n", 3),
        ("1,A,LAMP,1,d,2.5,7.0,UK\n1,A,LAMP,1,d,2.5,7.0,UK\n", 2),
        ("1,A,LAMP,1,d,2.51,7.0,UK\n", 2),
        ("1,A,LAMP,1,d,2.5,8.0,UK\n", 2),
        ("1,A,LAMP,1,d,2.5,,UK\n", 2),
        ("1,a,LAMP,1,d,2.5,7.0,UK\n", 2),
        ("1,A,lamp,1,d,2.5,7.0,UK\n", 2),
        ("C2,A,LAMP,-2,d,2.5,,UK\n", 2),
        ("3,A,LAMP,-1,d,2.5,,UK\n", 2),
        ("3,A,LAMP,1,d,2.5,,UK\n", 2),
    ] {
        let run = again(text);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{text}: {run:?}");
        let place = format!("file.csv: line {line}, column 1 (InvoiceNo): expected the same rows");
        assert!(run.err.contains(&place), "{text}: {run:?}");
        assert_eq!(stores::heads(&data).await, heads, "{text}");
    }
    // The same rows, written otherwise, are the same rows.
    let other = first.replace("2.5,", "\"02.50\",").replace("7.0", "7");
    assert_eq!(again(&other).code, Some(0));
    assert_eq!(stores::heads(&data).await, heads);
}

#[tokio::test]
async fn another_stock_or_limit_is_refused_and_nothing_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_option = ["--data", data.to_str().unwrap()];
    let (empty, day) = (folder.path().join("empty.csv"), program::day());
    fs::write(&empty, HEADER).unwrap();
    // Even a replay of nothing decides.
    program::replay(&[&empty], &data_option);
    let heads = stores::heads(&data).await;
    for (other, expected) in [
        (["--stock", "101"], "--stock: expected 100"),
        (["--card-limit", "500.01"], "--card-limit: expected 500"),
    ] {
        let run = program::replay_run(&[&day], &[data_option, other].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(expected), "{run:?}");
        assert_eq!(stores::heads(&data).await, heads);
    }
    program::replay(&[&empty], &[data_option, ["--card-limit", "500.00"]].concat());
}

/// The lock is that of the operating system: held here as another process of the shop would hold it.
#[test]
fn a_second_process_on_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let empty = folder.path().join("empty.csv");
    fs::write(&empty, HEADER).unwrap();
    program::replay(&[&empty], &["--data", data]);
    let lock = fs::File::options().write(true).open(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    for run in [
        program::replay_run(&[&empty], &["--data", data]),
        program::run(&["ship", "1", "T", "--data", data]),
        program::run(&["history", "1", "--data", data]),
    ] {
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains("another process works in this folder"), "{run:?}");
    }
    drop(lock);
    program::replay(&[&empty], &["--data", data]);
}

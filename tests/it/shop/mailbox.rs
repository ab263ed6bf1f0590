//! The letters that customers have got.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{log, stores};

/// The files of letters in the mailbox of a shop.
fn files(data: &Path) -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(data.join("mailbox")) else { return Vec::new() };
    let paths = folder.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).collect()
}

/// The text of each letter, by the name of its file.
pub(super) fn letters(data: &Path) -> BTreeMap<String, String> {
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    files(data).into_iter().map(read).collect()
}

/// How many letters there are, without reading them.
pub(super) fn count(data: &Path) -> usize {
    files(data).len()
}

/// Every confirmed order has its letter, and one only; nobody else has one, and none is half written.
pub(super) async fn check(data: &Path) {
    let mut wanted = Vec::new();
    for event in log::events(&stores::open(data, "order").await).await {
        if event.name().as_str() == "OrderConfirmed" {
            let (order, bill) = (event.stream().id().to_owned(), stores::payload(&event));
            let total = bill["total"].as_str().unwrap();
            wanted.push(format!("Your order {order} is confirmed. Its total is {total}."));
        }
    }
    let letters = letters(data);
    let mut got: Vec<_> =
        letters.values().map(|text| text.lines().last().unwrap().to_owned()).collect();
    wanted.sort();
    got.sort();
    assert_eq!(got, wanted);
    let files = std::fs::read_dir(data.join("mailbox")).map_or(0, Iterator::count);
    assert_eq!(files, letters.len(), "nothing is left half written");
}

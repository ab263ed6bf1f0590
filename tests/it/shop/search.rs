//! What people find who search the products of a replayed day, on SQLite.

use std::collections::BTreeMap;
use std::path::Path;

use super::{expected, program};

/// A shop that has replayed the bundled day.
fn shop() -> tempfile::TempDir {
    let shop = tempfile::tempdir().unwrap();
    program::replay(&[&program::day()], &["--data", shop.path().to_str().unwrap()]);
    shop
}

/// The lines that a search prints, in words.
fn search(shop: &Path, args: &[&str]) -> Vec<Vec<String>> {
    let data = ["--data", shop.to_str().unwrap()];
    let run = program::run(&[&["search"], args, &data].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}: {run:?}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    run.out.lines().map(words).collect()
}

/// The line of each product, as the file says it, without the crate.
fn products() -> BTreeMap<String, Vec<String>> {
    let stock = expected::views(&[&program::day()], 100, "500").stock;
    let field = |level: &serde_json::Value, name: &str| level[name].as_str().unwrap().to_owned();
    let line = |(code, level): (String, serde_json::Value)| {
        let text = format!("{code} {} {}", field(&level, "description"), field(&level, "price"));
        (code, text.split_whitespace().map(str::to_owned).collect())
    };
    stock.into_iter().map(line).collect()
}

#[test]
fn a_search_prints_the_products_in_which_all_words_are() {
    let (shop, products) = (shop(), products());
    for typed in [&["heart", "T-LIGHT"][..], &["Retrospot Lunch"], &["85123A"], &["set", "of"]] {
        let typed_words = typed.join(" ").to_lowercase();
        let wanted: Vec<_> = typed_words.split(|c: char| !c.is_alphanumeric()).collect();
        let (last, whole) = wanted.split_last().unwrap();
        let fits = |line: &&Vec<String>| {
            let (_, texts) = line.split_last().unwrap();
            let text = texts.join(" ").to_lowercase();
            let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
            whole.iter().all(|word| words.contains(word))
                && words.iter().any(|word| word.starts_with(last))
        };
        let mut expected: Vec<_> = products.values().filter(fits).cloned().collect();
        let mut found = search(shop.path(), &[typed, &["--limit", "2000"]].concat());
        assert!(!found.is_empty(), "{typed:?}");
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{typed:?}");
        let few = search(shop.path(), typed);
        assert_eq!(few.len(), expected.len().min(10));
    }
    assert_eq!(search(shop.path(), &["nonesuch"]), [["nothing", "is", "found"]]);
    assert_eq!(search(shop.path(), &["*", "\"set\" AND:qx"]), [["nothing", "is", "found"]]);
}

/// The index is no database: what is gone is made from the log.
#[test]
fn an_index_that_was_removed_is_built_from_the_log() {
    let shop = shop();
    let before = search(shop.path(), &["lamp"]);
    std::fs::remove_dir_all(shop.path().join("search")).unwrap();
    assert_eq!(search(shop.path(), &["lamp"]), before);
    let data = shop.path().to_str().unwrap();
    let run = program::run(&["rebuild", "product_search", "--data", data]);
    assert!(run.out.ends_with("product_search is built anew, and read from now on\n"), "{run:?}");
    assert_eq!(search(shop.path(), &["lamp"]), before);
    assert!(shop.path().join("search/build-1").is_dir());
    // A replay that builds it anew on its way compares the number of products at its end.
    let day = program::day();
    program::replay(&[&day], &["--data", data, "--rebuild", "product_search"]);
    assert_eq!(search(shop.path(), &["lamp"]), before);
}

#[test]
fn a_search_needs_words_and_a_shop_whose_index_is_one() {
    let shop = shop();
    let data = shop.path().to_str().unwrap();
    assert_eq!(program::run(&["search", "--data", data]).code, Some(2));
    assert_eq!(program::run(&["search", "lamp"]).code, Some(2));
    std::fs::remove_dir_all(shop.path().join("search")).unwrap();
    std::fs::create_dir(shop.path().join("search")).unwrap();
    std::fs::write(shop.path().join("search/letter.txt"), "dear Ada").unwrap();
    let run = program::run(&["search", "lamp", "--data", data]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("is not empty, and holds no search index"), "{run:?}");
    assert!(shop.path().join("search/letter.txt").exists());
}

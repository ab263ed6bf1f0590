//! Documents are found, and lead somewhere.

use std::collections::BTreeSet;

use super::source::{Problem, Source, assert_none, text_files};

const MEND_LOST: &str = "link it from docs/README.md or README.md, or delete it";
const MEND_DEAD: &str = "name a file that is there";
const MEND_EXAMPLE: &str = "list it in examples/README.md: what it teaches, and its command";

/// The targets of Markdown's `[text](target)`, with their lines. Code is not read for links.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
            links.push((index + 1, target.to_string()));
        }
    }
    links
}

/// The path from the root that a link in `file` leads to; `None` for another site and for this page.
fn target(file: &Source, link: &str) -> Option<String> {
    if link.is_empty() || link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let mut path: Vec<&str> = file.path.split('/').collect();
    path.pop();
    for step in link.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

/// Documents that neither the first page nor the index of `docs` links.
fn check_lost(files: &[Source]) -> Vec<Problem> {
    let indices = ["README.md", "docs/README.md"];
    let linked: BTreeSet<String> = files
        .iter()
        .filter(|file| indices.contains(&file.path.as_str()))
        .flat_map(|file| links(&file.text).into_iter().filter_map(|(_, link)| target(file, &link)))
        .collect();
    let lost = |file: &&Source| {
        file.is_under("docs") && file.is_markdown() && !linked.contains(&file.path)
    };
    files
        .iter()
        .filter(lost)
        .filter(|file| file.path != "docs/README.md" || !linked.contains("docs"))
        .map(|file| file.problem(1, "nothing links this document", MEND_LOST))
        .collect()
}

/// Links within the repository that lead to no file or folder.
fn check_dead(files: &[Source]) -> Vec<Problem> {
    let is_there = |path: &str| {
        path.is_empty() || files.iter().any(|file| file.path == path || file.is_under(path))
    };
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.is_markdown()) {
        for (line, link) in links(&file.text) {
            if target(file, &link).is_some_and(|path| !is_there(&path)) {
                problems.push(file.problem(line, format!("`{link}` leads nowhere"), MEND_DEAD));
            }
        }
    }
    problems
}

/// Examples that the list of examples does not name.
fn check_examples(files: &[Source]) -> Vec<Problem> {
    let list = files.iter().find(|file| file.path == "examples/README.md");
    let listed =
        |name: &str| list.is_some_and(|list| list.text.contains(&format!("--example {name}")));
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Some(inner) = file.path.strip_prefix("examples/") else { continue };
        let name = match inner.split_once('/') {
            None => inner.strip_suffix(".rs"),
            Some((folder, "main.rs")) => Some(folder),
            Some(_) => None,
        };
        if let Some(name) = name.filter(|name| !listed(name)) {
            problems.push(file.problem(
                1,
                format!("the example `{name}` is not listed"),
                MEND_EXAMPLE,
            ));
        }
    }
    problems
}

#[test]
fn every_document_is_linked() {
    assert_none(check_lost(&text_files()));
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    assert_none(check_dead(&text_files()));
}

#[test]
fn every_example_is_listed_with_its_command() {
    assert_none(check_examples(&text_files()));
}

#[test]
fn a_document_that_nothing_links_is_seen() {
    let lost = |readme: &str| {
        let index = Source::new("docs/README.md", "[one](decisions/0001-one.md)");
        let one = Source::new("docs/decisions/0001-one.md", "");
        check_lost(&[Source::new("README.md", readme), index, one, Source::new("docs/two.md", "")])
            .len()
    };
    assert_eq!(lost("[docs](docs) and [two](docs/two.md#part)"), 0);
    assert_eq!(lost("[docs](docs/README.md) and `[two](docs/two.md)`"), 1);
    assert_eq!(lost("[two](docs/two.md)"), 1);
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let dead = |text: &str| {
        let one = Source::new("src/one.rs", "");
        check_dead(&[Source::new("docs/a.md", text), one, Source::new("docs/b.md", "")]).len()
    };
    assert_eq!(
        dead("[b](b.md) [one](../src/one.rs) [src](../src/) [x](https://x.org) [y](#here)"),
        0
    );
    assert_eq!(dead("[b](c.md) [one](../../src/one.rs) [two](../src/two.rs)"), 2);
    assert_eq!(dead("```\n[b](c.md)\n```"), 0);
}

#[test]
fn an_example_that_is_not_listed_is_seen() {
    let files = |list: &str| {
        let mut files = vec![Source::new("examples/README.md", list)];
        for path in ["examples/hello.rs", "examples/shop/main.rs", "examples/shop/order/mod.rs"] {
            files.push(Source::new(path, ""));
        }
        check_examples(&files).len()
    };
    assert_eq!(files("cargo run --example hello, cargo run --release --example shop"), 0);
    assert_eq!(files("cargo run --example hello"), 1);
    assert_eq!(files("hello and shop"), 2);
}

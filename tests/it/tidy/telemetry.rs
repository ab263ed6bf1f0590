//! What operators listen to is documented: every metric and every span, by name.

use proc_macro2::TokenTree;

use super::source::{
    Problem, Source, assert_none, crate_files, each_token, ident, is_punct, text_files,
};

const PAGE: &str = "docs/telemetry.md";
/// The one file that names metrics.
const METRICS: &str = "src/ports/telemetry.rs";

const MEND_SILENT: &str = "say in docs/telemetry.md what it tells";
const MEND_STALE: &str = "the code has no such name: delete the line, or give the name back";

/// The names that `file` gives to metrics and spans, with their lines.
fn names(file: &Source) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    each_token(file.tokens(), &mut |trees| {
        if let Some((line, text)) = text(trees.first())
            && text.starts_with("freehold_")
            && file.path == METRICS
        {
            names.push((line, text));
        }
        let is_span = ident(trees.first()).is_some_and(|name| name.to_string().ends_with("span"));
        if let (true, true, Some(TokenTree::Group(fields))) =
            (is_span, is_punct(trees.get(1), '!'), trees.get(2))
        {
            // Level, target and parent may stand before the name, which is the first literal of its own.
            let fields: Vec<TokenTree> = fields.stream().into_iter().collect();
            let parts = fields.split(|tree| is_punct(Some(tree), ','));
            names.extend(parts.filter(|part| part.len() == 1).find_map(|part| text(part.first())));
        }
    });
    names
}

/// What a string literal says.
fn text(tree: Option<&TokenTree>) -> Option<(usize, String)> {
    let Some(TokenTree::Literal(literal)) = tree else { return None };
    let written = literal.to_string();
    let text = written.strip_prefix('"')?.strip_suffix('"')?;
    Some((literal.span().start().line, text.into()))
}

/// Names that the page does not have.
fn check_silent(file: &Source, page: &Source) -> Vec<Problem> {
    let is_silent = |(_, name): &(usize, String)| !page.text.contains(&format!("`{name}`"));
    names(file)
        .into_iter()
        .filter(is_silent)
        .map(|(line, name)| file.problem(line, format!("`{name}` is not documented"), MEND_SILENT))
        .collect()
}

/// Rows of the page whose name the code does not have.
fn check_stale(files: &[Source], page: &Source) -> Vec<Problem> {
    let known: Vec<String> = files.iter().flat_map(names).map(|(_, name)| name).collect();
    let rows = page.text.lines().enumerate().filter_map(|(index, line)| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some((index + 1, name.to_string()))
    });
    rows.filter(|(_, name)| !known.contains(name))
        .map(|(line, name)| page.problem(line, format!("`{name}` is not in the code"), MEND_STALE))
        .collect()
}

fn page() -> Source {
    let page = text_files().into_iter().find(|file| file.path == PAGE);
    page.unwrap_or_else(|| panic!("{PAGE} is missing"))
}

#[test]
fn every_metric_and_span_is_documented_and_nothing_else() {
    let (files, page) = (crate_files(), page());
    assert_none(files.iter().flat_map(|file| check_silent(file, &page)));
    assert_none(check_stale(&files, &page));
}

#[test]
fn a_name_without_a_row_and_a_row_without_a_name_are_seen() {
    let code = Source::new(
        METRICS,
        "fn f() { count(\"freehold_x_total\", 1); info_span!(target: \"t\", \"go\", stream = %s, \"a b\"); }",
    );
    for (text, silent, stale) in [
        ("| `freehold_x_total` | a |\n| `go` | b |", 0, 0),
        ("| `freehold_x_total` | a |", 1, 0),
        ("The span `go`.\n| `freehold_x_total` | a |\n| `freehold_y_total` | c |", 0, 1),
    ] {
        let page = Source::new(PAGE, text);
        let stale_rows = check_stale(std::slice::from_ref(&code), &page).len();
        assert_eq!((check_silent(&code, &page).len(), stale_rows), (silent, stale), "{text}");
    }
}

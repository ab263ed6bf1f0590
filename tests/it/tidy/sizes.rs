//! How large files and functions grow.

use proc_macro2::{Delimiter, TokenTree};

use super::source::{
    Problem, Source, assert_none, each_token, group, ident, is_ident, is_punct, rust_files,
};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

fn check_file(file: &Source) -> Option<Problem> {
    let lines = file.text.lines().count();
    (lines > FILE_LINES_MAX).then(|| {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX} are allowed");
        file.problem(lines, what, "split the file where its story has a second subject")
    })
}

/// Functions by their tokens, so that those within macros count too.
fn check_functions(file: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    each_token(file.tokens(), &mut |trees| {
        let (Some(name), true) = (ident(trees.get(1)), is_ident(trees.first(), "fn")) else {
            return;
        };
        let Some(body) = body(trees) else { return };
        let (first, last) = (name.span().start().line, body.span_close().end().line);
        let lines = last - first + 1;
        if lines > FUNCTION_LINES_MAX {
            let what =
                format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX} are allowed");
            problems.push(file.problem(
                first,
                what,
                "give its steps names and functions of their own",
            ));
        }
    });
    problems
}

/// The body of the function that `trees` starts with; a required method of a trait has none.
fn body(trees: &[TokenTree]) -> Option<&proc_macro2::Group> {
    let ends = |tree: &&TokenTree| {
        is_punct(Some(tree), ';') || group(Some(tree), Delimiter::Brace).is_some()
    };
    group(trees.iter().find(ends), Delimiter::Brace)
}

#[test]
fn no_file_has_more_than_600_lines() {
    assert_none(rust_files().iter().filter_map(check_file));
}

#[test]
fn no_function_has_more_than_70_lines() {
    assert_none(rust_files().iter().flat_map(check_functions));
}

#[test]
fn a_file_of_601_lines_is_seen() {
    assert!(check_file(&Source::new("src/x.rs", &"\n".repeat(600))).is_none());
    assert!(check_file(&Source::new("src/x.rs", &"\n".repeat(601))).is_some());
}

#[test]
fn a_function_of_71_lines_is_seen_wherever_it_stands() {
    for (before, after) in [
        ("fn f() -> [u8; 3]", ""),
        ("impl X { async fn f<T>(&self) where T: Y", "}"),
        ("trait X { fn g(&self); fn f(&self)", "}"),
        ("macro_rules! m { () => { fn f()", "} }"),
        ("proptest! { #[test] fn f(x in 0..3)", "}"),
    ] {
        let long = |lines: usize| {
            let text = format!("{before} {{{}}} {after}", "\n".repeat(lines - 1));
            check_functions(&Source::new("src/x.rs", &text)).len()
        };
        assert_eq!((long(70), long(71)), (0, 1), "{before}");
    }
}

//! Words that must not be written.

use proc_macro2::Delimiter;
use syn::visit::{self, Visit};
use syn::{ExprMethodCall, ImplItem, Item, ItemMod};

use super::source::{
    Problem, Source, assert_none, crate_files, each_token, group, has_extension, ident, is_ident,
    is_punct, is_test_code, rust_files, test_modules, text_files,
};

const MEND_PANIC: &str = "return a typed error: a library must not end its user's process";
const MEND_IGNORE: &str = "run it; or assert what it does today and name the issue";
const MEND_SLEEP: &str = "wait for the event itself, or use tokio's paused clock";
const MEND_LATER: &str = "do it, or name its issue, as in `(#12)`";
const MEND_MACHINE: &str = "write it relative to the repository, or take a folder from `tempfile`";
const MEND_REGISTRY: &str = "leave the registry to the user's cargo configuration";

/// Calls that panic, in library code. The testkit is made of assertions and may panic.
fn check_panics(file: &Source) -> Vec<Problem> {
    let mut walk = Panics { found: Vec::new() };
    walk.visit_file(&file.syntax());
    let problem = |(line, what): (usize, String)| {
        file.problem(line, format!("`{what}` in library code"), MEND_PANIC)
    };
    walk.found.into_iter().map(problem).collect()
}

struct Panics {
    found: Vec<(usize, String)>,
}

impl<'ast> Visit<'ast> for Panics {
    fn visit_item(&mut self, item: &'ast Item) {
        let is_test = match item {
            Item::Fn(item) => is_test_code(&item.attrs),
            Item::Impl(item) => is_test_code(&item.attrs),
            Item::Mod(ItemMod { attrs, .. }) => is_test_code(attrs),
            _ => false,
        };
        if !is_test {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !matches!(item, ImplItem::Fn(function) if is_test_code(&function.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if ["unwrap", "expect", "unwrap_err", "expect_err"].iter().any(|name| call.method == name) {
            self.found.push((call.method.span().start().line, format!("{}()", call.method)));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        if let Some(name) = invoked.path.get_ident()
            && ["todo", "unimplemented"].iter().any(|panics| name == panics)
        {
            self.found.push((name.span().start().line, format!("{name}!")));
        }
        // The text of a macro is no syntax yet: calls are known by their tokens.
        each_token(invoked.tokens.clone(), &mut |trees| {
            let Some(name) = ident(trees.get(1)).filter(|_| is_punct(trees.first(), '.')) else {
                return;
            };
            if ["unwrap", "expect"].iter().any(|panics| name == panics) {
                self.found.push((name.span().start().line, format!("{name}()")));
            }
        });
    }
}

/// Tests that do not run: the attribute, and the fence of a doctest.
fn check_ignored(file: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    each_token(file.tokens(), &mut |trees| {
        if is_punct(trees.first(), '#')
            && let Some(attribute) = group(trees.get(1), Delimiter::Bracket)
            && is_ident(attribute.stream().into_iter().next().as_ref(), "ignore")
        {
            let line = attribute.span_open().start().line;
            problems.push(file.problem(line, "an ignored test", MEND_IGNORE));
        }
    });
    for (index, line) in file.text.lines().enumerate() {
        let doc =
            line.trim_start().strip_prefix("//").map(|doc| doc.trim_start_matches(['/', '!', ' ']));
        if doc.is_some_and(|doc| doc.starts_with("```") && doc.contains("ignore")) {
            problems.push(file.problem(index + 1, "an ignored doctest", MEND_IGNORE));
        }
    }
    problems
}

/// Sleeping of a thread. It blocks a runtime, and in a test it is a guess about time.
fn check_sleeps(file: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    each_token(file.tokens(), &mut |trees| {
        let called = is_punct(trees.get(1), ':') && is_ident(trees.get(3), "sleep");
        let imported = group(trees.get(3), Delimiter::Brace).is_some_and(|list| {
            list.stream().into_iter().any(|name| is_ident(Some(&name), "sleep"))
        });
        let Some(thread) = ident(trees.first()).filter(|name| *name == "thread") else { return };
        if called || imported {
            problems.push(file.problem(thread.span().start().line, "a thread sleeps", MEND_SLEEP));
        }
    });
    problems
}

/// What somebody will surely do later, without an issue to remember it.
fn check_later(file: &Source) -> Vec<Problem> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let promises = |line: &str| {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| words.contains(&word))
    };
    lines(file, |line| promises(line) && !names_issue(line))
        .map(|line| file.problem(line, "something is left for later", MEND_LATER))
        .collect()
}

fn names_issue(line: &str) -> bool {
    line.split("(#").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Paths of somebody's machine.
fn check_machines(file: &Source) -> Vec<Problem> {
    let folders = ["work", "tmp", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let names_one = |line: &str| {
        // `docs/home/x` and `https://example.org/home/` are no paths of a machine.
        let starts_there =
            |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.');
        folders
            .iter()
            .any(|folder| line.match_indices(folder.as_str()).any(|(at, _)| starts_there(at)))
    };
    lines(file, names_one)
        .map(|line| file.problem(line, "a path of one machine", MEND_MACHINE))
        .collect()
}

/// Another registry than the public one, in a manifest, a lock file or a configuration of cargo.
fn check_registries(file: &Source) -> Vec<Problem> {
    if !(has_extension(&file.path, "toml") || has_extension(&file.path, "lock")) {
        return Vec::new();
    }
    let public = "registry+https://github.com/rust-lang/crates.io-index";
    let names_one = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let inline = ["registry =", "registry-index =", "replace-with"];
        (key == "source" && !line.contains(public))
            || ["index", "registry", "replace-with"].contains(&key)
            || line.starts_with("[source")
            || line.starts_with("[registries")
            || inline.iter().any(|word| line.contains(word))
    };
    lines(file, names_one)
        .map(|line| file.problem(line, "a registry of one's own", MEND_REGISTRY))
        .collect()
}

fn lines<'a>(
    file: &'a Source,
    is_bad: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = usize> + 'a {
    file.text.lines().enumerate().filter(move |(_, line)| is_bad(line)).map(|(index, _)| index + 1)
}

#[test]
fn library_code_does_not_panic() {
    let files = crate_files();
    let tests = test_modules(&files);
    let is_library = |file: &&Source| {
        !file.is_under("src/testkit")
            && !tests.iter().any(|module| file.module().starts_with(module))
    };
    assert_none(files.iter().filter(is_library).flat_map(check_panics));
}

#[test]
fn no_test_is_ignored() {
    assert_none(rust_files().iter().flat_map(check_ignored));
}

/// Where a thread may sleep, and why nothing better is to be had.
const MAY_SLEEP: [(&str, &str); 2] = [
    (
        "src/backend/sqlite/handle.rs",
        "SQLite does not wait for the lock that switches to WAL; a thread of the blocking pool does",
    ),
    ("benches/bars/year.rs", "it samples the memory of another process, which sends no events"),
];

#[test]
fn no_thread_sleeps_but_where_it_must() {
    let (allowed, others): (Vec<Source>, Vec<Source>) = rust_files()
        .into_iter()
        .partition(|file| MAY_SLEEP.iter().any(|(path, _)| *path == file.path));
    assert_none(others.iter().flat_map(check_sleeps));
    for (path, why) in MAY_SLEEP {
        let sleeps = allowed.iter().any(|file| file.path == path && !check_sleeps(file).is_empty());
        assert!(sleeps, "{path} need not be excepted any more: {why}");
    }
}

#[test]
fn nothing_is_left_for_later_without_an_issue() {
    assert_none(text_files().iter().flat_map(check_later));
}

#[test]
fn no_file_names_a_machine() {
    assert_none(text_files().iter().flat_map(check_machines));
}

#[test]
fn no_file_names_a_registry_of_its_own() {
    assert_none(text_files().iter().flat_map(check_registries));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(check: fn(&Source) -> Vec<Problem>, path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_call_that_panics_is_seen_in_library_code() {
        for (text, problems) in [
            ("fn f() { x.unwrap(); y.expect(\"z\"); }", 2),
            ("fn f() { vec![x.unwrap()]; todo!() }", 2),
            ("macro_rules! m { () => { x.expect(\"y\") } }", 1),
            ("fn f() { x.unwrap_or_default(); x.expected(); unwrap(); }", 0),
            ("#[cfg(test)] mod tests { fn f() { x.unwrap(); } }", 0),
        ] {
            assert_eq!(count(check_panics, "src/x.rs", text), problems, "{text}");
        }
    }

    #[test]
    fn an_ignored_test_is_seen() {
        for (text, problems) in [
            ("#[test] #[ignore] fn f() {}", 1),
            ("m! { #[test] #[ignore = \"slow\"] fn f() {} }", 1),
            ("/// ```ignore\n/// x\n/// ```\nfn f() {}", 1),
            ("//! ```rust,ignore\n//! ```", 1),
            ("/// Ignores what it is told.\n#[must_use] fn ignore() {}", 0),
        ] {
            assert_eq!(count(check_ignored, "src/x.rs", text), problems, "{text}");
        }
    }

    #[test]
    fn a_sleeping_thread_is_seen() {
        for (text, problems) in [
            ("fn f() { std::thread::sleep(D); }", 1),
            ("use std::thread::{self, sleep};", 1),
            ("m!(thread::sleep(D));", 1),
            ("async fn f() { tokio::time::sleep(D).await; std::thread::spawn(g); }", 0),
        ] {
            assert_eq!(count(check_sleeps, "src/x.rs", text), problems, "{text}");
        }
    }

    #[test]
    fn a_promise_without_an_issue_is_seen() {
        let word = concat!("TO", "DO");
        for (text, problems) in [
            (format!("// {word} later"), 1),
            (format!("// {word}: later (#x)"), 1),
            (format!("// {word} (#12): later"), 0),
            (format!("let {word}S = mastodon;"), 0),
        ] {
            assert_eq!(count(check_later, "src/x.rs", &text), problems, "{text}");
        }
    }

    #[test]
    fn a_path_of_a_machine_is_seen() {
        let home = concat!("/ho", "me/");
        for (text, problems) in [
            (format!("see {home}alice/notes"), 1),
            (format!("\"{home}alice\""), 1),
            (format!("see docs{home}index.md"), 0),
            (format!("https://example.org{home}"), 0),
        ] {
            assert_eq!(count(check_machines, "README.md", &text), problems, "{text}");
        }
    }

    #[test]
    fn a_registry_of_ones_own_is_seen() {
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        for (path, text, problems) in [
            ("Cargo.lock", public, 0),
            ("Cargo.lock", "source = \"registry+https://mirror.example.org/index\"", 1),
            ("Cargo.toml", "x = { version = \"1\", registry = \"ours\" }", 1),
            (".cargo/config.toml", "[source.crates-io]\nreplace-with = \"ours\"", 2),
            ("README.md", "registry = a word", 0),
        ] {
            assert_eq!(count(check_registries, path, text), problems, "{text}");
        }
    }
}

//! Our own files, as the rules read them, and what a rule has to say about them.

use std::fmt;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token};

/// Something that breaks a rule.
pub(crate) struct Problem {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) mend: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    mend: {}", self.file, self.line, self.what, self.mend)
    }
}

/// Fails with every problem there is, not just the first.
pub(crate) fn assert_none(problems: impl IntoIterator<Item = Problem>) {
    let all: Vec<String> = problems.into_iter().map(|problem| problem.to_string()).collect();
    assert!(all.is_empty(), "{} problem(s):\n{}", all.len(), all.join("\n"));
}

/// A text file of this repository. Its path starts at the root and is written with `/`.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    pub(crate) fn problem(
        &self,
        line: usize,
        what: impl Into<String>,
        mend: &'static str,
    ) -> Problem {
        Problem { file: self.path.clone(), line, what: what.into(), mend }
    }

    pub(crate) fn is_under(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    pub(crate) fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }

    pub(crate) fn is_markdown(&self) -> bool {
        has_extension(&self.path, "md")
    }

    pub(crate) fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    pub(crate) fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// The module that a file under `src` is: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
    pub(crate) fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<String> = inner.split('/').map(String::from).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        module
    }
}

pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Every Rust file of ours: the crate, its tests, examples and benchmarks, and what runs the fuzzer.
pub(crate) fn rust_files() -> Vec<Source> {
    let ours = ["src", "tests", "examples", "benches", "fuzz"];
    let mut files = text_files();
    files.retain(|file| file.is_rust() && ours.iter().any(|folder| file.is_under(folder)));
    files
}

/// The Rust files of the crate itself.
pub(crate) fn crate_files() -> Vec<Source> {
    let mut files = rust_files();
    files.retain(|file| file.is_under("src"));
    assert!(files.len() > 10, "the crate's sources were not found");
    files
}

/// Every text file of the repository, but for what `.gitignore` names.
pub(crate) fn text_files() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A packaged crate has no `.gitignore` and nothing to ignore but what cargo builds.
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let ignored: Vec<&str> = ignored.lines().chain([".git/", "/target"]).collect();
    let mut files = Vec::new();
    walk(root, "", &ignored, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(root: &Path, folder: &str, ignored: &[&str], files: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let is_ignored = ignored.iter().any(|line| match line.strip_prefix('/') {
            Some(from_root) => from_root.trim_end_matches('/') == path,
            None => line.trim_end_matches('/') == name,
        });
        let whole = root.join(&path);
        if is_ignored {
            continue;
        }
        if whole.is_dir() {
            walk(root, &path, ignored, files);
        } else if let Ok(text) = fs::read_to_string(&whole) {
            // What is not UTF-8 is no text, and no rule reads it.
            files.push(Source { path, text });
        }
    }
}

/// Whether these attributes say `cfg(test)`. What only tests see stands above every floor.
pub(crate) fn is_test_code(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        let tested = Punctuated::<Meta, Token![,]>::parse_terminated;
        list.path.is_ident("cfg")
            && list.parse_args_with(tested).is_ok_and(|metas| metas.iter().any(asks_for_test))
    })
}

fn asks_for_test(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|metas| metas.iter().any(asks_for_test)),
        _ => false,
    }
}

/// The modules declared `#[cfg(test)] mod x;`, whose files do not say so themselves.
pub(crate) fn test_modules(files: &[Source]) -> Vec<Vec<String>> {
    let mut modules = Vec::new();
    for file in files {
        for item in file.syntax().items {
            if let Item::Mod(declared) = item
                && is_test_code(&declared.attrs)
            {
                let mut module = file.module();
                module.push(declared.ident.to_string());
                modules.push(module);
            }
        }
    }
    modules
}

/// Goes through tokens, groups within groups included, and calls `visit` at each place with what follows
/// there. It reaches what `syn` does not: the text of macros.
pub(crate) fn each_token(tokens: TokenStream, visit: &mut impl FnMut(&[TokenTree])) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = trees.as_slice();
    while let [tree, after @ ..] = rest {
        visit(rest);
        if let TokenTree::Group(group) = tree {
            each_token(group.stream(), visit);
        }
        rest = after;
    }
}

pub(crate) fn ident(tree: Option<&TokenTree>) -> Option<&Ident> {
    match tree {
        Some(TokenTree::Ident(ident)) => Some(ident),
        _ => None,
    }
}

pub(crate) fn is_ident(tree: Option<&TokenTree>, name: &str) -> bool {
    ident(tree).is_some_and(|ident| ident == name)
}

pub(crate) fn is_punct(tree: Option<&TokenTree>, sign: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

pub(crate) fn group(tree: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match tree {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

#[test]
fn only_an_attribute_that_asks_for_tests_makes_test_code() {
    for (attribute, is_test) in [
        ("#[cfg(test)]", true),
        ("#[cfg(all(test, feature = \"sqlite\"))]", true),
        ("#[cfg(not(test))]", false),
        ("#[cfg(feature = \"test\")]", false),
        ("#[cfg(any(test, feature = \"testkit\"))]", false),
    ] {
        let file = Source::new("src/x.rs", &format!("{attribute} mod inner {{}}")).syntax();
        let [Item::Mod(module)] = file.items.as_slice() else { panic!("one module") };
        assert_eq!(is_test_code(&module.attrs), is_test, "{attribute}");
    }
}

#[test]
fn the_walk_finds_the_manifest_and_nothing_that_git_ignores() {
    let files = text_files();
    assert!(files.iter().any(|file| file.path == "Cargo.toml"));
    assert!(!files.iter().any(|file| file.is_under("target") || file.is_under(".git")));
}

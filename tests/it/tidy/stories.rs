//! `lib.rs` and `mod.rs` tell the story of their module and hold no logic.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Attribute, Item, Meta};

use super::source::{Problem, Source, assert_none, crate_files, each_token, is_ident};

const MEND_LOGIC: &str = "move it to a file of its own and re-export it";
const MEND_STORY: &str = "say in `//!` lines what the module is for and in what order to read it";

fn is_story(file: &Source) -> bool {
    file.path.ends_with("/mod.rs") || file.path.ends_with("/lib.rs")
}

fn is_tests(file: &Source) -> bool {
    file.module().last().is_some_and(|last| last == "tests")
}

fn check(file: &Source) -> Vec<Problem> {
    let syntax = file.syntax();
    let mut problems = logic(file, &syntax.items);
    if !syntax.attrs.iter().any(is_doc) {
        problems.push(file.problem(1, "the module tells no story", MEND_STORY));
    }
    problems
}

fn is_doc(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::NameValue(pair) if pair.path.is_ident("doc"))
}

/// Whether these attributes say `cfg(doctest)`: what carries a document whose code is tested.
fn is_for_doctests(attributes: &[Attribute]) -> bool {
    let names_it = |tokens: &TokenStream| {
        let mut found = false;
        each_token(tokens.clone(), &mut |trees| found |= is_ident(trees.first(), "doctest"));
        found
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && names_it(&list.tokens),
        _ => false,
    })
}

fn logic(file: &Source, items: &[Item]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for item in items {
        match item {
            Item::Use(_) => {}
            // What is checked when compiling has no name and does nothing at run time.
            Item::Const(check) if check.ident == "_" => {}
            Item::Struct(carrier) if is_for_doctests(&carrier.attrs) => {}
            Item::Mod(guides) if is_for_doctests(&guides.attrs) => {}
            // A module without a file may hold documents and nothing else.
            Item::Mod(module) => {
                let inner = module.content.as_ref().map_or(&[][..], |(_, items)| items);
                problems.extend(logic(file, inner));
            }
            other => {
                let line = other.span().start().line;
                problems.push(file.problem(
                    line,
                    "logic in a file that tells the story",
                    MEND_LOGIC,
                ));
            }
        }
    }
    problems
}

#[test]
fn a_mod_rs_and_lib_rs_hold_no_logic() {
    assert_none(
        crate_files().iter().filter(|file| is_story(file) && !is_tests(file)).flat_map(check),
    );
}

#[test]
fn logic_or_silence_in_a_mod_rs_is_seen() {
    for bad in [
        "//! S\nfn f() {}",
        "//! S\npub struct S;",
        "//! S\nmod inner { pub fn f() {} }",
        "//! S\nmacro_rules! m { () => {} }",
        "//! S\nconst N: u8 = 1;",
        "mod silent;",
    ] {
        assert_eq!(check(&Source::new("src/x/mod.rs", bad)).len(), 1, "{bad}");
    }
    let good = "//! S\n#[cfg(unix)]\nmod a;\npub use a::A;\nmod docs { #![doc = \"x\"] }\n\
                #[cfg(doctest)]\nstruct Guide;\n\
                #[cfg(all(doctest, unix))]\nmod guides { struct One; }\nconst _: () = ();";
    assert!(check(&Source::new("src/x/mod.rs", good)).is_empty());
}

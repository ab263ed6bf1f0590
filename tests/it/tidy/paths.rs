//! Every path in a file that says where in the crate it leads: `crate::…`, `self::…`, `super::…`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ImplItem, Item, ItemMod, ItemUse, UseTree, VisRestricted};

use super::source::{Source, group, ident, is_punct, is_test_code};

/// A path from the crate's root, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// Whether it is written `$crate::…` in a macro, and so read outside the crate.
    pub(crate) is_for_users: bool,
}

/// The paths of `file`, outside documentation and code that only tests see.
pub(crate) fn paths(file: &Source) -> Vec<Found> {
    let mut walk = Walk { module: file.module(), found: Vec::new() };
    walk.visit_file(&file.syntax());
    walk.found
}

struct Walk {
    module: Vec<String>,
    found: Vec<Found>,
}

impl Walk {
    /// Notes a path if it is anchored; any other starts from what was imported or lies below.
    fn note(&mut self, written: &[String], line: usize, is_for_users: bool) {
        let Some(first) = written.first() else { return };
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return,
        };
        for segment in written.iter().skip(usize::from(first != "super")) {
            if segment == "super" {
                path.pop();
            } else if segment != "self" {
                path.push(segment.clone());
            }
        }
        self.found.push(Found { path, line, is_for_users });
    }

    fn note_use(&mut self, before: &[String], tree: &UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.note_use(&with(&path.ident), &path.tree),
            UseTree::Name(name) => {
                self.note(&with(&name.ident), name.ident.span().start().line, false);
            }
            UseTree::Rename(name) => {
                self.note(&with(&name.ident), name.ident.span().start().line, false);
            }
            UseTree::Glob(glob) => {
                self.note(before, glob.star_token.spans[0].start().line, false);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(before, tree);
                }
            }
        }
    }

    fn note_tokens(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = trees.as_slice();
        let mut is_for_users = false;
        while let Some(first) = rest.first() {
            if let TokenTree::Group(group) = first {
                self.note_tokens(group.stream());
            }
            let length = self.note_chain(&[], rest, is_for_users).max(1);
            is_for_users = is_punct(Some(first), '$');
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Notes the path `a::b::{c, d}` that stands at the start of `trees`, and says how long it is.
    fn note_chain(&mut self, before: &[String], trees: &[TokenTree], is_for_users: bool) -> usize {
        let mut path = before.to_vec();
        let mut at = 0;
        let mut line = 0;
        while let Some(segment) = ident(trees.get(at)) {
            path.push(segment.to_string());
            line = segment.span().start().line;
            at += 1;
            if !(is_punct(trees.get(at), ':') && is_punct(trees.get(at + 1), ':')) {
                break;
            }
            if let Some(inner) = group(trees.get(at + 2), Delimiter::Brace) {
                let inner: Vec<TokenTree> = inner.stream().into_iter().collect();
                for part in inner.split(|tree| is_punct(Some(tree), ',')) {
                    self.note_chain(&path, part, is_for_users);
                }
                return at + 3;
            }
            if ident(trees.get(at + 2)).is_none() {
                break;
            }
            at += 2;
        }
        // `crate` and `self` alone lead nowhere: a visibility, a receiver.
        if path.len() > 1 {
            self.note(&path, line, is_for_users);
        }
        at
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test_code(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if let ImplItem::Fn(function) = item
            && is_test_code(&function.attrs)
        {
            return;
        }
        visit::visit_impl_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.note_use(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if path.leading_colon.is_none()
            && let (Some(last), 2..) = (path.segments.last(), written.len())
        {
            self.note(&written, last.ident.span().start().line, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.visit_path(&invoked.path);
        self.note_tokens(invoked.tokens.clone());
    }

    // `pub(in crate::x)` lets x in; it does not look at x.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let found = paths(&Source::new("src/a/b.rs", text));
        found.iter().map(|found| found.path.join("::")).collect()
    }

    #[test]
    fn a_path_is_found_wherever_it_is_written() {
        for (text, expected) in [
            ("use crate::x::Y;", "x::Y"),
            ("use crate::{x::{Y, self}, z as w};", "x::Y x z"),
            ("use crate::*;", ""),
            ("use super::c::D;", "a::c::D"),
            ("use super::super::e::F;", "e::F"),
            ("use self::inner::G;", "a::b::inner::G"),
            ("mod inner { use super::super::c::D; }", "a::c::D"),
            ("fn f() -> crate::x::Y { crate::z::w() }", "x::Y z::w"),
            ("impl crate::x::Y for Z where Z: super::c::D {}", "a::c::D x::Y"),
            ("macro_rules! m { () => { $crate::x::y($crate::Z) } }", "x::y Z"),
            ("fn f() { m!(crate::x::{Y, z::W}, self.q, crate::v::<u8>()); }", "x::Y x::z::W v"),
            ("fn f() { let x: Vec<crate::x::Y> = crate::z!(); }", "x::Y z"),
        ] {
            assert_eq!(found(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn relative_paths_documents_and_tests_are_left_alone() {
        for text in [
            "use std::fmt; use c::D; use ::e::F;",
            "/// [`X`](crate::x::X)\npub(crate) fn f() {} pub(in crate::x) fn g() {}",
            "#[cfg(test)] mod tests { use crate::x::Y; }",
            "#[cfg(test)] use crate::x::Y;",
            "impl Z { #[cfg(test)] fn f() { crate::x::y(); } fn g(&self) { self.g(); m!(self, crate) } }",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}

//! A port says what it owes in numbered clauses, and the conformance suite names each of them.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Expr, ExprLit, Item, ItemTrait, Lit, Meta, TypeParamBound, Visibility};

use super::source::{
    Problem, Source, assert_none, crate_files, each_token, ident, is_ident, rust_files,
};

const MEND_CONTRACT: &str =
    "say under `# Contract` what an implementation owes, in numbered clauses";
const MEND_FORM: &str = "write it `- **S1 name** – what is promised`";
const MEND_NUMBER: &str = "number the clauses 1, 2, 3 …, under a letter that no other port has";
const MEND_TEST: &str =
    "write the test in src/testkit/conformance, and a mutant store that fails it";
const MEND_IDLE: &str =
    "add it to the list in src/testkit/conformance/suite.rs, or call it in tests/it";
const MEND_STALE: &str = "name a clause that stands, or write the clause first";

/// `S1` of the port in which it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Clause {
    letter: char,
    number: usize,
}

impl Clause {
    /// Of `S1` or `s01`.
    fn parse(text: &str) -> Option<Self> {
        let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
        let digits = &text[1..];
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = if all_digits { digits.parse().ok()? } else { return None };
        Some(Self { letter: letter.to_ascii_uppercase(), number })
    }

    fn test_prefix(&self) -> String {
        format!("{}{:02}_", self.letter.to_ascii_lowercase(), self.number)
    }
}

/// A clause of some port, and where it stands.
struct Stated {
    clause: Clause,
    file: String,
    line: usize,
}

fn stated_and_problems(ports: &[Source]) -> (Vec<Stated>, Vec<Problem>) {
    let (mut stated, mut problems) = (Vec::new(), Vec::new());
    let mut owners: BTreeMap<char, String> = BTreeMap::new();
    for file in ports {
        for item in file.syntax().items {
            let Item::Trait(port) = item else { continue };
            if !matches!(port.vis, Visibility::Public(_)) || is_sealed(&port) {
                continue;
            }
            let name = port.ident.to_string();
            let clauses = clauses(file, &port, &mut problems);
            let numbered = clauses.iter().enumerate().all(|(i, c)| c.clause.number == i + 1);
            let letters: BTreeSet<char> = clauses.iter().map(|c| c.clause.letter).collect();
            let own = |letter: &char| owners.entry(*letter).or_insert(name.clone()) == &name;
            if !numbered || letters.len() > 1 || !letters.iter().all(own) {
                let what =
                    format!("the clauses of `{name}` are not numbered in one row of their own");
                problems.push(file.problem(port.ident.span().start().line, what, MEND_NUMBER));
            }
            stated.extend(clauses);
        }
    }
    (stated, problems)
}

/// Sugar on a port that nobody else can implement owes nothing of its own.
fn is_sealed(port: &ItemTrait) -> bool {
    port.supertraits.iter().any(|bound| match bound {
        TypeParamBound::Trait(of) => of.path.segments.last().is_some_and(|s| s.ident == "Sealed"),
        _ => false,
    })
}

fn clauses(file: &Source, port: &ItemTrait, problems: &mut Vec<Problem>) -> Vec<Stated> {
    let mut clauses = Vec::new();
    let mut in_contract = false;
    for (line, text) in doc_lines(port) {
        if let Some(heading) = text.strip_prefix("# ") {
            in_contract = heading == "Contract";
        } else if let (true, Some(item)) = (in_contract, text.strip_prefix("- ")) {
            match clause(item) {
                Some(clause) => clauses.push(Stated { clause, file: file.path.clone(), line }),
                None => {
                    problems.push(file.problem(line, format!("no clause: `{text}`"), MEND_FORM));
                }
            }
        }
    }
    if clauses.is_empty() {
        let what = format!("the port `{}` has no contract", port.ident);
        problems.push(file.problem(port.ident.span().start().line, what, MEND_CONTRACT));
    }
    clauses
}

/// The clause that `**S1 name** – text` states.
fn clause(item: &str) -> Option<Clause> {
    let (title, text) = item.strip_prefix("**")?.split_once("** – ")?;
    let (id, name) = title.split_once(' ')?;
    let clause = Clause::parse(id).filter(|_| !name.is_empty() && !text.is_empty())?;
    (id == format!("{}{}", clause.letter, clause.number)).then_some(clause)
}

fn doc_lines(port: &ItemTrait) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for attribute in &port.attrs {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            lines.push((text.span().start().line, text.value().trim().to_string()));
        }
    }
    lines
}

/// The functions whose name starts with a clause, as `s01_` does.
fn named(suite: &[Source]) -> Vec<(Stated, String)> {
    let mut named = Vec::new();
    for file in suite {
        each_token(file.tokens(), &mut |trees| {
            let (Some(name), true) = (ident(trees.get(1)), is_ident(trees.first(), "fn")) else {
                return;
            };
            let (text, line) = (name.to_string(), name.span().start().line);
            let Some((id, _)) = text.split_once('_') else { return };
            if let Some(clause) = Clause::parse(id)
                && text.starts_with(&clause.test_prefix())
            {
                named.push((Stated { clause, file: file.path.clone(), line }, text));
            }
        });
    }
    named
}

/// Clauses without a test, and tests without a clause.
fn untested(stated: &[Stated], named: &[(Stated, String)]) -> Vec<Problem> {
    let tested: BTreeSet<&Clause> = named.iter().map(|(test, _)| &test.clause).collect();
    let known: BTreeSet<&Clause> = stated.iter().map(|stated| &stated.clause).collect();
    let at = |place: &Stated, what: String, mend| Problem {
        file: place.file.clone(),
        line: place.line,
        what,
        mend,
    };
    let missing = stated.iter().filter(|stated| !tested.contains(&stated.clause)).map(|stated| {
        let prefix = stated.clause.test_prefix();
        at(stated, format!("no conformance test `{prefix}…` names this clause"), MEND_TEST)
    });
    let stale =
        named.iter().filter(|(test, _)| !known.contains(&test.clause)).map(|(test, name)| {
            at(test, format!("`{name}` names a clause that no port has"), MEND_STALE)
        });
    missing.chain(stale).collect()
}

/// Tests of clauses whose name is written only where they are defined: nothing runs them.
fn idle(named: &[(Stated, String)], users: &[Source]) -> Vec<Problem> {
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for file in users {
        each_token(file.tokens(), &mut |trees| {
            if let Some(name) = ident(trees.first()) {
                *written.entry(name.to_string()).or_default() += 1;
            }
        });
    }
    let is_idle = |name: &String| written.get(name).copied().unwrap_or_default() < 2;
    let idle = named.iter().filter(|(_, name)| is_idle(name));
    idle.map(|(test, name)| Problem {
        file: test.file.clone(),
        line: test.line,
        what: format!("nothing runs `{name}`"),
        mend: MEND_IDLE,
    })
    .collect()
}

fn suite() -> Vec<Source> {
    crate_files().into_iter().filter(|file| file.is_under("src/testkit/conformance")).collect()
}

fn ports() -> Vec<Source> {
    crate_files().into_iter().filter(|file| file.is_under("src/ports")).collect()
}

#[test]
fn every_port_has_a_contract_of_numbered_clauses() {
    let (stated, problems) = stated_and_problems(&ports());
    assert_none(problems);
    assert!(stated.len() >= 20, "only {} clauses were found", stated.len());
}

#[test]
fn every_clause_is_named_by_a_conformance_test() {
    let (stated, _) = stated_and_problems(&ports());
    assert_none(untested(&stated, &named(&suite())));
}

#[test]
fn every_conformance_test_is_run() {
    let users: Vec<Source> = rust_files()
        .into_iter()
        .filter(|file| file.is_under("src/testkit") || file.is_under("tests/it"))
        .collect();
    assert_none(idle(&named(&suite()), &users));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, doc: &str) -> Source {
        let doc = format!("/// {}\n", doc.replace('\n', "\n/// "));
        Source::new("src/ports/x.rs", &format!("{doc}pub trait {name}: Send {{}}"))
    }

    #[test]
    fn a_port_without_numbered_clauses_is_seen() {
        for bad in [
            "A port.",
            "# Contract\nIt does what it should.",
            "# Other\n- **S1 name** – text",
            "# Contract\n- **S1 name** – text\n- **S3 name** – text",
            "# Contract\n- **S1 name** – text\n- **T2 name** – text",
            "# Contract\n- **S1 name** – text\n- S2 name: text",
            "# Contract\n- **S1 name** – text\n- **s2 name** – text",
        ] {
            assert_eq!(stated_and_problems(&[port("P", bad)]).1.len(), 1, "{bad}");
        }
        let good = "A port.\n# Contract\n- **S1 one** – text,\n  on two lines\n- **S2 two** – text";
        assert!(stated_and_problems(&[port("P", good)]).1.is_empty());
        assert_eq!(stated_and_problems(&[port("P", good), port("Q", good)]).1.len(), 1);
    }

    #[test]
    fn sealed_and_private_traits_owe_no_contract() {
        for text in ["pub trait X: Y + sealed::Sealed {}", "pub(crate) trait X {}"] {
            assert!(stated_and_problems(&[Source::new("src/ports/x.rs", text)]).1.is_empty());
        }
    }

    #[test]
    fn a_clause_without_a_test_and_a_test_without_a_clause_are_seen() {
        let (stated, _) =
            stated_and_problems(&[port("P", "# Contract\n- **S1 one** – a\n- **S2 two** – b")]);
        for (suite, problems) in [
            ("async fn s01_one_holds() {} fn s02_two_holds() {}", 0),
            ("macro_rules! m { () => { fn s01_one() {} } } fn s02_two_holds() {}", 0),
            ("fn s01_one_holds() {} fn s2_two_holds() {}", 1),
            ("fn s01_one_holds() {} // s02_two", 1),
            ("fn s01_one() {} fn s02_two() {} fn s03_three() {}", 1),
            ("fn s01_one() {} fn s02_two() {} fn sort_by() {} fn open() {}", 0),
        ] {
            let suite = Source::new("src/testkit/conformance/x.rs", suite);
            assert_eq!(untested(&stated, &named(&[suite])).len(), problems);
        }
    }

    #[test]
    fn a_conformance_test_that_nothing_runs_is_seen() {
        let file = |text| [Source::new("src/testkit/conformance/x.rs", text)];
        let idle = |text| idle(&named(&file(text)), &file(text)).len();
        assert_eq!(idle("fn s01_one() {} macro_rules! m { () => { s01_one } }"), 0);
        assert_eq!(idle("fn s01_one() {} // s01_one"), 1);
    }
}

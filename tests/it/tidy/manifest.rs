//! The manifest says why: each feature and each dependency has its reason.

use super::source::{Problem, Source, assert_none, text_files};

/// As many lines may share a comment. More is a list that nobody thinks about.
const SHARED_MAX: usize = 4;

const MEND_REASON: &str = "say in a comment above it what it is needed for";

/// Lines of features and dependencies without a comment above them, alone or for a small group.
fn check(file: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut section, mut uses_left, mut depth) = (Section::Other, 0, 0);
    for (index, line) in file.text.lines().map(str::trim).enumerate() {
        // The rest of a value that began on a line above.
        if depth > 0 {
            depth += brackets(line);
            continue;
        }
        if let Some(title) = line.strip_prefix('[') {
            (section, uses_left) = (Section::of(title.trim_end_matches(']')), 0);
        } else if line.is_empty() {
            uses_left = 0;
        } else if line.starts_with('#') {
            uses_left = section.uses();
        } else {
            depth = brackets(line);
            if section != Section::Other && uses_left == 0 {
                let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
                problems.push(file.problem(
                    index + 1,
                    format!("`{name}` has no reason"),
                    MEND_REASON,
                ));
            }
            uses_left = usize::saturating_sub(uses_left, 1);
        }
    }
    problems
}

#[derive(PartialEq)]
enum Section {
    Features,
    Dependencies,
    Other,
}

impl Section {
    fn of(title: &str) -> Self {
        match title {
            "features" => Self::Features,
            title if title.ends_with("dependencies") => Self::Dependencies,
            _ => Self::Other,
        }
    }

    /// How many lines one comment can speak for.
    fn uses(&self) -> usize {
        if *self == Self::Features { 1 } else { SHARED_MAX }
    }
}

fn brackets(line: &str) -> isize {
    line.chars().map(|c| isize::from("[{".contains(c)) - isize::from("]}".contains(c))).sum()
}

#[test]
fn cargo_toml_gives_a_reason_for_each_feature_and_dependency() {
    let manifests: Vec<Source> =
        text_files().into_iter().filter(|file| file.path.ends_with("Cargo.toml")).collect();
    assert!(!manifests.is_empty(), "no manifest was found");
    assert_none(manifests.iter().flat_map(check));
}

#[test]
fn a_line_without_a_reason_is_seen() {
    for (text, problems) in [
        ("[dependencies]\nserde = \"1\"", 1),
        ("[dependencies]\n# Why.\nserde = \"1\"\n\nuuid = \"1\"", 1),
        ("[dependencies]\n# Why.\na = \"1\"\nb = \"1\"\nc = \"1\"\nd = \"1\"\ne = \"1\"", 1),
        ("[features]\n# Why.\ndefault = []\nsqlite = []", 1),
        ("# Why.\n[dev-dependencies]\ntokio = \"1\"", 1),
        ("[target.'cfg(unix)'.dependencies]\nlibc = \"1\"", 1),
        ("[dependencies]\n# Why.\na = { version = \"1\", features = [\n  \"x\",\n  \"y\",\n] }", 0),
        ("[dependencies]\n# Why.\nserde = \"1\"\nserde_json = \"1\"", 0),
        ("[package]\nname = \"x\"", 0),
    ] {
        assert_eq!(check(&Source::new("Cargo.toml", text)).len(), problems, "{text}");
    }
}

//! Destinations as subjects.

use crate::types::Destination;

/// What cannot be a part of a subject here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parts of a subject, between its dots, are not empty and hold no spaces, `*` or `>`")]
#[non_exhaustive]
pub struct InvalidSubject;

/// Sees that `text` is one or more parts of a subject, and matches itself only.
pub(super) fn checked(text: &str) -> Result<&str, InvalidSubject> {
    // The client takes a line of the protocol apart at every white space that Unicode has.
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '*' || c == '>';
    let is_part = |part: &str| !part.is_empty() && !part.contains(is_bad);
    if text.split('.').all(is_part) { Ok(text) } else { Err(InvalidSubject) }
}

/// The subject of a destination.
pub(super) fn subject(prefix: &str, to: &Destination) -> Result<String, InvalidSubject> {
    Ok(format!("{prefix}.{}", checked(to.as_str())?))
}

/// Whether each subject that `wanted` matches is matched by `pattern`.
pub(super) fn covers(pattern: &str, wanted: &str) -> bool {
    let (mut pattern, mut wanted) = (pattern.split('.'), wanted.split('.'));
    loop {
        match (pattern.next(), wanted.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (_, Some(">")) => return false,
            (Some("*"), Some(_)) => {}
            (Some(left), Some(right)) if left == right => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_matches_itself_only() {
        for good in ["a", "a.b", "shop.order-1.confirmed_v1", "größe", "a$"] {
            assert_eq!(checked(good), Ok(good));
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a\u{3000}b", "*", "a.>", "a.b*", "a\tb"] {
            assert_eq!(checked(bad), Err(InvalidSubject), "{bad}");
        }
    }

    #[test]
    fn a_pattern_covers_what_it_matches_all_of() {
        for pattern in ["a.b.>", "a.>", ">", "*.b.>", "a.*.>"] {
            assert!(covers(pattern, "a.b.>"), "{pattern}");
        }
        for pattern in ["a.b", "a.b.*", "a.b.c.>", "b.>", "a.b.c", "*", ""] {
            assert!(!covers(pattern, "a.b.>"), "{pattern}");
        }
        assert!(covers("a.*", "a.b") && !covers("a.*", "a.b.c") && !covers("a.b.>", "a.b"));
    }
}

//! What goes wrong between an enum and its name and content.

use std::fmt;

/// The error of the splitting serializer and of the joining deserializer.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// The type asks for something else than one of its variants.
    NotPlain,
    /// No variant has the name.
    UnknownName(serde_json::Error),
    /// The content cannot be written, or does not fit.
    Content(serde_json::Error),
}

impl Mismatch {
    /// Why the type is refused, for every form of it that gets here.
    pub(super) const NOT_PLAIN: &str = "the type must be an enum without `tag` or `untagged`, \
        so that `serde` gives the variant's name apart from its content";
}

impl From<serde_json::Error> for Mismatch {
    fn from(error: serde_json::Error) -> Self {
        Self::Content(error)
    }
}

impl serde::ser::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Content(serde::ser::Error::custom(message))
    }
}

impl serde::de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Content(serde::de::Error::custom(message))
    }

    // Only the outermost enum reports to this type: what is unknown further in is `serde_json`'s.
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownName(serde::de::Error::unknown_variant(variant, expected))
    }
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPlain => f.write_str(Self::NOT_PLAIN),
            Self::UnknownName(error) | Self::Content(error) => error.fmt(f),
        }
    }
}

//! Why what is sealed is not opened.

/// Why a seal does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it is no seal")]
    Malformed,
    #[error("its key is unknown")]
    UnknownKey,
    #[error("it was changed, or its key is another")]
    NotAuthentic,
    #[error("it stands too deep in other personal data")]
    TooDeep,
}

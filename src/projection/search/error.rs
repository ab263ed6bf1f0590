//! What can be wrong with an index.

use std::io;
use std::path::{Path, PathBuf};

use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};

use crate::ports::{BackendError, Fault};
use crate::subscription::{BoxError, SinkError};

/// What can be wrong with an index. Nothing in its folder is changed then, let alone removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// There is something else in the folder.
    #[error("{} is not empty, and holds no search index", .folder.display())]
    Foreign {
        /// Which folder.
        folder: PathBuf,
    },
    /// It is the index of another projection.
    #[error("{} holds the search index of `{found}`, and not of `{wanted}`", .folder.display())]
    OtherProjection {
        /// Which folder.
        folder: PathBuf,
        /// Whose index it is.
        found: String,
        /// Whose it should be.
        wanted: &'static str,
    },
    /// Something of it is missing or cannot be read as what was written. It holds nothing that the logs do not: remove the
    /// folder, and it is built anew.
    #[error("the search index in {} is damaged", .folder.display())]
    Damaged {
        /// Which folder.
        folder: PathBuf,
        /// What was found.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer version of the projection has built it.
    #[error("the search index in {} is of version {found}, and the projection of {declared}", .folder.display())]
    Newer {
        /// Which folder.
        folder: PathBuf,
        /// The version that has built it.
        found: u32,
        /// The version that looks at it.
        declared: u32,
    },
    /// Another process, or another handle of this one, writes to it.
    #[error("somebody else writes to the search index in {}", .folder.display())]
    Busy {
        /// Which folder.
        folder: PathBuf,
    },
    /// A view holds personal data, which would stand in the files of the index in plain, whatever the store does. Leave it out of
    /// views that are searched.
    #[error("a view for the search index in {} holds personal data", .folder.display())]
    Personal {
        /// Which folder.
        folder: PathBuf,
    },
    /// Its files cannot be read or written now.
    #[error("the files of the search index in {} cannot be read or written", .folder.display())]
    Files {
        /// Which folder.
        folder: PathBuf,
        /// What the system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SearchError {
    pub(super) fn damaged(folder: &Path, source: impl Into<BoxError>) -> Self {
        Self::Damaged { folder: folder.to_owned(), source: source.into() }
    }

    pub(super) fn files(folder: &Path, source: impl Into<BoxError>) -> Self {
        Self::Files { folder: folder.to_owned(), source: source.into() }
    }

    /// Whether a file is not there, which another process may have removed just now.
    pub(super) fn is_missing(&self) -> bool {
        let Self::Damaged { source, .. } = self else { return false };
        let of_index = source.downcast_ref::<TantivyError>().is_some_and(|error| {
            matches!(
                error,
                TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_))
                    | TantivyError::OpenDirectoryError(OpenDirectoryError::DoesNotExist(_))
            )
        });
        let of_system = source.downcast_ref::<io::Error>();
        of_index || of_system.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the same may succeed later, with nobody having mended anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Files { .. })
    }

    const fn fault(&self) -> Fault {
        match self {
            Self::Foreign { .. } | Self::OtherProjection { .. } | Self::Personal { .. } => {
                Fault::Other
            }
            Self::Damaged { .. } => Fault::Corrupt,
            Self::Newer { .. } => Fault::NewerSchema,
            Self::Busy { .. } => Fault::Busy,
            Self::Files { .. } => Fault::Unavailable,
        }
    }
}

/// What the index says, of the index in `folder`.
pub(super) fn of_index(folder: &Path) -> impl Fn(TantivyError) -> SearchError {
    move |error| match error {
        error if is_cut_short(&error) => SearchError::damaged(folder, error),
        TantivyError::LockFailure(LockError::LockBusy, _) => {
            SearchError::Busy { folder: folder.to_owned() }
        }
        TantivyError::IoError(_)
        | TantivyError::LockFailure(LockError::IoError(_), _)
        | TantivyError::OpenReadError(OpenReadError::IoError { .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { .. })
        // A thread of the writer has met one of these, and does not say which.
        | TantivyError::ErrorInThread(_)
        | TantivyError::SystemError(_) => SearchError::files(folder, error),
        other => SearchError::damaged(folder, other),
    }
}

/// Whether a file ends before it should, or holds something else. The system calls that an error of its own.
fn is_cut_short(error: &TantivyError) -> bool {
    let (TantivyError::IoError(error)
    | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. })) = error
    else {
        return false;
    };
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

impl From<SearchError> for SinkError {
    fn from(error: SearchError) -> Self {
        if error.is_transient() { Self::transient(error) } else { Self::fatal(error) }
    }
}

impl From<SearchError> for BackendError {
    fn from(error: SearchError) -> Self {
        Self::new("search index", "read", error.fault(), error)
    }
}

//! The folder with the databases, for one process at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::problem::Problem;

/// Whoever holds the lock on this file has the folder.
const LOCK: &str = "lock";

/// The folder with the databases. No other process has it, until this value goes or the process does, in
/// whatever way.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
    _temporary: Option<TempDir>,
}

impl Folder {
    /// The folder to replay into: the given one, made if it is not there, or one that goes when the program
    /// ends.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it cannot be had.
    pub fn for_replay(path: Option<&Path>) -> Result<Self, Problem> {
        let temporary = match path {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|e| Problem::other("make a folder", e))?),
        };
        let path = temporary.as_ref().map(TempDir::path).or(path).unwrap_or(Path::new("."));
        fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock, _temporary: temporary })
    }

    /// The folder of a shop that has replayed something before.
    ///
    /// # Errors
    /// [`Problem::Usage`] if there is none, none is named, or it cannot be had.
    pub fn of_a_shop(path: Option<&Path>) -> Result<Self, Problem> {
        let Some(path) = path else {
            return Err(Problem::Usage("--data: expected a folder, or --store".to_owned()));
        };
        if !path.join(LOCK).is_file() {
            let text = format!("{}: expected a folder that was replayed into", path.display());
            return Err(Problem::Usage(text));
        }
        Ok(Self { path: path.to_owned(), _lock: lock(path)?, _temporary: None })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn lock(path: &Path) -> Result<File, Problem> {
    let open = File::options().create(true).truncate(false).write(true).open(path.join(LOCK));
    let file = open.map_err(|error| unusable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!(
                "{}: another process works in this folder; wait until it has ended",
                path.display()
            );
            Err(Problem::Usage(text))
        }
        Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Problem {
    let path = path.display();
    Problem::Usage(format!("{path}: expected a folder that can be written: {error}"))
}

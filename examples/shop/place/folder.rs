//! The folder with the databases, for one process at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::problem::Problem;

/// Whoever holds the lock on this file has the folder.
const LOCK: &str = "lock";

/// The folder with the databases. Unless it was opened beside another process, no other has it until this value goes
/// or the process does, in whatever way.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Option<File>,
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
            None => Some(temporary()?),
        };
        let path = temporary.as_ref().map(TempDir::path).or(path).unwrap_or(Path::new("."));
        fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), _lock: Some(lock), _temporary: temporary })
    }

    /// The folder of a shop that has replayed something before.
    ///
    /// # Errors
    /// [`Problem::Usage`] if there is none, none is named, or it cannot be had.
    pub fn of_a_shop(path: Option<&Path>) -> Result<Self, Problem> {
        let path = replayed_into(path)?;
        Ok(Self { path: path.to_owned(), _lock: Some(lock(path)?), _temporary: None })
    }

    /// The same beside another process that may work in it: for who reads the services' data, and writes none of it.
    ///
    /// # Errors
    /// As [`Folder::of_a_shop`].
    pub fn beside(path: Option<&Path>) -> Result<Self, Problem> {
        let path = replayed_into(path)?.to_owned();
        Ok(Self { path, _lock: None, _temporary: None })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder of this machine beside a server: the given one, made if it is not there, or one that goes when the program ends.
#[derive(Debug)]
pub struct Local {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Local {
    /// The folder.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it cannot be had.
    pub fn new(path: Option<&Path>) -> Result<Self, Problem> {
        let temporary = match path {
            Some(path) => {
                fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
                None
            }
            None => Some(temporary()?),
        };
        let path = temporary.as_ref().map(TempDir::path).or(path).unwrap_or(Path::new("."));
        Ok(Self { path: path.to_owned(), _temporary: temporary })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn temporary() -> Result<TempDir, Problem> {
    tempfile::tempdir().map_err(|error| Problem::other("make a folder", error))
}

fn replayed_into(path: Option<&Path>) -> Result<&Path, Problem> {
    let Some(path) = path else {
        return Err(Problem::Usage("--data: expected a folder, or --store".to_owned()));
    };
    if !path.join(LOCK).is_file() {
        let text = format!("{}: expected a folder that was replayed into", path.display());
        return Err(Problem::Usage(text));
    }
    Ok(path)
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

//! The folder with the databases, for one process at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use uuid::Uuid;

use super::super::problem::Problem;

/// Whoever holds the lock on this file has the folder.
const LOCK: &str = "lock";
/// In this file is what the folder is called where others are, too.
const ID: &str = "id";

/// The folder with the databases. Unless it was opened beside another process, no other has it until this value goes
/// or the process does, in whatever way.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_shared: bool,
    _locks: Vec<File>,
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
        let lock = lock(path, LOCK)?;
        let (path, is_shared) = (path.to_owned(), false);
        Ok(Self { path, is_shared, _locks: vec![lock], _temporary: temporary })
    }

    /// The folder of a shop whose services are processes of their own, for the one that is called `who`; made if it is not there.
    /// No process has it for itself meanwhile.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it cannot be had, or somebody is called so already.
    pub fn shared(path: &Path, who: &str) -> Result<Self, Problem> {
        fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        let all = lock_file(path, LOCK)?;
        all.try_lock_shared().map_err(|error| taken(path, error))?;
        let locks = vec![all, lock(path, &format!("{who}.{LOCK}"))?];
        Ok(Self { path: path.to_owned(), is_shared: true, _locks: locks, _temporary: None })
    }

    /// The folder of a shop that has replayed something before.
    ///
    /// # Errors
    /// [`Problem::Usage`] if there is none, none is named, or it cannot be had.
    pub fn of_a_shop(path: Option<&Path>) -> Result<Self, Problem> {
        let path = replayed_into(path)?;
        let (path, locks) = (path.to_owned(), vec![lock(path, LOCK)?]);
        Ok(Self { path, is_shared: false, _locks: locks, _temporary: None })
    }

    /// The same beside another process that may work in it: for who reads the services' data, and writes none of it.
    ///
    /// # Errors
    /// As [`Folder::of_a_shop`].
    pub fn beside(path: Option<&Path>) -> Result<Self, Problem> {
        let path = replayed_into(path)?.to_owned();
        Ok(Self { path, is_shared: false, _locks: Vec::new(), _temporary: None })
    }

    /// What no other folder is called, for as long as it is there.
    ///
    /// # Errors
    /// [`Problem::Usage`] if it cannot be written down.
    pub fn id(&self) -> Result<Uuid, Problem> {
        let (path, new) = (self.path.join(ID), Uuid::now_v7());
        let unusable = |error: io::Error| unusable(&self.path, &error);
        if !path.try_exists().map_err(unusable)? {
            // Whole, and by one of all processes that want to know it.
            let draft = self.path.join(format!("{ID}.{new}"));
            fs::write(&draft, new.to_string()).map_err(unusable)?;
            let linked = fs::hard_link(&draft, &path);
            fs::remove_file(&draft).map_err(unusable)?;
            linked.or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(unusable(error)),
            })?;
        }
        let text = fs::read_to_string(&path).map_err(unusable)?;
        text.parse().map_err(|_| Problem::Usage(format!("{}: expected an id", path.display())))
    }

    /// Whether other processes work in it, too.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.is_shared
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

fn lock_file(path: &Path, name: &str) -> Result<File, Problem> {
    let open = File::options().create(true).truncate(false).write(true).open(path.join(name));
    open.map_err(|error| unusable(path, &error))
}

fn lock(path: &Path, name: &str) -> Result<File, Problem> {
    let file = lock_file(path, name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(error) => Err(taken(path, error)),
    }
}

fn taken(path: &Path, error: TryLockError) -> Problem {
    match error {
        TryLockError::WouldBlock => {
            let text = format!(
                "{}: another process works in this folder; wait until it has ended",
                path.display()
            );
            Problem::Usage(text)
        }
        TryLockError::Error(error) => unusable(path, &error),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Problem {
    let path = path.display();
    Problem::Usage(format!("{path}: expected a folder that can be written: {error}"))
}

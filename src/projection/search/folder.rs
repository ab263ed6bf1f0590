//! The folder of an index: which build is read, and which is being made.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tantivy::Directory;
use tantivy::directory::MmapDirectory;
use uuid::Uuid;

use super::error::SearchError;

const FORMAT: &str = "freehold search index 1";
const POINTER: &str = "search.json";
/// A pointer that is not in place yet.
const NEXT_POINTER: &str = "search.json.new";
/// Whoever holds the lock on this file writes to the index.
const WRITER_LOCK: &str = "writer.lock";
/// Whoever holds the lock on this file makes the first pointer.
const FIRST_LOCK: &str = "first.lock";

/// What is written down of an index. Only who holds the lock of the writer changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pointer {
    format: String,
    /// The name of the projection.
    pub(super) name: String,
    /// Tells this index from every other, also from one that is made in its place.
    pub(super) id: Uuid,
    /// The build that is read; none before there was one.
    pub(super) live: Option<u32>,
    /// The build that is being made, to be read when it is as far.
    pub(super) building: Option<u32>,
    /// The builds that are read no more, and whose folders are to be removed.
    pub(super) retired: Vec<u32>,
}

/// What tells a pointer from a file of somebody else's that has its name.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: String,
}

/// The folder of the index of one projection.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    name: &'static str,
    disk: Disk,
}

/// What stands between the index and its files: nothing, but in tests of a disk that fails.
pub(super) type Disk = Arc<dyn Fn(MmapDirectory) -> Box<dyn Directory> + Send + Sync>;

/// Where one build is.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) path: PathBuf,
    pub(super) disk: Disk,
}

impl Folder {
    /// The folder at `path` for the index of the projection `name`, made if there is nothing.
    pub(super) fn open(path: PathBuf, name: &'static str, id: Uuid) -> Result<Self, SearchError> {
        let folder = Self { path, name, disk: Arc::new(|disk| Box::new(disk)) };
        fs::create_dir_all(&folder.path).map_err(|error| folder.failed(error))?;
        if folder.find()?.is_none() {
            folder.begin(id)?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a build is.
    pub(super) fn build(&self, number: u32) -> Site {
        let path = self.path.join(format!("build-{number}"));
        Site { path, disk: Arc::clone(&self.disk) }
    }

    /// The same on a disk that fails.
    #[cfg(test)]
    pub(super) fn on(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// Takes the right to write. It ends with the file, or with the process, in whatever way that ends.
    pub(super) fn lock(&self) -> Result<File, SearchError> {
        let file = self.open_lock(WRITER_LOCK)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(SearchError::Busy { folder: self.path.clone() }),
            Err(TryLockError::Error(error)) => Err(self.failed(error)),
        }
    }

    /// What is written down.
    pub(super) fn pointer(&self) -> Result<Pointer, SearchError> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "search.json is missing");
        self.find()?.ok_or_else(|| SearchError::damaged(&self.path, missing()))
    }

    /// Writes it down, in place of what was. Whoever looks sees the one or the other.
    pub(super) fn point(&self, pointer: &Pointer) -> Result<(), SearchError> {
        let text = serde_json::to_vec(pointer).map_err(|why| self.failed(why.into()))?;
        let put = || {
            let next = self.path.join(NEXT_POINTER);
            let mut file = File::create(&next)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(next, self.path.join(POINTER))?;
            sync_folder(&self.path)
        };
        put().map_err(|error| self.failed(error))
    }

    fn find(&self) -> Result<Option<Pointer>, SearchError> {
        let text = match fs::read(self.path.join(POINTER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| self.failed(error))?,
        };
        let damaged = |why| SearchError::damaged(&self.path, why);
        let Head { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format != FORMAT {
            return Err(SearchError::Foreign { folder: self.path.clone() });
        }
        let pointer: Pointer = serde_json::from_slice(&text).map_err(damaged)?;
        if pointer.name != self.name {
            let (folder, found) = (self.path.clone(), pointer.name);
            return Err(SearchError::OtherProjection { folder, found, wanted: self.name });
        }
        Ok(Some(pointer))
    }

    /// Writes the first pointer, unless another process does so just now, or there is something else.
    fn begin(&self, id: Uuid) -> Result<(), SearchError> {
        for entry in fs::read_dir(&self.path).map_err(|error| self.failed(error))? {
            let name = entry.map_err(|error| self.failed(error))?.file_name();
            let is_ours = [POINTER, NEXT_POINTER, WRITER_LOCK, FIRST_LOCK];
            if !is_ours.iter().any(|ours| name == *ours) && self.find()?.is_none() {
                return Err(SearchError::Foreign { folder: self.path.clone() });
            }
        }
        let lock = self.open_lock(FIRST_LOCK)?;
        lock.lock().map_err(|error| self.failed(error))?;
        if self.find()?.is_some() {
            return Ok(());
        }
        let (format, name) = (FORMAT.to_owned(), self.name.to_owned());
        let retired = Vec::new();
        self.point(&Pointer { format, name, id, live: None, building: None, retired })
    }

    fn open_lock(&self, name: &str) -> Result<File, SearchError> {
        let path = self.path.join(name);
        let open = File::options().create(true).truncate(false).write(true).open(path);
        open.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> SearchError {
        SearchError::files(&self.path, error)
    }
}

/// A file is in a folder for good when the folder is on the disk, too. Elsewhere the system sees to it.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

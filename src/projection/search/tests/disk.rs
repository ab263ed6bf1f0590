//! A disk that fails at its n-th write, before it or behind it, and never again.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};

/// Which write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing is written.
    Before,
    /// It is written, and said not to be.
    After,
}

#[derive(Clone)]
pub(super) struct FailingDisk {
    inner: MmapDirectory,
    plan: Arc<Plan>,
}

pub(super) struct Plan {
    nth: u64,
    when: When,
    writes: AtomicU64,
}

impl Plan {
    pub(super) fn new(nth: u64, when: When) -> Arc<Self> {
        Arc::new(Self { nth, when, writes: AtomicU64::new(0) })
    }

    /// Whether a write has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.writes.load(Ordering::SeqCst) >= self.nth
    }

    pub(super) fn disk(self: &Arc<Self>) -> super::super::folder::Disk {
        let plan = Arc::clone(self);
        Arc::new(move |inner| Box::new(FailingDisk { inner, plan: Arc::clone(&plan) }))
    }

    fn write<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let is_it = self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.nth;
        let lost = || Err(io::Error::other("the disk fails"));
        match self.when {
            When::Before if is_it => lost(),
            When::After if is_it => write().and_then(|_| lost()),
            _ => write(),
        }
    }
}

impl fmt::Debug for FailingDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailingDisk")
    }
}

impl Directory for FailingDisk {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let mut opened = None;
        let open = || {
            opened = Some(self.inner.open_write(path));
            Ok(())
        };
        let failed = |error| OpenWriteError::wrap_io_error(error, path.to_owned());
        self.plan.write(open).map_err(failed)?;
        opened.unwrap()
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.inner.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.plan.write(|| self.inner.atomic_write(path, data))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.plan.write(|| self.inner.sync_directory())
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}

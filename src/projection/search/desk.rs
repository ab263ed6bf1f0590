//! Where an index is written: a batch and its checkpoint are one commit.

use std::fs::{self, File};
use std::io;

use tantivy::IndexReader;

use super::build::{Build, Writer};
use super::error::{SearchError, of_index};
use super::folder::{Folder, Pointer, Site};
use super::kept::Kept;
use super::searched::Searched;
use super::stamp::{Form, Stamp};
use crate::projection::enrich::Facts;
use crate::projection::fold::Decoded;
use crate::projection::views::Wanted;
use crate::subscription::{Partition, SinkError};
use crate::types::mark::is_open;
use crate::types::{LogId, Position, RecordedEvent, Row, RowSet, RowWrite};

/// Where an index is written. There is one for each index, in whatever process: it holds the lock.
pub(super) struct Desk {
    folder: Folder,
    pointer: Pointer,
    build: Build,
    /// The number of the build.
    number: u32,
    writer: Writer,
    reader: IndexReader,
    /// What the newest commit says.
    stamp: Stamp,
    /// What the build says that is read, while this is another.
    old: Option<Stamp>,
    // The last to go, when nothing writes any more.
    _lock: File,
}

/// Some events of a log, and how far it is taken in with them.
pub(super) struct Part {
    pub(super) log: LogId,
    pub(super) events: Vec<RecordedEvent>,
    pub(super) upto: Position,
}

impl Desk {
    /// Opens the build that is to be kept up: the one that is read, or one beside it if that has another form, or holds what is
    /// of a log that is not followed, or `anew`.
    pub(super) fn open<P: Searched>(
        folder: &Folder,
        logs: &[LogId],
        heap_bytes: usize,
        anew: bool,
    ) -> Result<Self, SearchError> {
        let lock = folder.lock()?;
        let mut pointer = folder.pointer()?;
        remove_retired(folder, &mut pointer)?;
        let form = Form::of::<P>();
        let live = pointer.live.map(|live| Build::open(&folder.build(live))).transpose()?;
        let old = live.as_ref().map(Build::stamp).transpose()?;
        if let Some(old) = &old
            && old.form.version > form.version
        {
            let (found, declared) = (old.form.version, form.version);
            return Err(SearchError::Newer { folder: folder.path().to_owned(), found, declared });
        }
        let is_up_to_date = match &pointer.building {
            None => !anew,
            // Somebody newer makes one; until that is done, the old one is kept up.
            Some(building) => is_newer(&folder.build(*building), &form),
        };
        let (number, build, old) = match (pointer.live, live, old) {
            (Some(number), Some(build), Some(old))
                if is_up_to_date && old.form == form && old.is_of(logs) =>
            {
                (number, build, None)
            }
            (_, _, old) => {
                let (number, build) = beside::<P>(folder, &mut pointer, &form, logs)?;
                (number, build, old)
            }
        };
        let (writer, reader) = (build.writer(heap_bytes)?, build.reader()?);
        let stamp = build.stamp()?;
        let folder = folder.clone();
        Ok(Self { folder, pointer, build, number, writer, reader, stamp, old, _lock: lock })
    }

    /// Up to where a log is taken in.
    pub(super) fn position(&self, log: LogId) -> Position {
        self.stamp.position(log)
    }

    /// How far this build is and how far the one is that is read, as long as they are two.
    pub(super) fn race(&self) -> Option<(Stamp, Stamp)> {
        // Where nothing is read yet, there is nothing to catch up with.
        let is_live = self.pointer.live == Some(self.number);
        let old = || self.old.clone().unwrap_or_else(|| Stamp::new(self.stamp.form.clone()));
        (!is_live).then(|| (self.stamp.clone(), old()))
    }

    /// From now on this build is read, and the one before is removed.
    pub(super) fn swap(&mut self) -> Result<(), SearchError> {
        let mut pointer = self.pointer.clone();
        pointer.retired.extend(pointer.live.replace(self.number));
        pointer.building = None;
        self.folder.point(&pointer)?;
        (self.pointer, self.old) = (pointer, None);
        remove_retired(&self.folder, &mut self.pointer)
    }

    /// Takes a part of a log in: what it leads to and how far that is are one commit. Events that are in the index are passed
    /// over, so that a part may come again. Just before the commit it is asked whether that shall be: the lease may be lost.
    pub(super) fn take_in<P: Searched>(
        &mut self,
        projection: &P,
        part: &Part,
        shall_be: impl FnOnce() -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let known = self.position(part.log);
        let from = part.events.partition_point(|event| event.position() <= known);
        let (_, events) = part.events.split_at(from);
        if events.is_empty() && part.upto <= known {
            return Ok(());
        }
        let decoded = Decoded::<P>::of(events, Partition::WHOLE)?;
        let facts = Facts::new();
        let wanted = decoded.wanted(projection, &facts)?;
        let before = self.load(&wanted)?;
        let set = RowSet::new(P::NAME).map_err(SinkError::fatal)?;
        let rows = decoded.fold(projection, &set, wanted, before, &facts)?;
        for row in &rows {
            self.write::<P>(row)?;
        }
        shall_be()?;
        let stamp = self.stamp.next(part.log, part.upto);
        self.build.commit(&mut self.writer, &stamp)?;
        self.stamp = stamp;
        Ok(self.reader.reload().map_err(of_index(&self.build.path))?)
    }

    /// Ends the writing. What is being merged is waited for, so that nothing writes any more when the lock goes.
    pub(super) fn close(self) -> Result<(), SearchError> {
        let Self { writer, build, _lock, .. } = self;
        writer.wait_merging_threads().map_err(of_index(&build.path))
    }

    /// What is there of what a part touches.
    fn load(&self, wanted: &Wanted) -> Result<Vec<Row>, SearchError> {
        let searcher = self.reader.searcher();
        let (columns, folder) = (&self.build.columns, self.build.path.as_path());
        let kept = Kept { searcher: &searcher, columns, folder };
        let mut rows = Vec::new();
        for key in &wanted.keys {
            rows.extend(kept.get(key.as_str())?);
        }
        for prefix in &wanted.prefixes {
            for key in kept.keys_under(prefix)? {
                rows.extend(kept.get(&key)?);
            }
        }
        Ok(rows)
    }

    fn write<P: Searched>(&self, row: &RowWrite) -> Result<(), SinkError> {
        let columns = &self.build.columns;
        let key = row.key.as_str();
        self.writer.delete_term(columns.key_is(key));
        if let Some(value) = &row.value {
            if is_open(value.json()) {
                return Err(SearchError::Personal { folder: self.build.path.clone() }.into());
            }
            let view = value.read().map_err(|why| SinkError::Batch(why.into()))?;
            let document = columns.document::<P>(key, value.json(), &view);
            self.writer.add_document(document).map_err(of_index(&self.build.path))?;
        }
        Ok(())
    }
}

/// Whether a build that is being made is of a newer version.
fn is_newer(site: &Site, form: &Form) -> bool {
    let stamp = Build::open(site).and_then(|build| build.stamp());
    stamp.is_ok_and(|stamp| stamp.form.version > form.version)
}

/// The build that is made beside the one that is read: the one that was begun, or a new one.
fn beside<P: Searched>(
    folder: &Folder,
    pointer: &mut Pointer,
    form: &Form,
    logs: &[LogId],
) -> Result<(u32, Build), SearchError> {
    if let Some(number) = pointer.building {
        let site = folder.build(number);
        // One that was never finished is nobody's, and is made again.
        if let Ok(build) = Build::open(&site)
            && let Ok(stamp) = build.stamp()
        {
            let (found, declared) = (stamp.form.version, form.version);
            if stamp.form == *form && stamp.is_of(logs) {
                return Ok((number, build));
            }
            if found > declared {
                let folder = folder.path().to_owned();
                return Err(SearchError::Newer { folder, found, declared });
            }
        }
        return Ok((number, Build::create::<P>(&site)?));
    }
    let known = pointer.retired.iter().copied().chain(pointer.live);
    let number = known.max().map_or(0, |newest| newest + 1);
    // Written down first: what is in the folder of a build that nobody knows would be somebody else's.
    let mut next = pointer.clone();
    next.building = Some(number);
    folder.point(&next)?;
    *pointer = next;
    Ok((number, Build::create::<P>(&folder.build(number))?))
}

/// Removes the builds that are read no more. Some systems remove nothing that is still being read: it is tried again.
fn remove_retired(folder: &Folder, pointer: &mut Pointer) -> Result<(), SearchError> {
    if pointer.retired.is_empty() {
        return Ok(());
    }
    let mut left = pointer.clone();
    left.retired.retain(|number| match fs::remove_dir_all(folder.build(*number).path) {
        Ok(()) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            tracing::warn!(build = number, %error, "a build that is read no more is not removed");
            true
        }
    });
    folder.point(&left)?;
    *pointer = left;
    Ok(())
}

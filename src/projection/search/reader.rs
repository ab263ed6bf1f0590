//! What was committed, as one moment: documents, and how far they are.

use std::sync::{Arc, Mutex, PoisonError};

use tantivy::{IndexReader, Searcher};

use super::build::Build;
use super::columns::Columns;
use super::error::{SearchError, of_index};
use super::folder::{Folder, Site};
use super::kept::Kept;
use super::stamp::{Form, Stamp};

/// How often it is looked again when another build has taken the place of the one that was looked for, or a commit came
/// between. Each time somebody else has gone on.
const LOOKS_MAX: usize = 100;

/// What one commit has left: the documents and the stamp are of the same one.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) searcher: Searcher,
    pub(super) stamp: Stamp,
    pub(super) build: Arc<Build>,
}

/// Looks at the build that is read, whoever writes it.
pub(super) struct Reader {
    folder: Folder,
    open: Mutex<Option<Open>>,
}

struct Open {
    number: u32,
    reader: IndexReader,
    newest: Snapshot,
}

impl Snapshot {
    pub(super) fn kept(&self) -> Kept<'_> {
        Kept { searcher: &self.searcher, columns: self.columns(), folder: &self.build.path }
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.build.columns
    }
}

impl Reader {
    pub(super) const fn new(folder: Folder) -> Self {
        Self { folder, open: Mutex::new(None) }
    }

    pub(super) const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Which build is read.
    pub(super) fn live(&self) -> Result<Option<u32>, SearchError> {
        Ok(self.folder.pointer()?.live)
    }

    /// What a build says that is made beside the one that is read.
    pub(super) fn building(&self) -> Result<Option<Stamp>, SearchError> {
        let pointer = self.folder.pointer()?;
        let (Some(_), Some(number)) = (pointer.live, pointer.building) else { return Ok(None) };
        match Build::open(&self.folder.build(number)).and_then(|build| build.stamp()) {
            Ok(stamp) => Ok(Some(stamp)),
            // It is begun just now, or was when its maker was killed.
            Err(SearchError::Damaged { .. }) => Ok(Some(Stamp::new(Form::none()))),
            Err(error) => Err(error),
        }
    }

    /// What the newest commit has left; `None` if nothing is built yet.
    pub(super) fn snapshot(&self) -> Result<Option<Snapshot>, SearchError> {
        // Whole whoever panicked: it is only replaced.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..LOOKS_MAX {
            let Some(live) = self.live()? else { return Ok(None) };
            match newest(&mut open, live, &self.folder.build(live)) {
                Ok(Some(newest)) => return Ok(Some(newest)),
                Ok(None) => {}
                // It was removed since it was found to be the one that is read.
                Err(error) if error.is_missing() && self.live()? != Some(live) => *open = None,
                Err(error) => return Err(error),
            }
        }
        Err(SearchError::files(self.folder.path(), Restless))
    }
}

/// The newest commit of a build; `None` if there was another one while it was looked at.
fn newest(
    open: &mut Option<Open>,
    number: u32,
    site: &Site,
) -> Result<Option<Snapshot>, SearchError> {
    let Some(known) = open.as_mut().filter(|open| open.number == number) else {
        let build = Arc::new(Build::open(site)?);
        let before = build.stamp()?;
        let reader = build.reader()?;
        let stamp = build.stamp()?;
        if stamp != before {
            return Ok(None);
        }
        let newest = Snapshot { searcher: reader.searcher(), stamp, build };
        *open = Some(Open { number, reader, newest: newest.clone() });
        return Ok(Some(newest));
    };
    let build = Arc::clone(&known.newest.build);
    let before = build.stamp()?;
    if before == known.newest.stamp {
        return Ok(Some(known.newest.clone()));
    }
    known.reader.reload().map_err(of_index(&site.path))?;
    // Another commit, in between, may be the one that was loaded: each has a stamp of its own.
    let stamp = build.stamp()?;
    if stamp != before {
        return Ok(None);
    }
    known.newest = Snapshot { searcher: known.reader.searcher(), stamp, build };
    Ok(Some(known.newest.clone()))
}

/// Somebody commits as fast as it is looked.
#[derive(Debug, thiserror::Error)]
#[error("the index has changed each time that it was looked at")]
struct Restless;

//! One build of an index: a folder of its own, with documents and the stamp that says what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tantivy::directory::MmapDirectory;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy};

use super::columns::{Columns, settings};
use super::error::{SearchError, of_index};
use super::folder::Site;
use super::searched::Searched;
use super::stamp::{Form, Stamp};
use super::words::{ANALYZER, analyzer};

/// The least and the most memory that a writer may have.
const HEAP_BYTES: std::ops::RangeInclusive<usize> = 15_000_000..=4_000_000_000;

/// One build of an index.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) path: PathBuf,
    pub(super) columns: Columns,
    index: Index,
}

/// Who writes to a build: nobody else can, in whatever process, as long as this lives.
pub(super) type Writer = IndexWriter;

impl Build {
    /// Makes one with nothing in it. If a folder is there, it is of a build that was never finished.
    pub(super) fn create<P: Searched>(site: &Site) -> Result<Self, SearchError> {
        let path = site.path.as_path();
        let failed = of_index(path);
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SearchError::files(path, error));
            }
            _ => fs::create_dir(path).map_err(|error| SearchError::files(path, error))?,
        }
        let directory = MmapDirectory::open(path).map_err(|error| failed(error.into()))?;
        let directory = (site.disk)(directory);
        let index =
            Index::create(directory, Columns::schema::<P>(), settings()).map_err(&failed)?;
        let build = Self::of(path, index)?;
        let mut writer = build.writer(*HEAP_BYTES.start())?;
        build.commit(&mut writer, &Stamp::new(Form::of::<P>()))?;
        Ok(build)
    }

    /// Opens one that is there.
    pub(super) fn open(site: &Site) -> Result<Self, SearchError> {
        let failed = of_index(&site.path);
        let directory = MmapDirectory::open(&site.path).map_err(|error| failed(error.into()))?;
        let index = Index::open((site.disk)(directory)).map_err(failed)?;
        Self::of(&site.path, index)
    }

    fn of(path: &Path, index: Index) -> Result<Self, SearchError> {
        index.tokenizers().register(ANALYZER, analyzer());
        let columns = Columns::of(&index).map_err(of_index(path))?;
        Ok(Self { path: path.to_owned(), columns, index })
    }

    /// What its newest commit says.
    pub(super) fn stamp(&self) -> Result<Stamp, SearchError> {
        let metas = self.index.load_metas().map_err(of_index(&self.path))?;
        Stamp::of_payload(metas.payload.as_deref(), &self.path)
    }

    pub(super) fn writer(&self, heap_bytes: usize) -> Result<Writer, SearchError> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(heap_bytes.clamp(*HEAP_BYTES.start(), *HEAP_BYTES.end()))
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let failed = of_index(&self.path);
        let writer: Writer = self.index.writer_with_options(options).map_err(&failed)?;
        // One who was killed may have left files that no commit knows, under names that are given again.
        writer.garbage_collect_files().wait().map_err(failed)?;
        Ok(writer)
    }

    /// Makes what was written durable, together with what the stamp says of it.
    pub(super) fn commit(&self, writer: &mut Writer, stamp: &Stamp) -> Result<(), SearchError> {
        let failed = of_index(&self.path);
        let payload = stamp.to_payload(&self.path)?;
        let mut commit = writer.prepare_commit().map_err(&failed)?;
        commit.set_payload(&payload);
        commit.commit().map(drop).map_err(failed)
    }

    /// Who reads it. It sees what was committed before, and more only when it is told to look again.
    pub(super) fn reader(&self) -> Result<IndexReader, SearchError> {
        let reader = self.index.reader_builder().reload_policy(ReloadPolicy::Manual);
        reader.try_into().map_err(of_index(&self.path))
    }
}

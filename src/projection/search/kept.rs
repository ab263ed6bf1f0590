//! The views that are kept in an index, by their keys.

use std::path::Path;

use tantivy::schema::Value;
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument};

use super::columns::Columns;
use super::error::{SearchError, of_index};
use crate::types::{Row, RowKey, RowValue};

/// The views that one commit has left.
pub(super) struct Kept<'s> {
    pub(super) searcher: &'s Searcher,
    pub(super) columns: &'s Columns,
    pub(super) folder: &'s Path,
}

impl Kept<'_> {
    /// The view under a key.
    pub(super) fn get(&self, key: &str) -> Result<Option<Row>, SearchError> {
        let found = self.find(key).map_err(of_index(self.folder))?;
        found.map(|at| self.read(at)).transpose()
    }

    /// The keys that begin with `prefix`, each once.
    pub(super) fn keys_under(&self, prefix: &str) -> Result<Vec<String>, SearchError> {
        let failed = of_index(self.folder);
        let mut keys = Vec::new();
        for segment in self.searcher.segment_readers() {
            let keys_of = segment.inverted_index(self.columns.key);
            let keys_of = keys_of.map_err(&failed)?;
            let from = keys_of.terms().range().ge(prefix.as_bytes());
            let mut found = from.into_stream().map_err(|why| failed(why.into()))?;
            while found.advance() && found.key().starts_with(prefix.as_bytes()) {
                let key = std::str::from_utf8(found.key());
                let key = key.map_err(|why| SearchError::damaged(self.folder, why))?;
                keys.push(key.to_owned());
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The view that stands there, with its key.
    pub(super) fn read(&self, at: DocAddress) -> Result<Row, SearchError> {
        let document: TantivyDocument = self.searcher.doc(at).map_err(of_index(self.folder))?;
        let key = document.get_first(self.columns.key).and_then(|key| key.as_str());
        let view = document.get_first(self.columns.view).and_then(|view| view.as_bytes());
        let (Some(key), Some(view)) = (key, view) else {
            return Err(SearchError::damaged(self.folder, NoView));
        };
        let key = RowKey::new(key).map_err(|why| SearchError::damaged(self.folder, why))?;
        let value = RowValue::from_json(view.to_vec());
        let value = value.map_err(|why| SearchError::damaged(self.folder, why))?;
        Ok(Row { key, value })
    }

    fn find(&self, key: &str) -> tantivy::Result<Option<DocAddress>> {
        let term = self.columns.key_is(key);
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            let keys = segment.inverted_index(self.columns.key)?;
            let option = tantivy::schema::IndexRecordOption::Basic;
            let Some(mut found) = keys.read_postings(&term, option)? else { continue };
            let mut document = found.doc();
            while document != TERMINATED {
                // What was replaced stands there until its segment is merged.
                if !segment.is_deleted(document) {
                    return Ok(Some(DocAddress::new(ordinal, document)));
                }
                document = found.advance();
            }
        }
        Ok(None)
    }
}

/// A document without what every document has.
#[derive(Debug, thiserror::Error)]
#[error("a document of the index has no key or no view")]
struct NoView;

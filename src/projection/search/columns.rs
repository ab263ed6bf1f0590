//! The columns of an index.

use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::{Index, IndexSettings, TantivyDocument, TantivyError, Term};

use super::searched::Searched;
use super::words::{ANALYZER, composed};

/// The column of the keys.
pub(super) const KEY: &str = "key";
const VIEW: &str = "view";
/// What the names of the columns with texts begin with: no user's name is one of ours.
const TEXT: &str = "text_";

/// The columns of an index: the key of a view, the view, and the texts that are searched.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) key: Field,
    pub(super) view: Field,
    schema: Schema,
}

impl Columns {
    /// What an index of the projection is made with.
    pub(super) fn schema<P: Searched>() -> Schema {
        let mut schema = Schema::builder();
        // As a column of its own, too: hits of one score are in the order of their keys.
        schema.add_text_field(KEY, STRING | STORED | FAST);
        schema.add_bytes_field(VIEW, STORED);
        let words = TextFieldIndexing::default()
            .set_tokenizer(ANALYZER)
            .set_index_option(IndexRecordOption::WithFreqs);
        let searched = TextOptions::default().set_indexing_options(words);
        for field in P::FIELDS {
            schema.add_text_field(&column_of(field.name()), searched.clone());
        }
        schema.build()
    }

    /// Those of an index that is there.
    pub(super) fn of(index: &Index) -> Result<Self, TantivyError> {
        let schema = index.schema();
        Ok(Self { key: schema.get_field(KEY)?, view: schema.get_field(VIEW)?, schema })
    }

    /// The column of a field; `None` if the index was made before there was such a field.
    pub(super) fn text(&self, name: &str) -> Option<Field> {
        self.schema.get_field(&column_of(name)).ok()
    }

    /// What finds the view under a key.
    pub(super) fn key_is(&self, key: &str) -> Term {
        Term::from_field_text(self.key, key)
    }

    /// What is kept of a view.
    pub(super) fn document<P: Searched>(
        &self,
        key: &str,
        json: &[u8],
        view: &P::View,
    ) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.key, key);
        document.add_bytes(self.view, json);
        for field in P::FIELDS {
            if let Some(column) = self.text(field.name()) {
                document.add_text(column, composed(&field.text(key, view)));
            }
        }
        document
    }
}

/// How an index is kept: not compressed, whatever else of the program has switched on in `tantivy`, so that any program can
/// read it.
pub(super) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: tantivy::store::Compressor::None,
        ..IndexSettings::default()
    }
}

fn column_of(name: &str) -> String {
    format!("{TEXT}{name}")
}

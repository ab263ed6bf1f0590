//! Which texts of a view are searched.

use std::borrow::Cow;
use std::fmt;

use crate::projection::contract::Projection;
use crate::projection::events::is_same;
use crate::projection::fold::is_name;

/// A projection whose views are found by words.
///
/// The module [`search`](super) has a complete example.
///
/// What is searched is a list of fields: each has a name, and says what its text is, given the key of a view and the view.
/// When the names of the fields or the categories of the events change, the index is built anew, beside the one that is
/// read. A change that shows in neither is told by [`VERSION`](Searched::VERSION).
pub trait Searched: Projection {
    /// Which form the views and their texts have. Raise it when the fold, the shape of the view, or the text of a field
    /// changes: the index is then built anew. A process with a lower one leaves the index alone.
    const VERSION: u32 = 1;

    /// What is searched: at least one field, each under a name of its own.
    const FIELDS: &'static [Field<Self::View>];
}

/// One text of a view, under a name.
///
/// ```
/// use freehold::projection::search::Field;
///
/// struct Product {
///     description: String,
/// }
///
/// const FIELDS: &[Field<Product>] = &[
///     Field::new("code", |code, _| code.into()).boost(2.0),
///     Field::new("description", |_, product| product.description.as_str().into()),
/// ];
/// # assert_eq!(FIELDS.len(), 2);
/// ```
pub struct Field<V: 'static> {
    name: &'static str,
    text: TextOf<V>,
    boost: f32,
}

/// The text of a view, given its key.
type TextOf<V> = for<'v> fn(&'v str, &'v V) -> Cow<'v, str>;

impl<V> Field<V> {
    /// The text that `text` takes from a view and its key. A name is 1 to 40 of `a`–`z`, `0`–`9` and `_`, the first of
    /// them a letter.
    #[must_use]
    pub const fn new(name: &'static str, text: for<'v> fn(&'v str, &'v V) -> Cow<'v, str>) -> Self {
        Self { name, text, boost: 1.0 }
    }

    /// Lets a word that is found here count for so many times as much: 1 by default. It can be changed at any time.
    #[must_use]
    pub const fn boost(mut self, boost: f32) -> Self {
        self.boost = boost;
        self
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) const fn weight(&self) -> f32 {
        self.boost
    }

    pub(super) fn text<'v>(&self, key: &'v str, view: &'v V) -> Cow<'v, str> {
        (self.text)(key, view)
    }
}

impl<V> fmt::Debug for Field<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field")
            .field("name", &self.name)
            .field("boost", &self.boost)
            .finish_non_exhaustive()
    }
}

/// Refuses to compile a projection that cannot be searched.
pub(super) const fn check<P: Searched>() {
    const {
        assert!(
            P::PARTITIONS <= 1,
            "a search index is written by one process, so its projection has one part"
        );
        assert!(!P::FIELDS.is_empty(), "a projection that is searched has at least one field");
        let mut rest = P::FIELDS;
        while let [field, others @ ..] = rest {
            assert!(
                is_name(field.name),
                "a field is named with 1 to 40 of a-z, 0-9 and _, the first of them a letter"
            );
            let mut left = others;
            while let [other, tail @ ..] = left {
                assert!(
                    !is_same(field.name.as_bytes(), other.name.as_bytes()),
                    "two fields of a projection share a name"
                );
                left = tail;
            }
            rest = others;
        }
    }
}

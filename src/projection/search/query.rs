//! What somebody typed, as a search.

use std::ops::Bound;

use tantivy::collector::TopDocs;
use tantivy::collector::sort_key::{SortBySimilarityScore, SortByString};
use tantivy::query::{BooleanQuery, BoostQuery, Query, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, Order, Term};

use super::columns::KEY;
use super::error::{SearchError, of_index};
use super::reader::Snapshot;
use super::searched::Searched;
use super::words::words;

/// How much the beginning of a word counts beside a whole one.
const BEGINNING: f32 = 0.25;

/// The most hits of a search.
pub(super) const HITS_MAX: usize = 10_000;

/// Where the views stand in which all words are found, the best first, and of equal ones the one with the lesser key.
pub(super) fn best<P: Searched>(
    snapshot: &Snapshot,
    typed: &str,
    limit: usize,
) -> Result<Vec<(f32, DocAddress)>, SearchError> {
    let columns = snapshot.columns();
    // An index that was built before there was a field does not have it.
    let fields = P::FIELDS.iter();
    let fields = fields.filter_map(|field| Some((columns.text(field.name())?, field.weight())));
    let fields: Vec<(Field, f32)> = fields.collect();
    let words = words(typed);
    let Some((last, whole)) = words.split_last().filter(|_| limit > 0 && !fields.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut all: Vec<Box<dyn Query>> = Vec::with_capacity(words.len());
    all.extend(whole.iter().map(|word| in_any(&fields, |field| vec![is(field, word)])));
    all.push(in_any(&fields, |field| {
        vec![is(field, last), Box::new(BoostQuery::new(begins_with(field, last), BEGINNING))]
    }));
    let order = ((SortBySimilarityScore, Order::Desc), (SortByString::for_field(KEY), Order::Asc));
    let top = TopDocs::with_limit(limit.min(HITS_MAX)).order_by(order);
    let found = snapshot.searcher.search(&BooleanQuery::intersection(all), &top);
    let found = found.map_err(of_index(&snapshot.build.path))?;
    Ok(found.into_iter().map(|((score, _), at)| (score, at)).collect())
}

/// What is found in one of the fields at least, each of which counts by its weight.
fn in_any(fields: &[(Field, f32)], by: impl Fn(Field) -> Vec<Box<dyn Query>>) -> Box<dyn Query> {
    let found = fields.iter().flat_map(|(field, weight)| {
        let weighed = |query| Box::new(BoostQuery::new(query, *weight)) as Box<dyn Query>;
        by(*field).into_iter().map(weighed).collect::<Vec<_>>()
    });
    Box::new(BooleanQuery::union(found.collect()))
}

fn is(field: Field, word: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, word);
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

fn begins_with(field: Field, word: &str) -> Box<dyn Query> {
    // No letter and no digit: behind all that goes on from here.
    let end = format!("{word}{}", char::MAX);
    let [from, to] = [word, &end].map(|text| Term::from_field_text(field, text));
    Box::new(RangeQuery::new(Bound::Included(from), Bound::Excluded(to)))
}

//! Personal data: sealed in every store, opened for whoever may read it, and forgotten.
//!
//! `marked` makes all that the conformance suite writes personal data, and `conformance` runs the suite so; `fixture` has the events, the
//! state and the views of the other tests. `shapes` (whatever `serde` can say), `forgotten` (aggregates, snapshots, views, folds, sagas and
//! messages after forgetting), `unopened` (what is damaged or under another key), `keys` (races, rotation, what is cached), `repeats`
//! (repetitions are recognised though no two seals are alike), `files` (nothing in plain in any file, and no key after forgetting),
//! `hidden` (nothing in logs, errors and `Debug`), `sagas` (somebody is forgotten while a saga about them is open), `past` (commits in
//! a transaction of the service's own).

mod conformance;
pub(crate) mod files;
mod fixture;
mod forgotten;
mod hidden;
mod keys;
pub(crate) mod marked;
mod past;
mod repeats;
mod sagas;
mod shapes;
mod unopened;

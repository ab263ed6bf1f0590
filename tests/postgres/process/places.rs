//! The store on which processes are tried here.

use std::sync::Arc;

use super::fixture::Place;
use crate::server::Schemas;

/// Tries something on PostgreSQL.
pub(super) async fn everywhere(test: impl AsyncFn(Arc<dyn Place>)) {
    let schemas = Schemas::new();
    test(Arc::new(schemas.store("process").await)).await;
}

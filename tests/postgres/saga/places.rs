//! The store on which sagas are tried here.

use std::sync::Arc;

use freehold::saga::SagaStore;

use crate::server::Schemas;

/// A store that is kept sagas in.
pub(super) type Store = Arc<dyn SagaStore>;

/// Tries something on PostgreSQL.
pub(super) async fn everywhere(test: impl AsyncFn(Store)) {
    let schemas = Schemas::new();
    test(Arc::new(schemas.store("sagas").await)).await;
}

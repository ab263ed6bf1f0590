//! What a backend implements, and what the outside world gives: time, ids, ears for telemetry.
//!
//! Every port is dyn-compatible and says its `# Contract` in numbered clauses; the testkit has a test for
//! each. [`Store`] is the one way to write; [`EventStore`] adds the reading of streams and of the feed;
//! [`Leases`] says who may do a job now and how far it has come, [`RowStore`] keeps what was folded from the feed, and
//! [`InlineStore`] folds within the append. [`Archive`] moves closed streams out of the way. [`Outbox`] keeps what waits to
//! be published, a [`Broker`] takes it, and [`Deliveries`] hand it to consumers.
//! [`SubjectKeys`] keep what personal data is sealed with, until somebody is forgotten.
//! [`Clock`], [`Ids`] and [`Entropy`] let tests decide what time it is and what is drawn.

mod archive;
mod broker;
mod clock;
mod error;
mod event_store;
mod feed;
mod forward;
mod ids;
mod inline;
mod leases;
mod outbox;
mod row_store;
mod store;
mod subject_keys;
pub(crate) mod telemetry;

pub use archive::Archive;
pub use broker::{
    Broker, Capabilities, Deliveries, Delivery, Extent, Outbound, PublishError, Settle, Stored,
};
pub use clock::{Clock, SystemClock};
pub use error::{BackendError, CommitError, CorruptRecord, Fault};
pub use event_store::{EventStore, EventStoreExt};
pub(crate) use feed::Feed;
pub use ids::{Ids, SystemIds};
pub use inline::{Folding, InlineFold, InlineFolds, InlineStore, Inlined, Unfoldable};
pub use leases::Leases;
pub use outbox::Outbox;
pub use row_store::RowStore;
pub use store::Store;
pub use subject_keys::{Entropy, SubjectKeys};

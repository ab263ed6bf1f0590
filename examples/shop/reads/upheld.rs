//! What is kept up, as long as its handle lives.

use freehold::projection::Kept;
use freehold::subscription::Running;

/// What is kept up: views in the database, or an index in a folder.
#[derive(Debug)]
pub enum Upheld {
    /// Views in the database.
    Views(Kept),
    /// An index in a folder.
    Index(Running),
}

impl Upheld {
    /// Stops keeping it up, so that another process can go on at once.
    pub async fn stop(self) {
        match self {
            Self::Views(kept) => kept.stop().await,
            Self::Index(running) => running.stop().await,
        }
    }
}

/// The same for all of them.
pub async fn stop(all: Vec<Upheld>) {
    for one in all {
        one.stop().await;
    }
}

//! Who waits for invoices that others settle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold::process::News;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::contracts::Failure;
use super::super::order::reactions::Reactions;

/// Follows Order's log, and tells of each invoice when it is over, or stands still. It stops when the value goes.
#[derive(Debug)]
pub struct Watch {
    waiting: Arc<Waiting>,
    following: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    invoices: Mutex<HashMap<String, oneshot::Sender<News>>>,
    /// Why nothing is told any more.
    failed: Mutex<Option<Failure>>,
}

/// Nobody tells what becomes of an invoice any more.
#[derive(Debug, thiserror::Error)]
#[error("its log is not followed any more")]
struct Unheard;

impl Watch {
    /// Begins to follow, with what happens from now on.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the log cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(orders: &Reactions) -> Result<Self, Failure> {
        let (orders, from) = (orders.clone(), orders.head().await?);
        let waiting = Arc::new(Waiting::default());
        let told = Arc::clone(&waiting);
        let following = tokio::spawn(async move {
            let Err(why) = orders.follow(from, |key, news| told.tell(&key, news)).await;
            told.give_up(why);
        });
        Ok(Self { waiting, following })
    }

    /// What to wait for; it is to be asked for before anything can happen to the invoice.
    #[must_use]
    pub fn expect(&self, key: &str) -> Expected {
        let (tell, told) = oneshot::channel();
        self.waiting.invoices().insert(key.to_owned(), tell);
        Expected { key: key.to_owned(), told, waiting: Arc::clone(&self.waiting) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Waiting {
    fn tell(&self, key: &str, news: News) {
        if news != News::GoesOn
            && let Some(waiting) = self.invoices().remove(key)
        {
            // Who does not wait any more need not be told.
            let _ = waiting.send(news);
        }
    }

    fn give_up(&self, why: Failure) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.invoices().clear();
    }

    // Plain insertions and removals only: whole whoever panicked.
    fn invoices(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<News>>> {
        self.invoices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An invoice that will be over, or stand still.
#[derive(Debug)]
pub struct Expected {
    key: String,
    told: oneshot::Receiver<News>,
    waiting: Arc<Waiting>,
}

impl Expected {
    /// Whether it is the invoice with this key.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.key == key
    }

    /// Waits until it is over.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it stands still until somebody looks after it; [`Failure::Failed`] if Order's log cannot be read.
    ///
    /// # Cancel safety
    /// Waiting changes nothing; the future may be dropped.
    pub async fn over(self) -> Result<(), Failure> {
        match self.told.await {
            Ok(News::Over) => Ok(()),
            Ok(_) => Err(Failure::refused("order", &format!("{} cannot go on", self.key))),
            Err(_) => {
                let failed =
                    self.waiting.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(failed.unwrap_or_else(|| Failure::failed("order", "wait", Unheard)))
            }
        }
    }
}

//! Asking again and again, once for all who want to know.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ports::BackendError;

/// What is asked: an answer, or nothing if it is in vain to ask any more.
type Asked<A> = BoxFuture<'static, Result<Option<A>, BackendError>>;

/// A task that asks for as long as somebody holds this. All who want to know the same hold the same one; it depends on none
/// of them being driven.
///
/// It ends when it is in vain to ask, or at an error that is not over soon.
pub(super) struct Rounds<A> {
    end: watch::Receiver<Option<Result<(), BackendError>>>,
    /// The last round that is over.
    done: watch::Receiver<Round<A>>,
    bell: Arc<Bell>,
    /// Ends with the set.
    _task: JoinSet<()>,
}

#[derive(Clone)]
struct Round<A> {
    number: u64,
    answer: Option<Result<A, BackendError>>,
}

/// Between those who want to know and the task that asks.
#[derive(Default)]
struct Bell {
    /// The number of the last round that has begun.
    begun: AtomicU64,
    /// Somebody does not want to wait for the next one.
    rings: Notify,
}

/// Those who ask now, if there is anybody who wants to know.
pub(super) struct Asking<A>(Mutex<Weak<Rounds<A>>>);

impl<A: Clone + Send + Sync + 'static> Asking<A> {
    /// The one who asks: the one that others hold, or a new one that asks at once, and then in this interval. What asks is told
    /// how often it has before.
    pub(super) fn get(
        &self,
        interval: Duration,
        ask: impl FnMut(u32) -> Asked<A> + Send + 'static,
    ) -> Arc<Rounds<A>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose runtime is gone asks no more.
        let running = known.upgrade().filter(|rounds| rounds.end.has_changed().is_ok());
        running.unwrap_or_else(|| {
            let (tell, end) = watch::channel(None);
            let (publish, done) = watch::channel(Round { number: 0, answer: None });
            let (bell, mut task) = (Arc::<Bell>::default(), JoinSet::new());
            let heard = Arc::clone(&bell);
            task.spawn(async move {
                let end = rounds(interval, ask, &heard, &publish).await;
                tell.send_replace(Some(end));
            });
            let rounds = Arc::new(Rounds { end, done, bell, _task: task });
            *known = Arc::downgrade(&rounds);
            rounds
        })
    }
}

/// Asks, publishes what is answered, and waits, until that is in vain.
async fn rounds<A>(
    interval: Duration,
    mut ask: impl FnMut(u32) -> Asked<A>,
    bell: &Bell,
    publish: &watch::Sender<Round<A>>,
) -> Result<(), BackendError> {
    let mut asked = 0;
    loop {
        let number = bell.begun.fetch_add(1, SeqCst) + 1;
        let answer = match ask(asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => return Ok(()),
            // It may be over soon.
            Err(error) if error.is_transient() => Err(error),
            Err(error) => return Err(error),
        };
        publish.send_replace(Round { number, answer: Some(answer) });
        tokio::select! {
            () = sleep(interval) => {}
            () = bell.rings.notified() => {}
        }
        asked = asked.wrapping_add(1);
    }
}

impl<A: Clone> Rounds<A> {
    /// Returns when nobody asks any more: whoever wants to know looks anew for what to ask, or is told the error. So it is, too,
    /// if the runtime is gone that it was asked on.
    pub(super) async fn end(&self) -> Result<(), BackendError> {
        let mut end = self.end.clone();
        let end = end.wait_for(Option::is_some).await.map(|end| end.clone());
        end.ok().flatten().unwrap_or(Ok(()))
    }

    /// What is answered in the next round, to those who ask from now on; `None` if nobody asks any more.
    pub(super) async fn next(&self) -> Result<Option<A>, BackendError> {
        self.answer(self.bell.begun.load(SeqCst) + 1).await
    }

    /// The same, in a round that begins at once.
    pub(super) async fn now(&self) -> Result<Option<A>, BackendError> {
        let next = self.bell.begun.load(SeqCst) + 1;
        self.bell.rings.notify_one();
        self.answer(next).await
    }

    async fn answer(&self, number: u64) -> Result<Option<A>, BackendError> {
        let mut done = self.done.clone();
        let answer = async {
            let round = done.wait_for(|round| round.number >= number).await;
            round.ok().and_then(|round| round.answer.clone())
        };
        tokio::select! {
            biased;
            Some(answer) = answer => answer.map(Some),
            end = self.end() => end.map(|()| None),
        }
    }
}

impl<A> Default for Asking<A> {
    fn default() -> Self {
        Self(Mutex::new(Weak::new()))
    }
}

impl<A> fmt::Debug for Asking<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

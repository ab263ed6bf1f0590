//! Runs what answers at once, without a runtime.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often a future that wakes itself is asked again.
const POLLS_MAX: usize = 10_000;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// How a future has ended that may wait for nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AtOnce<T> {
    Ready(T),
    /// It waits, and nobody will wake it.
    Pending,
    Panicked,
}

/// Polls a future for as long as it wakes itself.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> AtOnce<T> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    for _ in 0..POLLS_MAX {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        match polled {
            Ok(Poll::Ready(out)) => return AtOnce::Ready(out),
            Ok(Poll::Pending) if woken.0.swap(false, Ordering::SeqCst) => {}
            Ok(Poll::Pending) => return AtOnce::Pending,
            Err(_) => return AtOnce::Panicked,
        }
    }
    AtOnce::Pending
}

/// What a future gives that waits for nothing: to read, in an invariant, a store that answers at once.
///
/// # Panics
/// If it waits for something: there is no runtime to wake it.
///
/// ```
/// use freehold::{EventStore, Store};
/// use freehold::backend::memory::MemoryStore;
/// use freehold::testkit::saga::now;
///
/// let head = now(MemoryStore::new().head())?;
/// # assert_eq!(head, freehold::Position::START);
/// # Ok::<(), freehold::BackendError>(())
/// ```
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match at_once(future) {
        AtOnce::Ready(out) => out,
        AtOnce::Pending => panic!("it waits for something, and there is no runtime to wake it"),
        AtOnce::Panicked => panic!("it panics"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wakes_itself_is_asked_again_and_what_waits_is_not() {
        let mut left = 3;
        let patient = std::future::poll_fn(|context| {
            left -= 1;
            context.waker().wake_by_ref();
            if left == 0 { Poll::Ready(7) } else { Poll::Pending }
        });
        assert_eq!(at_once(patient), AtOnce::Ready(7));
        assert_eq!(at_once(std::future::pending::<()>()), AtOnce::Pending);
    }
}

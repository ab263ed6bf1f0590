//! Waiting for a place in a log.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::progress::{Activity, Progress, Sight};
use super::{Behind, Reached};
use crate::types::Token;

impl Progress {
    /// Waits until the consumer has come to `token`.
    ///
    /// It waits as long as the consumer needs; put a time limit around it. What is not known in this process is not
    /// noticed: that another process has moved the consumer on, or that the token is beyond the end of the log.
    ///
    /// # Errors
    /// [`Behind::Stopped`], [`Behind::Paused`] or [`Behind::Ended`] as soon as the consumer stops; [`Behind::WouldDeadlock`] at once.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub fn wait_for(
        &self,
        token: Token,
    ) -> impl Future<Output = Result<Reached, Behind>> + Send + use<> {
        Wait { progress: self.clone(), token, ticket: None }
    }
}

struct Wait {
    progress: Progress,
    token: Token,
    ticket: Option<u64>,
}

impl Future for Wait {
    type Output = Result<Reached, Behind>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { progress, token, ticket } = self.get_mut();
        if progress.is_applying_here() {
            return Poll::Ready(Err(Behind::WouldDeadlock));
        }
        match progress.look(token.log(), token.position(), ticket, context.waker()) {
            Sight::Reached(at) => {
                Poll::Ready(Ok(Reached { at: Token::new(token.log(), at).into() }))
            }
            Sight::Over(Activity::Stopped(error)) => Poll::Ready(Err(Behind::Stopped { error })),
            Sight::Over(Activity::Paused) => Poll::Ready(Err(Behind::Paused)),
            Sight::Over(_) => Poll::Ready(Err(Behind::Ended)),
            Sight::Waiting => Poll::Pending,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.progress.leave(self.token.log(), self.token.position(), ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use uuid::Uuid;

    use super::*;
    use crate::consistency::progress::applying;
    use crate::types::{LogId, Position};

    fn log() -> LogId {
        LogId::new(Uuid::from_u128(1))
    }

    fn token(at: u64) -> Token {
        Token::new(log(), Position::new(at))
    }

    #[tokio::test]
    async fn a_step_wakes_those_it_satisfies_and_no_other() {
        let progress = Progress::new(1);
        let part = progress.part(0);
        let mut waits: Vec<_> = (1..=5).map(|at| Box::pin(progress.wait_for(token(at)))).collect();
        assert!(waits.iter_mut().all(|wait| wait.now_or_never().is_none()));
        assert_eq!(progress.waiters(), 5);
        part.reached(log(), Position::new(3));
        assert_eq!(progress.waiters(), 2);
        for (wait, at) in waits.iter_mut().zip(1..) {
            let reached = wait.now_or_never().map(|reached| reached.unwrap().at);
            assert_eq!(reached, (at <= 3).then(|| token(3).into()), "the wait for {at}");
        }
        // A part never goes back.
        part.reached(log(), Position::new(1));
        assert_eq!(progress.position(log()), Position::new(3));
        drop(waits);
        assert_eq!(progress.waiters(), 0, "a dropped wait has left something behind");
    }

    #[tokio::test]
    async fn a_consumer_of_parts_is_as_far_as_the_last() {
        let progress = Progress::new(2);
        let wait = tokio::spawn(progress.wait_for(token(4)));
        progress.part(0).reached(log(), Position::new(9));
        assert_eq!(progress.position(log()), Position::START);
        progress.part(1).reached(log(), Position::new(4));
        assert_eq!(wait.await.unwrap().unwrap().at, token(4).into());
    }

    #[tokio::test]
    async fn who_waits_for_one_that_stops_is_told_at_once() {
        let progress = Progress::new(1);
        progress.part(0).is(Activity::Running);
        let wait = tokio::spawn(progress.wait_for(token(1)));
        tokio::task::yield_now().await;
        progress.part(0).is(Activity::Stopped(Arc::from(Box::from("out of order"))));
        let behind = wait.await.unwrap().unwrap_err();
        assert!(
            matches!(&behind, Behind::Stopped { error } if error.to_string() == "out of order")
        );
        progress.part(0).is(Activity::Ended);
        assert!(matches!(progress.wait_for(token(1)).await, Err(Behind::Ended)));
    }

    #[tokio::test]
    async fn a_consumer_does_not_wait_for_itself() {
        let [progress, other] = [Progress::new(1), Progress::new(1)];
        other.part(0).reached(log(), Position::new(1));
        let own = applying(&progress, progress.wait_for(token(1))).await;
        assert!(matches!(own, Err(Behind::WouldDeadlock)), "{own:?}");
        applying(&progress, other.wait_for(token(1))).await.unwrap();
    }
}

//! How the messages of a call go to the stream: one by one or as a whole, and, where nobody else publishes, each only where it
//! is to stand.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use tokio::time::Instant;

use super::call::Call;
use super::error::OtherPublisher;
use super::pace::{Pace, Way};
use super::shared::Shared;
use super::wire::{Answer, NotStored, Ready};
use crate::ports::{Outbound, PublishError, Stored};

/// A batch ends with the message that makes it so long, in bytes.
const BATCH_BYTES_MAX: usize = 4 << 20;

impl Shared {
    /// One call.
    pub(super) async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        let mut call = Call::new(messages, self.options.exclusive);
        let trouble = match self.connected() {
            Ok(()) if self.options.exclusive => self.publish_in_turn(&mut call).await,
            Ok(()) => self.publish_beside_others(&mut call).await,
            Err(why) => Err(why),
        };
        if let Err(why) = trouble {
            call.give_up(&why);
        }
        call.answers()
    }

    /// What the next messages are, and which of the call. Those that cannot go are refused.
    fn draw(&self, call: &mut Call<'_>) -> Option<(usize, Ready)> {
        while let Some((n, message)) = call.take() {
            match self.ready(message) {
                Ok(ready) => return Some((n, ready)),
                Err(why) => call.answer(n, Err(why)),
            }
        }
        None
    }

    /// Messages to a stream that others publish to as well: they are stored as they come.
    async fn publish_beside_others(&self, call: &mut Call<'_>) -> Result<(), PublishError> {
        let mut is_whole = true;
        while call.left() > 0 {
            let trouble = match self.way(call, is_whole) {
                Way::Batch(count) => match self.publish_batch(call, count, None).await {
                    Ok(_) => None,
                    // One by one, each is told what it has to be told.
                    Err(NotStored::Error(why @ PublishError::Unknown(_))) => Some(why),
                    Err(_) => {
                        is_whole = false;
                        None
                    }
                },
                Way::Singly(count) => {
                    let mut trouble = None;
                    for (n, answer) in self.publish_singly(call, count, None).await {
                        let answer = answer.map_err(error);
                        if let Err(
                            why @ (PublishError::Unknown(_) | PublishError::Unavailable(_)),
                        ) = &answer
                        {
                            trouble.get_or_insert_with(|| why.clone());
                        }
                        call.answer(n, answer);
                    }
                    trouble
                }
            };
            if let Some(why) = trouble {
                return Err(why);
            }
        }
        Ok(())
    }

    /// Messages to a stream that nobody else publishes to. Each is stored only where this handle expects it to stand, and so none
    /// before another of the call, none twice, and none after another handle has published.
    async fn publish_in_turn(&self, call: &mut Call<'_>) -> Result<(), PublishError> {
        let _turn = self.turn.acquire().await.map_err(PublishError::unavailable)?;
        let known = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let mut end = match known {
            Some(end) => end,
            None => self.extent().await?.last,
        };
        let (mut is_whole, mut is_careful) = (true, false);
        while call.left() > 0 {
            self.leaves_at(Some(end));
            let way = if is_careful { Way::Singly(1) } else { self.way(call, is_whole) };
            let trouble = match way {
                Way::Batch(count) => match self.publish_batch(call, count, Some(end)).await {
                    Ok(last) => {
                        end = last.unwrap_or(end);
                        None
                    }
                    Err(NotStored::Error(why @ PublishError::Unknown(_))) => Some(why),
                    Err(_) => {
                        // One by one it is seen which of them are stored.
                        is_whole = false;
                        None
                    }
                },
                Way::Singly(count) => {
                    let answers = self.publish_singly(call, count, Some(end)).await;
                    let heard = hear(call, &mut end, answers);
                    if heard.trouble.is_none() && !self.settle(call, &mut end, &heard).await? {
                        self.leaves_at(None);
                        return Err(PublishError::unavailable(OtherPublisher));
                    }
                    is_careful = heard.is_careful;
                    heard.trouble
                }
            };
            self.leaves_at(Some(end));
            match trouble {
                None => {}
                // What is not there can be sent again: it is stored once, wherever the first copy is.
                Some(why @ PublishError::Unknown(_)) => {
                    let found = self.read_back(call, &mut end, call.left(), false).await;
                    if found.unwrap_or_default() == 0 {
                        return Err(why);
                    }
                }
                Some(why) => return Err(why),
            }
        }
        self.leaves_at(Some(end));
        Ok(())
    }

    /// Finds those that were not stored though they are at their turn: each stands where it was to stand, since an earlier call has
    /// sent it. Whether that is so; else it is something of others that stands there.
    async fn settle(
        &self,
        call: &mut Call<'_>,
        end: &mut u64,
        heard: &Heard,
    ) -> Result<bool, PublishError> {
        let is_at_its_turn = heard.is_stuck || heard.ahead.is_some();
        if !is_at_its_turn {
            return Ok(true);
        }
        // If something behind them is stored, all of them are.
        let wanted = if heard.ahead.is_some() { heard.moved } else { 1 };
        let found = self.read_back(call, end, heard.moved, true).await?;
        *end = heard.ahead.unwrap_or_default().max(*end);
        Ok(found > 0 && found >= wanted)
    }

    /// Where the stream ends, as far as this handle knows, from now on.
    fn leaves_at(&self, end: Option<u64>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    fn pace<T>(&self, work: impl FnOnce(&mut Pace) -> T) -> T {
        work(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn way(&self, call: &Call<'_>, is_whole: bool) -> Way {
        if is_whole && self.takes_batches.load(Relaxed) {
            self.pace(|pace| pace.way(call.left()))
        } else {
            Way::Singly(call.left())
        }
    }

    /// Publishes the next `count` messages one by one. Their answers.
    async fn publish_singly(
        &self,
        call: &mut Call<'_>,
        count: usize,
        guard: Option<u64>,
    ) -> Vec<(usize, Answer)> {
        let began = Instant::now();
        let mut taken = Vec::with_capacity(count);
        let next = || {
            let (n, ready) = if taken.len() < count { self.draw(call)? } else { return None };
            taken.push(n);
            Some(ready)
        };
        let answers = self.pipeline(guard, next).await;
        let stored = answers.iter().filter(|answer| answer.is_ok()).count();
        if stored == taken.len() {
            self.pace(|pace| pace.singly_took(stored, began.elapsed()));
        }
        taken.into_iter().zip(answers).collect()
    }

    /// Publishes the next `count` messages as a whole. Where the last of them is; if they were not stored, they are put back.
    async fn publish_batch(
        &self,
        call: &mut Call<'_>,
        count: usize,
        guard: Option<u64>,
    ) -> Result<Option<u64>, NotStored> {
        let began = Instant::now();
        let (mut taken, mut messages, mut bytes) = (Vec::with_capacity(count), Vec::new(), 0);
        while taken.len() < count && bytes < BATCH_BYTES_MAX {
            let Some((n, ready)) = self.draw(call) else { break };
            bytes += ready.data.len();
            taken.push(n);
            messages.push(ready);
        }
        if taken.is_empty() {
            return Ok(None);
        }
        match self.batch(guard, messages).await {
            Ok(last) => {
                self.pace(|pace| pace.batch_took(taken.len(), began.elapsed()));
                let first = last.saturating_sub(taken.len() as u64 - 1);
                for (at, n) in (first..).zip(taken) {
                    call.answer(n, Ok(Stored::new(Some(at), false)));
                }
                Ok(Some(last))
            }
            Err(why) => {
                call.put_back(taken.into_iter());
                Err(why)
            }
        }
    }

    /// Looks whether the next messages of a call, at most so many, stand in the stream where they were to stand: then they are stored,
    /// and nobody heard it. `was_before` if an earlier call has sent them. How many there are.
    async fn read_back(
        &self,
        call: &mut Call<'_>,
        end: &mut u64,
        at_most: usize,
        was_before: bool,
    ) -> Result<usize, PublishError> {
        let mut found = 0;
        while found < at_most {
            let Some((n, message)) = call.take() else { break };
            let at = end.saturating_add(1);
            let is_there = self.has(at, message).await;
            if !matches!(is_there, Ok(true)) {
                call.put_back(std::iter::once(n));
                return is_there.map(|_| found);
            }
            call.answer(n, Ok(Stored::new(Some(at), was_before)));
            (*end, found) = (at, found + 1);
        }
        Ok(found)
    }
}

/// What the answers to guarded messages say.
struct Heard {
    /// How many were not stored since they do not stand where they are, or the one before them was not stored now.
    moved: usize,
    /// None was answered otherwise.
    is_stuck: bool,
    /// Where the last one stands that is stored behind those.
    ahead: Option<u64>,
    /// Some were stored before, and others may be: the next goes alone.
    is_careful: bool,
    trouble: Option<PublishError>,
}

/// Takes in the answers to guarded messages. Those that are not stored and not refused are put back.
fn hear(call: &mut Call<'_>, end: &mut u64, answers: Vec<(usize, Answer)>) -> Heard {
    let (mut back, mut ahead, mut trouble) = (Vec::new(), None, None);
    let (count, mut is_known) = (answers.len(), false);
    for (n, answer) in answers {
        match answer {
            Ok(stored) => {
                is_known |= stored.is_duplicate;
                match stored.position {
                    Some(at) if back.is_empty() && at == *end + 1 => *end = at,
                    Some(at) if at > *end => ahead = ahead.max(Some(at)),
                    _ => {}
                }
                call.answer(n, Ok(stored));
            }
            Err(NotStored::Error(why @ PublishError::Refused(_))) => call.answer(n, Err(why)),
            Err(NotStored::Error(why)) => {
                trouble.get_or_insert(why);
                back.push(n);
            }
            Err(_) => back.push(n),
        }
    }
    let moved = back.len();
    call.put_back(back.into_iter());
    let (is_stuck, is_careful) = (moved > 0 && moved == count, is_known || ahead.is_some());
    Heard { moved, is_stuck, ahead, is_careful: is_careful || is_stuck, trouble }
}

/// What is answered to a message that was sent alone and without a guard.
fn error(not_stored: NotStored) -> PublishError {
    match not_stored {
        NotStored::Error(why) => why,
        NotStored::Moved | NotStored::Known | NotStored::NoBatch => {
            PublishError::unavailable(OtherPublisher)
        }
    }
}

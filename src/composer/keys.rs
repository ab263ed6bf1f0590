//! What became of each key of one source.

use std::hash::Hash;
use std::task::Waker;
use std::time::Duration;

use super::Part;
use super::calls::Calls;
use super::places::{FEW, Keyed, Places};
use super::policy::{Heard, Said};
use crate::source::{Aligned, Failure, Origin, Source};

/// After the first few keys there is room for so many more at once: to grow step by step is to move all of them each time.
const MANY: usize = 100;

/// The call of what was answered without one.
const NO_CALL: u32 = u32::MAX;

/// The keys, and what is known of each.
pub(super) struct Keys<S: Source> {
    places: Places,
    slots: Vec<Slot<S::Key, S::Value>>,
    /// How many are to be asked for next.
    queued: usize,
    /// No slot before this one is to be asked for next.
    queued_from: usize,
    /// How many are asked for, and have no answer yet.
    out: usize,
    calls: Calls,
    /// Who is to be woken beside the first who waits for a slot.
    crowd: Vec<(u32, Waker)>,
    deduplicated: usize,
}

/// One key. It is small, and what is rare lies elsewhere: there may be many.
struct Slot<K, V> {
    key: K,
    state: State<V>,
    /// How many still want to know.
    interest: u32,
    /// Who is to be woken: mostly nobody or one. More are among the [crowd](Keys::crowd).
    waiting: Option<Waker>,
}

enum State<V> {
    Queued,
    /// Nobody wanted to know any more, before it was answered.
    Withdrawn,
    /// The nth call is to bring it.
    Asked(u32),
    /// The nth call brought it.
    Found(V, u32),
    /// The nth call brought that there is no such thing.
    Absent(u32),
    Failed(Box<Failed<V>>),
}

/// What is known of a key that got no answer.
struct Failed<V> {
    because: Failure,
    /// What was said earlier, and how long ago.
    earlier: Option<(V, Duration)>,
    call: u32,
}

/// What became of a call.
pub(super) struct Ended<V> {
    /// One for each of its slots.
    pub(super) answers: Aligned<V>,
    /// What was said earlier of the nth of them, and how long ago.
    pub(super) earlier: Vec<(usize, V, Duration)>,
    pub(super) origin: Origin,
    pub(super) took: Duration,
    pub(super) attempts: u32,
}

impl<S: Source> Keys<S> {
    pub(super) const fn new() -> Self {
        Self {
            places: Places::new(),
            slots: Vec::new(),
            queued: 0,
            queued_from: 0,
            out: 0,
            calls: Calls::new(),
            crowd: Vec::new(),
            deduplicated: 0,
        }
    }

    /// How many different keys there are.
    pub(super) const fn count(&self) -> usize {
        self.slots.len()
    }

    /// How often one was asked for that had been asked for before.
    pub(super) const fn deduplicated(&self) -> usize {
        self.deduplicated
    }

    /// How many are to be asked for next.
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        if more > 1 {
            self.places.reserve(more, &self.slots);
            self.slots.reserve(more);
        }
    }

    /// Whether all that somebody wants to know has an answer.
    pub(super) const fn is_answered(&self) -> bool {
        self.queued == 0 && self.out == 0
    }

    /// Queues a key, and tells where its slot is, and whether it was asked for before.
    pub(super) fn queue(&mut self, key: S::Key) -> (u32, bool) {
        if self.slots.len() == FEW {
            self.reserve(MANY);
        }
        let place = self.places.find_or_add(&key, &self.slots);
        let Some(slot) = self.slots.get_mut(place as usize) else {
            self.slots.push(Slot { key, state: State::Queued, interest: 1, waiting: None });
            self.queued += 1;
            return (place, false);
        };
        slot.interest += 1;
        match slot.state {
            State::Withdrawn => {
                slot.state = State::Queued;
                self.queued += 1;
                self.queued_from = self.queued_from.min(place as usize);
                return (place, false);
            }
            State::Asked(call) if slot.interest == 1 => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.wanted += 1;
                }
            }
            State::Queued
            | State::Asked(_)
            | State::Found(..)
            | State::Absent(_)
            | State::Failed(_) => {}
        }
        self.deduplicated += 1;
        (place, true)
    }

    /// Whether there is a value of a key, of now or of earlier, as soon as that is known.
    pub(super) fn is_there(&self, slot: u32, age_max: Option<Duration>) -> Option<bool> {
        match &self.slots.get(slot as usize)?.state {
            State::Found(..) => Some(true),
            State::Absent(_) => Some(false),
            State::Failed(failed) => Some(failed.earlier(age_max).is_some()),
            State::Queued | State::Withdrawn | State::Asked(_) => None,
        }
    }

    /// What was said of a key, if something was; what was said earlier will do if it is not older than `age_max`.
    #[allow(
        clippy::inline_always,
        reason = "a part is large: whoever makes it and whoever takes it should be one"
    )]
    #[inline(always)]
    pub(super) fn heard(
        &self,
        (slot, is_again): (u32, bool),
        age_max: Option<Duration>,
        source: &'static str,
    ) -> Option<Heard<S::Value>> {
        match &self.slots.get(slot as usize)?.state {
            State::Found(value, call) => {
                let (origin, took, attempts) = self.of_call(*call, is_again);
                let value = value.clone();
                Some(Heard::Found(Part { value, source, origin, took, attempts }))
            }
            State::Absent(call) => {
                let (origin, took, attempts) = self.of_call(*call, is_again);
                let (answer, earlier) = (Ok(None), None);
                Some(Heard::Otherwise(Said { answer, origin, earlier, took, attempts }))
            }
            State::Failed(failed) => {
                let (origin, took, attempts) = self.of_call(failed.call, is_again);
                let earlier = failed.earlier(age_max).cloned();
                let answer = Err(failed.because.clone());
                Some(Heard::Otherwise(Said { answer, origin, earlier, took, attempts }))
            }
            State::Queued | State::Withdrawn | State::Asked(_) => None,
        }
    }

    /// Where an answer came from, how long its call took, and with how many attempts.
    #[inline]
    fn of_call(&self, call: u32, is_again: bool) -> (Origin, Duration, u32) {
        let Some(call) = self.calls.get(call) else {
            return (Origin::Live, Duration::ZERO, 0);
        };
        let origin = match &call.origin {
            Origin::Live if is_again => Origin::Deduped,
            Origin::Live => Origin::Live,
            origin => origin.clone(),
        };
        (origin, call.took, call.attempts)
    }

    /// Somebody waits for a slot.
    pub(super) fn wait(&mut self, number: u32, waker: &Waker) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        match &slot.waiting {
            None => slot.waiting = Some(waker.clone()),
            Some(known) if known.will_wake(waker) => {}
            Some(_) => {
                let is_known = |(of, known): &(u32, Waker)| *of == number && known.will_wake(waker);
                if !self.crowd.iter().any(is_known) {
                    self.crowd.push((number, waker.clone()));
                }
            }
        }
    }

    /// Takes at most so many keys for one call, and tells which it is.
    pub(super) fn begin_call(&mut self, most: usize) -> Option<(Vec<S::Key>, u32)> {
        let count = self.queued.min(most);
        if count == 0 {
            return None;
        }
        let call = self.calls.add(self.queued_from, count);
        let mut keys = Vec::with_capacity(count);
        for slot in self.slots.iter_mut().skip(self.queued_from) {
            if keys.len() == count {
                break;
            }
            self.queued_from += 1;
            if matches!(slot.state, State::Queued) {
                slot.state = State::Asked(call);
                keys.push(slot.key.clone());
            }
        }
        self.queued -= count;
        self.out += count;
        Some((keys, call))
    }

    /// Whether somebody still waits for a call. If not, it is taken for not made.
    pub(super) fn is_wanted(&mut self, call: u32) -> bool {
        let is_wanted = self.calls.get(call).is_none_or(|call| call.wanted > 0);
        if !is_wanted {
            for slot in &mut self.slots {
                if matches!(slot.state, State::Asked(of) if of == call) {
                    slot.state = State::Withdrawn;
                    self.out -= 1;
                }
            }
        }
        is_wanted
    }

    /// A call has ended: who waits for one of its slots is to be woken.
    pub(super) fn end_call(&mut self, call: u32, ended: Ended<S::Value>) -> Vec<Waker> {
        let Ended { answers, earlier, origin, took, attempts } = ended;
        let Some(known) = self.calls.get_mut(call) else { return Vec::new() };
        (known.origin, known.took, known.attempts) = (origin, took, attempts);
        let (mut wakers, mut earlier) = (Vec::new(), earlier.into_iter().peekable());
        let of_call = |slot: &&mut Slot<_, _>| matches!(slot.state, State::Asked(of) if of == call);
        let slots = self.slots.iter_mut().skip(known.from).filter(of_call);
        for (nth, (slot, answer)) in slots.zip(answers.into_each()).enumerate() {
            slot.state = match answer {
                Ok(Some(value)) => State::Found(value, call),
                Ok(None) => State::Absent(call),
                Err(because) => {
                    let earlier = earlier.next_if(|(of, ..)| *of == nth);
                    let earlier = earlier.map(|(_, value, age)| (value, age));
                    State::Failed(Box::new(Failed { because, earlier, call }))
                }
            };
            self.out -= 1;
            wakers.extend(slot.waiting.take());
        }
        self.disperse(&mut wakers);
        wakers
    }

    /// Answers all that is to be asked for next: who waits for it is to be woken.
    pub(super) fn fail_queued(&mut self, failure: &Failure) -> Vec<Waker> {
        self.queued = 0;
        self.fail(failure, |state| matches!(state, State::Queued))
    }

    /// Answers all that has no answer yet: who waits for it is to be woken.
    pub(super) fn fail_all(&mut self, failure: &Failure) -> Vec<Waker> {
        (self.queued, self.out) = (0, 0);
        self.fail(failure, State::is_open)
    }

    fn fail(&mut self, failure: &Failure, fails: impl Fn(&State<S::Value>) -> bool) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| fails(&slot.state)) {
            let because = failure.clone();
            slot.state = State::Failed(Box::new(Failed { because, earlier: None, call: NO_CALL }));
            wakers.extend(slot.waiting.take());
        }
        self.disperse(&mut wakers);
        wakers
    }

    /// Takes from the crowd who has an answer now.
    fn disperse(&mut self, wakers: &mut Vec<Waker>) {
        if self.crowd.is_empty() {
            return;
        }
        let slots = &self.slots;
        let is_open = |of: u32| slots.get(of as usize).is_some_and(|slot| slot.state.is_open());
        let answered = self.crowd.extract_if(.., |(number, _)| !is_open(*number));
        wakers.extend(answered.map(|(_, waker)| waker));
    }

    /// Somebody does not want to know any more. Whether there is a call now for which nobody waits.
    pub(super) fn leave(&mut self, slots: impl Iterator<Item = u32>) -> bool {
        let mut is_unwanted = false;
        for slot in slots {
            let Some(slot) = self.slots.get_mut(slot as usize) else { continue };
            slot.interest = slot.interest.saturating_sub(1);
            match slot.state {
                State::Queued if slot.interest == 0 => {
                    slot.state = State::Withdrawn;
                    self.queued = self.queued.saturating_sub(1);
                }
                State::Asked(call) if slot.interest == 0 => {
                    let Some(call) = self.calls.get_mut(call) else { continue };
                    call.wanted = call.wanted.saturating_sub(1);
                    is_unwanted |= call.wanted == 0;
                }
                _ => {}
            }
        }
        is_unwanted
    }
}

impl<V> State<V> {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Queued | Self::Withdrawn | Self::Asked(_))
    }
}

impl<V> Failed<V> {
    /// What was said earlier, if that is young enough.
    fn earlier(&self, age_max: Option<Duration>) -> Option<&(V, Duration)> {
        self.earlier.as_ref().filter(|(_, age)| age_max.is_some_and(|max| *age <= max))
    }
}

impl<K: Eq + Hash, V> Keyed for Slot<K, V> {
    type Key = K;

    fn key(&self) -> &K {
        &self.key
    }
}

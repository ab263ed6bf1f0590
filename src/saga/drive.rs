//! Drives one saga: calls its steps, writes down what came of them, waits, and parks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::act::Said;
use super::append::{Appended, append};
use super::calling::{Calling, UnderWay};
use super::desk::{Notice, Tries, Turn, Wake};
use super::hand::{Follows, Hand, Seen};
use super::instance::{Instance, Opened};
use super::json::Out;
use super::node::Work;
use super::outcome::Effect;
use super::record::{Cause, Record};
use super::run::{Command, Way};
use super::shared::Shared;
use super::show::Ended;
use super::waiting::{Pending, Signalled};
use crate::ports::{BackendError, telemetry};

/// Why a saga is not driven any more.
pub(super) enum Left {
    Over(Ended),
    /// It has nothing to do before that time, or before a signal.
    Parked(Option<Instant>, Tries),
    /// It waits for an operator.
    Suspended,
    /// Another process owns it.
    Lost,
    /// It cannot be run here, and why.
    Stuck(String),
    /// Somebody has changed it from outside: it is to be read anew.
    Again,
    /// The runner stops.
    Stopped,
    /// The store cannot be read or written; the next may do better.
    Trouble(String),
}

/// What has ended.
pub(super) enum Ending {
    Call(usize, Way, Said),
    Signal(usize, bool, Result<Signalled, BackendError>),
}

pub(super) struct Drive {
    pub(super) shared: Arc<Shared>,
    pub(super) hand: Hand,
    notice: Arc<Notice>,
    pub(super) calls: FuturesUnordered<UnderWay>,
    append: Option<BoxFuture<'static, Appended>>,
    /// Steps that are tried again later.
    rests: BTreeMap<usize, Instant>,
    /// Steps that wait for a time or a signal.
    pub(super) pending: BTreeMap<usize, Pending>,
    /// Whether the log may have grown by others, and what follows if the saga is another's by now.
    suspicion: Option<Wake>,
    /// Whether the saga was found to be another's, and is to be taken over.
    reclaims: bool,
}

/// Drives a saga until it is over, is parked, or is somebody else's.
pub(super) async fn drive(shared: &Arc<Shared>, turn: Turn) -> Left {
    let Turn { id, notice, mut tries, mut fresh, mut takes_over } = turn;
    loop {
        let saga = match fresh.take() {
            Some(saga) => saga,
            None => match Instance::open(&*shared.store, &shared.book, &id).await {
                Ok(Opened::Instance(saga)) => saga,
                Ok(Opened::Nothing) => return Left::Lost,
                Ok(Opened::Over { ended, .. }) => return Left::Over(ended),
                Ok(Opened::Stuck(why)) => return Left::Stuck(why),
                Err(error) => return Left::Trouble(super::outcome::told(&error)),
            },
        };
        if saga.owner != Some(shared.owner) && !takes_over {
            return Left::Lost;
        }
        let mut drive = Drive::new(shared, saga, Arc::clone(&notice), &std::mem::take(&mut tries));
        match drive.run().await {
            Left::Again => takes_over |= drive.reclaims,
            left => return left,
        }
    }
}

impl Drive {
    fn new(
        shared: &Arc<Shared>,
        mut saga: Box<Instance>,
        notice: Arc<Notice>,
        tries: &[((usize, Way), u32)],
    ) -> Self {
        saga.run.remember(tries);
        Self {
            shared: Arc::clone(shared),
            hand: Hand::new(saga),
            notice,
            calls: FuturesUnordered::new(),
            append: None,
            rests: BTreeMap::new(),
            pending: BTreeMap::new(),
            suspicion: None,
            reclaims: false,
        }
    }

    async fn run(&mut self) -> Left {
        if let Some(left) = self.take_over().await {
            return left;
        }
        loop {
            // Asked once: what was not called now must not be taken for what nobody has to call.
            let is_closing = self.shared.desk.is_closed();
            self.go_on(is_closing);
            if let Some(left) = self.leaves(is_closing) {
                return left;
            }
            let next = self.next_alarm();
            let alarm = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let appended = async {
                match &mut self.append {
                    Some(append) => append.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = appended => {
                    self.append = None;
                    if let Some(left) = self.appended(done).await {
                        return left;
                    }
                }
                Some(ending) = self.calls.next() => self.ended(ending),
                () = alarm => self.alarmed(),
                how = self.notice.rung() => self.suspicion = self.suspicion.max(Some(how)),
            }
            if self.append.is_none()
                && let Some(how) = self.suspicion.take()
            {
                if let Some(left) = self.look(how).await {
                    return left;
                }
                self.listen();
            }
        }
    }

    /// Writes down that the saga is this process's, if another's was the last word. Nothing is called before that.
    async fn take_over(&mut self) -> Option<Left> {
        if self.hand.saga.owner == Some(self.shared.owner) {
            return None;
        }
        let state = self.hand.state();
        if state.is_suspended && !state.is_cancelled {
            return Some(Left::Suspended);
        }
        let record = Record::TakenOver { by: self.shared.owner };
        tracing::debug!(saga = %self.hand.saga.id, "taking a saga over");
        let records = Arc::from([record.clone()]);
        match append(&self.shared, &self.hand.saga, records, None).await {
            Appended::Done => {
                self.hand.saga.note(&record, self.shared.clock.now());
                self.hand.saga.version = self.hand.saga.version.plus(1);
                None
            }
            Appended::Grown | Appended::Misfit => Some(Left::Again),
            Appended::Invalid(why) => Some(Left::Trouble(why)),
            Appended::Stopped => Some(Left::Stopped),
        }
    }

    /// Does what is to be done.
    fn go_on(&mut self, is_closing: bool) {
        let clock = Arc::clone(&self.shared.clock);
        for command in self.hand.next(|| clock.now()) {
            match command {
                Command::Append(records) => self.write(records),
                Command::Rest { step, tries } => self.rest(step, tries),
                // Whoever stops begins nothing new; what was to be called is called by the next owner, or here, if the
                // runner is started again while other calls are still under way.
                Command::Call { step, .. } if is_closing => self.hand.saga.run.not_called(step),
                Command::Call { step, way, effect } => self.call(step, way, effect),
            }
        }
    }

    fn write(&mut self, records: Arc<[Record]>) {
        let saga = &self.hand.saga;
        let name = saga.definition.name;
        for record in &*records {
            match record {
                Record::Unwind { cause, uncertain } => {
                    telemetry::saga_given_up(name, cause.as_str(), uncertain.len());
                }
                Record::Settled { step, .. } | Record::Undone { step } => {
                    if let Some(how) = saga.settles(step) {
                        telemetry::saga_settled(name, how.as_str());
                    }
                }
                _ => {}
            }
        }
        self.append = Some(append(&self.shared, saga, records, self.hand.beside()));
    }

    async fn appended(&mut self, done: Appended) -> Option<Left> {
        if matches!(done, Appended::Misfit) {
            // A store may look at a fence before it looks at the log.
            self.suspicion = self.suspicion.max(Some(Wake::IfOurs));
        }
        match self.hand.written(done) {
            Follows::Nothing => None,
            Follows::Look => {
                let how = self.suspicion.take().unwrap_or(Wake::IfOurs);
                let known = self.hand.saga.version;
                let left = self.look(how).await;
                if left.is_none() && self.hand.saga.version == known {
                    let why = "the store says that the log has grown, and it has not";
                    return Some(Left::Trouble(why.to_owned()));
                }
                left
            }
            Follows::Again { step, tries } => {
                self.rest(step, tries);
                None
            }
            Follows::Never(why) => Some(Left::Trouble(why)),
            Follows::Stopped => Some(Left::Stopped),
        }
    }

    /// Reads what others have written into the log. A saga that is another's by now is taken over if it is looked after here:
    /// whoever had this part before had taken it over, and is gone.
    async fn look(&mut self, how: Wake) -> Option<Left> {
        let tail = match self.shared.tail(&self.hand.saga).await {
            Ok(tail) => tail,
            Err(why) => return Some(Left::Trouble(why)),
        };
        for (record, _) in tail {
            match self.hand.see(&record) {
                Seen::Asked => {}
                Seen::Changed => return Some(Left::Again),
                Seen::Anothers if how == Wake::ForGood => {
                    self.reclaims = true;
                    return Some(Left::Again);
                }
                Seen::Anothers => return Some(Left::Lost),
            }
        }
        None
    }

    pub(super) fn call(&mut self, step: usize, way: Way, effect: Option<Effect<Out>>) {
        let Some(node) = self.hand.saga.node(step) else { return };
        let (work, time_max, resolve) = (node.work.clone(), node.policy.time_max, node.resolve);
        let Work::Call(act) = work else { return self.begin_to_wait(step, &work) };
        if let Some(until) = self.too_early(way, resolve, effect.as_ref()) {
            self.pending.insert(step, Pending::Horizon { until, way, effect });
            return;
        }
        let call = match self.hand.saga.call(step, way, effect) {
            Ok(call) => call,
            Err(why) => {
                let said = std::future::ready(Ending::Call(step, way, Said::broken(why)));
                return self.calls.push(UnderWay::Other(said.boxed()));
            }
        };
        let saga = self.hand.saga.definition.name;
        let name = Arc::clone(&call.step);
        let calling = Calling::begin(act.call(call), (saga, name), (step, way), time_max);
        self.calls.push(UnderWay::Call(calling));
    }

    fn ended(&mut self, ending: Ending) {
        match ending {
            Ending::Call(step, way, said) => self.said(step, way, said),
            Ending::Signal(step, is_last, found) => self.signalled(step, is_last, found),
        }
    }

    /// A call has ended.
    pub(super) fn said(&mut self, step: usize, way: Way, said: Said) {
        if let Some(error) = &said.error {
            let name = self.hand.saga.node(step).map(|node| Arc::clone(&node.name));
            let step = name.as_deref().unwrap_or_default();
            tracing::debug!(saga = %self.hand.saga.id, step, ?way, error, "a call has failed");
        }
        for (step, tries) in self.hand.hear(step, way, said) {
            self.rest(step, tries);
        }
    }

    fn rest(&mut self, step: usize, tries: u32) {
        let is_forward = self.hand.saga.run.is_forward();
        let Some(node) = self.hand.saga.node(step) else { return };
        let retry = if is_forward { node.policy.retry } else { node.policy.undo_retry };
        let delay = retry.delay(tries, self.shared.seeds.draw());
        self.rests.insert(step, Instant::now() + delay);
    }

    /// Times have come.
    fn alarmed(&mut self) {
        let now = Instant::now();
        let due: Vec<usize> =
            self.rests.iter().filter(|(_, at)| **at <= now).map(|(step, _)| *step).collect();
        for step in due {
            self.rests.remove(&step);
            self.hand.saga.run.rested(step);
        }
        if self.deadline().is_some_and(|at| at <= now) {
            self.hand.saga.deadline = None;
            self.hand.saga.run.give_up(Cause::Deadline);
        }
        self.waited(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = self.hand.saga.deadline.filter(|_| self.hand.saga.run.is_forward())?;
        Some(self.shared.instant(deadline))
    }

    fn next_alarm(&self) -> Option<Instant> {
        let waits = self.pending.values().filter_map(Pending::until);
        let rests = self.rests.values().copied();
        rests.chain(waits).chain(self.deadline()).min()
    }

    /// Whether there is nothing to do here, and why.
    fn leaves(&self, is_closing: bool) -> Option<Left> {
        let state = self.hand.state();
        if let Some(ended) = Ended::of_phase(state.phase) {
            return Some(Left::Over(ended));
        }
        if self.append.is_some() || !self.calls.is_empty() {
            return None;
        }
        if is_closing {
            return Some(Left::Stopped);
        }
        if state.is_suspended {
            return Some(Left::Suspended);
        }
        let next = self.next_alarm();
        if next.is_none() && self.pending.is_empty() {
            return Some(Left::Stuck("there is nothing to do, and it is not over".to_owned()));
        }
        let soon = Instant::now() + self.shared.options.park_after;
        if next.is_some_and(|next| next < soon) {
            return None;
        }
        Some(Left::Parked(next, self.hand.saga.run.tries()))
    }
}

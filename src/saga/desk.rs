//! Which sagas this process has under way, which wait their turn, and which are parked until a time or a signal.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::id::SagaId;
use super::instance::Instance;
use super::run::Way;
use super::show::Ended;
use crate::ports::telemetry;

/// How often what was tried, to be remembered while a saga is parked.
pub(super) type Tries = Vec<((usize, Way), u32)>;

/// How many sagas are remembered that have ended: more than end before the list has heard of their starts.
const OVER_MAX: usize = 4_096;

/// Tells a saga that is under way that something has happened outside.
#[derive(Debug, Default)]
pub(super) struct Notice {
    bell: Notify,
    is_rung: AtomicBool,
    /// Whether one who rang looks after the saga.
    is_for_good: AtomicBool,
    /// Whether the saga was started just now, here, and nobody has to be told of that.
    is_fresh: bool,
}

impl Notice {
    fn ring(&self, how: Wake) {
        // At most one is remembered, and that is enough: whoever hears it looks at everything.
        self.is_rung.store(true, Ordering::SeqCst);
        self.is_for_good.fetch_or(how == Wake::ForGood, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// Waits until somebody rings, and says how.
    pub(super) async fn rung(&self) -> Wake {
        self.bell.notified().await;
        self.is_rung.store(false, Ordering::SeqCst);
        let is_for_good = self.is_for_good.swap(false, Ordering::SeqCst);
        if is_for_good { Wake::ForGood } else { Wake::IfOurs }
    }
}

enum Entry {
    /// Its start is being committed. Whoever wakes it meanwhile is remembered: another may have started it before.
    Starting(Option<Wake>),
    /// It waits its turn.
    Waiting(Wake),
    Running(Arc<Notice>),
    Parked {
        until: Option<Instant>,
        tries: Tries,
        /// How it is woken when its time has come.
        then: Wake,
    },
}

/// How a saga is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// If it is this process's.
    IfOurs,
    /// To be taken over if it is another's: its part is looked after here.
    ForGood,
}

/// A saga whose turn it is.
pub(super) struct Turn {
    pub(super) id: SagaId,
    pub(super) notice: Arc<Notice>,
    pub(super) tries: Tries,
    /// The saga, if it was started just now.
    pub(super) fresh: Option<Box<Instance>>,
    /// Whether it is taken over if it is another's.
    pub(super) takes_over: bool,
}

#[derive(Default)]
struct Books {
    entries: HashMap<SagaId, Entry>,
    queue: VecDeque<(SagaId, Tries, Option<Box<Instance>>)>,
    running: usize,
    alarms: BTreeSet<(Instant, SagaId)>,
    waiters: HashMap<SagaId, Vec<oneshot::Sender<Ended>>>,
    /// The last ones that have ended here, and in which order: their starts may be heard of only now.
    over: HashSet<SagaId>,
    over_in_order: VecDeque<SagaId>,
    /// When nothing may begin any more.
    is_closed: bool,
    /// The most that are under way.
    running_max: usize,
    /// Where sagas are driven.
    runtime: Option<Handle>,
    /// Whether somebody counts what is here now and then.
    is_watched: bool,
}

impl Entry {
    const fn is_starting(&self) -> bool {
        matches!(self, Self::Starting(_))
    }
}

impl Books {
    fn count(&self) -> (usize, usize, usize) {
        let waiting = self.queue.len();
        (self.running, waiting, self.entries.len().saturating_sub(self.running + waiting))
    }

    /// Whether one more can be under way.
    const fn has_room(&self) -> bool {
        !self.is_closed && self.running < self.running_max
    }

    /// A saga's turn has come.
    fn give_turn(&mut self, id: SagaId, tries: Tries, fresh: Option<Box<Instance>>) -> Turn {
        self.running += 1;
        let notice = Arc::new(Notice { is_fresh: fresh.is_some(), ..Notice::default() });
        let entry = Entry::Running(Arc::clone(&notice));
        let before = self.entries.insert(id.clone(), entry);
        let takes_over = matches!(before, Some(Entry::Waiting(Wake::ForGood)));
        Turn { id, notice, tries, fresh, takes_over }
    }

    /// A saga is under way no more; whoever waited for its end.
    fn take_away(&mut self, id: &SagaId) -> Vec<oneshot::Sender<Ended>> {
        self.running = self.running.saturating_sub(1);
        self.entries.remove(id);
        self.waiters.remove(id).unwrap_or_default()
    }

    /// Rings for all that is under way.
    fn ring_all(&self) {
        for entry in self.entries.values() {
            if let Entry::Running(notice) = entry {
                notice.ring(Wake::IfOurs);
            }
        }
    }

    fn remember_as_over(&mut self, id: &SagaId) {
        if self.over_in_order.len() >= OVER_MAX
            && let Some(oldest) = self.over_in_order.pop_front()
        {
            self.over.remove(&oldest);
        }
        if self.over.insert(id.clone()) {
            self.over_in_order.push_back(id.clone());
        }
    }

    /// How those wanted it who have rung for a saga that is just leaving.
    fn how_it_rang(&self, id: &SagaId) -> Wake {
        match self.entries.get(id) {
            Some(Entry::Running(notice)) if notice.is_for_good.load(Ordering::SeqCst) => {
                Wake::ForGood
            }
            _ => Wake::IfOurs,
        }
    }

    /// Whether somebody has rung for a saga that is just leaving.
    fn has_rung(&self, id: &SagaId) -> bool {
        match self.entries.get(id) {
            Some(Entry::Running(notice)) => {
                !self.is_closed && notice.is_rung.load(Ordering::SeqCst)
            }
            _ => false,
        }
    }
}

/// Which sagas this process has under way.
#[derive(Default)]
pub(super) struct Desk {
    books: Mutex<Books>,
    /// An alarm is set that is earlier than all others, a saga waits its turn, or nobody counts what is here.
    pub(super) changed: Notify,
    /// A saga has come to an end.
    pub(super) left: Notify,
}

impl Desk {
    /// One that is closed.
    pub(super) fn new() -> Self {
        let desk = Self::default();
        desk.books().is_closed = true;
        desk
    }

    /// From now on sagas are driven, so many at once.
    pub(super) fn open(&self, running_max: usize, runtime: Handle) {
        let mut books = self.books();
        books.is_closed = false;
        books.running_max = running_max.max(1);
        books.runtime = Some(runtime);
        // What was under way when the desk was closed may be still, and goes on.
        books.ring_all();
    }

    // What is in the books is whole whoever panicked.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody looks at the saga: now, or when its turn has come.
    pub(super) fn wake(&self, id: &SagaId, how: Wake) {
        self.enter(id, None, how);
    }

    /// The same if it is under way or parked here.
    pub(super) fn wake_if_held(&self, id: &SagaId) {
        if self.holds(id) {
            self.wake(id, Wake::IfOurs);
        }
    }

    /// Its start is about to be committed: until that is over, nobody looks at it. `false` if somebody does already.
    pub(super) fn reserve(&self, id: &SagaId) -> bool {
        let mut books = self.books();
        let is_new = !books.is_closed && !books.entries.contains_key(id);
        if is_new {
            books.entries.insert(id.clone(), Entry::Starting(None));
        }
        is_new
    }

    /// Its start has not been committed here. Whoever has woken it meanwhile has seen another's.
    pub(super) fn give_back(&self, id: &SagaId) {
        let mut books = self.books();
        let Some(Entry::Starting(woken)) = books.entries.get(id) else { return };
        let woken = *woken;
        books.entries.remove(id);
        drop(books);
        if let Some(how) = woken {
            self.wake(id, how);
        }
    }

    /// The start of a saga is in the log, of one that is this process's, or nobody's yet. Whoever has just started it here has
    /// it already; whoever was too early to see it looks again.
    pub(super) fn has_started(&self, id: &SagaId, is_ours: bool) {
        let is_known = || {
            let books = self.books();
            match books.entries.get(id) {
                Some(Entry::Running(notice)) => notice.is_fresh,
                Some(Entry::Waiting(_) | Entry::Parked { .. }) => true,
                Some(Entry::Starting(_)) => false,
                None => books.over.contains(id),
            }
        };
        if !is_ours || !is_known() {
            self.wake(id, Wake::ForGood);
        }
    }

    /// The same for a saga that was started just now. If nobody waits before it, its turn has come, and here is where it is to
    /// be driven.
    #[must_use = "a turn that was given is to be taken"]
    pub(super) fn begin(&self, instance: Box<Instance>) -> Option<(Handle, Turn)> {
        let id = instance.id.clone();
        let mut books = self.books();
        let is_next = books.has_room() && books.queue.is_empty();
        let is_here = matches!(books.entries.get(&id), Some(entry) if !entry.is_starting());
        let Some(runtime) = books.runtime.clone().filter(|_| is_next && !is_here) else {
            drop(books);
            self.enter(&id, Some(instance), Wake::IfOurs);
            return None;
        };
        let turn = books.give_turn(id, Tries::new(), Some(instance));
        let is_watched = std::mem::replace(&mut books.is_watched, true);
        drop(books);
        if !is_watched {
            self.changed.notify_one();
        }
        Some((runtime, turn))
    }

    fn enter(&self, id: &SagaId, fresh: Option<Box<Instance>>, mut how: Wake) {
        let mut books = self.books();
        let tries = match books.entries.get_mut(id) {
            Some(Entry::Running(notice)) => return notice.ring(how),
            Some(Entry::Waiting(before)) => return *before = how.max(*before),
            Some(Entry::Starting(woken)) if fresh.is_none() => {
                return *woken = Some(how).max(*woken);
            }
            Some(Entry::Parked { until, tries, then }) => {
                let (until, tries) = (*until, std::mem::take(tries));
                how = how.max(*then);
                if let Some(until) = until {
                    books.alarms.remove(&(until, id.clone()));
                }
                tries
            }
            Some(Entry::Starting(_)) | None => Tries::new(),
        };
        if books.is_closed {
            // Whoever opens the desk again reads what there is.
            books.entries.remove(id);
            return;
        }
        books.entries.insert(id.clone(), Entry::Waiting(how));
        books.queue.push_back((id.clone(), tries, fresh));
        drop(books);
        self.changed.notify_one();
    }

    /// Whether it is under way or parked here.
    pub(super) fn holds(&self, id: &SagaId) -> bool {
        self.books().entries.contains_key(id)
    }

    /// How many are under way, wait their turn, and are parked.
    pub(super) fn count(&self) -> (usize, usize, usize) {
        self.books().count()
    }

    /// The same for somebody who counts again soon as long as some are under way, and else when there is a change.
    pub(super) fn watch(&self) -> (usize, usize, usize) {
        let mut books = self.books();
        books.is_watched = books.running > 0;
        books.count()
    }

    /// The next saga whose turn it is.
    pub(super) fn next(&self) -> Option<Turn> {
        let mut books = self.books();
        if !books.has_room() {
            return None;
        }
        let (id, tries, fresh) = books.queue.pop_front()?;
        Some(books.give_turn(id, tries, fresh))
    }

    /// Wakes all whose time has come, and says when the next one's does.
    pub(super) fn ring(&self) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let mut books = self.books();
            let (at, id) = books.alarms.first()?.clone();
            if at > now {
                return Some(at);
            }
            books.alarms.pop_first();
            drop(books);
            telemetry::saga_due(now - at);
            self.enter(&id, None, Wake::IfOurs);
        }
    }

    /// A saga has nothing to do before `until`, when it is woken as `then` says, or before somebody wakes it. If somebody did
    /// meanwhile, `notice` knows.
    pub(super) fn park(&self, id: &SagaId, until: Option<Instant>, tries: Tries, then: Wake) {
        let mut books = self.books();
        books.running = books.running.saturating_sub(1);
        if books.has_rung(id) {
            return self.again(books, id, tries, then);
        }
        if let Some(until) = until {
            books.alarms.insert((until, id.clone()));
        }
        books.entries.insert(id.clone(), Entry::Parked { until, tries, then });
        // The alarm may be the earliest.
        self.changed.notify_one();
        self.has_left(books);
    }

    /// A saga waits for an operator, or is not this process's any more: nothing of it is kept. If somebody has rung meanwhile,
    /// it is looked at again.
    pub(super) fn put_away(&self, id: &SagaId) {
        let mut books = self.books();
        if books.has_rung(id) {
            books.running = books.running.saturating_sub(1);
            return self.again(books, id, Tries::new(), Wake::IfOurs);
        }
        drop(books);
        self.forget(id);
    }

    fn again(&self, mut books: MutexGuard<'_, Books>, id: &SagaId, tries: Tries, then: Wake) {
        let how = books.how_it_rang(id).max(then);
        books.entries.insert(id.clone(), Entry::Waiting(how));
        books.queue.push_back((id.clone(), tries, None));
        drop(books);
        self.changed.notify_one();
    }

    /// A saga is over: whoever waits for its end is told.
    pub(super) fn is_over(&self, id: &SagaId, ended: Ended) {
        let mut books = self.books();
        books.remember_as_over(id);
        let waiters = books.take_away(id);
        self.has_left(books);
        for waiter in waiters {
            // Who has gone away does not hear it.
            let _ = waiter.send(ended);
        }
    }

    /// A saga cannot be run here. Whoever waits for the end looks elsewhere.
    pub(super) fn forget(&self, id: &SagaId) {
        let mut books = self.books();
        let waiters = books.take_away(id);
        self.has_left(books);
        drop(waiters);
    }

    /// One is under way no more: whoever waits their turn may have it, and who closes waits for the last.
    fn has_left(&self, books: MutexGuard<'_, Books>) {
        let (is_awaited, is_closed) = (!books.queue.is_empty(), books.is_closed);
        drop(books);
        if is_awaited {
            self.changed.notify_one();
        }
        if is_closed {
            self.left.notify_waiters();
        }
    }

    /// Whoever waits for the end of the saga is told.
    pub(super) fn tell(&self, id: &SagaId, ended: Ended) {
        let waiters = self.books().waiters.remove(id).unwrap_or_default();
        for waiter in waiters {
            // Who has gone away does not hear it.
            let _ = waiter.send(ended);
        }
    }

    /// Whoever waits for the saga is to look for themselves.
    pub(super) fn stir(&self, id: &SagaId) {
        self.books().waiters.remove(id);
    }

    /// Waits for the end, if it is seen here; and whether somebody has the saga here.
    pub(super) fn wait_for(&self, id: &SagaId) -> (oneshot::Receiver<Ended>, bool) {
        let (tell, told) = oneshot::channel();
        let mut books = self.books();
        let is_here = !books.is_closed && books.entries.contains_key(id);
        let waiters = books.waiters.entry(id.clone()).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(tell);
        (told, is_here)
    }

    /// Somebody waits no more, and may have been the last.
    pub(super) fn waits_no_more(&self, id: &SagaId) {
        let mut books = self.books();
        if let Some(waiters) = books.waiters.get_mut(id) {
            waiters.retain(|waiter| !waiter.is_closed());
            if waiters.is_empty() {
                books.waiters.remove(id);
            }
        }
    }

    /// From now on nothing begins any more.
    pub(super) fn close(&self) {
        let mut books = self.books();
        books.is_closed = true;
        books.ring_all();
        books.waiters.clear();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.books().is_closed
    }
}

//! A relay that does nothing for longer than its lease lasts, in the middle of a call, and then goes on where it was.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};

use freehold::testkit::async_trait;
use freehold::{Broker, Capabilities, Extent, Outbound, PublishError, Stored};

use super::medium::Medium;
use super::takeover::Process;
use super::world::{BATCH_MESSAGES_MAX, World};
use crate::messages::until;
use crate::proxy::Proxy;

/// The relay that has taken over publishes so many messages before the other goes on: more than that one had in its hands.
const MEANWHILE: u64 = 200;
/// A client asks in so many bytes at the most whether its server is there.
const A_PING: u64 = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closed,
    /// Somebody stands before it.
    Held,
}

/// What a thread goes through, or stands before.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// Blocks as long as it is not open.
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        while *state != State::Open {
            *state = State::Held;
            state = self.changed.wait(state).unwrap();
        }
    }

    fn close(&self) {
        *self.state.lock().unwrap() = State::Closed;
    }

    fn open(&self) {
        *self.state.lock().unwrap() = State::Open;
        self.changed.notify_all();
    }

    fn is_held(&self) -> bool {
        *self.state.lock().unwrap() == State::Held
    }
}

/// A broker before which a gate stands. A call that is held there blocks its thread, and so whatever else runs on that: nobody renews
/// a lease, or hears an answer.
#[derive(Debug)]
struct Gated<B> {
    broker: B,
    gate: Arc<Gate>,
    proxy: Arc<Proxy>,
    /// The next messages are held on their way. What a relay asks beside them is not what it is about.
    holds_next: Arc<AtomicBool>,
}

#[async_trait]
impl<B: Broker> Broker for Gated<B> {
    fn capabilities(&self) -> Capabilities {
        self.broker.capabilities()
    }

    async fn publish(&self, messages: &[Outbound]) -> Vec<Result<Stored, PublishError>> {
        self.gate.pass();
        if self.holds_next.swap(false, SeqCst) {
            self.proxy.hold_after(0);
        }
        self.broker.publish(messages).await
    }

    async fn extent(&self) -> Result<Option<Extent>, PublishError> {
        self.gate.pass();
        self.broker.extent().await
    }
}

/// Opens a gate, also for a test that fails: whoever is blocked could not end.
struct Opened(Arc<Gate>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Freezes a relay whose messages are on their way, until another has taken over and is ahead of it. Then they come too late: each of
/// them is there already, and so are some behind it. And the relay goes on where it was. Returns how many copies it stored.
pub(crate) async fn relay_goes_on<M: Medium>(world: &World<M>) -> usize {
    let _consumers = world.consumers().await;
    let proxy = Arc::new(Proxy::before(world.medium.port()).await);
    let (gate, holds_next) = (Arc::<Gate>::default(), Arc::<AtomicBool>::default());
    let (gated, held, asked) = (Arc::clone(&gate), Arc::clone(&proxy), Arc::clone(&holds_next));
    let over = |broker| Gated { broker, gate: gated, proxy: held, holds_next: asked };
    let (_process, old) = Process::relay_over(world, proxy.port(), over).await;
    let opened = Opened(Arc::clone(&gate));
    let load = world.load().await;
    // It has the lease, and is at work.
    world.more_effects(20).await;
    holds_next.store(true, SeqCst);
    until("messages on their way", async || (proxy.held_bytes() > A_PING).then_some(())).await;
    // It does not hear what has become of them, and is about to ask, or to try again.
    gate.close();
    until("a call that is held", async || gate.is_held().then_some(())).await;
    let before = old.acknowledged();
    // Not before: on a busy machine the other would have had the lease by now, and nothing would have been held.
    let (relay, new) = world.relay().await;
    let is_ahead = async || (new.acknowledged() >= MEANWHILE).then_some(());
    until("a takeover", is_ahead).await;
    let seen = world.medium.forgotten().await;
    proxy.release();
    drop(opened);
    world.more_effects(50).await;
    // It had a batch in its hands, and has then learned that the lease is another's.
    let late = old.acknowledged() - before;
    assert!(late <= BATCH_MESSAGES_MAX as u64, "{late} messages of a relay without a lease");
    world.more_effects(50).await;
    assert_eq!(old.acknowledged() - before, late, "it goes on without a lease");
    let sent = load.end().await;
    world.judge(sent, &relay).await - seen
}

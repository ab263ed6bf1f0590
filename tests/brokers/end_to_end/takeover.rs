//! Relays and consumers that are gone from one moment to the next, and others that go on.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use fastrand::Rng;
use freehold::inbox::Marks;
use freehold::{Broker, Message};
use tokio::runtime::{Builder, Runtime};

use super::medium::Medium;
use super::watched::{Answers, Watched};
use super::world::{CONSUMERS, World, consumer_of, noting, relay_of};
use crate::messages::until;

const TAKEOVERS: usize = 4;

/// As a process would be: its tasks end all at once, wherever they are.
pub(super) struct Process {
    runtime: Option<Runtime>,
    /// How much it has done.
    done: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Process {
    async fn relay<M: Medium>(world: &World<M>) -> Self {
        Self::relay_over(world, world.medium.port(), |broker| broker).await.0
    }

    /// One that publishes by way of this port, over what is made of the broker, and what it was answered.
    pub(super) async fn relay_over<M: Medium, B: Broker>(
        world: &World<M>,
        port: u16,
        over: impl FnOnce(M::Broker) -> B + Send + 'static,
    ) -> (Self, Arc<Answers>) {
        let (runtime, store, medium) = (runtime(), world.sender().await, world.medium.clone());
        let starting = runtime.spawn(async move {
            let broker = medium.publisher(port).await;
            let (broker, answers) = Watched::new(over(broker));
            let relay = relay_of(store, broker).start();
            // It works until it is killed, and its handle with it.
            tokio::spawn(async move {
                let _relay = relay;
                pending::<()>().await;
            });
            answers
        });
        let answers = starting.await.unwrap();
        let counted = Arc::clone(&answers);
        let done = Arc::new(move || counted.acknowledged());
        (Self { runtime: Some(runtime), done }, answers)
    }

    /// One that consumes.
    async fn consumer<M: Medium>(world: &World<M>, name: &'static str, marks: Marks) -> Self {
        let (runtime, done) = (runtime(), Arc::<AtomicU64>::default());
        let (store, medium) = (world.receiver(name).await, world.medium.clone());
        let count = Arc::clone(&done);
        let handler = move |message: &Message| {
            count.fetch_add(1, SeqCst);
            noting(message)
        };
        let starting = runtime.spawn(async move {
            let deliveries = medium.deliveries(medium.port(), name).await;
            let consumer = consumer_of(store, deliveries, name, marks, handler);
            tokio::spawn(async move {
                let _consumer = consumer;
                pending::<()>().await;
            });
        });
        starting.await.unwrap();
        Self { runtime: Some(runtime), done: Arc::new(move || done.load(SeqCst)) }
    }

    /// Nobody waits for it: it is gone in the middle of whatever it does.
    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    fn done(&self) -> u64 {
        (self.done)()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Of one thread: who blocks it, stops all of it.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Which of two is at work.
async fn at_work(two: &[Process; 2]) -> usize {
    let before = [two[0].done(), two[1].done()];
    until("work", async || (0..2).find(|n| two[*n].done() > before[*n])).await
}

/// Ends the one that is at work, waits until the other has gone on, and puts a new one in its place.
async fn kill(two: &mut [Process; 2], fresh: impl AsyncFn() -> Process) {
    let n = at_work(two).await;
    two[n].end();
    let before = two[1 - n].done();
    until("a takeover", async || (two[1 - n].done() > before).then_some(())).await;
    two[n] = fresh().await;
}

pub(crate) async fn from_those_who_are_gone<M: Medium>(world: &World<M>) {
    let mut rng = Rng::with_seed(world.seed);
    let relay = async || Process::relay(world).await;
    let consumer = |n: usize| {
        let (name, marks) = CONSUMERS[n];
        Process::consumer(world, name, marks)
    };
    let mut consumers =
        [[consumer(0).await, consumer(0).await], [consumer(1).await, consumer(1).await]];
    let mut relays = [relay().await, relay().await];
    let load = world.load().await;
    for _ in 0..TAKEOVERS {
        world.more_effects(rng.usize(20..100)).await;
        match rng.usize(..3) {
            0 => kill(&mut relays, relay).await,
            n => kill(&mut consumers[n - 1], async || consumer(n - 1).await).await,
        }
    }
    // Whatever was drawn, each has gone once.
    kill(&mut relays, relay).await;
    for (n, two) in consumers.iter_mut().enumerate() {
        kill(two, async || consumer(n).await).await;
    }
    world.more_effects(50).await;
    let sent = load.end().await;
    let (standby, _) = world.relay().await;
    world.judge(sent, &standby).await;
}

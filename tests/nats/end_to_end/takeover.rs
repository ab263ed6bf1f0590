//! Relays and consumers that are gone from one moment to the next, and others that go on.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use fastrand::Rng;
use freehold::Message;
use freehold::backend::nats::NatsOptions;
use freehold::inbox::Marks;
use tokio::runtime::{Builder, Runtime};

use super::watched::Watched;
use super::world::{
    CONSUMERS, World, broker_with, eager, noting, options, relay_of, start_consumer,
};
use crate::server::{Server, until};

const TAKEOVERS: usize = 4;

/// As a process would be: its tasks end all at once, wherever they are.
struct Process {
    runtime: Option<Runtime>,
    /// How much it has done.
    done: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Process {
    /// One that publishes.
    async fn relay(world: &World, server: &Server) -> Self {
        let runtime = runtime();
        let store = world.sender().await;
        let (url, options) = (server.url(), world.publishing(forgetful()));
        let starting = runtime.spawn(async move {
            let client = eager().connect(url).await.unwrap();
            let (broker, answers) = Watched::new(broker_with(client, options).await);
            let relay = relay_of(store, broker).start();
            // It works until it is killed, and its handle with it.
            tokio::spawn(async move {
                let _relay = relay;
                pending::<()>().await;
            });
            answers
        });
        let answers = starting.await.unwrap();
        let done = Arc::new(move || answers.acknowledged());
        Self { runtime: Some(runtime), done }
    }

    /// One that consumes.
    async fn consumer(world: &World, server: &Server, name: &'static str, marks: Marks) -> Self {
        let (runtime, done) = (runtime(), Arc::<AtomicU64>::default());
        let store = world.receiver(name).await;
        let url = server.url();
        let count = Arc::clone(&done);
        let handler = move |message: &Message| {
            count.fetch_add(1, SeqCst);
            noting(message)
        };
        let starting = runtime.spawn(async move {
            let client = eager().connect(url).await.unwrap();
            let broker = broker_with(client, forgetful()).await;
            let consumer = start_consumer(store, &broker, name, marks, handler).await;
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

/// The stream forgets copies nearly at once, so that they reach the consumers.
fn forgetful() -> NatsOptions {
    NatsOptions { duplicate_window: Duration::from_millis(100), ..options() }
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_and_consumers_that_are_gone_at_once_are_taken_over_from_and_nothing_is_lost() {
    let world = World::new();
    let mut rng = Rng::with_seed(world.seed);
    let server = Server::start();
    let relay = async || Process::relay(&world, &server).await;
    let consumer = |n: usize| {
        let (name, marks) = CONSUMERS[n];
        Process::consumer(&world, &server, name, marks)
    };
    let mut relays = [relay().await, relay().await];
    let mut consumers =
        [[consumer(0).await, consumer(0).await], [consumer(1).await, consumer(1).await]];
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
    let (standby, _) = world.relay(server.client().await).await;
    world.judge(server.client().await, &sent, &standby).await;
}

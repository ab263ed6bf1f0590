//! Many that publish at once, each one message of its key after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use freehold::{Broker, Deliveries, Outbound, PublishError};
use tokio::task::JoinHandle;

use crate::messages::{destination, message, received, until};

const TASKS: u128 = 8;
/// The message after all others.
pub(crate) const LAST: u128 = 1 << 100;

#[derive(Debug, Default)]
struct Heard {
    is_over: AtomicBool,
    acknowledged: AtomicU64,
    troubles: AtomicU64,
}

/// Tasks that publish until they are told to end.
pub(crate) struct Publishers {
    tasks: Vec<JoinHandle<u128>>,
    heard: Arc<Heard>,
}

impl Publishers {
    pub(crate) fn start(broker: &(impl Broker + Clone)) -> Self {
        let heard = Arc::<Heard>::default();
        let tasks = (0..TASKS)
            .map(|task| tokio::spawn(publish_all(broker.clone(), task, Arc::clone(&heard))))
            .collect();
        Self { tasks, heard }
    }

    /// How many messages were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.heard.acknowledged.load(SeqCst)
    }

    /// Waits until so many messages more are acknowledged.
    pub(crate) async fn more(&self, messages: u64) {
        let wanted = self.acknowledged() + messages;
        until("more messages", async || (self.acknowledged() >= wanted).then_some(())).await;
    }

    /// Does something to the server, and waits until it was felt.
    pub(crate) async fn feel(&self, what: impl FnOnce()) {
        let before = self.heard.troubles.load(SeqCst);
        what();
        let is_felt = async || (self.heard.troubles.load(SeqCst) > before).then_some(());
        until("the kill", is_felt).await;
    }

    /// Ends the work. How many messages of each task were acknowledged.
    pub(crate) async fn end(self) -> Vec<u128> {
        self.heard.is_over.store(true, SeqCst);
        let mut acknowledged = Vec::new();
        for task in self.tasks {
            acknowledged.push(task.await.unwrap());
        }
        acknowledged
    }
}

/// Publishes messages of a task, each until it is acknowledged. Returns how many.
async fn publish_all(broker: impl Broker, task: u128, heard: Arc<Heard>) -> u128 {
    let mut done = 0;
    while !heard.is_over.load(SeqCst) {
        let one = Outbound::new(message(task << 64 | done, &task.to_string()), destination("said"));
        match broker.publish(&[one]).await.remove(0) {
            Ok(_) => {
                done += 1;
                heard.acknowledged.fetch_add(1, SeqCst);
            }
            Err(PublishError::Unavailable(_) | PublishError::Unknown(_)) => {
                heard.troubles.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(other) => panic!("trouble with the broker was answered {other:?}"),
        }
    }
    done
}

/// What is received until the message [`LAST`] comes, by tasks: their numbers, in order.
pub(crate) async fn received_by_task(deliveries: &dyn Deliveries, tasks: usize) -> Vec<Vec<u128>> {
    let mut of_task = vec![Vec::new(); tasks];
    loop {
        let next = received(deliveries, 1).await;
        for n in next.iter().filter(|n| **n != LAST) {
            of_task[usize::try_from(n >> 64).unwrap()].push(n & u128::from(u64::MAX));
        }
        if next.contains(&LAST) {
            return of_task;
        }
    }
}

/// Sees that all of a task that were acknowledged are there in order.
pub(crate) fn check(mut found: Vec<u128>, acknowledged: u128) {
    let count = found.len() as u128;
    assert!(count >= acknowledged, "{acknowledged} were acknowledged, {count} are there");
    found.truncate(usize::try_from(acknowledged).unwrap());
    assert_eq!(found, (0..acknowledged).collect::<Vec<_>>(), "lost, twice or out of order");
}

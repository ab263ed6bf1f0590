//! What the services are told of what lies between them.

use freehold::outbox::RunningRelay;
use freehold::{Broker, Deliveries};

use super::world::World;

/// What lies between the services. Whatever each broker does in a way of its own is here.
pub(crate) trait Medium: Clone + Send + Sync + 'static {
    type Broker: Broker;
    type Deliveries: Deliveries;

    /// Where the server is.
    fn port(&self) -> u16;

    /// For who publishes, by way of this port.
    fn publisher(&self, port: u16) -> impl Future<Output = Self::Broker> + Send;

    /// For the consumer of this name, by way of this port.
    fn deliveries(&self, port: u16, name: &str) -> impl Future<Output = Self::Deliveries> + Send;

    /// What was published, in the order in which it was stored, copies included. It is asked for once, at the end.
    async fn published(&self) -> Vec<String>;

    /// Returns when the server does not know any more by itself what has been published so far, and how many copies were stored to
    /// see it.
    async fn forgotten(&self) -> usize {
        0
    }

    /// Returns when all that is published is settled by the consumers. What had to be sent for that is now in `sent`, too.
    async fn settled(world: &World<Self>, sent: &mut Vec<String>, relay: &RunningRelay);
}

/// A server that a test may kill and freeze.
pub(crate) trait Mortal {
    /// `kill -9`.
    fn kill(&mut self);

    /// Starts it with the files that it has, and waits until it greets.
    async fn start_again(&mut self);

    /// It runs no more until [`Mortal::go_on`], and its connections stay.
    fn freeze(&self);

    fn go_on(&self);
}

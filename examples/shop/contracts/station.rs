//! Where a service hears what others say, and says what it has done.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use freehold::inbox::{ConsumerOptions, Handler, RunningConsumer};
use freehold::outbox::{Relay, RelayOptions, RunningRelay};
use freehold::retry::RetryPolicy;
use freehold::{BackendError, Destination, InvalidEnvelope, LeaseName, Service, Source};
use tokio::time::sleep;

use super::broker::Broker;
use super::database::ServiceStore;
use super::failure::{Cause, Failure};

/// How long nothing is published after the process that did so was killed.
const LEASE_TIME: Duration = Duration::from_secs(1);
/// How often a message is tried again that meets another of the same invoice, and how long between.
const RETRY: RetryPolicy = RetryPolicy {
    retries_max: 16,
    delay_min: Duration::from_millis(1),
    delay_max: Duration::from_secs(2),
};
/// How often it is looked whether something waits for somebody.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What a service listens to, and how.
#[derive(Clone, Copy, Debug)]
pub struct Hears {
    /// The types of the messages.
    pub kinds: &'static [&'static str],
    /// The most invoices whose messages are handled side by side.
    pub invoices_max: usize,
}

/// The ear and the mouth of a service, as long as the value lives: a consumer that commits what a message leads to together with the
/// mark that it was handled, and a relay that publishes what those commits send.
pub struct Station {
    service: &'static str,
    consumer: RunningConsumer,
    relay: RunningRelay,
}

impl Station {
    /// That of the service `O`, which keeps its data in `store` and lets `handler` say what a message leads to. What could not be
    /// handled in an earlier run is tried again.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the broker cannot be asked.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn open<O: Service>(
        store: Arc<dyn ServiceStore>,
        broker: &Broker,
        hears: Hears,
        handler: impl Handler,
    ) -> Result<Self, Failure> {
        let failed = |why: Cause| Failure::failed(O::NAME, "listen to others", why);
        let name = |name: &str| LeaseName::new(name).map_err(|why| failed(why.into()));
        let source = source::<O>().map_err(|why| failed(why.into()))?;
        let kinds: Result<Vec<_>, _> = hears.kinds.iter().map(|it| Destination::new(it)).collect();
        let kinds = kinds.map_err(|why| failed(why.into()))?;
        let options = ConsumerOptions {
            keys_max: hears.invoices_max,
            retry: RETRY,
            ..ConsumerOptions::default()
        };
        let consumer = broker.consumer(name(O::NAME)?, kinds, Arc::clone(&store)).await;
        let consumer = consumer.map_err(failed)?.options(options).start(handler);
        let relay = Relay::new(name(&format!("{}_relay", O::NAME))?, source, store);
        let options = RelayOptions { lease_time: LEASE_TIME, ..RelayOptions::default() };
        let relay = broker.publish(relay, options).start();
        let station = Self { service: O::NAME, consumer, relay };
        station.try_again().await?;
        Ok(station)
    }

    /// What was set aside is handled, or still cannot be.
    async fn try_again(&self) -> Result<(), Failure> {
        let failed = |why: BackendError| Failure::failed(self.service, "look what waits", why);
        for parked in self.consumer.parked(usize::MAX).await.map_err(failed)? {
            let message = &parked.message;
            // Whether that was in vain is seen by what is parked then.
            drop(self.consumer.retry(&message.source, message.envelope.key()).await);
        }
        for parked in self.relay.parked(usize::MAX).await.map_err(failed)? {
            drop(self.relay.retry(&parked.key).await);
        }
        Ok(())
    }

    /// Returns when something waits for somebody that cannot be handled or published, and says why.
    ///
    /// # Cancel safety
    /// Looking changes nothing; the future may be dropped.
    pub async fn trouble(&self) -> Failure {
        loop {
            match self.waits().await {
                Ok(Some(why)) => return Failure::refused(self.service, &why),
                // A database that cannot be read now is asked again.
                Ok(None) | Err(_) => sleep(LOOK_INTERVAL).await,
            }
        }
    }

    async fn waits(&self) -> Result<Option<String>, BackendError> {
        if let Some(parked) = self.consumer.parked(1).await?.pop() {
            let (kind, key) = (parked.message.envelope.kind(), parked.message.envelope.key());
            let why = parked.error.unwrap_or_default();
            return Ok(Some(format!("{kind} of {key} cannot be handled: {why}")));
        }
        let parked = self.relay.parked(1).await?.pop();
        Ok(parked.map(|parked| {
            let why = parked.error.unwrap_or_default();
            format!("{} of {} cannot be published: {why}", parked.name, parked.key)
        }))
    }

    /// Stops, so that another process can go on at once.
    pub async fn stop(self) {
        self.consumer.stop().await;
        self.relay.stop().await;
    }
}

impl fmt::Debug for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Station").field(&self.service).finish()
    }
}

/// Of whom the messages of the service `O` are.
///
/// # Errors
/// [`InvalidEnvelope`] never comes: every service is called well.
pub fn source<O: Service>() -> Result<Source, InvalidEnvelope> {
    Source::new(&format!("/shop/{}", O::NAME))
}

//! After how long a saga is taken for one that nobody runs, and how long a call may take.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{Policy, SagaOptions, Sagas};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use super::fixture::{Fulfilment, World, hasty, options};

#[test]
fn by_default_a_call_may_take_half_as_long_as_its_saga_may_be_silent() {
    assert!(SagaOptions::default().adopt_after >= 2 * Policy::default().time_max);
}

/// What was warned of.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::WARN {
            let mut said = Said(String::new());
            event.record(&mut said);
            self.0.lock().unwrap().push(said.0);
        }
    }
}

/// What is warned of when sagas are run of which a call may take 200 ms.
async fn warned(adopt_after: Duration) -> Vec<String> {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(warnings.clone()));
    let options = SagaOptions { adopt_after, ..options() };
    let builder = Sagas::builder(MemoryStore::new()).options(options);
    let sagas = builder.saga(&Fulfilment(World::default())).unwrap().build();
    sagas.run().unwrap().stop().await;
    warnings.0.lock().unwrap().clone()
}

#[tokio::test]
async fn a_runner_warns_of_a_call_that_may_take_as_long_as_its_saga_may_be_silent() {
    let time_max = hasty().time_max;
    let warned_of = warned(time_max).await;
    let [warning] = warned_of.as_slice() else { panic!("{warned_of:?}") };
    let named = ["`adopt_after` is no longer than a call may take", "fulfilment", "200ms"];
    assert!(named.iter().all(|name| warning.contains(name)), "{warning}");
    let silent = warned(2 * time_max).await;
    assert!(silent.is_empty(), "{silent:?}");
}

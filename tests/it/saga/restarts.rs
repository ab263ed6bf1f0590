//! A runner that is stopped and started again on one handle, while calls are still under way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use freehold::saga::{
    Before, Definition, Ended, Failure, NoPivot, ReadOnly, Saga, SagaOptions, Sagas,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::exact::{PATIENCE, until};
use super::fixture::options;
use super::places::everywhere;

/// Which steps were called, and which may answer.
struct Gates {
    called: Mutex<Vec<&'static str>>,
    long: Semaphore,
    short: Semaphore,
    next: Semaphore,
}

impl Gates {
    fn new() -> Arc<Self> {
        let [long, short, next] = [(); 3].map(|()| Semaphore::new(0));
        Arc::new(Self { called: Mutex::default(), long, short, next })
    }

    fn called(&self) -> Vec<&'static str> {
        self.called.lock().unwrap().clone()
    }
}

/// A step that answers when it may.
struct Gated(&'static str, Arc<Gates>);

impl ReadOnly for Gated {
    const NAME: &'static str = "gated";
    type In = ();
    type Out = ();
    type Refusal = ();

    async fn run(&self, (): &()) -> Result<(), Failure<()>> {
        let Self(name, gates) = self;
        gates.called.lock().unwrap().push(name);
        let gate = match *name {
            "long" => &gates.long,
            "short" => &gates.short,
            _ => &gates.next,
        };
        gate.acquire().await.unwrap().forget();
        Ok(())
    }
}

/// A long call beside a short one, and one behind the short one alone.
struct Forked(Arc<Gates>);

impl Saga for Forked {
    const NAME: &'static str = "forked";
    type Input = ();
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<()>) -> Definition<(), NoPivot> {
        let gated = |name| Gated(name, Arc::clone(&self.0));
        steps.named("long").read_only(gated("long"), (), |(), ()| ());
        let short = steps.beside().named("short").read_only(gated("short"), (), |(), ()| ());
        steps.beside().named("next").read_only(gated("next"), (short,), |(), _| ());
        steps.build()
    }
}

/// What was not called since the runner was stopping is called when it runs again, also while the long call of then is still
/// under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_saga_goes_on_when_its_runner_is_stopped_and_started_again_during_a_call() {
    everywhere(async |store| {
        let gates = Gates::new();
        let stop_time_max = Duration::from_millis(20);
        let options = SagaOptions { stop_time_max, ..options() };
        let builder = Sagas::builder(Arc::clone(&store)).options(options);
        let sagas = builder.saga(&Forked(Arc::clone(&gates))).unwrap().build();
        let running = sagas.run().unwrap();
        let id = sagas.start::<Forked>("1", ()).await.unwrap();
        until("both have called", async || gates.called().len() == 2).await;
        running.stop().await;
        gates.short.add_permits(1);
        let is_written = async || sagas.history(&id).await.unwrap().len() == 2;
        until("the short call is written down", is_written).await;
        let again = sagas.run().unwrap();
        until("it goes on", async || gates.called().contains(&"next")).await;
        gates.next.add_permits(1);
        gates.long.add_permits(1);
        let ended = timeout(PATIENCE, sagas.ended(&id)).await.expect("it ends").unwrap();
        assert_eq!(ended, Ended::Completed);
        assert_eq!(gates.called(), ["long", "short", "next"]);
        again.stop().await;
    })
    .await;
}

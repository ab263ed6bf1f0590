//! Sagas of other shapes: steps beside each other, sagas within sagas, and steps with items.

use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Before, Definition, Ended, Fault, HasPivot, NoPivot, RunningSagas, Saga, SagaId, Sagas,
};

use super::fixture::{Charge, Confirm, Goes, Order, Reserve, Ship, World, options, order};

struct Hall {
    world: World,
    sagas: Sagas,
    _running: RunningSagas,
}

fn hall<S: Saga>(saga: impl FnOnce(World) -> S) -> Hall {
    let world = World::default();
    let store = MemoryStore::new();
    let builder = Sagas::builder(store).options(options()).seed(7);
    let sagas = builder.saga(&saga(world.clone())).unwrap().build();
    let running = sagas.run().unwrap();
    Hall { world, sagas, _running: running }
}

impl Hall {
    async fn run<S: Saga>(&self, input: S::Input) -> (Ended, Vec<String>) {
        let id = self.sagas.start::<S>("1", input).await.unwrap();
        let ended = self.sagas.ended(&id).await.unwrap();
        (ended, self.history(&id).await)
    }

    async fn history(&self, id: &SagaId) -> Vec<String> {
        let history = self.sagas.history(id).await.unwrap();
        history.into_iter().map(|entry| entry.what).collect()
    }
}

/// Three reservations: the second and the third beside each other.
struct Fork(World);

impl Saga for Fork {
    const NAME: &'static str = "fork";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        let sku = |order: &Order, ()| order.sku.clone();
        steps.named("first").step(Reserve(self.0.clone()), (), sku);
        steps.named("left").step(Reserve(self.0.clone()), (), sku);
        steps.beside().named("right").step(Charge(self.0.clone()), (), |order, ()| order.cents);
        steps.named("last").step(Reserve(self.0.clone()), (), sku);
        steps.build()
    }

    fn undoes_in_parallel(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn steps_beside_each_other_wait_for_what_is_before_them_and_hold_up_what_is_behind() {
    let hall = hall(Fork);
    // While the left one is tried again, the right one has long happened.
    hall.world.script("reserve", [Goes::Fails; 0]);
    let (ended, history) = hall.run::<Fork>(order()).await;
    assert_eq!(ended, Ended::Completed);
    let at = |step: &str| history.iter().position(|what| what.contains(step)).unwrap();
    assert!(at("first") < at("left") && at("first") < at("right"));
    assert!(at("left") < at("last") && at("right") < at("last"), "{history:?}");
    let calls = hall.world.calls();
    let called = |step: &str| calls.iter().position(|key| key.contains(step)).unwrap();
    assert!(called("left").abs_diff(called("right")) == 1, "{calls:?}");
}

#[tokio::test]
async fn what_ran_side_by_side_is_compensated_before_what_was_before_it() {
    let hall = hall(Fork);
    hall.world.script("charge", [Goes::Refused]);
    let (ended, history) = hall.run::<Fork>(order()).await;
    assert_eq!(ended, Ended::Compensated);
    let at = |what: &str| history.iter().position(|entry| entry == what).unwrap();
    assert!(at("`left` is compensated") < at("`first` is compensated"), "{history:?}");
    assert!(hall.world.effects().is_empty());
}

/// Two compensations, with a wait between their steps.
struct Apart(World);

impl Saga for Apart {
    const NAME: &'static str = "apart";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        let sku = |order: &Order, ()| order.sku.clone();
        steps.named("first").step(Reserve(self.0.clone()), (), sku);
        steps.delay("rest", Duration::from_millis(1));
        steps.named("second").step(Charge(self.0.clone()), (), |order, ()| order.cents);
        steps.named("last").step(Reserve(self.0.clone()), (), sku);
        steps.build()
    }

    fn undoes_in_parallel(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_was_before_a_wait_is_compensated_after_what_was_behind_it() {
    let hall = hall(Apart);
    hall.world.script("reserve", [Goes::Fine, Goes::Refused]);
    hall.world.script("refund", [Goes::Fails]);
    let (ended, history) = hall.run::<Apart>(order()).await;
    assert_eq!(ended, Ended::Compensated);
    let at = |what: &str| history.iter().position(|entry| entry == what).unwrap();
    assert!(at("`second` is compensated") < at("`first` is compensated"), "{history:?}");
}

/// A step that is said to run beside the pivot.
struct Eager(World);

impl Saga for Eager {
    const NAME: &'static str = "eager";
    type Input = Order;
    type Ending = HasPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, HasPivot> {
        let cents = steps.step(Charge(self.0.clone()), (), |order: &Order, ()| order.cents);
        let pivot = Confirm(self.0.clone());
        let (_, mut steps) = steps.local_pivot(pivot, (cents,), |_, (cents,)| (1, *cents));
        steps.beside().then(Ship(self.0.clone()), (), |order: &Order, ()| order.sku.clone());
        steps.build()
    }
}

#[tokio::test]
async fn nothing_runs_beside_the_pivot_but_behind_it() {
    let hall = hall(Eager);
    hall.world.script("confirm", [Goes::Refused]);
    let (ended, _) = hall.run::<Eager>(order()).await;
    assert_eq!(ended, Ended::Compensated);
    let effects = hall.world.effects();
    assert!(effects.is_empty(), "{effects:?}");
}

/// A saga without a pivot: what another can have within it.
struct Provide(World);

impl Saga for Provide {
    const NAME: &'static str = "provide";
    type Input = (String, u64);
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<(String, u64)>) -> Definition<(String, u64), NoPivot> {
        let units =
            steps.step(Reserve(self.0.clone()), (), |input: &(String, u64), ()| input.0.clone());
        steps.step(Charge(self.0.clone()), (units,), |input: &(String, u64), (units,)| {
            input.1 * units
        });
        steps.build()
    }
}

/// Two of them, one with what a step before it gave back.
struct Twice(World);

impl Saga for Twice {
    const NAME: &'static str = "twice";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Order>) -> Definition<Order, NoPivot> {
        let inner = || Provide(self.0.clone()).define(Before::of_another());
        let cents = steps.step(Charge(self.0.clone()), (), |order: &Order, ()| order.cents);
        steps.sub_saga("one", inner(), (cents,), |order: &Order, (cents,)| {
            (order.sku.clone(), cents * 2)
        });
        steps.sub_saga("two", inner(), (), |order: &Order, ()| (order.sku.clone(), 5));
        steps.build()
    }
}

#[tokio::test]
async fn a_saga_within_a_saga_has_its_own_input_and_names() {
    let hall = hall(Twice);
    let (ended, history) = hall.run::<Twice>(order()).await;
    assert_eq!(ended, Ended::Completed, "{history:?}");
    let effects = hall.world.effects();
    let expected = [
        ("twice/1:charge:0:do", 1_530),
        ("twice/1:one/charge:0:do", 3_060),
        ("twice/1:one/reserve:0:do", 1),
        ("twice/1:two/charge:0:do", 5),
        ("twice/1:two/reserve:0:do", 1),
    ];
    let found: Vec<_> = effects.iter().map(|(key, n)| (key.as_str(), *n)).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_saga_within_a_saga_is_compensated_with_it() {
    let hall = hall(Twice);
    // The second of the last one.
    hall.world.script("charge", [Goes::Fine, Goes::Fine, Goes::Refused]);
    let (ended, history) = hall.run::<Twice>(order()).await;
    assert_eq!(ended, Ended::Compensated);
    assert!(hall.world.effects().is_empty(), "{history:?}");
    let undone: Vec<_> = history.iter().filter(|what| what.ends_with("is compensated")).collect();
    let expected = [
        "`two/reserve` is compensated",
        "`one/charge` is compensated",
        "`one/reserve` is compensated",
        "`charge` is compensated",
    ];
    assert_eq!(undone, expected);
}

/// One reservation for each product.
struct Basket(World);

impl Saga for Basket {
    const NAME: &'static str = "basket";
    type Input = Vec<String>;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<Vec<String>>) -> Definition<Vec<String>, NoPivot> {
        let all = |skus: &Vec<String>, ()| skus.clone();
        let units = steps.each(Reserve(self.0.clone()), (), all);
        let sum = |_: &Vec<String>, (units,): (&Vec<u64>,)| units.iter().sum();
        steps.step(Charge(self.0.clone()), (units,), sum);
        steps.build()
    }
}

fn skus() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn each_item_has_a_key_of_its_own_and_all_are_one_record() {
    let hall = hall(Basket);
    let (ended, history) = hall.run::<Basket>(skus()).await;
    assert_eq!(ended, Ended::Completed);
    assert_eq!(history.len(), 4, "{history:?}");
    let effects = hall.world.effects();
    let keys: Vec<&str> = effects.keys().map(String::as_str).collect();
    let expected = [
        "basket/1:charge:0:do",
        "basket/1:reserve:0:do",
        "basket/1:reserve:1:do",
        "basket/1:reserve:2:do",
    ];
    assert_eq!(keys, expected);
    assert_eq!(effects["basket/1:charge:0:do"], 3);
}

#[tokio::test]
async fn if_one_item_is_refused_the_others_are_compensated() {
    for refused in 0..3 {
        let hall = hall(Basket);
        let mut goes = vec![Goes::Fine; 3];
        goes[refused] = Goes::Refused;
        hall.world.script("reserve", goes);
        let (ended, history) = hall.run::<Basket>(skus()).await;
        assert_eq!(ended, Ended::Compensated);
        assert!(hall.world.effects().is_empty(), "{history:?}");
    }
}

#[tokio::test]
async fn items_that_have_all_happened_are_all_compensated() {
    let hall = hall(Basket);
    hall.world.script("charge", [Goes::Refused]);
    let (ended, history) = hall.run::<Basket>(skus()).await;
    assert_eq!(ended, Ended::Compensated);
    assert!(hall.world.effects().is_empty(), "{history:?}");
}

/// A saga that gives no step its right.
struct Wrong(fn(Before<Order>, World) -> Definition<Order, NoPivot>);

impl Saga for Wrong {
    const NAME: &'static str = "wrong";
    type Input = Order;
    type Ending = NoPivot;

    fn define(&self, steps: Before<Order>) -> Definition<Order, NoPivot> {
        (self.0)(steps, World::default())
    }
}

#[test]
fn what_cannot_be_is_said_when_it_is_added() {
    let fault = |define| {
        let builder = Sagas::builder(MemoryStore::new());
        builder.saga(&Wrong(define)).map(drop).unwrap_err()
    };
    assert_eq!(fault(|steps, _| steps.build()), Fault::Empty);
    let twice = fault(|mut steps, world| {
        steps.step(Reserve(world.clone()), (), |order: &Order, ()| order.sku.clone());
        steps.step(Reserve(world), (), |order: &Order, ()| order.sku.clone());
        steps.build()
    });
    assert_eq!(twice, Fault::StepTwice("reserve".to_owned()));
    let foreign = fault(|mut steps, world| {
        let mut other = Before::<Order>::of_another();
        let theirs = other.step(Charge(world.clone()), (), |order: &Order, ()| order.cents);
        steps.step(Charge(world), (theirs,), |_, (cents,)| *cents);
        steps.build()
    });
    assert_eq!(foreign, Fault::Foreign("charge".to_owned()));
    let named = fault(|mut steps, world| {
        steps.named("No!").step(Charge(world), (), |order: &Order, ()| order.cents);
        steps.build()
    });
    assert_eq!(named, Fault::StepName("No!".to_owned()));
}

//! The explorer finds what is wrong with a saga, and nothing wrong with one that is right.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Again, Before, Definition, Do, Effect, Ended, Failure, Key, NoPivot, ReadOnly, Resolve, Saga,
    Step, Undo,
};
use freehold::testkit::saga::{Breach, Coverage, Exploration, Violation, explore, now};
use freehold::{EventStore, Filter, Position};

use super::fixture::{Fulfilment, World, order};

/// The participants, and the log in which orders are confirmed.
#[derive(Debug, Default)]
struct Shop {
    world: World,
    log: MemoryStore,
}

fn fulfilment() -> Exploration<Shop, Fulfilment> {
    explore(|shop: &Shop| Fulfilment(shop.world.clone()))
        .on(order())
        .world(Shop::default)
        .store(|shop| shop.log.clone())
        .invariant(all_or_nothing)
}

/// Three effects and a confirmed order, or nothing.
fn all_or_nothing(shop: &Shop, ended: Ended) -> Result<(), String> {
    let orders = Filter::categories(["order"]).map_err(|error| error.to_string())?;
    let events = now(shop.log.read_all(Position::START, &orders, 100));
    let events = events.map_err(|error| error.to_string())?;
    let confirmed = events.events.iter().filter(|event| event.name().as_str() == "Confirmed");
    let found = (shop.world.effects().len(), confirmed.count());
    let wanted = if ended == Ended::Completed { (3, 1) } else { (0, 0) };
    if found == wanted { Ok(()) } else { Err(format!("{ended:?}, and there is {found:?}")) }
}

#[test]
fn a_saga_that_is_right_passes_whatever_goes_wrong() {
    let is_heavy = std::env::var_os("FREEHOLD_HEAVY").is_some_and(|value| value != "0");
    // Two faults and a takeover in one schedule are tens of thousands of schedules.
    let budgets = if is_heavy { vec![(2, 1)] } else { vec![(1, 1), (2, 0)] };
    for (faults, takeovers) in budgets {
        let right = fulfilment().faults(faults).takeovers(takeovers).without_mutants();
        let explored = right.run().unwrap();
        println!("{explored:?}");
        assert_eq!(explored.coverage, Coverage::Whole);
        assert!(explored.completed > 200 && explored.compensated > 600, "{explored:?}");
    }
}

#[test]
fn every_flaw_that_is_built_into_a_saga_is_seen_by_its_invariant() {
    let explored = fulfilment().faults(2).takeovers(0).schedules_max(2_000).run().unwrap();
    // Two compensations, and the keys of three steps.
    assert_eq!((explored.mutants, explored.unreached), (5, 0));
}

#[test]
fn a_saga_that_is_right_passes_what_goes_wrong_by_chance() {
    let explored = fulfilment().faults(0).takeovers(0).by_chance(7, 300).without_mutants().run();
    assert!(explored.unwrap().schedules > 300);
}

/// How careful a bank is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    Careful,
    /// It takes a payment that it has been told to refund.
    KeepsNoBarrier,
    /// It pays twice if it is told twice.
    Forgets,
    /// What nobody is sure of is not refunded.
    IgnoresTheUnknown,
}

#[derive(Debug, Default)]
struct Account {
    paid: Vec<String>,
    barred: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Bank(Arc<Mutex<Account>>);

impl Bank {
    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap()
    }
}

struct Pay(Bank, Care);

impl Step for Pay {
    const NAME: &'static str = "pay";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = u64;
    type Out = ();
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, _: &u64) -> Result<(), Failure<String>> {
        let mut account = self.0.account();
        if account.barred.contains(key.as_str()) && self.1 != Care::KeepsNoBarrier {
            return Err(Failure::rejected("it was refunded"));
        }
        if !account.paid.iter().any(|paid| paid == key.as_str()) || self.1 == Care::Forgets {
            account.paid.push(key.to_string());
        }
        Ok(())
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        action: &Key<Do>,
        _: &u64,
        effect: Effect<()>,
    ) -> Result<(), Again> {
        if effect == Effect::Unknown && self.1 == Care::IgnoresTheUnknown {
            return Ok(());
        }
        let mut account = self.0.account();
        account.paid.retain(|paid| paid != action.as_str());
        account.barred.insert(action.to_string());
        Ok(())
    }
}

struct Check;

impl ReadOnly for Check {
    const NAME: &'static str = "check";
    type In = u64;
    type Out = ();
    type Refusal = String;

    async fn run(&self, _: &u64) -> Result<(), Failure<String>> {
        Ok(())
    }
}

/// A payment, which is checked afterwards.
struct Payment(Bank, Care);

impl Saga for Payment {
    const NAME: &'static str = "payment";
    type Input = u64;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<u64>) -> Definition<u64, NoPivot> {
        steps.step(Pay(self.0.clone(), self.1), (), |euros: &u64, ()| *euros);
        steps.read_only(Check, (), |euros: &u64, ()| *euros);
        steps.build()
    }
}

fn payment(care: Care) -> Exploration<Bank, Payment> {
    explore(move |bank: &Bank| Payment(bank.clone(), care)).on(7).world(Bank::default).invariant(
        |bank, ended| {
            let (paid, wanted) =
                (bank.account().paid.len(), usize::from(ended == Ended::Completed));
            let why = format!("{ended:?}, and paid {paid} times");
            if paid == wanted { Ok(()) } else { Err(why) }
        },
    )
}

fn violation(care: Care) -> Violation {
    let violation = payment(care).run().unwrap_err();
    println!("{violation}");
    violation
}

#[test]
fn a_small_saga_that_is_right_passes_with_all_that_there_is() {
    let explored = payment(Care::Careful)
        .faults(1)
        .cancels()
        .snapshot(|bank| bank.account().paid.clone())
        .by_chance(1, 100)
        .run()
        .unwrap();
    assert_eq!((explored.mutants, explored.coverage), (2, Coverage::Whole));
}

#[test]
fn a_participant_without_a_barrier_is_caught() {
    let violation = violation(Care::KeepsNoBarrier);
    assert_eq!(violation.breach(), Breach::Invariant);
    let story = violation.story();
    assert!(story.len() <= 9, "{violation}");
    let last = story.last().unwrap();
    assert_eq!(last, "a call of owner 1 arrives late: `pay`, act: done");
}

#[test]
fn a_compensation_that_ignores_the_unknown_is_caught() {
    let violation = violation(Care::IgnoresTheUnknown);
    assert_eq!(violation.why(), "Compensated, and paid 1 times");
    assert!(violation.story().len() <= 8, "{violation}");
}

#[test]
fn a_participant_that_forgets_is_caught_and_the_story_is_drawn() {
    let violation = payment(Care::Forgets).takeovers(0).run().unwrap_err();
    assert_eq!(violation.why(), "Completed, and paid 2 times");
    let expected = "\
sequenceDiagram
    participant log
    participant o1 as owner 1
    participant s0 as pay
    participant s1 as check
    o1->>s0: act
    s0--xo1: done, but the answer is lost
    o1->>s0: act
    s0-->>o1: done
    o1->>log: `pay` has happened
    o1->>s1: act
    s1-->>o1: done
    o1->>log: `check` has happened, completed
";
    assert_eq!(violation.mermaid(), expected);
}

#[test]
fn a_participant_that_minds_to_be_called_twice_is_caught() {
    let forgetful = payment(Care::Forgets).faults(0).takeovers(0);
    let forgetful = forgetful.snapshot(|bank| bank.account().paid.clone());
    let violation = forgetful.run().unwrap_err();
    assert_eq!(violation.breach(), Breach::Repetition, "{violation}");
}

#[test]
fn an_invariant_that_sees_nothing_is_reported() {
    let blind = payment(Care::Careful).faults(1).takeovers(0).invariant(|_, _| Ok(()));
    let violation = blind.run().unwrap_err();
    assert_eq!(violation.breach(), Breach::Blindness);
    let why = "the invariant cannot see that the compensation of `pay` is missing";
    assert_eq!(violation.why(), why);
}

#[test]
fn an_invariant_that_counts_no_repetition_is_reported() {
    let is_paid = |bank: &Bank, ended| {
        let is_paid = !bank.account().paid.is_empty();
        if is_paid == (ended == Ended::Completed) { Ok(()) } else { Err("no".to_owned()) }
    };
    // Whoever is sure about every end sees no difference, if nothing is ever given up.
    let blind = payment(Care::Careful).refusals(0).takeovers(0).faults(1).invariant(is_paid);
    let violation = blind.run().unwrap_err();
    let why = "the invariant cannot see that `pay` is called under another key each time";
    assert_eq!(violation.why(), why);
}

/// Waits for a time and for a signal.
struct Patient;

impl Saga for Patient {
    const NAME: &'static str = "patient";
    type Input = u64;
    type Ending = NoPivot;

    fn define(&self, mut steps: Before<u64>) -> Definition<u64, NoPivot> {
        steps.delay("a-week", Duration::from_hours(7 * 24));
        steps.signal::<String>("approval", None);
        steps.build()
    }
}

#[test]
fn a_signal_is_given_or_its_lack_is_reported() {
    let patient = || explore(|()| Patient).on(1).world(|| ());
    let violation = patient().run().unwrap_err();
    assert_eq!(violation.breach(), Breach::Definition);
    assert_eq!(violation.why(), "`approval` waits for a signal that is not given");
    let explored = patient().signal("approval", &"Ada".to_owned()).run().unwrap();
    assert!(explored.completed > 0 && explored.compensated == 0, "{explored:?}");
}

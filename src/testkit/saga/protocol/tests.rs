//! The protocol holds, and each of its rules is needed.

use std::sync::Arc;

use super::explore::{Explored, Plan};
use super::world::Budget;
use crate::saga::{Kind, Resolve, Rules, Shape, StepShape};

/// Names for steps.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn step(place: usize, kind: Kind, resolve: Resolve, dedupes: bool) -> StepShape {
    let after = place.checked_sub(1).into_iter().collect();
    let dedupes = dedupes || matches!(kind, Kind::Pivot);
    StepShape {
        name: NAMES[place].into(),
        kind,
        after,
        resolve,
        dedupes,
        is_local: false,
        retries_max: 1,
        undo_retries_max: 9,
    }
}

/// Steps one after another.
fn line(kinds: &[Kind], resolve: Resolve, dedupes: bool) -> Arc<Shape> {
    let steps = kinds.iter().enumerate();
    let steps = steps.map(|(place, kind)| step(place, *kind, resolve, dedupes)).collect();
    Arc::new(Shape { steps, undoes_in_parallel: false })
}

fn plan(shape: &Arc<Shape>, faults: u8, takeovers: u8) -> Plan {
    Plan {
        shape: Arc::clone(shape),
        rules: Rules::ALL,
        budget: Budget { faults, takeovers, deadline: true, cancels: false, operators: 0 },
        is_fenced: true,
        worlds_max: 5_000_000,
    }
}

fn holds(plan: &Plan) -> Explored {
    let explored = plan.explore().unwrap_or_else(|violation| panic!("{violation:?}"));
    println!("{} worlds, {} ends", explored.worlds, explored.ends);
    assert!(explored.ends > 0, "nothing ever ends");
    explored
}

use Kind::{Compensable, Pivot, ReadOnly, Retriable};

/// How often things may go wrong, and how often somebody may take over: usually, and if `FREEHOLD_HEAVY` is set.
fn much() -> (u8, u8) {
    let is_heavy = std::env::var_os("FREEHOLD_HEAVY").is_some_and(|value| value != "0");
    if is_heavy { (3, 2) } else { (2, 1) }
}

fn holds_for(kinds: &[Kind], resolve: Resolve, dedupes: bool) {
    let (faults, takeovers) = much();
    holds(&plan(&line(kinds, resolve, dedupes), faults, takeovers));
}

#[test]
fn two_steps_behind_a_barrier() {
    holds_for(&[Compensable; 2], Resolve::Tombstone, false);
}

#[test]
fn two_steps_that_dedupe() {
    holds_for(&[Compensable; 2], Resolve::Redrive, true);
}

#[test]
fn a_step_a_pivot_and_what_follows() {
    holds_for(&[Compensable, Pivot, Retriable], Resolve::Tombstone, false);
}

#[test]
fn a_look_a_step_and_a_pivot() {
    holds_for(&[ReadOnly, Compensable, Pivot], Resolve::Redrive, true);
}

/// The first needs nothing, the two others only the first: they run beside each other, both ways.
fn fork(resolve: Resolve, dedupes: bool) -> Arc<Shape> {
    let mut steps: Vec<_> =
        (0..3).map(|place| step(place, Compensable, resolve, dedupes)).collect();
    steps[2].after = vec![0];
    Arc::new(Shape { steps, undoes_in_parallel: true })
}

#[test]
fn two_steps_beside_each_other() {
    for shape in [fork(Resolve::Tombstone, false), fork(Resolve::Redrive, true)] {
        let (faults, takeovers) = much();
        holds(&plan(&shape, faults - 1, takeovers - 1));
    }
}

/// The steps of a line, of which some are local.
fn partly_local(kinds: &[Kind], local: &[usize]) -> Arc<Shape> {
    let mut shape = Shape::clone(&line(kinds, Resolve::Tombstone, false));
    for at in local {
        shape.steps[*at].is_local = true;
    }
    Arc::new(shape)
}

#[test]
fn steps_in_the_log_itself() {
    let (faults, takeovers) = much();
    for (kinds, local) in [
        ([Compensable, Compensable, Pivot], [1, 2]),
        ([Compensable, Pivot, Retriable], [1, 2]),
        ([Compensable, Compensable, Pivot], [0, 2]),
    ] {
        holds(&plan(&partly_local(&kinds, &local), faults, takeovers));
    }
}

#[test]
fn somebody_asks_for_it_to_be_given_up() {
    let (faults, takeovers) = much();
    for shape in [
        line(&[Compensable, Pivot, Retriable], Resolve::Tombstone, false),
        line(&[ReadOnly, Compensable], Resolve::Redrive, true),
        partly_local(&[Compensable, Pivot], &[1]),
    ] {
        let mut plan = plan(&shape, faults, takeovers);
        plan.budget.cancels = true;
        plan.budget.deadline = false;
        holds(&plan);
    }
}

#[test]
fn an_operator_does_all_that_can_be_done() {
    let (faults, takeovers) = much();
    for mut shape in [
        line(&[Compensable, Pivot, Retriable], Resolve::Tombstone, false),
        line(&[Compensable, Compensable], Resolve::Redrive, true),
    ] {
        for step in &mut Arc::make_mut(&mut shape).steps {
            (step.retries_max, step.undo_retries_max) = (0, 0);
        }
        let mut plan = plan(&shape, faults, takeovers);
        plan.budget.operators = 2;
        holds(&plan);
    }
}

#[test]
fn each_rule_is_needed() {
    let barrier = line(&[Compensable; 2], Resolve::Tombstone, false);
    let dedupes = line(&[Compensable; 2], Resolve::Redrive, true);
    let pivot = line(&[Compensable, Pivot], Resolve::Tombstone, false);
    let fork = fork(Resolve::Tombstone, false);
    let all = Rules::ALL;
    for (name, shape, rules, is_fenced) in [
        ("the taint", &barrier, Rules { taints: false, ..all }, true),
        ("the taint of a new owner", &barrier, Rules { taints_on_takeover: false, ..all }, true),
        ("the unwinding", &barrier, Rules { unwinds_first: false, ..all }, true),
        ("the settling", &dedupes, Rules { settles: false, ..all }, true),
        ("the order", &fork, Rules { keeps_order: false, ..all }, true),
        ("the hold on the pivot", &pivot, Rules { holds_on_to_the_pivot: false, ..all }, true),
        ("the fence", &barrier, all, false),
    ] {
        match (Plan { rules, is_fenced, ..plan(shape, 2, 1) }).explore() {
            Ok(explored) => panic!("without {name} nothing is broken: {explored:?}"),
            Err(violation) => println!("without {name}: {violation:?}"),
        }
    }
}

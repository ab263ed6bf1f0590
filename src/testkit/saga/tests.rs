//! The protocol holds, and each of its rules is needed.

use std::sync::Arc;

use super::explore::{Explored, Plan, Violation};
use super::world::Budget;
use crate::saga::{Kind, Resolve, Rules, Shape, StepShape};

/// Names for steps.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn step(place: usize, kind: Kind, resolve: Resolve, dedupes: bool) -> StepShape {
    let after = place.checked_sub(1).into_iter().collect();
    let dedupes = dedupes || matches!(kind, Kind::Pivot);
    StepShape {
        name: NAMES[place],
        kind,
        after,
        resolve,
        dedupes,
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
        budget: Budget { faults, takeovers, cancels: true },
        is_fenced: true,
        worlds_max: 5_000_000,
    }
}

fn holds(plan: &Plan) -> Explored {
    let explored = plan.explore().unwrap_or_else(|violation| panic!("{violation:?}"));
    println!("{explored:?}");
    assert!(explored.ends > 0, "nothing ever ends");
    explored
}

use Kind::{Compensable, Pivot, ReadOnly, Retriable};

#[test]
fn two_steps_behind_a_barrier() {
    holds(&plan(&line(&[Compensable; 2], Resolve::Tombstone, false), 2, 1));
}

#[test]
fn two_steps_that_dedupe() {
    holds(&plan(&line(&[Compensable; 2], Resolve::Redrive, true), 2, 1));
}

#[test]
fn a_step_a_pivot_and_what_follows() {
    holds(&plan(&line(&[Compensable, Pivot, Retriable], Resolve::Tombstone, false), 2, 1));
}

#[test]
fn a_look_a_step_and_a_pivot() {
    holds(&plan(&line(&[ReadOnly, Compensable, Pivot], Resolve::Redrive, true), 2, 1));
}

#[test]
fn each_rule_is_needed() {
    let barrier = line(&[Compensable; 2], Resolve::Tombstone, false);
    let dedupes = line(&[Compensable; 2], Resolve::Redrive, true);
    let pivot = line(&[Compensable, Pivot], Resolve::Tombstone, false);
    let off = |name: &str, shape: &Arc<Shape>, rules: Rules, is_fenced: bool| -> Violation {
        let plan = Plan { rules, is_fenced, ..plan(shape, 2, 1) };
        match plan.explore() {
            Ok(explored) => panic!("without {name} nothing is broken: {explored:?}"),
            Err(violation) => {
                println!("{name}: {violation:?}");
                violation
            }
        }
    };
    off("the taint", &barrier, Rules { taints: false, ..Rules::ALL }, true);
    off(
        "the taint of a new owner",
        &barrier,
        Rules { taints_on_takeover: false, ..Rules::ALL },
        true,
    );
    off("the unwinding", &barrier, Rules { unwinds_first: false, ..Rules::ALL }, true);
    off("the settling", &dedupes, Rules { settles: false, ..Rules::ALL }, true);
    off("the order", &barrier, Rules { keeps_order: false, ..Rules::ALL }, true);
    off(
        "the hold on the pivot",
        &pivot,
        Rules { holds_on_to_the_pivot: false, ..Rules::ALL },
        true,
    );
    off("the fence", &barrier, Rules::ALL, false);
}

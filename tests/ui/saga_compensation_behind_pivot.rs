//! A step with a compensation behind the pivot, and a second pivot.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

fn define(steps: Before<(String, u64)>) {
    let (_, mut steps) = steps.pivot(Charge, (), |order, ()| order.1);
    steps.step(Reserve, (), |order, ()| order.0.clone());
    steps.pivot(Charge, (), |order, ()| order.1);
}

fn main() {}

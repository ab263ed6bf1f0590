//! A saga that compiles: the others differ from it by one thing each.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

fn define(mut steps: Before<(String, u64)>) -> Definition<(String, u64), HasPivot> {
    let units = steps.step(Reserve, (), |order, ()| order.0.clone());
    let (_, mut steps) = steps.pivot(Charge, (), |order, ()| order.1);
    steps.then(Ship, (units,), |_, (units,)| *units);
    steps.build()
}

fn main() {}

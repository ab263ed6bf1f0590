//! A step behind the pivot that can be refused.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

fn define(steps: Before<(String, u64)>) {
    let (_, mut steps) = steps.pivot(Charge, (), |order, ()| order.1);
    steps.then(Reserve, (), |order, ()| order.0.clone());
}

fn main() {}

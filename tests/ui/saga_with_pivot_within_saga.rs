//! A saga with a pivot as a step that is to be compensated.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

fn inner(steps: Before<u64>) -> Definition<u64, HasPivot> {
    let (_, steps) = steps.pivot(Charge, (), |cents: &u64, ()| *cents);
    steps.build()
}

fn define(mut steps: Before<(String, u64)>) {
    let within = inner(Before::of_another());
    steps.sub_saga("inner", within, (), |order: &(String, u64), ()| order.1);
}

fn main() {}

//! A step before the pivot that says no compensation.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

struct Bare;

fn define(mut steps: Before<(String, u64)>) {
    steps.step(Bare, (), |order, ()| order.0.clone());
}

fn main() {}

//! A step that reads what another gives back as something else.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

fn define(mut steps: Before<(String, u64)>) {
    let units = steps.step(Reserve, (), |order, ()| order.0.clone());
    steps.pivot(Charge, (units,), |_, (units,): (&String,)| units.len() as u64);
}

fn main() {}

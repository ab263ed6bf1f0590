//! A participant that is given the key of the compensation as that of the action.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

fn reserve_at_the_stock(_: &Key<Do>) {}

fn compensate(key: &Key<Undo>) {
    reserve_at_the_stock(key);
}

fn make_one_up() -> Key<Do> {
    Key { text: "mine".into() }
}

fn main() {}

//! A compensation that refuses.
#![allow(dead_code, unused_imports, unused_mut, unused_variables)]

include!("saga/steps.rs");

struct Timid;

impl Step for Timid {
    const NAME: &'static str = "timid";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = ();
    type Out = ();
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, _: &()) -> Result<(), Failure<String>> {
        Ok(())
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &(),
        _: Effect<()>,
    ) -> Result<(), Again> {
        Err(Again::Rejected("too late"))
    }
}

fn main() {}

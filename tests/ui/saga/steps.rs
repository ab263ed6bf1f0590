use freehold::saga::{
    Again, Before, Definition, Do, Effect, Failure, HasPivot, Key, NoPivot, Pivot, Resolve,
    Retriable, Step, Undo,
};


struct Reserve;

impl Step for Reserve {
    const NAME: &'static str = "reserve";
    const RESOLVE: Resolve = Resolve::Tombstone;
    type In = String;
    type Out = u32;
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, _: &String) -> Result<u32, Failure<String>> {
        Ok(1)
    }

    async fn compensate(
        &self,
        _: &Key<Undo>,
        _: &Key<Do>,
        _: &String,
        _: Effect<u32>,
    ) -> Result<(), Again> {
        Ok(())
    }
}

struct Charge;

impl Pivot for Charge {
    const NAME: &'static str = "charge";
    type In = u64;
    type Out = String;
    type Refusal = String;

    async fn run(&self, _: &Key<Do>, _: &u64) -> Result<String, Failure<String>> {
        Ok("receipt".to_owned())
    }
}

struct Ship;

impl Retriable for Ship {
    const NAME: &'static str = "ship";
    type In = u32;
    type Out = ();

    async fn run(&self, _: &Key<Do>, _: &u32) -> Result<(), Again> {
        Ok(())
    }
}

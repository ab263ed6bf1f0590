//! An eventual projection is not folded within the append.

use freehold::Event;
use freehold::backend::memory::MemoryStore;
use freehold::projection::{Eventual, On, Projection, ReadSide, Recorded, Views};

#[derive(serde::Serialize, serde::Deserialize)]
enum StockEvent {
    Reserved,
}

impl Event for StockEvent {
    const CATEGORY: &'static str = "stock";
}

#[derive(serde::Serialize, serde::Deserialize)]
enum OrderEvent {
    Placed,
}

impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
}

struct Stock;

impl Projection for Stock {
    const NAME: &'static str = "stock";
    type View = u64;
    type Events = (StockEvent, OrderEvent);
    type Level = Eventual<5_000>;
}

impl On<StockEvent> for Stock {
    fn on(&self, _: &Recorded<'_, StockEvent>, _: &mut Views<'_, u64>) {}
}

impl On<OrderEvent> for Stock {
    fn on(&self, _: &Recorded<'_, OrderEvent>, _: &mut Views<'_, u64>) {}
}

fn main() {
    let _inline = |reads: ReadSide, store: MemoryStore| reads.inline(Stock, store);
    let _ = ReadSide::new(MemoryStore::new()).view::<Stock>();
}

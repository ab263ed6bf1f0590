//! What a saga has led to at others is in its flow.

use freehold::backend::memory::MemoryStore;
use freehold::saga::{
    Before, Definition, Do, Ended, Failure, HasPivot, Key, Pivot, Saga, SagaId, Sagas,
};
use freehold::trail::{Evidence, scan};
use freehold::{Aggregate, Event, Repository};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
enum CardEvent {
    Charged {},
}

impl Event for CardEvent {
    const CATEGORY: &'static str = "card";
}

#[derive(Clone, Default)]
struct Card;

impl Aggregate for Card {
    type Event = CardEvent;

    fn apply(&mut self, _: &CardEvent) {}
}

/// The cards of another service.
struct Cards(MemoryStore);

impl Pivot for Cards {
    const NAME: &'static str = "charge";
    type In = String;
    type Out = ();
    type Refusal = String;

    async fn run(&self, key: &Key<Do>, card: &String) -> Result<(), Failure<String>> {
        let charge = |_: &Card| Ok::<_, String>(vec![CardEvent::Charged {}]);
        let cards = Repository::<Card>::new(self.0.clone());
        let done = cards.execute(card, charge).command_id(key.as_uuid()).metadata(key.metadata());
        done.await.map(drop).map_err(Failure::broken)
    }
}

struct Buy(MemoryStore);

impl Saga for Buy {
    const NAME: &'static str = "buy";
    type Input = String;
    type Ending = HasPivot;

    fn define(&self, steps: Before<String>) -> Definition<String, HasPivot> {
        let (_, steps) = steps.pivot(Cards(self.0.clone()), (), |card: &String, ()| card.clone());
        steps.build()
    }
}

#[tokio::test]
async fn the_records_of_a_saga_and_what_it_has_led_to_elsewhere_are_one_tree() {
    let (orders, cards) = (MemoryStore::new(), MemoryStore::new());
    let sagas = Sagas::builder(orders.clone()).saga(&Buy(cards.clone())).unwrap().build();
    let running = sagas.run().unwrap();
    let id = sagas.start::<Buy>("a:b", "card-1".to_owned()).await.unwrap();
    assert_eq!(sagas.ended(&id).await.unwrap(), Ended::Completed);
    running.stop().await;
    let flow = SagaId::new("buy", "a:b").unwrap().flow();
    let (here, there) = (scan(&orders, flow).await.unwrap(), scan(&cards, flow).await.unwrap());
    assert!(here.events.len() > 1);
    let key = Key::received("buy/a:b:charge:0:do").unwrap();
    let tree = Evidence::new()
        .events("orders", here.events)
        .events("cards", there.events)
        .cause(flow, id.as_str(), None)
        .cause(key.as_uuid(), key.as_str(), None)
        .tree();
    let tops = tree.branches().filter(|branch| branch.depth() == 0);
    assert_eq!(tops.map(|top| top.to_string()).collect::<Vec<_>>(), [format!("buy/a:b {flow}")]);
    let charged = tree.branches().find(|branch| branch.to_string().contains(" cards card-"));
    let because = charged.unwrap().parent().unwrap();
    assert_eq!(because.to_string(), format!("buy/a:b:charge:0:do {}", key.as_uuid()));
}

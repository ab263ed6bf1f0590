//! What may happen to the catalogue.

use freehold::Aggregate;

use super::contracts::{Article, Money};
use super::events::ProductEvent;

/// The service lists whatever it is told: it refuses nothing.
pub type Refusal = std::convert::Infallible;

/// The product of one stock code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    is_described: bool,
    price: Option<Money>,
}

impl Aggregate for Product {
    type Event = ProductEvent;

    fn apply(&mut self, event: &ProductEvent) {
        match event {
            ProductEvent::ProductDescribed { .. } => self.is_described = true,
            ProductEvent::ProductPriced { price } => self.price = Some(price.clone()),
        }
    }
}

impl Product {
    /// Takes over what an invoice says: a description, if there was none before, and the price. Nothing happens when it
    /// says nothing new.
    #[must_use]
    pub fn list(&self, article: &Article) -> Vec<ProductEvent> {
        let mut events = Vec::new();
        let Article { description, price } = article;
        if !self.is_described && !description.is_empty() {
            events.push(ProductEvent::ProductDescribed { description: description.clone() });
        }
        if self.price.as_ref() != Some(price) {
            events.push(ProductEvent::ProductPriced { price: price.clone() });
        }
        events
    }
}

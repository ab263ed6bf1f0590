//! The catalogue, to be searched by words.

use freehold::projection::search::{Field, Searched};
use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use serde::{Deserialize, Serialize};

use super::contracts::Money;
use super::products::ProductEvent;

/// A product for every code that has a description or a price, under the id of its stream, found by the words of both.
#[derive(Clone, Copy, Debug)]
pub struct ProductSearch;

/// A product, as it is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// What it is, in words; empty if nobody has said.
    pub description: String,
    /// What one unit costs now.
    pub price: Option<Money>,
}

impl Projection for ProductSearch {
    const NAME: &'static str = "product_search";
    type View = Product;
    type Events = ProductEvent;
    type Level = Eventual<5_000>;
}

impl On<ProductEvent> for ProductSearch {
    fn on(&self, event: &Recorded<'_, ProductEvent>, views: &mut Views<'_, Product>) {
        views.update(event.id(), |product| match event.event() {
            ProductEvent::ProductDescribed { description } => {
                product.description.clone_from(description);
            }
            ProductEvent::ProductPriced { price } => product.price = Some(price.clone()),
        });
    }
}

impl Searched for ProductSearch {
    const FIELDS: &'static [Field<Product>] = &[
        Field::new("code", |code, _| code.into()),
        Field::new("description", |_, product| product.description.as_str().into()),
    ];
}

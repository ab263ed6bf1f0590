//! What is read back from the service's own events.

use std::collections::BTreeMap;

use freehold::{Service, event};

use super::contracts::{Article, Failure, InvoiceNo, Money, StockCode, Trail};
use super::events::ProductEvent;
use super::service::{ProductsOwner, ProductsService};

/// Every product, by the id of its stream.
pub type Figures = BTreeMap<String, Article>;

impl ProductsService {
    /// What the catalogue says of a code, if it is in it.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn article(&self, code: &StockCode) -> Result<Option<Article>, Failure> {
        let events: Vec<ProductEvent> = self.feed().of_stream(&code.stream()).await?;
        let mut article = Article { description: String::new(), price: Money::NOTHING };
        let is_known = !events.is_empty();
        for event in events {
            match event {
                ProductEvent::ProductDescribed { description } => article.description = description,
                ProductEvent::ProductPriced { price } => article.price = price,
            }
        }
        Ok(is_known.then_some(article))
    }

    /// Reads the catalogue.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the events cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn figures(&self) -> Result<Figures, Failure> {
        let mut figures = Figures::new();
        let nothing = || Article { description: String::new(), price: Money::NOTHING };
        self.feed()
            .read(|recorded| {
                let product = figures.entry(recorded.stream().id().to_owned());
                let product = product.or_insert_with(nothing);
                match event::decode(recorded)? {
                    ProductEvent::ProductDescribed { description } => {
                        product.description = description;
                    }
                    ProductEvent::ProductPriced { price } => product.price = price,
                }
                Ok(())
            })
            .await?;
        Ok(figures)
    }

    /// All that this service knows of the invoice.
    ///
    /// # Errors
    /// [`Failure::Failed`] if its data cannot be read.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn trail(&self, invoice: &InvoiceNo) -> Result<Trail, Failure> {
        Trail::read(ProductsOwner::NAME, &*self.handle(), invoice.flow()).await
    }
}

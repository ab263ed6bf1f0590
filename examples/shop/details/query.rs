//! The composition.

use std::time::Duration;

use clap::ValueEnum;
use freehold::composer::{ComposeError, Composer, LookupOptions, Scope, Terms, within};

use super::super::contracts::{Customer, InvoiceNo, Profile, StockCode};
use super::super::driver::Services;
use super::super::reads::gateway::Gateway;
use super::super::reads::order_details::Details;
use super::answer::Answer;
use super::down::Down;
use super::services::FromServices;
use super::views::{self, FromViews};

/// How old a name may be that is shown because nobody knows the new one.
const STALE_MAX: Duration = Duration::from_mins(10);

/// An order with its customer and its products: composed of what three services know, or of what they have published.
#[derive(Debug)]
pub struct OrderDetails {
    services: FromServices,
    views: FromViews,
    time: Duration,
}

/// Whom to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Whom {
    /// The services: what they say now.
    #[default]
    Services,
    /// The views: one database, as far behind as they say.
    Views,
}

impl OrderDetails {
    /// The query over these services, some of which do not answer, and these views. An answer may take so long.
    #[must_use]
    pub fn new(services: &Services, gateway: &Gateway, down: &[Down], time: Duration) -> Self {
        let options = LookupOptions { attempt_time: time, ..LookupOptions::default() };
        let services = FromServices::new(services, down, options);
        Self { services, views: FromViews::new(gateway, options), time }
    }

    /// On what terms it is asked.
    pub fn terms(&self) -> Terms {
        within(self.time)
    }

    /// The order. Without it there is no answer.
    async fn order(
        &self,
        cx: &Scope,
        number: &InvoiceNo,
        whom: Whom,
    ) -> Result<Details, ComposeError> {
        let order = match whom {
            Whom::Services => cx.get(&self.services.orders, number.clone()).await?.value,
            Whom::Views => cx.get(&self.views.orders, number.stream()).await?.value,
        };
        Ok((*order).clone())
    }

    /// What the customer is called, if they are somebody and that is known.
    async fn profile(&self, cx: &Scope, customer: Customer, whom: Whom) -> Option<Profile> {
        let Customer::Number(_) = customer else { return None };
        match whom {
            Whom::Services => {
                let profile = cx.get(&self.services.users, customer).or_stale(STALE_MAX);
                profile.optional().await.value
            }
            Whom::Views => {
                let entry = cx.get(&self.views.customers, customer.to_string()).optional().await;
                entry.value.and_then(|entry| views::profile(&entry))
            }
        }
    }

    /// What the catalogue calls each of the codes, as far as that is known.
    async fn products(&self, cx: &Scope, codes: Vec<StockCode>, whom: Whom) -> Vec<Option<String>> {
        match whom {
            Whom::Services => {
                let articles = cx.all(&self.services.products, codes).or_stale(STALE_MAX);
                let articles = articles.optional().await.into_iter();
                articles.map(|part| part.value.map(|article| article.description)).collect()
            }
            Whom::Views => {
                let codes = codes.iter().map(StockCode::stream);
                let levels = cx.all(&self.views.products, codes).optional().await.into_iter();
                levels.map(|part| part.value.map(|level| level.description.clone())).collect()
            }
        }
    }
}

impl Composer for OrderDetails {
    const NAME: &'static str = "order_details";
    type Query = (InvoiceNo, Whom);
    type Answer = Answer;

    async fn compose(
        &self,
        cx: &Scope,
        (number, whom): (InvoiceNo, Whom),
    ) -> Result<Answer, ComposeError> {
        let order = self.order(cx, &number, whom).await?;
        let codes = order.lines.iter().map(|line| line.code.clone()).collect();
        let (profile, products) =
            tokio::join!(self.profile(cx, order.customer, whom), self.products(cx, codes, whom),);
        Ok(Answer::new(number, order, profile, products))
    }
}

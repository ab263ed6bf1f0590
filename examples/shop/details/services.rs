//! The services as sources.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use freehold::composer::{Lookup, LookupOptions, Remembered};
use freehold::source::{Answers, Call, Source};
use futures::future::join_all;

use super::super::contracts::{Article, Customer, Failure, InvoiceNo, Profile, StockCode};
use super::super::driver::Services;
use super::super::order::aggregate::Status as Kept;
use super::super::order::queries::Invoice;
use super::super::order::service::OrderService;
use super::super::products::service::ProductsService;
use super::super::reads::order_details::Details;
use super::super::reads::status::Status;
use super::super::users::service::UsersService;
use super::down::Down;

/// How many answers of a service are remembered for when it is down, and for how long.
const REMEMBERED_MAX: u64 = 10_000;
const REMEMBERED_TIME: Duration = Duration::from_mins(10);

type Found<S> =
    Result<Answers<<S as Source>::Key, <S as Source>::Value>, Box<dyn Error + Send + Sync>>;

/// Order, Users and Products, to be asked by key.
#[derive(Debug)]
pub struct FromServices {
    /// Whose each invoice is, and what is on it.
    pub orders: Lookup<Orders>,
    /// What customers are called.
    pub users: Lookup<Users>,
    /// What the catalogue says.
    pub products: Lookup<Products>,
}

/// The Order service as a source.
#[derive(Debug)]
pub struct Orders(Arc<OrderService>);

/// The Users service as a source.
#[derive(Debug)]
pub struct Users(Arc<UsersService>, Vec<Down>);

/// The Products service as a source.
#[derive(Debug)]
pub struct Products(Arc<ProductsService>, Vec<Down>);

impl FromServices {
    /// The services, some of which do not answer.
    #[must_use]
    pub fn new(services: &Services, down: &[Down], options: LookupOptions) -> Self {
        let users = Users(Arc::clone(&services.users), down.to_vec());
        let products = Products(Arc::clone(&services.products), down.to_vec());
        Self {
            orders: Lookup::builder(Orders(Arc::clone(&services.orders))).options(options).build(),
            users: remembering(users, options),
            products: remembering(products, options),
        }
    }
}

/// A look-up that remembers what the source says, which is the same for everybody.
fn remembering<S: Source>(source: S, options: LookupOptions) -> Lookup<S> {
    let cache = Remembered::new(REMEMBERED_MAX, REMEMBERED_TIME);
    Lookup::builder(source).options(options).remember_for_all(cache).build()
}

/// The answers for the keys, each of which was asked for on its own: a service in this process has no call for many, as one
/// elsewhere would have.
fn each<K, V>(found: Vec<Result<Option<V>, Failure>>) -> Answers<K, V> {
    Answers::each(found.into_iter().map(|found| found.map_err(Into::into)).collect())
}

impl Source for Orders {
    type Key = InvoiceNo;
    type Value = Arc<Details>;

    fn name(&self) -> &'static str {
        "orders"
    }

    async fn fetch(&self, numbers: &[InvoiceNo], _: &Call) -> Found<Self> {
        let found = join_all(numbers.iter().map(|number| self.0.invoice(number))).await;
        let details = |found: Option<Invoice>| found.map(|invoice| Arc::new(details(invoice)));
        Ok(each(found.into_iter().map(|found| found.map(details)).collect()))
    }
}

impl Source for Users {
    type Key = Customer;
    type Value = Profile;

    fn name(&self) -> &'static str {
        "users"
    }

    async fn fetch(&self, customers: &[Customer], _: &Call) -> Found<Self> {
        Down::check(&self.1, self.name())?;
        let profiles = customers.iter().map(|customer| self.0.profile(*customer));
        Ok(each(join_all(profiles).await))
    }
}

impl Source for Products {
    type Key = StockCode;
    type Value = Article;

    fn name(&self) -> &'static str {
        "products"
    }

    async fn fetch(&self, codes: &[StockCode], _: &Call) -> Found<Self> {
        Down::check(&self.1, self.name())?;
        Ok(each(join_all(codes.iter().map(|code| self.0.article(code))).await))
    }
}

fn details(Invoice { customer, date, lines, status }: Invoice) -> Details {
    let status = match status {
        Kept::Unknown | Kept::Pending(_) => Status::Pending,
        Kept::Confirmed(_) => Status::Confirmed,
        Kept::Shipped(_) => Status::Shipped,
        Kept::Cancelled(reason) => reason.into(),
        Kept::Rejected => Status::Rejected,
        Kept::Returning(_) => Status::Returning,
        Kept::Returned => Status::Returned,
    };
    Details { customer, created_at: date, lines, status }
}

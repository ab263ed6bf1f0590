//! What a list of orders shows, joined when it is written: nothing is joined when it is read.
//!
//! The log of the orders and that of the customers have no order between them: a customer's name may come before their
//! order or after it. So the view keeps what it knows of a customer under the customer's number, and their orders under
//! keys that begin with it. An order takes the name from there, and a name that comes later goes to all orders of the
//! customer. Whichever comes first, the other finds it.

use freehold::projection::{Eventual, On, Projection, Recorded, Views};
use freehold::{DataSubject, Personal};
use serde::{Deserialize, Serialize};

use super::contracts::{Customer, Money, Profile, Units, total};
use super::order::{Intake, Nonsense, OrderEvent};
use super::status::Status;
use super::users::UserEvent;

/// A line for every invoice, with the name of its customer.
#[derive(Clone, Copy, Debug)]
pub struct OrderSummary;

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Under `17850`: who that is.
    Customer(Who),
    /// Under `17850/536365`: an invoice of theirs.
    Order(Summary),
}

/// Who a customer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The name.
    pub name: Personal<String>,
    /// The address of their e-mail.
    pub email: Personal<String>,
}

/// An invoice in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its number, as in the id of its stream.
    pub order: String,
    /// The name of its customer; a guest has none.
    pub customer_name: Option<Personal<String>>,
    /// Where they are written to.
    pub customer_email: Option<Personal<String>>,
    /// How many units it is about.
    pub item_count: Units,
    /// What it comes to.
    pub total: Money,
    /// How far it is.
    pub status: Status,
    /// Of when it is, as the invoice says.
    pub created_at: String,
}

impl Projection for OrderSummary {
    const NAME: &'static str = "order_summary";
    type View = Entry;
    type Events = (OrderEvent, UserEvent);
    type Level = Eventual<5_000>;
}

impl On<OrderEvent> for OrderSummary {
    fn on(&self, event: &Recorded<'_, OrderEvent>, views: &mut Views<'_, Entry>) {
        let order = event.id();
        match event.event() {
            OrderEvent::OrderPlaced(intake) => begin(views, order, intake, Status::Pending),
            OrderEvent::ReturnAnnounced(intake) => begin(views, order, intake, Status::Returning),
            OrderEvent::InvoiceRejected(Nonsense { customer, date, .. }) => {
                let (units, total) = (Units::default(), Money::NOTHING);
                put(views, *customer, summary(order, units, total, Status::Rejected, date));
            }
            OrderEvent::OrderConfirmed(bill) => {
                turn(views, bill.customer, order, Status::Confirmed);
            }
            OrderEvent::OrderShipped { customer, .. } => {
                turn(views, *customer, order, Status::Shipped);
            }
            OrderEvent::OrderCancelled { customer, reason } => {
                turn(views, *customer, order, (*reason).into());
            }
            OrderEvent::ReturnCompleted(bill) => {
                turn(views, bill.customer, order, Status::Returned);
            }
        }
    }
}

impl On<UserEvent> for OrderSummary {
    fn on(&self, event: &Recorded<'_, UserEvent>, views: &mut Views<'_, Entry>) {
        let customer = event.id();
        match event.event() {
            UserEvent::CustomerMet(profile) => {
                let name = profile.clone().map(|profile| profile.name);
                let email = profile.clone().map(|profile| profile.email);
                met(views, customer, &Who { name, email });
            }
            UserEvent::UserRegistered(Profile { name, email }) => {
                let Some(subject) = subject(customer) else { return };
                let [name, email] =
                    [name, email].map(|v| Personal::new(subject.clone(), v.clone()));
                met(views, customer, &Who { name, email });
            }
            UserEvent::CustomerRenamed(name) => renamed(views, customer, name),
            UserEvent::UserRenamed { name } => {
                let Some(subject) = subject(customer) else { return };
                renamed(views, customer, &Personal::new(subject, name.clone()));
            }
        }
    }
}

/// Who has the stream of this id.
fn subject(customer: &str) -> Option<DataSubject> {
    customer.parse().ok().map(Customer::Number).and_then(Customer::subject)
}

fn met(views: &mut Views<'_, Entry>, customer: &str, who: &Who) {
    views.set(customer, Entry::Customer(who.clone()));
    views.change_under(orders_of(customer), |_, entry| {
        if let Entry::Order(order) = entry {
            order.belongs_to(who);
        }
    });
}

fn renamed(views: &mut Views<'_, Entry>, customer: &str, name: &Personal<String>) {
    views.change(customer, |entry| {
        if let Entry::Customer(who) = entry {
            who.name.clone_from(name);
        }
    });
    views.change_under(orders_of(customer), |_, entry| {
        if let Entry::Order(order) = entry {
            order.customer_name = Some(name.clone());
        }
    });
}

impl Summary {
    fn belongs_to(&mut self, Who { name, email }: &Who) {
        self.customer_name = Some(name.clone());
        self.customer_email = Some(email.clone());
    }
}

/// What the keys of a customer's invoices begin with.
#[must_use]
pub fn orders_of(customer: &str) -> String {
    format!("{customer}/")
}

fn summary(order: &str, item_count: Units, total: Money, status: Status, date: &str) -> Summary {
    let (order, created_at) = (order.to_owned(), date.to_owned());
    let (customer_name, customer_email) = (None, None);
    Summary { order, customer_name, customer_email, item_count, total, status, created_at }
}

fn begin(views: &mut Views<'_, Entry>, order: &str, intake: &Intake, status: Status) {
    let units = intake.lines.iter().map(|line| Units::new(line.units)).sum();
    let summary = summary(order, units, total(&intake.lines), status, &intake.date);
    put(views, intake.customer, summary);
}

/// Puts an invoice, with the name of its customer if that is known yet.
fn put(views: &mut Views<'_, Entry>, customer: Customer, mut order: Summary) {
    let owner = customer.to_string();
    if let Customer::Number(_) = customer {
        views.fold(&owner, |known| {
            if let Some(Entry::Customer(who)) = &known {
                order.belongs_to(who);
            }
            known
        });
    }
    views.set(orders_of(&owner) + &order.order.clone(), Entry::Order(order));
}

/// An invoice is further than it was.
fn turn(views: &mut Views<'_, Entry>, customer: Customer, order: &str, status: Status) {
    views.change(orders_of(&customer.to_string()) + order, |entry| {
        if let Entry::Order(order) = entry {
            order.status = status;
        }
    });
}

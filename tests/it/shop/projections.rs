//! The projections of the shop: given these events, then those views; and the laws of all projections.

use chrono::{DateTime, Utc};
use freehold::testkit::{laws, project};
use uuid::Uuid;

use super::parts::contracts::{Customer, InvoiceNo, Line, Money, Profile, StockCode, Units};
use super::parts::inventory::events::{Move, StockEvent};
use super::parts::order::events::{CancelReason, Intake, Nonsense, OrderEvent};
use super::parts::products::events::ProductEvent;
use super::parts::reads::order_history::{Happened, OrderHistory};
use super::parts::reads::order_summary::{Entry, OrderSummary, Summary, Who};
use super::parts::reads::product_search::{Product, ProductSearch};
use super::parts::reads::revenue::{DayInCountry, Revenue};
use super::parts::reads::status::Status;
use super::parts::reads::stock::{Level, Stock};
use super::parts::users::events::UserEvent;

const ADA: Customer = Customer::Number(7);

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// Two units at 2.5 and three at 0.1.
fn intake(invoice: &str, customer: Customer) -> Intake {
    let line = |code: &str, units, price: &str| Line {
        code: StockCode::new(code).unwrap(),
        units,
        price: money(price),
        description: String::new(),
    };
    Intake {
        invoice: InvoiceNo::new(invoice).unwrap(),
        customer,
        addressee: customer.personal("Ada".to_owned()),
        country: "EIRE".to_owned(),
        date: "2010-12-01 08:26:00".to_owned(),
        lines: vec![line("A", 2, "2.5"), line("B", 3, "0.1")],
        fingerprint: Uuid::from_u128(1),
    }
}

fn placed(customer: Customer) -> OrderEvent {
    OrderEvent::OrderPlaced(intake("1", customer))
}

fn confirmed(customer: Customer) -> OrderEvent {
    OrderEvent::OrderConfirmed(intake("1", customer).bill())
}

fn registered() -> UserEvent {
    UserEvent::CustomerMet(ADA.personal(Profile::of_number(7)).unwrap())
}

fn renamed() -> UserEvent {
    UserEvent::CustomerRenamed(ADA.personal("Ada".to_owned()).unwrap())
}

fn summary(order: &str, name: Option<&str>, status: Status) -> Entry {
    Entry::Order(Summary {
        order: order.to_owned(),
        customer_name: name.and_then(|name| ADA.personal(name.to_owned())),
        customer_email: name.and_then(|_| ADA.personal("c7@example.invalid".to_owned())),
        item_count: Units::new(5),
        total: money("5.3"),
        status,
        created_at: "2010-12-01 08:26:00".to_owned(),
    })
}

/// The two logs have no order between them: every order of the four events that keeps that of each log.
#[test]
fn a_name_reaches_the_summary_whichever_comes_first() {
    let orders = [placed(ADA), confirmed(ADA)];
    let users = [registered(), renamed()];
    for users_first in [[2, 2, 2], [1, 2, 2], [1, 1, 2], [0, 2, 2], [0, 1, 2], [0, 0, 2]] {
        let mut scenario = project(OrderSummary);
        let mut told = 0;
        for (before, order) in users_first.into_iter().zip(orders.iter().map(Some).chain([None])) {
            scenario = scenario.given("7", users[told..before].iter().cloned());
            told = before;
            scenario = scenario.given("1", order.cloned());
        }
        let [name, email] =
            ["Ada", "c7@example.invalid"].map(|of| ADA.personal(of.to_owned()).unwrap());
        let scenario = scenario
            .then("7/1", summary("1", Some("Ada"), Status::Confirmed))
            .then("7", Entry::Customer(Who { name, email }))
            .then_keys(&["7", "7/1"]);
        assert_eq!(laws(&OrderSummary, &scenario.into_events(), 7), Ok(()), "{users_first:?}");
    }
}

/// What was recorded in plain is personal in the views, like what is recorded today.
#[test]
fn what_was_recorded_in_plain_leads_to_the_same_views() {
    let before = [
        UserEvent::UserRegistered(Profile::of_number(7)),
        UserEvent::UserRenamed { name: "Ada".to_owned() },
    ];
    let [name, email] =
        ["Ada", "c7@example.invalid"].map(|of| ADA.personal(of.to_owned()).unwrap());
    let scenario = project(OrderSummary)
        .given("1", [placed(ADA)])
        .given("7", before)
        .then("7/1", summary("1", Some("Ada"), Status::Pending))
        .then("7", Entry::Customer(Who { name, email }));
    assert_eq!(laws(&OrderSummary, &scenario.into_events(), 7), Ok(()));
}

#[test]
fn a_name_reaches_all_orders_of_the_customer_and_nobody_elses() {
    let seventy = Customer::Number(70);
    let scenario = project(OrderSummary)
        .given("1", [placed(ADA)])
        .given("2", [OrderEvent::OrderPlaced(intake("2", seventy))])
        .given("3", [OrderEvent::OrderPlaced(intake("3", Customer::Guest))])
        .given("C4", [OrderEvent::ReturnAnnounced(intake("C4", ADA))])
        .given("7", [registered(), renamed()])
        .then("7/1", summary("1", Some("Ada"), Status::Pending))
        .then("7/C4", summary("C4", Some("Ada"), Status::Returning))
        .then("70/2", summary("2", None, Status::Pending))
        .then("guest/3", summary("3", None, Status::Pending));
    assert_eq!(laws(&OrderSummary, &scenario.into_events(), 7), Ok(()));
}

#[test]
fn a_summary_says_how_far_the_invoice_is() {
    let (customer, tracking) = (ADA, "T1".to_owned());
    let returned = OrderEvent::ReturnCompleted(intake("C4", ADA).bill());
    let cancelled = |reason| OrderEvent::OrderCancelled { customer, reason };
    let rejected = OrderEvent::InvoiceRejected(Nonsense {
        invoice: InvoiceNo::new("5").unwrap(),
        customer,
        date: "2010-12-01 08:26:00".to_owned(),
        fingerprint: Uuid::from_u128(1),
        reason: "why".to_owned(),
    });
    let scenario = project(OrderSummary)
        .given("1", [placed(ADA), confirmed(ADA), OrderEvent::OrderShipped { customer, tracking }])
        .given("2", [placed(ADA), cancelled(CancelReason::OutOfStock)])
        .given("3", [placed(ADA), cancelled(CancelReason::PaymentDeclined)])
        .given("C4", [OrderEvent::ReturnAnnounced(intake("C4", ADA)), returned])
        .given("5", [rejected])
        .then("7/1", summary("1", None, Status::Shipped))
        .then("7/2", summary("2", None, Status::OutOfStock))
        .then("7/3", summary("3", None, Status::PaymentDeclined))
        .then("7/C4", summary("C4", None, Status::Returned))
        .then_keys(&["7", "7/1", "7/2", "7/3", "7/5", "7/C4"][1..]);
    assert_eq!(laws(&OrderSummary, &scenario.into_events(), 7), Ok(()));
}

#[test]
fn a_history_is_a_line_for_everything_that_happened_in_the_order_of_the_log() {
    let happened = |status, amount: Option<&str>, note: Option<&str>| Happened {
        at: DateTime::<Utc>::UNIX_EPOCH,
        order: "1".to_owned(),
        status,
        amount: amount.map(money),
        note: note.map(str::to_owned),
    };
    let shipped = OrderEvent::OrderShipped { customer: ADA, tracking: "T1".to_owned() };
    let scenario = project(OrderHistory)
        .given("1", [placed(ADA), confirmed(ADA), shipped])
        .given("2", [OrderEvent::OrderPlaced(intake("2", Customer::Guest))])
        .then("7/00000000000000000001", happened(Status::Pending, Some("5.3"), None))
        .then("7/00000000000000000002", happened(Status::Confirmed, Some("5.3"), None))
        .then("7/00000000000000000003", happened(Status::Shipped, None, Some("T1")));
    assert_eq!(laws(&OrderHistory, &scenario.into_events(), 7), Ok(()));
}

#[test]
fn revenue_counts_what_was_confirmed_and_paid_back_by_day_and_country() {
    let bill = |country: &str, date: &str| {
        let (country, date) = (country.to_owned(), date.to_owned());
        super::parts::order::events::Bill { country, date, ..intake("1", ADA).bill() }
    };
    let confirmed = |country, date| OrderEvent::OrderConfirmed(bill(country, date));
    let line = |day: &str, country: &str, orders: u64, revenue: &str| DayInCountry {
        day: day.to_owned(),
        country: country.to_owned(),
        orders,
        revenue: money(revenue),
        ..DayInCountry::default()
    };
    let long = "x".repeat(1_000);
    let (eire, day) = ("EIRE", "2010-12-01 08:26:00");
    let back = OrderEvent::ReturnCompleted(bill(eire, day));
    let with_return =
        DayInCountry { returns: 1, refunded: money("5.3"), ..line("2010-12-01", eire, 2, "10.6") };
    let scenario = project(Revenue)
        .given("1", [placed(ADA), confirmed(eire, day)])
        .given("2", [confirmed(eire, "2010-12-01T23:59")])
        .given("3", [confirmed(eire, "1.12.2010"), confirmed("", "2010/12/01"), back])
        .given("4", [confirmed(&long, "2010-12-0é"), confirmed("a\nb/c", day)])
        .then("2010-12-01/EIRE", with_return)
        .then("undated/EIRE", line("undated", eire, 1, "5.3"))
        .then("undated/%", line("undated", "", 1, "5.3"))
        .then("2010-12-01/a%0Ab/c", line("2010-12-01", "a\nb/c", 1, "5.3"));
    assert_eq!(laws(&Revenue, &scenario.into_events(), 7), Ok(()));
}

#[test]
fn stock_is_what_inventory_and_products_say_whichever_comes_first() {
    let goods = |units| Move::new(&InvoiceNo::new("1").unwrap(), Units::new(units));
    let moves = [
        StockEvent::StockReceived { units: Units::new(10) },
        StockEvent::StockReserved(goods(4)),
        StockEvent::StockReserved(goods(3)),
        StockEvent::StockReleased(goods(4)),
        StockEvent::StockTaken(goods(2)),
        StockEvent::StockReturned(goods(5)),
    ];
    let said = [
        ProductEvent::ProductPriced { price: money("2.5") },
        ProductEvent::ProductDescribed { description: "LAMP".to_owned() },
        ProductEvent::ProductPriced { price: money("2") },
    ];
    let level = || Level {
        description: "LAMP".to_owned(),
        price: Some(money("2")),
        is_stocked: true,
        available: Units::new(12),
        reserved: Units::new(1),
        sold: Units::new(2),
        restocked: Units::new(5),
    };
    let one = project(Stock).given("A", moves.clone()).given("A", said.clone()).then("A", level());
    let other = project(Stock).given("A", said).given("A", moves).then("A", level());
    assert_eq!(laws(&Stock, &one.into_events(), 7), Ok(()));
    assert_eq!(laws(&Stock, &other.into_events(), 7), Ok(()));
}

#[test]
fn a_product_is_found_by_its_words_with_its_latest_price() {
    let said = [
        ProductEvent::ProductPriced { price: money("2.5") },
        ProductEvent::ProductDescribed { description: "LAMP".to_owned() },
        ProductEvent::ProductPriced { price: money("2") },
    ];
    let product = Product { description: "LAMP".to_owned(), price: Some(money("2")) };
    let scenario = project(ProductSearch).given("A", said).then("A", product);
    assert_eq!(laws(&ProductSearch, &scenario.into_events(), 7), Ok(()));
}

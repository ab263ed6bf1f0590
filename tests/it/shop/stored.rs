//! What the services have stored can be read by today's code: `stored` has every form in which an event of theirs was ever written.

use std::collections::BTreeMap;
use std::path::Path;

use freehold::testkit::SchemaGuard;
use freehold::{Event, Personal};
use uuid::Uuid;

use super::parts::contracts::{Customer, InvoiceNo, Line, Money, Profile, StockCode, Units};
use super::parts::inventory::events::{Move, ReservationEvent, StockEvent, TermsEvent as Stocked};
use super::parts::notification::events::MailEvent;
use super::parts::order::events::{CancelReason, Intake, Nonsense, OrderEvent};
use super::parts::payment::events::{
    Account, EntryEvent, PaymentEvent, TermsEvent as Charged, Transfer,
};
use super::parts::products::events::ProductEvent;
use super::parts::users::events::UserEvent;

/// Nothing is written unless somebody says so: `FREEHOLD_SCHEMAS=write`.
fn is_read<E: Event>(service: &str, samples: impl IntoIterator<Item = E>) {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/shop/stored");
    let broken = SchemaGuard::in_folder(stored.join(service)).check().events(samples);
    if let Err(broken) = broken {
        panic!("{service}: {broken}");
    }
}

fn invoice() -> InvoiceNo {
    InvoiceNo::new("536365").unwrap()
}

fn money() -> Money {
    "17.85".parse().unwrap()
}

fn code() -> StockCode {
    StockCode::new("85123A").unwrap()
}

fn intake(customer: Customer) -> Intake {
    let description = "WHITE HANGING HEART".into();
    let line = Line { code: code(), units: 6, price: "2.55".parse().unwrap(), description };
    let (country, date) = ("EIRE".into(), "2010-12-01 08:26:00".into());
    let fingerprint = Uuid::from_u128(7);
    let (addressee, lines) = (None, vec![line]);
    Intake { invoice: invoice(), customer, addressee, country, date, lines, fingerprint }
}

/// As it is written today.
fn addressed(customer: Customer) -> Intake {
    Intake { addressee: customer.personal("Ada".to_owned()), ..intake(customer) }
}

#[test]
fn the_orders_that_were_stored_are_read() {
    let customer = Customer::Number(17_850);
    let Intake { date, fingerprint, .. } = intake(customer);
    let reason = "a quantity is not positive".into();
    let cancelled = |reason| OrderEvent::OrderCancelled { customer, reason };
    is_read(
        "order",
        [
            OrderEvent::OrderPlaced(intake(customer)),
            OrderEvent::OrderPlaced(intake(Customer::Guest)),
            OrderEvent::OrderPlaced(addressed(customer)),
            OrderEvent::OrderConfirmed(intake(customer).bill()),
            OrderEvent::OrderShipped { customer, tracking: "1Z".into() },
            cancelled(CancelReason::OutOfStock),
            cancelled(CancelReason::PaymentDeclined),
            cancelled(CancelReason::GivenUp),
            OrderEvent::InvoiceRejected(Nonsense {
                invoice: invoice(),
                customer,
                date,
                fingerprint,
                reason,
            }),
            OrderEvent::ReturnAnnounced(intake(customer)),
            OrderEvent::ReturnAnnounced(addressed(customer)),
            OrderEvent::ReturnCompleted(intake(customer).bill()),
        ],
    );
}

#[test]
fn what_the_inventory_has_stored_is_read() {
    let moved = || Move::new(&invoice(), Units::new(6));
    is_read(
        "inventory",
        [
            StockEvent::StockReceived { units: Units::new(100) },
            StockEvent::StockReserved(moved()),
            StockEvent::StockReleased(moved()),
            StockEvent::StockTaken(moved()),
            StockEvent::StockReturned(moved()),
        ],
    );
    let goods = || BTreeMap::from([(code(), Units::new(6))]);
    is_read(
        "inventory",
        [
            ReservationEvent::ReservationMade { goods: goods() },
            ReservationEvent::ReservationRefused { short: code() },
            ReservationEvent::ReservationReleased,
            ReservationEvent::ReservationTaken,
            ReservationEvent::GoodsRestocked { goods: goods() },
        ],
    );
    is_read("inventory", [Stocked::TermsAgreed { units_per_code: 100 }]);
}

#[test]
fn what_the_payments_have_stored_is_read() {
    let transfer = |debit, credit| Transfer { amount: money(), debit, credit };
    let card = Account::Card(Customer::Number(17_850));
    is_read(
        "payment",
        [
            PaymentEvent::PaymentProcessed(transfer(card, Account::Sales)),
            PaymentEvent::PaymentFailed { amount: money(), limit: money() },
            PaymentEvent::PaymentReversed(transfer(Account::Sales, card)),
            PaymentEvent::PaymentRefunded(transfer(Account::Refunds, card)),
        ],
    );
    let amount = money();
    is_read("payment", [EntryEvent::Debited { amount: money() }, EntryEvent::Credited { amount }]);
    is_read("payment", [Charged::TermsAgreed { card_limit: money() }]);
}

#[test]
fn what_the_other_services_have_stored_is_read() {
    let (name, email) = ("Ada".to_owned(), "ada@example.invalid".to_owned());
    let renamed = UserEvent::UserRenamed { name: name.clone() };
    let ada = Customer::Number(17_850);
    let met = ada.personal(Profile { name: name.clone(), email: email.clone() }).unwrap();
    let called = ada.personal(name.clone()).unwrap();
    is_read(
        "users",
        [
            UserEvent::CustomerMet(met),
            UserEvent::CustomerMet(Personal::forgotten(ada.subject().unwrap())),
            UserEvent::CustomerRenamed(called),
            UserEvent::UserRegistered(Profile { name, email }),
            renamed,
        ],
    );
    let description = "LAMP".into();
    let described = ProductEvent::ProductDescribed { description };
    is_read("products", [described, ProductEvent::ProductPriced { price: money() }]);
    let (customer, file) = (Customer::Number(17_850), "1.txt".into());
    is_read("notification", [MailEvent::ConfirmationMailed { customer, file }]);
}

//! The decisions of the domain, given what happened, when something is asked for, then what happens.

use std::collections::BTreeMap;

use freehold::testkit::given;
use uuid::Uuid;

use super::parts::contracts::{
    Clerk, Customer, InvoiceNo, Line, Money, NAME_BYTES_MAX, Step, StockCode, Units, total,
    units_by_code,
};
use super::parts::inventory::aggregate::{Answer, Refusal as NoGoods, Reservation, Stock};
use super::parts::inventory::events::{Move, ReservationEvent, StockEvent};
use super::parts::order::aggregate::{Order, Refusal};
use super::parts::order::events::{CancelReason, Intake, OrderEvent};
use super::parts::payment::aggregate::{Payment, Refusal as NoMoney};
use super::parts::payment::events::{Account, PaymentEvent, Transfer};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn intake(lines: &[(&str, u64, &str)]) -> Intake {
    let line = |(code, units, price): &(&str, u64, &str)| Line {
        code: StockCode::new(code).unwrap(),
        units: *units,
        price: money(price),
        description: String::new(),
    };
    Intake {
        invoice: InvoiceNo::new("536365").unwrap(),
        customer: Customer::Guest,
        addressee: None,
        country: "France".to_owned(),
        date: "2010-12-01 08:26:00".to_owned(),
        lines: lines.iter().map(line).collect(),
        fingerprint: Uuid::from_u128(7),
    }
}

fn confirmed() -> OrderEvent {
    OrderEvent::OrderConfirmed(intake(&[("A", 1, "2.5")]).bill())
}

fn placed() -> OrderEvent {
    OrderEvent::OrderPlaced(intake(&[("A", 1, "2.5")]))
}

#[test]
fn an_order_is_placed_once_and_with_lines() {
    let order = intake(&[("A", 1, "2.5")]);
    given([]).when(|o: &Order| o.place(&order)).then([placed()]);
    given([placed()]).when(|o: &Order| o.place(&order)).then_nothing();
    given([]).when(|o: &Order| o.place(&intake(&[]))).then_error(Refusal::NoLines);
    let other = Intake { fingerprint: Uuid::from_u128(8), ..order };
    given([placed()]).when(|o: &Order| o.place(&other)).then_error(Refusal::OtherRows);
}

#[test]
fn a_pending_order_is_confirmed_or_cancelled_and_not_both() {
    let customer = Customer::Guest;
    let cancelled = |reason| OrderEvent::OrderCancelled { customer, reason };
    let (short, declined) = (CancelReason::OutOfStock, CancelReason::PaymentDeclined);
    given([placed()]).when(Order::confirm).then([confirmed()]);
    given([placed(), confirmed()]).when(Order::confirm).then_nothing();
    given([placed(), cancelled(short)]).when(Order::confirm).then_error(Refusal::Settled);
    given([placed()]).when(|o: &Order| o.cancel(declined)).then([cancelled(declined)]);
    given([placed(), cancelled(short)]).when(|o: &Order| o.cancel(short)).then_nothing();
    given([placed(), cancelled(short)])
        .when(|o: &Order| o.cancel(declined))
        .then_error(Refusal::Settled);
    given([placed(), confirmed()]).when(|o: &Order| o.cancel(short)).then_error(Refusal::Settled);
    given([]).when(Order::confirm).then_error(Refusal::NoOrder);
}

#[test]
fn only_a_confirmed_order_ships() {
    let customer = Customer::Guest;
    let shipped =
        |tracking: &str| OrderEvent::OrderShipped { customer, tracking: tracking.to_owned() };
    let ship = |o: &Order| o.ship("T1");
    given([placed()]).when(ship).then_error(Refusal::NotConfirmed("pending"));
    given([placed(), confirmed()]).when(ship).then([shipped("T1")]);
    given([placed(), confirmed(), shipped("T1")]).when(ship).then_nothing();
    given([placed(), confirmed(), shipped("T2")]).when(ship).then_error(Refusal::OtherTracking);
    let back = OrderEvent::ReturnAnnounced(intake(&[("A", 1, "2.5")]));
    given([back]).when(ship).then_error(Refusal::NotAnOrder);
    given([]).when(ship).then_error(Refusal::NoOrder);
}

fn goods(units: u64) -> Move {
    Move::new(&InvoiceNo::new("536365").unwrap(), Units::new(units))
}

#[test]
fn a_code_begins_with_its_units_and_exactly_enough_is_enough() {
    let code = StockCode::new("A").unwrap();
    let ten = Units::new(10);
    let received = || StockEvent::StockReceived { units: ten };
    given([])
        .when(|s: &Stock| s.reserve(&code, goods(10), ten))
        .then([received(), StockEvent::StockReserved(goods(10))]);
    given([])
        .when(|s: &Stock| s.reserve(&code, goods(11), ten))
        .then_error(NoGoods::Short(code.clone()));
    given([received(), StockEvent::StockReserved(goods(4))])
        .when(|s: &Stock| s.reserve(&code, goods(7), ten))
        .then_error(NoGoods::Short(code.clone()));
    given([received(), StockEvent::StockReserved(goods(4)), StockEvent::StockReleased(goods(4))])
        .when(|s: &Stock| s.reserve(&code, goods(10), ten))
        .then([StockEvent::StockReserved(goods(10))]);
    given([received(), StockEvent::StockReserved(goods(4)), StockEvent::StockTaken(goods(4))])
        .when(|s: &Stock| s.take(goods(1)))
        .then_error(NoGoods::NotReserved);
    given([])
        .when(|s: &Stock| Ok::<_, NoGoods>(s.put_back(goods(3), ten)))
        .then([received(), StockEvent::StockReturned(goods(3))]);
}

#[test]
fn a_reservation_is_answered_the_same_for_ever() {
    let goods = BTreeMap::from([(StockCode::new("A").unwrap(), Units::new(1))]);
    let made = ReservationEvent::ReservationMade { goods: goods.clone() };
    let refused = ReservationEvent::ReservationRefused { short: StockCode::new("A").unwrap() };
    let after = |events: &[ReservationEvent]| {
        let mut reservation = Reservation::default();
        for event in events {
            freehold::Aggregate::apply(&mut reservation, event);
        }
        reservation
    };
    let (taken, released) =
        (ReservationEvent::ReservationTaken, ReservationEvent::ReservationReleased);
    assert_eq!(after(&[]).answered(), Ok(None));
    for events in [
        vec![made.clone()],
        vec![made.clone(), taken.clone()],
        vec![made.clone(), released.clone()],
    ] {
        assert_eq!(after(&events).answered(), Ok(Some(Answer::Reserved)), "{events:?}");
    }
    assert_eq!(after(std::slice::from_ref(&refused)).answered(), Ok(Some(Answer::OutOfStock)));
    let made = [made];
    let [taken, released] = [taken, released].map(|end| [made[0].clone(), end]);
    assert_eq!(after(&made).to_take(), Ok(Some(goods.clone())));
    assert_eq!(after(&taken).to_take(), Ok(None));
    assert_eq!(after(&released).to_take(), Err(NoGoods::Settled));
    assert_eq!(after(std::slice::from_ref(&refused)).to_take(), Err(NoGoods::NoReservation));
    assert_eq!(after(&made).to_release(), Ok(Some(goods)));
    assert_eq!(after(&taken).to_release(), Err(NoGoods::Settled));
    for events in [&[][..], &[refused], &released] {
        assert_eq!(after(events).to_release(), Ok(None), "{events:?}");
    }
}

#[test]
fn a_total_at_the_limit_is_charged_and_one_above_is_declined() {
    let transfer = |amount: &str| Transfer {
        amount: money(amount),
        debit: Account::Card(Customer::Number(17_850)),
        credit: Account::Sales,
    };
    let charge = |amount: &'static str| {
        move |p: &Payment| p.charge(Customer::Number(17_850), &money(amount), &money("500"))
    };
    let failed = PaymentEvent::PaymentFailed { amount: money("500.001"), limit: money("500.0") };
    given([]).when(charge("500.00")).then([PaymentEvent::PaymentProcessed(transfer("500"))]);
    given([]).when(charge("500.001")).then([failed.clone()]);
    given([failed]).when(charge("1")).then_nothing();
    let refunded = PaymentEvent::PaymentRefunded(transfer("1"));
    given([refunded]).when(charge("1")).then_error(NoMoney::Known);
}

#[test]
fn what_was_charged_is_given_back_once_and_is_no_refund_of_a_return() {
    let (card, sales) = (Account::Card(Customer::Guest), Account::Sales);
    let transfer = |debit, credit| Transfer { amount: money("2.5"), debit, credit };
    let processed = || PaymentEvent::PaymentProcessed(transfer(card, sales));
    let reversed = || PaymentEvent::PaymentReversed(transfer(sales, card));
    let reverse = |p: &Payment| p.reverse(Customer::Guest, &money("2.5"));
    given([processed()]).when(reverse).then([reversed()]);
    given([processed(), reversed()]).when(reverse).then_nothing();
    given([]).when(reverse).then_nothing();
    let failed = PaymentEvent::PaymentFailed { amount: money("2.5"), limit: money("1") };
    given([failed]).when(reverse).then_nothing();
    let back = |p: &Payment| p.refund(Customer::Guest, &money("2.5"));
    given([processed(), reversed()]).when(back).then_error(NoMoney::Known);
    let charge = |p: &Payment| p.charge(Customer::Guest, &money("2.5"), &money("500"));
    given([processed(), reversed()]).when(charge).then_error(NoMoney::Known);
}

#[test]
fn money_is_exact_and_written_without_trailing_zeros() {
    for (text, expected) in [
        ("0", "0"),
        ("-0.00", "0"),
        ("007.10", "7.1"),
        ("18622.50", "18622.5"),
        ("-3", "-3"),
        ("-0.000000000000000001", "-0.000000000000000001"),
        ("1000000000", "1000000000"),
        ("123456789012345678901234567890.000000001", "123456789012345678901234567890.000000001"),
    ] {
        assert_eq!(money(text).to_string(), expected, "{text}");
    }
    for text in ["", "-", ".5", "1.", "+1", "1e3", " 1", "1,5", "--1", "1.2.3", "\u{663}"] {
        assert!(text.parse::<Money>().is_err(), "{text}");
    }
}

/// A second opinion on sums, products and order, where it has an opinion.
#[test]
fn money_adds_multiplies_and_compares_as_another_decimal_type_does() {
    use rust_decimal::Decimal;
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..5_000 {
        let mut amount =
            || Decimal::new(rng.i64(-1_000_000_000_000..1_000_000_000_000), rng.u32(0..12));
        let (a, b) = (amount(), amount());
        let (x, y) = (money(&a.to_string()), money(&b.to_string()));
        assert_eq!((&x + &y).to_string(), (a + b).normalize().to_string(), "{a} + {b}");
        assert_eq!((&x - &y).to_string(), (a - b).normalize().to_string(), "{a} - {b}");
        assert_eq!(x.cmp(&y), a.cmp(&b), "{a} <> {b}");
        assert_eq!(x == y, a == b, "{a} = {b}");
        let units = rng.u64(..1_000_000);
        assert_eq!(y.times(units).to_string(), (b * Decimal::from(units)).normalize().to_string());
    }
}

#[test]
fn every_text_has_a_stream_of_its_own() {
    let texts = ["", "%", "%25", "a", "A", " a", "a\tb", "a%09b", "a\u{85}b", "ä", "a/b", "a-b"];
    let streams: std::collections::HashSet<_> = texts
        .iter()
        .map(|text| {
            freehold::StreamId::new("stock", StockCode::new(text).unwrap().stream()).unwrap()
        })
        .collect();
    assert_eq!(streams.len(), texts.len());
    assert!(StockCode::new(&"x".repeat(NAME_BYTES_MAX)).is_some());
    assert!(StockCode::new(&"x".repeat(NAME_BYTES_MAX + 1)).is_none());
    assert!(InvoiceNo::new("").is_none());
}

#[test]
fn lines_of_one_code_are_needed_together() {
    let lines = intake(&[("A", 2, "1.5"), ("a", 1, "0"), ("A", 3, "0.25")]).lines;
    let by_code: Vec<_> =
        units_by_code(&lines).into_iter().map(|(code, units)| format!("{code}{units}")).collect();
    assert_eq!(by_code, ["A5", "a1"]);
    assert_eq!(total(&lines), money("3.75"));
}

#[test]
fn every_step_of_every_invoice_is_a_command_of_its_own() {
    let clerk = Clerk::new("shop").unwrap();
    let invoices = ["1", "2"].map(|number| InvoiceNo::new(number).unwrap());
    let steps = [Step::Place, Step::Reserve, Step::Charge, Step::Ship("T1"), Step::Ship("T2")];
    let mut ids = std::collections::HashSet::new();
    for invoice in &invoices {
        for step in steps {
            let command = clerk.asks(invoice, step);
            assert_eq!(command.id(), clerk.asks(invoice, step).id());
            assert_eq!(command.metadata().correlation(), Some(invoice.flow()));
            assert_eq!(command.metadata().causation(), Some(command.id()));
            assert_eq!(command.metadata().actor(), Some("shop"));
            ids.insert(command.id());
        }
    }
    assert_eq!(ids.len(), 10);
}

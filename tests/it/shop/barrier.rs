//! Calls of sagas that come late, doubled, or out of order: the services take each once, and none after it was taken back.

use std::collections::BTreeMap;

use freehold::saga::{Do, Key};
use tempfile::TempDir;

use super::log;
use super::parts::contracts::{
    Clerk, Command, Customer, Database, Failure, InvoiceNo, Money, Step, StockCode, Units,
};
use super::parts::inventory::aggregate::Answer as Reserving;
use super::parts::inventory::service::InventoryService;
use super::parts::notification::mailbox::Mailbox;
use super::parts::notification::service::NotificationService;
use super::parts::payment::aggregate::Answer as Charging;
use super::parts::payment::service::PaymentService;
use super::{mailbox, stores};

const CHARGE: &str = "fulfilment/1:charge:0:do";
const NOTIFY: &str = "fulfilment/1:notify:0:do";
const RESERVE: &str = "fulfilment/1:reserve:0:do";

fn asks(step: Step<'_>) -> Command {
    Clerk::new("shop").unwrap().asks(&InvoiceNo::new("1").unwrap(), step)
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

async fn payments(folder: &TempDir) -> PaymentService {
    let store = PaymentService::open(Database::in_folder(folder.path())).await.unwrap();
    let payments = PaymentService::new(store);
    payments.agree(&money("500")).await.unwrap();
    payments
}

async fn charge(payments: &PaymentService) -> Result<Charging, Failure> {
    payments.charge(&asks(Step::Charge), CHARGE, Customer::Guest, &money("20")).await
}

async fn reverse(payments: &PaymentService) {
    let (command, amount) = (asks(Step::Reverse), money("20"));
    payments.reverse(&command, CHARGE, Customer::Guest, &amount).await.unwrap();
}

fn mailbox(folder: &TempDir) -> Mailbox {
    Mailbox::in_folder(folder.path().join("mailbox"))
}

/// Asks for the letter of the order, of a service that was just started.
async fn mail(folder: &TempDir) -> Result<(), Failure> {
    let database = Database::in_folder(folder.path());
    let store = NotificationService::open(database).await.unwrap();
    let notifications = NotificationService::new(store, mailbox(folder));
    notifications.mail(&asks(Step::Mail), NOTIFY, Customer::Guest, &money("20")).await
}

async fn names(folder: &TempDir, service: &str) -> Vec<String> {
    let events = log::business(&stores::open(folder.path(), service).await).await;
    let terms = |name: &String| name != "TermsAgreed";
    events.iter().map(|event| event.name().as_str().to_owned()).filter(terms).collect()
}

#[tokio::test]
async fn a_charge_that_is_asked_for_again_is_made_once_and_given_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let payments = payments(&folder).await;
    for _ in 0..3 {
        assert_eq!(charge(&payments).await.unwrap(), Charging::Charged);
    }
    for _ in 0..3 {
        reverse(&payments).await;
    }
    let expected =
        ["PaymentProcessed", "Debited", "Credited", "PaymentReversed", "Debited", "Credited"];
    assert_eq!(names(&folder, "payment").await, expected);
    let figures = payments.figures().await.unwrap();
    assert_eq!((figures.revenue, figures.refunded), (Money::NOTHING, Money::NOTHING));
}

#[tokio::test]
async fn a_charge_that_comes_after_its_reversal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let payments = payments(&folder).await;
    reverse(&payments).await;
    assert!(matches!(charge(&payments).await, Err(Failure::Refused { .. })));
    assert!(names(&folder, "payment").await.is_empty());
}

#[tokio::test]
async fn what_is_no_key_of_an_action_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let payments = payments(&folder).await;
    let key = CHARGE.replace(":do", ":undo");
    let charge = payments.charge(&asks(Step::Charge), &key, Customer::Guest, &money("20")).await;
    assert!(matches!(charge, Err(Failure::Refused { .. })));
}

async fn inventory(folder: &TempDir) -> InventoryService {
    let store = InventoryService::open(Database::in_folder(folder.path())).await.unwrap();
    let inventory = InventoryService::new(store);
    inventory.agree(10).await.unwrap();
    inventory
}

async fn reserve(inventory: &InventoryService, units: u64) -> Result<Reserving, Failure> {
    let goods = BTreeMap::from([(StockCode::new("A").unwrap(), Units::new(units))]);
    inventory.reserve(&asks(Step::Reserve), RESERVE, &goods).await
}

#[tokio::test]
async fn a_reservation_that_is_asked_for_again_is_answered_as_before_and_released_once() {
    for (units, answer) in [(7, Reserving::Reserved), (11, Reserving::OutOfStock)] {
        let folder = tempfile::tempdir().unwrap();
        let inventory = inventory(&folder).await;
        for _ in 0..3 {
            assert_eq!(reserve(&inventory, units).await.unwrap(), answer);
        }
        // Under the same key nothing else can be asked for.
        assert!(matches!(reserve(&inventory, 1).await, Err(Failure::Refused { .. })));
        for _ in 0..3 {
            inventory.release(&asks(Step::Release), RESERVE).await.unwrap();
        }
        let released = names(&folder, "inventory").await;
        let count = released.iter().filter(|name| *name == "StockReleased").count();
        assert_eq!(count, usize::from(answer == Reserving::Reserved), "{released:?}");
        assert_eq!(inventory.figures().await.unwrap().stock_on_hand, Units::new(10));
    }
}

#[tokio::test]
async fn a_reservation_that_comes_after_its_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = inventory(&folder).await;
    inventory.release(&asks(Step::Release), RESERVE).await.unwrap();
    assert!(matches!(reserve(&inventory, 1).await, Err(Failure::Refused { .. })));
    assert!(names(&folder, "inventory").await.is_empty());
}

#[tokio::test]
async fn a_letter_that_is_asked_for_again_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        mail(&folder).await.unwrap();
    }
    let letters = mailbox::letters(folder.path());
    let text = letters.values().next().unwrap();
    assert!(text.starts_with("To: our guest\n") && text.contains("Its total is 20."), "{text}");
    assert_eq!((letters.len(), names(&folder, "notification").await.len()), (1, 1));
    // Who has read it has taken it away: it does not come again.
    std::fs::remove_dir_all(folder.path().join("mailbox")).unwrap();
    mail(&folder).await.unwrap();
    assert_eq!(mailbox::count(folder.path()), 0);
}

/// The process died after the letter and before it was written down.
#[tokio::test]
async fn a_letter_that_nobody_has_written_down_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::<Do>::received(NOTIFY).unwrap();
    let name = Mailbox::name_of(key.as_uuid());
    mailbox(&folder).post(&name, "as it was").unwrap();
    mail(&folder).await.unwrap();
    let letters = mailbox::letters(folder.path());
    assert_eq!(letters.into_iter().collect::<Vec<_>>(), [(name, "as it was".to_owned())]);
    assert_eq!(names(&folder, "notification").await, ["ConfirmationMailed"]);
}

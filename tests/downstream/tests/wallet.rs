//! The wallet: examples by given, when, then; and properties over all that its own commands can reach.

use std::sync::Arc;

use freehold::aggregate::ExecuteError;
use freehold::testkit::proptest::prelude::*;
use freehold::testkit::{Faults, FaultyStore, given, strategies};
use freehold::{Aggregate, Handle, Repository};
use wallets::shelf::ShelfStore;
use wallets::wallet::WalletEvent::{Closed, Deposited, Opened, Withdrawn};
use wallets::wallet::{Command, Refusal, Wallet, WalletEvent};

fn opened() -> WalletEvent {
    Opened { owner: "Ada".into() }
}

#[test]
fn a_withdrawal_within_the_balance_is_recorded() {
    given([opened(), Deposited { cents: 70 }])
        .when(|wallet: &Wallet| wallet.withdraw(30, Some("tea")))
        .then([Withdrawn { cents: 30, purpose: Some("tea".into()) }])
        .then_state(|wallet| assert_eq!(wallet.cents(), 40));
}

#[test]
fn a_withdrawal_beyond_the_balance_is_refused_with_what_is_left() {
    given([opened(), Deposited { cents: 70 }])
        .when(|wallet: &Wallet| wallet.withdraw(71, None))
        .then_error(Refusal::Overdrawn { left: 70 });
}

#[test]
fn a_wallet_that_is_not_open_takes_nothing() {
    given([]).when(|wallet: &Wallet| wallet.deposit(1)).then_error(Refusal::NotOpen);
    given([opened(), Closed])
        .when(|wallet: &Wallet| wallet.deposit(1))
        .then_rejected(|refusal| *refusal == Refusal::NotOpen);
}

#[test]
fn closing_a_closed_wallet_changes_nothing() {
    given([opened(), Closed]).when(Wallet::close).then_nothing();
}

fn commands() -> impl Strategy<Value = Command> {
    // Amounts of one size with the limit, so that each refusal is reached.
    let cents = || prop_oneof![0..100_u64, 0..=2 * Wallet::CENTS_MAX];
    prop_oneof![
        1 => "[A-Z][a-z]{0,5}".prop_map(|owner| Command::Open { owner }),
        4 => cents().prop_map(|cents| Command::Deposit { cents }),
        4 => cents().prop_map(|cents| Command::Withdraw { cents }),
        1 => Just(Command::Close),
    ]
}

fn decide(wallet: &Wallet, command: &Command) -> Result<Vec<WalletEvent>, Refusal> {
    wallet.handle(command.clone())
}

/// What the events alone say is in the wallet.
fn balance(events: &[WalletEvent]) -> i128 {
    events.iter().fold(0, |sum, event| match event {
        Deposited { cents } => sum + i128::from(*cents),
        Withdrawn { cents, .. } => sum - i128::from(*cents),
        Opened { .. } | Closed => sum,
    })
}

proptest! {
    #[test]
    fn a_wallet_holds_what_came_and_did_not_go(
        history in strategies::histories(commands(), decide, 0..40)
    ) {
        prop_assert_eq!(i128::from(history.state().cents()), balance(history.events()));
    }

    #[test]
    fn a_wallet_is_never_overdrawn_nor_overfull(
        history in strategies::histories(commands(), decide, 0..40)
    ) {
        for upto in 0..=history.events().len() {
            let balance = balance(&history.events()[..upto]);
            prop_assert!((0..=i128::from(Wallet::CENTS_MAX)).contains(&balance));
        }
    }

    #[test]
    fn nothing_happens_before_opening_or_after_closing(
        history in strategies::histories(commands(), decide, 0..40)
    ) {
        let events = history.events();
        for (place, event) in events.iter().enumerate() {
            let is_first = place == 0;
            prop_assert_eq!(is_first, matches!(event, Opened { .. }), "event {} of {:?}", place, events);
            prop_assert!(*event != Closed || place + 1 == events.len(), "closed in {:?}", events);
        }
    }

    #[test]
    fn every_event_a_wallet_decides_is_read_back_as_it_was_written(
        history in strategies::histories(commands(), decide, 0..40)
    ) {
        strategies::assert_events_survive(history.events());
    }
}

/// What a command leads to, decided without a store.
fn outcome(mut wallet: Wallet, command: Command) -> Result<Wallet, Refusal> {
    for event in wallet.handle(command)? {
        wallet.apply(&event);
    }
    Ok(wallet)
}

#[tokio::test(start_paused = true)]
async fn a_wallet_on_a_store_that_fails_is_as_if_it_had_not() {
    let faults = Faults::seeded(7).fail_before(0.2).fail_after(0.2);
    let store = Arc::new(FaultyStore::new(ShelfStore::new(), faults));
    let wallets = Repository::<Wallet>::new(Arc::clone(&store));
    for round in 0..10 {
        let id = format!("wallet {round}");
        let mut before = Wallet::default();
        for command in [
            Command::Open { owner: "Ada".into() },
            Command::Deposit { cents: 70 },
            Command::Withdraw { cents: 30 },
            Command::Withdraw { cents: 41 },
            Command::Withdraw { cents: 40 },
            Command::Close,
        ] {
            let done = match wallets.handle(&*id, command.clone()).await {
                Ok(done) => Ok(done.into_state()),
                Err(ExecuteError::Rejected(refusal)) => Err(refusal),
                Err(trouble) => panic!("{command:?} on {id}: {trouble}"),
            };
            assert_eq!(done, outcome(before.clone(), command));
            before = done.unwrap_or(before);
        }
    }
    let injected = store.injected();
    assert!(
        injected.failed_before > 0 && injected.failed_after > 0,
        "the store never failed: {injected:?}"
    );
}

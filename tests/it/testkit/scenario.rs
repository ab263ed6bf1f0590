//! Scenarios pass when they hold, and say what was wrong when they do not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use freehold::testkit::given;
use freehold::{Aggregate, Event};
use serde::{Deserialize, Serialize};

// Neither `PartialEq` nor `Debug`: a scenario needs neither.
#[derive(Serialize, Deserialize)]
enum Payment {
    Opened,
    Received {
        euros: i64,
    },
    Sent {
        euros: i64,
        to: String,
    },
    #[serde(serialize_with = "refuse")]
    Unspeakable(#[serde(default)] ()),
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field by reference")]
fn refuse<S: serde::Serializer>((): &(), _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("it cannot be said"))
}

impl Event for Payment {
    const CATEGORY: &'static str = "account";
}

#[derive(Debug, PartialEq)]
enum Refusal {
    NotOpen,
    Overdrawn { missing: i64 },
}

#[derive(Clone, Default)]
struct Account {
    open: bool,
    euros: i64,
}

impl Aggregate for Account {
    type Event = Payment;

    fn apply(&mut self, event: &Payment) {
        match event {
            Payment::Opened => self.open = true,
            Payment::Received { euros } => self.euros += euros,
            Payment::Sent { euros, .. } => self.euros -= euros,
            Payment::Unspeakable(()) => {}
        }
    }
}

impl Account {
    fn send(&self, euros: i64) -> Result<Vec<Payment>, Refusal> {
        if !self.open {
            return Err(Refusal::NotOpen);
        }
        if euros > self.euros {
            return Err(Refusal::Overdrawn { missing: euros - self.euros });
        }
        Ok(vec![Payment::Sent { euros, to: "bob".into() }])
    }
}

fn rich() -> [Payment; 2] {
    [Payment::Opened, Payment::Received { euros: 70 }]
}

fn sent(euros: i64, to: &str) -> Payment {
    Payment::Sent { euros, to: to.into() }
}

/// What a scenario says when it fails.
fn complaint(scenario: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(scenario)).expect_err("the scenario was to fail");
    let text = panic.downcast_ref::<String>().cloned();
    text.or(panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap()
}

#[test]
fn scenarios_that_hold_pass() {
    given(rich())
        .when(|account: &Account| account.send(30))
        .then([sent(30, "bob")])
        .then_state(|account| assert_eq!((account.open, account.euros), (true, 40)));
    given([]).when(|account: &Account| account.send(1)).then_error(Refusal::NotOpen);
    given(rich())
        .when(|account: &Account| account.send(71))
        .then_rejected(|error| matches!(error, Refusal::Overdrawn { missing: 1 }))
        .then_state(|account| assert_eq!(account.euros, 70));
    given(rich()).when(|_: &Account| Ok::<_, Refusal>(vec![])).then_nothing();
}

#[test]
fn other_events_are_shown_beside_those_expected() {
    let text = complaint(|| {
        given(rich())
            .when(|_: &Account| Ok::<_, Refusal>(vec![Payment::Opened, sent(30, "bob")]))
            .then([Payment::Opened, sent(31, "bob"), Payment::Opened]);
    });
    assert_eq!(
        text,
        concat!(
            "other events than expected (- expected, + decided):\n",
            "  Opened {}\n",
            "- Sent {\"euros\":31,\"to\":\"bob\"}\n",
            "- Opened {}\n",
            "+ Sent {\"euros\":30,\"to\":\"bob\"}\n",
        )
    );
}

#[test]
fn one_value_that_differs_fails() {
    let text = complaint(|| {
        given(rich()).when(|a: &Account| a.send(30)).then([sent(31, "bob")]);
    });
    assert!(
        text.contains(r#"- Sent {"euros":31"#) && text.contains(r#"+ Sent {"euros":30"#),
        "{text}"
    );
}

#[test]
fn too_few_and_too_many_events_fail() {
    let two = |_: &Account| Ok::<_, Refusal>(vec![Payment::Opened, Payment::Opened]);
    assert!(
        complaint(|| drop(given([]).when(two).then([Payment::Opened]))).contains("+ Opened {}")
    );
    assert!(
        complaint(|| drop(given([]).when(two).then_nothing())).contains("+ Opened {}\n+ Opened {}")
    );
    let none = |_: &Account| Ok::<_, Refusal>(vec![]);
    assert!(
        complaint(|| drop(given([]).when(none).then([Payment::Opened]))).contains("- Opened {}")
    );
}

#[test]
fn an_unexpected_refusal_is_named_beside_what_was_expected() {
    let text = complaint(|| {
        given([]).when(|account: &Account| account.send(30)).then([sent(30, "bob")]);
    });
    assert!(
        text.contains("NotOpen") && text.contains(r#"- Sent {"euros":30,"to":"bob"}"#),
        "{text}"
    );
    let text = complaint(|| drop(given([]).when(|a: &Account| a.send(30)).then_nothing()));
    assert!(text.contains("NotOpen") && text.contains("(no events)"), "{text}");
}

#[test]
fn another_refusal_and_a_missing_one_are_told_apart() {
    let other = complaint(|| {
        given(rich()).when(|a: &Account| a.send(80)).then_error(Refusal::NotOpen);
    });
    assert_eq!(other, "refused with Overdrawn { missing: 10 }, expected NotOpen");
    let unfit =
        complaint(|| drop(given([]).when(|a: &Account| a.send(80)).then_rejected(|_| false)));
    assert!(unfit.contains("NotOpen"), "{unfit}");
    let accepted = complaint(|| {
        given(rich()).when(|a: &Account| a.send(30)).then_error(Refusal::NotOpen);
    });
    assert!(accepted.contains("expected NotOpen"), "{accepted}");
    assert!(accepted.contains(r#"+ Sent {"euros":30,"to":"bob"}"#), "{accepted}");
}

#[test]
fn an_event_that_cannot_be_recorded_fails_wherever_it_stands() {
    let past = complaint(|| {
        let _ = given([Payment::Unspeakable(())]).when(|a: &Account| a.send(1));
    });
    assert!(past.contains("cannot be recorded"), "{past}");
    let decided = complaint(|| {
        given([])
            .when(|_: &Account| Ok::<_, Refusal>(vec![Payment::Unspeakable(())]))
            .then([Payment::Opened]);
    });
    assert!(decided.contains("cannot be recorded"), "{decided}");
}

#[test]
fn a_state_that_is_not_as_expected_fails() {
    let text = complaint(|| {
        given(rich())
            .when(|a: &Account| a.send(30))
            .then_state(|a| assert_eq!(a.euros, 70, "the rest"));
    });
    assert!(text.contains("the rest"), "{text}");
}

//! What is in the log: six payments to two accounts, of which one is spoilt.

use std::convert::Infallible;
use std::error::Error;
use std::sync::LazyLock;

use freehold::event::{EventError, Misfit, Upcasts};
use freehold::{Aggregate, Event, EventStore, Repository, Token};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Entry {
    Paid { cents: i64 },
    Closed,
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";

    fn upcasts() -> &'static Upcasts<Self> {
        static UPCASTS: LazyLock<Upcasts<Entry>> = LazyLock::new(|| {
            let paid = |euros: i64| {
                let cents = euros.checked_mul(100).ok_or("more than there is")?;
                Ok(Entry::Paid { cents })
            };
            let settled = |cents: i64| {
                if cents < 0 {
                    return Err("nobody settles a debt so".into());
                }
                Ok([Entry::Paid { cents }, Entry::Closed])
            };
            Upcasts::builder()
                .rename("Paid.v0", "Paid.v1")
                .replace("Paid.v1", paid)
                .split("Settled", settled)
                .drop("Viewed", "who has looked is no fact of an account")
                .build()
        });
        &UPCASTS
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) cents: i64,
    pub(crate) closed: u64,
}

impl Aggregate for Account {
    type Event = Entry;

    fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Paid { cents } => self.cents += cents,
            Entry::Closed => self.closed += 1,
        }
    }
}

impl Account {
    #[allow(clippy::unnecessary_wraps, reason = "a command may be refused, and this one never is")]
    pub(crate) fn pay(cents: i64) -> Result<Vec<Entry>, Infallible> {
        Ok(vec![Entry::Paid { cents }])
    }
}

/// Where the spoilt record is: the second of `account-a`.
pub(crate) const POSITION: u64 = 3;

/// Six payments: 1, 10, 2, 20, 3 and 30 cents, to `a` and `b` in turns.
pub(crate) async fn six<S: EventStore + Clone>(store: &S) -> Token {
    let accounts = Repository::<Account>::new(store.clone());
    let mut token = None;
    for cents in 1..=3 {
        for (id, cents) in [("a", cents), ("b", 10 * cents)] {
            token = accounts.execute(id, |_| Account::pay(cents)).await.unwrap().token();
        }
    }
    token.unwrap()
}

/// What is put in the place of the record, and what is wrong with it.
pub(crate) const DAMAGES: [(&str, &[u8], Misfit); 7] = [
    ("Paid", b"nonsense", Misfit::Json),
    ("Paid", b"{\"cents\":", Misfit::Json),
    ("Paid", b"\xff\xfe\x00", Misfit::Json),
    ("Paid", b"{}", Misfit::Content),
    ("Paid.later", b"{\"cents\":2}", Misfit::Name),
    ("Paid.v0", b"9223372036854775807", Misfit::Upcast),
    ("Settled", b"-1", Misfit::Upcast),
];

/// What the record was.
pub(crate) const SOUND: (&str, &[u8]) = ("Paid", b"{\"cents\":2}");

/// That an error is of the spoilt record.
pub(crate) fn assert_names_the_place(error: &EventError, misfit: Misfit) {
    let EventError::Decode { stream, version, position, misfit: found, .. } = error else {
        panic!("{error:?}")
    };
    let place = (stream.as_str(), version.get(), position.get());
    assert_eq!((place, *found), (("account-a", 2, POSITION), misfit), "{error}");
}

/// An error, and what it comes from.
pub(crate) fn causes<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    let (mut causes, mut next) = (Vec::new(), Some(error));
    while let Some(error) = next {
        causes.push(error);
        next = error.source();
    }
    causes
}

/// That one of the causes of an error is that, and that it can be reached by its type.
pub(crate) fn assert_is_caused_by_it(error: &(dyn Error + 'static), misfit: Misfit) {
    let cause = causes(error).into_iter().find_map(|cause| cause.downcast_ref::<EventError>());
    let Some(cause) = cause else { panic!("{error:?}") };
    assert_names_the_place(cause, misfit);
}

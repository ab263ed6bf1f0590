//! The calls, as chance draws them: places and versions are resolved when the model's state is known.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

/// The streams that the calls are about: few, so that they meet.
pub(super) const STREAMS: [(&str, &str); 5] =
    [("a", "1"), ("a", "2"), ("ab", "1"), ("b", "\u{e9}-1"), ("c", "1")];
/// The categories to filter by; nobody writes to the last.
pub(super) const CATEGORIES: [&str; 5] = ["a", "ab", "b", "c", "never"];
/// How many different inbox keys there are.
pub(super) const MESSAGES: u8 = 4;

/// One call.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Commit(NewCommit),
    /// An earlier commit, accepted or not, once more; with other expectations if there are any.
    Again {
        earlier: Index,
        expect: Option<Expect>,
    },
    /// The events of an earlier commit with something changed.
    Reuse {
        earlier: Index,
        change: Change,
    },
    ReadStream {
        stream: usize,
        from: Start,
        limit: usize,
    },
    ReadAll {
        after: Index,
        beyond: u64,
        categories: Option<Vec<usize>>,
        limit: usize,
    },
    OutcomeOfEvent {
        earlier: Index,
        event: Index,
    },
    OutcomeOfMessage(u8),
    Changed {
        after: Index,
    },
    Reopen,
}

#[derive(Clone, Debug)]
pub(super) struct NewCommit {
    /// A stream that is drawn twice counts once.
    pub(super) appends: Vec<NewAppend>,
    pub(super) checks: Vec<(usize, Expect)>,
    pub(super) inbox: Option<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct NewAppend {
    pub(super) stream: usize,
    pub(super) expect: Expect,
    pub(super) events: usize,
    /// Whether the last of the events closes the stream.
    pub(super) closes: bool,
}

/// What a writer expects, seen from where the stream is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    Any,
    NoStream,
    StreamExists,
    /// The version it is at.
    Right,
    /// So many versions further on.
    Ahead(u64),
    /// So many versions before.
    Behind(u64),
}

/// What differs when ids are used again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Data,
    Name,
    Metadata,
    /// All events go to the next stream.
    Stream,
    /// One new event more.
    More,
    /// The last event is left out.
    Fewer,
    /// The inbox key and the checks are left out.
    EventsOnly,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    After(u64),
    Before(u64),
    End,
}

fn expectations() -> impl Strategy<Value = Expect> + Clone {
    prop_oneof![
        3 => Just(Expect::Any),
        5 => Just(Expect::Right),
        1 => Just(Expect::NoStream),
        1 => Just(Expect::StreamExists),
        1 => (1..3_u64).prop_map(Expect::Ahead),
        1 => (1..3_u64).prop_map(Expect::Behind),
    ]
}

fn new_appends() -> impl Strategy<Value = NewAppend> {
    // Seldom: in the end of most sequences, some streams are closed and the others still go on.
    (0..STREAMS.len(), expectations(), 1..4_usize, weighted(0.08))
        .prop_map(|(stream, expect, events, closes)| NewAppend { stream, expect, events, closes })
}

fn new_commits() -> impl Strategy<Value = NewCommit> {
    let stream = 0..STREAMS.len();
    let appends = vec(new_appends(), 1..4);
    let checks = vec((stream, expectations()), 0..3);
    let inbox = option::weighted(0.25, 0..MESSAGES);
    let eventless = (checks.clone(), inbox.clone()).prop_map(|(checks, inbox)| NewCommit {
        appends: Vec::new(),
        checks,
        inbox,
    });
    let usual = (appends, prop_oneof![2 => Just(Vec::new()), 1 => checks], inbox)
        .prop_map(|(appends, checks, inbox)| NewCommit { appends, checks, inbox });
    prop_oneof![9 => usual, 1 => eventless]
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Data),
        Just(Change::Name),
        Just(Change::Metadata),
        Just(Change::Stream),
        Just(Change::More),
        Just(Change::Fewer),
        Just(Change::EventsOnly),
    ]
}

fn calls() -> impl Strategy<Value = Call> {
    let from = prop_oneof![
        (0..9_u64).prop_map(Start::After),
        (0..9_u64).prop_map(Start::Before),
        Just(Start::End)
    ];
    let limit = prop_oneof![1..6_usize, Just(100), Just(usize::MAX)];
    let categories = option::of(vec(0..CATEGORIES.len(), 0..3));
    let beyond = prop_oneof![4 => Just(0), 1 => 1..3_u64];
    prop_oneof![
        8 => new_commits().prop_map(Call::Commit),
        3 => (any::<Index>(), option::weighted(0.3, expectations()))
            .prop_map(|(earlier, expect)| Call::Again { earlier, expect }),
        3 => (any::<Index>(), changes()).prop_map(|(earlier, change)| Call::Reuse { earlier, change }),
        3 => (0..STREAMS.len(), from, limit.clone())
            .prop_map(|(stream, from, limit)| Call::ReadStream { stream, from, limit }),
        3 => (any::<Index>(), beyond, categories, limit).prop_map(|(after, beyond, categories, limit)| {
            Call::ReadAll { after, beyond, categories, limit }
        }),
        2 => (any::<Index>(), any::<Index>())
            .prop_map(|(earlier, event)| Call::OutcomeOfEvent { earlier, event }),
        1 => (0..MESSAGES).prop_map(Call::OutcomeOfMessage),
        1 => any::<Index>().prop_map(|after| Call::Changed { after }),
        1 => Just(Call::Reopen),
    ]
}

/// A sequence of calls.
pub(super) fn sequences() -> impl Strategy<Value = Vec<Call>> {
    vec(calls(), 1..50)
}

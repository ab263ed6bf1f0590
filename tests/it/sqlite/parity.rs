//! Commits of every shape, answered by a file as memory answers them: what is looked at first decides which error a
//! caller sees.

use freehold::backend::memory::MemoryStore;
use freehold::{
    Advance, Claim, Commit, CommitError, Epoch, EventStore, ExpectedVersion, InboxKey, Lease,
    Leases, LogId, Position, RowPage, RowStore, RowsWanted, Store, StreamVersion,
};
use uuid::Uuid;

use super::{File, event, key, name, owner, set, stream};

const COMMITS: usize = 1_500;

/// What a draw says of a commit, so that two stores can be given the very same.
fn drawn(random: &mut fastrand::Rng, known: &[&str]) -> Commit {
    let mut commit = Commit::new();
    for to in ["a", "b"] {
        if random.u8(..3) == 0 {
            let expected = match random.u8(..4) {
                0 => ExpectedVersion::NoStream,
                1 => StreamVersion::new(random.u64(..4)).into(),
                _ => ExpectedVersion::Any,
            };
            let first = random.u128(..60);
            let events = (0..random.u128(1..3)).map(|n| event(first + n));
            commit = commit.append(&stream(to), expected, events);
        }
    }
    if random.u8(..6) == 0 {
        commit = commit.check(&stream("c"), ExpectedVersion::NoStream);
    }
    if random.u8(..6) == 0 {
        let message = random.u8(..20).to_string();
        commit = commit.inbox(InboxKey::new("tests", &message).unwrap());
    }
    for at in ["1", "2"] {
        if random.u8(..3) == 0 {
            let set = set(known[random.usize(..known.len())]);
            let value = freehold::RowValue::of(&random.u16(..)).unwrap();
            let row = freehold::RowWrite::put(&set, &key(at), value);
            let delete = freehold::RowWrite::delete(&set, &key(at));
            commit = commit.rows([if random.u8(..4) == 0 { delete } else { row }]);
        }
    }
    commit
}

/// A step of the job, as its holder, somebody late, or somebody confused would take it.
fn step(random: &mut fastrand::Rng, at: u64, epoch: u64) -> Advance {
    let epoch = if random.u8(..6) == 0 { random.u64(..3) } else { epoch };
    let back = if random.u8(..3) == 0 { at.min(random.u64(..3)) } else { 0 };
    let from = at - back;
    let to = if back > 0 { at } else { from + random.u64(1..3) };
    let log = LogId::new(Uuid::from_u128(u128::from(random.u8(..2))));
    let lease = Lease::new(name("job"), Epoch::new(epoch));
    Advance::new(lease, log, Position::new(from), Position::new(to))
}

/// All of an answer but the id of the log, which each store draws for itself.
fn told(answer: Result<freehold::Committed, CommitError>) -> String {
    match answer {
        Ok(done) => {
            let token = done.token().position();
            format!("{:?} {:?} {token} {}", done.versions(), done.positions(), done.is_duplicate())
        }
        Err(CommitError::Backend(error)) => format!("{:?}", error.fault()),
        // Of several ids that are taken, any may be named.
        Err(CommitError::IdReused(_)) => "IdReused".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

async fn all(store: &dyn RowStore, of: &str) -> RowPage {
    let wanted = RowsWanted::Page { prefix: "".into(), after: None, limit: 99 };
    store.rows(&set(of), &wanted, Some(&name("job"))).await.unwrap()
}

#[tokio::test]
async fn commits_of_every_shape_are_answered_as_in_memory() {
    let file = File::new();
    let (sqlite, memory) = (file.store().await, MemoryStore::new());
    let mut random = fastrand::Rng::with_seed(7);
    for of in ["x", "y"] {
        sqlite.prepare(&set(of)).await.unwrap();
        memory.prepare(&set(of)).await.unwrap();
    }
    let (mut epoch, mut kinds) = (0, std::collections::BTreeMap::<String, usize>::new());
    for n in 0..COMMITS {
        // Before the first claim, somebody writes under a lease that was never granted.
        if n % 300 == 150 {
            let time = std::time::Duration::from_hours(1);
            let claims = [
                sqlite.claim(&name("job"), owner(1), time).await.unwrap(),
                memory.claim(&name("job"), owner(1), time).await.unwrap(),
            ];
            assert_eq!(claims[0], claims[1]);
            let Claim::Granted(lease) = &claims[0] else { panic!("{claims:?}") };
            epoch = lease.epoch().get();
        }
        let mut commit = drawn(&mut random, &["x", "x", "y", "y", "y", "unprepared"]);
        if random.u8(..2) == 0 {
            let state = memory.lease(&name("job")).await.unwrap();
            let mut advance = step(&mut random, 0, epoch);
            let at = state.checkpoint(advance.log).get();
            let moved = step(&mut random, at, epoch);
            (advance.lease, advance.from, advance.to) = (moved.lease, moved.from, moved.to);
            commit = commit.advance(advance);
        }
        let shape = format!("{commit:?}");
        let expected = told(memory.commit(commit.clone()).await);
        assert_eq!(told(sqlite.commit(commit).await), expected, "{n}: {shape}");
        let kind: String = expected.chars().take_while(|c| c.is_alphabetic()).collect();
        *kinds.entry(kind).or_default() += 1;
    }
    for of in ["x", "y"] {
        assert_eq!(all(&sqlite, of).await, all(&memory, of).await);
    }
    assert_eq!(sqlite.head().await.unwrap(), memory.head().await.unwrap());
    for kind in ["Conflict", "Fenced", "IdReused", "Missing"] {
        assert!(kinds.get(kind).is_some_and(|times| *times > 9), "{kinds:?}");
    }
}

//! N1 to N6: the keys of data subjects, and Q1: chance.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::SubjectKeysHarness;
use super::kit::{Log, all, append, rounds, stream, within};
use crate::ports::{CommitError, Entropy, SubjectKeys};
use crate::types::{
    Commit, Committed, DataSubject, ExpectedVersion::Any, ExpectedVersion::NoStream, KeyId,
    KeyRing, NewKey, SubjectKey,
};

/// A handle, with calls that must not fail.
#[derive(Clone, Debug)]
struct Keys(Arc<dyn SubjectKeys>);

impl Keys {
    async fn open(h: &dyn SubjectKeysHarness, log: &str) -> Self {
        Self(within("opening keys", h.open(log)).await)
    }

    async fn rings(&self, subjects: &[DataSubject]) -> Vec<KeyRing> {
        let rings = within("reading keys", self.0.rings(subjects)).await;
        let rings = rings.expect("keys can be read");
        assert_eq!(rings.len(), subjects.len(), "a ring for each subject");
        rings
    }

    async fn ring(&self, name: &str) -> KeyRing {
        let [ring] =
            <[KeyRing; 1]>::try_from(self.rings(&[subject(name)]).await).expect("one ring");
        ring
    }

    async fn add(&self, keys: Vec<NewKey>) -> Vec<KeyRing> {
        let count = keys.len();
        let rings = within("adding keys", self.0.add(keys)).await.expect("keys can be added");
        assert_eq!(rings.len(), count, "a ring for each key that was to be added");
        rings
    }

    async fn forget(&self, name: &str, with: Commit) -> Result<Committed, CommitError> {
        within("forgetting", self.0.forget(&subject(name), with)).await
    }

    async fn forget_alone(&self, name: &str) {
        let done = self.forget(name, Commit::new()).await.expect("a subject can be forgotten");
        assert!(done.versions().is_empty(), "an empty commit writes nothing");
    }
}

fn subject(name: &str) -> DataSubject {
    DataSubject::new(name).expect("the suite's subjects are well formed")
}

/// The key that belongs to `n`: all its bytes differ.
fn key(n: u8) -> SubjectKey {
    let mut next = n.wrapping_mul(37);
    SubjectKey::new(std::array::from_fn(|_| {
        next = next.wrapping_add(7);
        next
    }))
}

fn new(name: &str, id: u32, n: u8) -> NewKey {
    NewKey { subject: subject(name), id: KeyId::new(id), key: key(n) }
}

fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::Keys(keys.iter().copied().map(key).collect())
}

/// N1: what was added is there, in the order of the ids, whether it was added one by one or together.
pub async fn n01_a_ring_holds_the_keys_that_were_added(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n01_ring").await;
    assert_eq!(keys.ring("nobody").await, KeyRing::EMPTY);
    assert_eq!(keys.add(vec![new("a", 1, 1), new("b", 1, 2)]).await, [ring(&[1]), ring(&[2])]);
    assert_eq!(keys.add(vec![new("a", 2, 0)]).await, [ring(&[1, 0])]);
    let both = keys.add(vec![new("c", 1, 200), new("c", 2, 3)]).await;
    assert_eq!(both, [ring(&[200, 3]), ring(&[200, 3])], "two keys of one subject at once");
    let other = Keys::open(h, "n01_ring").await;
    for (name, expected) in [("a", ring(&[1, 0])), ("b", ring(&[2])), ("c", ring(&[200, 3]))] {
        assert_eq!(other.ring(name).await, expected, "{name}");
    }
}

/// N1: subjects that look alike are told apart.
pub async fn n01_subjects_are_told_apart(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n01_apart").await;
    let longest = "x".repeat(190);
    let names = ["a", "A", "a ", "ä", "a\u{308}", "a'", "a%", "a_", "a/b", &longest];
    for (n, name) in (1..).zip(names) {
        keys.add(vec![new(name, 1, n)]).await;
    }
    for (n, name) in (1..).zip(names) {
        assert_eq!(keys.ring(name).await, ring(&[n]), "{name:?}");
    }
}

/// N1: rings come as they were asked for, those of nobody and of who is asked for twice included.
pub async fn n01_rings_come_in_the_order_of_asking(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n01_order").await;
    keys.add(vec![new("b", 1, 2), new("a", 1, 1)]).await;
    keys.forget_alone("c").await;
    let asked = ["c", "b", "x", "a", "b"].map(subject);
    let expected = [KeyRing::Forgotten, ring(&[2]), KeyRing::EMPTY, ring(&[1]), ring(&[2])];
    assert_eq!(keys.rings(&asked).await, expected);
    assert_eq!(keys.rings(&[]).await, []);
}

/// N2: a key whose id is not the next one is not kept, and the answer says what is.
pub async fn n02_only_the_next_key_is_added(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n02_next").await;
    assert_eq!(
        keys.add(vec![new("a", 2, 9)]).await,
        [KeyRing::EMPTY],
        "the second before the first"
    );
    assert_eq!(keys.add(vec![new("a", 1, 1)]).await, [ring(&[1])]);
    for id in [0, 1, 3] {
        assert_eq!(keys.add(vec![new("a", id, 9)]).await, [ring(&[1])], "key {id} behind key 1");
    }
    assert_eq!(keys.add(vec![new("a", 2, 2)]).await, [ring(&[1, 2])]);
    assert_eq!(keys.ring("a").await, ring(&[1, 2]));
}

/// N2: of many who add a key of one id at once, one does, and all are told which.
pub async fn n02_of_racing_keys_one_is_added(h: &dyn SubjectKeysHarness) {
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(Keys::open(h, "n02_race").await);
    }
    for round in 0..rounds(10, 100) {
        let name = format!("subject {}", round / 2);
        let id = 1 + round % 2;
        let (mut tasks, begin) = (JoinSet::new(), Arc::new(Barrier::new(8)));
        for n in 0..8_u8 {
            let (keys, begin) = (handles[usize::from(n) % 4].clone(), Arc::clone(&begin));
            let new = new(&name, id, n + 10 * u8::try_from(id).expect("a small id"));
            tasks.spawn(async move {
                begin.wait().await;
                keys.add(vec![new]).await
            });
        }
        let answers = all("adding keys", tasks).await;
        let kept = handles[0].ring(&name).await;
        assert_eq!(kept.newest().map(|(newest, _)| newest.get()), Some(id), "one key of the id");
        for answer in answers {
            assert_eq!(answer, std::slice::from_ref(&kept), "what one of those who raced was told");
        }
    }
}

/// N3: an acknowledged key is there when nobody has had the keys open meanwhile.
pub async fn n03_a_key_is_there_after_reopening(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n03_there").await;
    keys.add(vec![new("a", 1, 1), new("b", 1, 2)]).await;
    keys.add(vec![new("a", 2, 3)]).await;
    drop(keys);
    let keys = Keys::open(h, "n03_there").await;
    let rings = keys.rings(&["a", "b"].map(subject)).await;
    assert_eq!(rings, [ring(&[1, 3]), ring(&[2])]);
}

/// N4: who was forgotten has no key, whoever looks, and nobody else was.
pub async fn n04_a_forgotten_ring_has_no_key(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n04_forgotten").await;
    let other = Keys::open(h, "n04_forgotten").await;
    keys.add(vec![new("a", 1, 1), new("b", 1, 2), new("c", 1, 3)]).await;
    keys.add(vec![new("a", 2, 4)]).await;
    for name in ["a", "c", "never heard of", "a"] {
        keys.forget_alone(name).await;
        for handle in [&keys, &other] {
            assert_eq!(handle.ring(name).await, KeyRing::Forgotten, "{name}");
            assert_eq!(handle.ring("b").await, ring(&[2]), "who was not forgotten");
        }
    }
    drop((keys, other));
    let keys = Keys::open(h, "n04_forgotten").await;
    let rings = keys.rings(&["a", "b", "c", "never heard of"].map(subject)).await;
    let gone = KeyRing::Forgotten;
    assert_eq!(rings, [gone.clone(), ring(&[2]), gone.clone(), gone], "after reopening");
}

/// N5: who was forgotten gets no key again, also if it is added at the same time.
pub async fn n05_a_forgotten_subject_gets_no_key(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n05_final").await;
    keys.add(vec![new("a", 1, 1)]).await;
    for name in ["a", "unknown"] {
        keys.forget_alone(name).await;
        for id in [1, 2] {
            let answer = keys.add(vec![new(name, id, 9)]).await;
            assert_eq!(answer, [KeyRing::Forgotten], "{name}: key {id}");
        }
        assert_eq!(keys.ring(name).await, KeyRing::Forgotten, "{name}");
    }
    for round in 0..rounds(20, 200) {
        let name = format!("subject {round}");
        let (adds, forgets) = (keys.clone(), Keys::open(h, "n05_final").await);
        let new = new(&name, 1, 1);
        let (added, ()) = tokio::join!(adds.add(vec![new]), forgets.forget_alone(&name));
        assert!([KeyRing::Forgotten, ring(&[1])].contains(&added[0]), "{added:?}");
        assert_eq!(keys.ring(&name).await, KeyRing::Forgotten, "in round {round}");
    }
}

/// N6: if the commit is refused, the subject has its keys as before.
pub async fn n06_a_refused_commit_forgets_nothing(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n06_refused").await;
    let Some(log) = h.events("n06_refused").await.map(Log) else { return };
    keys.add(vec![new("a", 1, 1)]).await;
    log.commit(append(&stream("taken"), NoStream, &["first"])).await;
    let refused = keys.forget("a", append(&stream("taken"), NoStream, &["second"])).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    assert_eq!(keys.ring("a").await, ring(&[1]), "the commit was refused");
    assert_eq!(log.feed().await.len(), 1, "what was refused is not written");
}

/// N6: the commit has happened when the subject is forgotten.
pub async fn n06_forgetting_and_its_commit_happen_together(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n06_together").await;
    let Some(log) = h.events("n06_together").await.map(Log) else { return };
    keys.add(vec![new("a", 1, 1)]).await;
    let done = keys.forget("a", append(&stream("told"), NoStream, &["gone"])).await;
    let done = done.expect("a subject can be forgotten with a commit");
    assert_eq!((done.is_duplicate(), done.versions().len()), (false, 1));
    assert_eq!(keys.ring("a").await, KeyRing::Forgotten);
    let feed = log.feed().await;
    assert_eq!(feed.len(), 1, "the commit has happened");
    assert_eq!(done.token().position(), feed[0].position(), "the token is at the commit");
}

/// N6: a commit that had happened before is answered so, and the subject is forgotten.
pub async fn n06_a_repeated_commit_forgets(h: &dyn SubjectKeysHarness) {
    let keys = Keys::open(h, "n06_repeated").await;
    let Some(log) = h.events("n06_repeated").await.map(Log) else { return };
    keys.add(vec![new("a", 1, 1)]).await;
    let commit = append(&stream("told"), Any, &["gone"]);
    log.commit(commit.clone()).await;
    for again in 0..2 {
        let done = keys.forget("a", commit.clone()).await.expect("a repetition is answered");
        assert!(done.is_duplicate(), "the {again}. time");
        assert_eq!(keys.ring("a").await, KeyRing::Forgotten, "the {again}. time");
    }
    assert_eq!(log.feed().await.len(), 1, "it has happened once");
}

/// Q1: many drawings, of several lengths, and none begins as another does.
pub fn q01_nothing_is_drawn_twice(entropy: &Arc<dyn Entropy>) {
    let drawing: Vec<_> = (0..4)
        .map(|_| {
            let entropy = Arc::clone(entropy);
            std::thread::spawn(move || {
                let draw = |n: usize| {
                    let mut bytes = vec![0; [16, 24, 32][n % 3]];
                    entropy.fill(&mut bytes).expect("there is chance to be had");
                    bytes.truncate(16);
                    bytes
                };
                (0..3_000).map(draw).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut drawn = HashSet::new();
    for thread in drawing {
        for bytes in thread.join().expect("drawing does not panic") {
            assert!(drawn.insert(bytes), "the same was drawn twice");
        }
    }
}

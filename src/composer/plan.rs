//! What was asked to compose an answer, in which order, and how long it took.

use std::fmt;
use std::time::Duration;

/// What was asked to compose an answer, in which rounds, how long it took, and what did not have to be asked twice.
///
/// It is data for tests, which say of a query how many rounds and calls it may take, and text for people: a table as
/// [`Display`](fmt::Display), a sequence diagram by [`mermaid`](Self::mermaid). It names sources and counts keys; it shows
/// neither keys nor values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub(super) calls: Vec<PlannedCall>,
    pub(super) asked: Vec<Asked>,
    pub(super) took: Duration,
}

/// One call of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedCall {
    /// The source.
    pub source: &'static str,
    /// In which round it went out, counted from 1: after answers of the round before.
    pub round: usize,
    /// For how many keys.
    pub keys: usize,
    /// How many of them were found.
    pub found: usize,
    /// How many of them got no answer.
    pub failed: usize,
    /// How often the source was asked for this; 0 if it was not, since it is left alone or too many wait for it.
    pub attempts: u32,
    /// How long after the begin of the composition it went out.
    pub after: Duration,
    /// How long it took with all its attempts; `None` if nobody waited for its end.
    pub took: Option<Duration>,
}

/// How often a source was asked for keys, whatever came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) source: &'static str,
    pub(super) keys: usize,
    pub(super) deduplicated: usize,
}

impl Plan {
    /// The calls, in the order in which they went out.
    #[must_use]
    pub fn all_calls(&self) -> &[PlannedCall] {
        &self.calls
    }

    /// How many rounds there were: how often somebody had to wait for an answer before more could be asked.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.calls.iter().map(|call| call.round).max().unwrap_or(0)
    }

    /// How many calls a source got.
    #[must_use]
    pub fn calls(&self, source: &str) -> usize {
        self.calls.iter().filter(|call| call.source == source).count()
    }

    /// For how many keys a source was called.
    #[must_use]
    pub fn keys(&self, source: &str) -> usize {
        self.calls.iter().filter(|call| call.source == source).map(|call| call.keys).sum()
    }

    /// How often a key of a source was asked for that had been asked for before.
    #[must_use]
    pub fn deduplicated(&self, source: &str) -> usize {
        let of_source = self.asked.iter().filter(|asked| asked.source == source);
        of_source.map(|asked| asked.deduplicated).sum()
    }

    /// How long the composition took.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// A sequence diagram in the language of Mermaid.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut lines =
            vec!["sequenceDiagram".to_owned(), "    participant c as composition".into()];
        for round in 1..=self.rounds() {
            lines.push(format!("    note over c: round {round}"));
            for call in self.calls.iter().filter(|call| call.round == round) {
                let PlannedCall { source, keys, found, .. } = call;
                lines.push(format!("    c->>{source}: {}", counted(*keys, "key")));
                lines.push(match call.took {
                    Some(took) => format!("    {source}-->>c: {found} found, {}", millis(took)),
                    None => format!("    {source}--xc: not waited for"),
                });
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.calls.iter().map(|call| call.source.len()).max().unwrap_or(0).max(6);
        let heads = ["keys", "found", "failed", "attempts", "after", "took"];
        write!(f, "round  {:longest$}", "source")?;
        heads.iter().try_for_each(|head| write!(f, "  {head:>8}"))?;
        writeln!(f)?;
        for call in &self.calls {
            write!(f, "{:>5}  {:longest$}", call.round, call.source)?;
            let took = call.took.map_or_else(|| "-".to_owned(), millis);
            write!(f, "  {:>8}  {:>8}  {:>8}", call.keys, call.found, call.failed)?;
            writeln!(f, "  {:>8}  {:>8}  {took:>8}", call.attempts, millis(call.after))?;
        }
        let keys: usize = self.asked.iter().map(|asked| asked.keys).sum();
        let again: usize = self.asked.iter().map(|asked| asked.deduplicated).sum();
        write!(
            f,
            "{} in {}, ",
            counted(self.calls.len(), "call"),
            counted(self.rounds(), "round")
        )?;
        write!(f, "{} asked for {again} more times, {}", counted(keys, "key"), millis(self.took))
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let call = |source, round, keys, took| PlannedCall {
            source,
            round,
            keys,
            found: keys - 1,
            failed: 0,
            attempts: 1,
            after: Duration::from_millis(round as u64),
            took,
        };
        let took = Some(Duration::from_micros(3_250));
        let asked = Asked { source: "products", keys: 3, deduplicated: 2 };
        Plan {
            calls: vec![call("orders", 1, 1, took), call("products", 2, 3, None)],
            asked: vec![Asked { source: "orders", keys: 1, deduplicated: 0 }, asked],
            took: Duration::from_millis(5),
        }
    }

    #[test]
    fn a_plan_is_a_table_for_people() {
        let table = "\
round  source        keys     found    failed  attempts     after      took
    1  orders           1         0         0         1    1.0 ms    3.2 ms
    2  products         3         2         0         1    2.0 ms         -
2 calls in 2 rounds, 4 keys asked for 2 more times, 5.0 ms";
        assert_eq!(plan().to_string(), table);
    }

    #[test]
    fn a_plan_is_a_diagram() {
        let diagram = "\
sequenceDiagram
    participant c as composition
    note over c: round 1
    c->>orders: 1 key
    orders-->>c: 0 found, 3.2 ms
    note over c: round 2
    c->>products: 3 keys
    products--xc: not waited for
";
        assert_eq!(plan().mermaid(), diagram);
        assert_eq!((plan().calls("products"), plan().deduplicated("products")), (1, 2));
    }
}

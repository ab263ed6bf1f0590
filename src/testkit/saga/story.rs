//! What has happened in a schedule, as a story and as a diagram.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::saga::{Outcome, Way};

/// One thing that has happened.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Call {
        owner: usize,
        step: Arc<str>,
        way: Way,
        goes: Goes,
    },
    Write {
        owner: usize,
        records: Vec<String>,
        fate: Fate,
    },
    TakeOver {
        owner: usize,
        lives_on: bool,
    },
    /// Somebody from outside does something.
    Outside(&'static str),
}

/// How a call goes. What is said in words is what came of it.
#[derive(Clone, Debug)]
pub(super) enum Goes {
    Answers(String),
    AnswerLost(String),
    Lost,
    Fails,
    /// It is on its way for longer than anybody waits.
    Delayed,
    /// It will be there once more.
    Doubled(String),
    /// A call that was on its way arrives.
    Arrives(String),
    /// It is not made, since the test says that it is refused.
    Scripted,
    /// It is not made, since the test leaves it out.
    LeftOut,
}

/// What becomes of what is to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    /// It is written, and only who looks again learns it.
    Unheard,
    /// The owner is stopped before.
    Stopped,
    /// Somebody has written before.
    Refused,
    Misfit,
}

/// What a call has come to, in words.
pub(super) fn outcome(outcome: &Outcome, error: Option<&str>) -> String {
    let with = |what: &str| error.map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"));
    match outcome {
        Outcome::Ok(_) => "done".to_owned(),
        Outcome::Rejected(why) => format!("refused: {}", why.text()),
        Outcome::RejectedInPart(why) => format!("refused in part: {}", why.text()),
        Outcome::Transient => with("nothing came of it"),
        Outcome::Unknown => with("nobody knows"),
        Outcome::Broken(why) => format!("broken: {why}"),
    }
}

const fn deed(way: Way) -> &'static str {
    match way {
        Way::Do => "act",
        Way::Redrive => "act, to learn what came of it",
        Way::Undo => "compensate",
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { owner, step, way, goes } => {
                let deed = deed(*way);
                match goes {
                    Goes::Arrives(out) => {
                        return write!(
                            f,
                            "a call of owner {owner} arrives late: `{step}`, {deed}: {out}"
                        );
                    }
                    _ => write!(f, "owner {owner} calls `{step}`, {deed}: ")?,
                }
                match goes {
                    Goes::Answers(out) | Goes::Arrives(out) => f.write_str(out),
                    Goes::AnswerLost(out) => write!(f, "{out}, but the answer is lost"),
                    Goes::Lost => f.write_str("the call is lost"),
                    Goes::Fails => f.write_str("it cannot be reached"),
                    Goes::Delayed => f.write_str("the call is late, and not waited for"),
                    Goes::Doubled(out) => write!(f, "{out}, and the call will arrive once more"),
                    Goes::Scripted => f.write_str("refused, as the test has it"),
                    Goes::LeftOut => f.write_str("left out, as the test has it"),
                }
            }
            Self::Write { owner, records, fate } => {
                let records = records.join("; ");
                match fate {
                    Fate::Written => write!(f, "owner {owner} writes: {records}"),
                    Fate::Unheard => {
                        write!(f, "owner {owner} writes, and only hears of it later: {records}")
                    }
                    Fate::Stopped => write!(f, "owner {owner} stops before it writes: {records}"),
                    Fate::Refused => write!(f, "owner {owner} may not write: {records}"),
                    Fate::Misfit => write!(f, "owner {owner} must decide again: {records}"),
                }
            }
            Self::TakeOver { owner, lives_on: false } => write!(f, "owner {owner} takes over"),
            Self::TakeOver { owner, lives_on: true } => {
                write!(f, "owner {owner} takes over, and the one before lives on")
            }
            Self::Outside(what) => f.write_str(what),
        }
    }
}

/// The lines as a Mermaid `sequenceDiagram`.
pub(super) fn mermaid(lines: &[Line]) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    let mut steps: Vec<Arc<str>> = Vec::new();
    let mut owners = BTreeSet::new();
    for line in lines {
        match line {
            Line::Call { owner, step, .. } => {
                owners.insert(*owner);
                if !steps.contains(step) {
                    steps.push(Arc::clone(step));
                }
            }
            Line::Write { owner, .. } | Line::TakeOver { owner, .. } => drop(owners.insert(*owner)),
            Line::Outside(_) => {}
        }
    }
    text.push_str("    participant log\n");
    for owner in owners {
        let _ = writeln!(text, "    participant o{owner} as owner {owner}");
    }
    for (n, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "    participant s{n} as {step}");
    }
    for line in lines {
        draw(line, &steps, &mut text);
    }
    text
}

fn draw(line: &Line, steps: &[Arc<str>], text: &mut String) {
    let mut say = |line: String| {
        // These would end a line of the diagram.
        let line = line.replace([';', '#', '\n'], ",");
        let _ = writeln!(text, "    {line}");
    };
    match line {
        Line::Call { owner, step, way, goes } => {
            let (o, deed) = (format!("o{owner}"), deed(*way));
            let s = format!("s{}", steps.iter().position(|other| other == step).unwrap_or(0));
            match goes {
                Goes::Answers(out) => {
                    say(format!("{o}->>{s}: {deed}"));
                    say(format!("{s}-->>{o}: {out}"));
                }
                Goes::AnswerLost(out) => {
                    say(format!("{o}->>{s}: {deed}"));
                    say(format!("{s}--x{o}: {out}, but the answer is lost"));
                }
                Goes::Lost => say(format!("{o}-x{s}: {deed}, but the call is lost")),
                Goes::Fails => say(format!("{o}-x{s}: {deed}, but it cannot be reached")),
                Goes::Delayed => say(format!("{o}-){s}: {deed}, but the call is late")),
                Goes::Doubled(out) => {
                    say(format!("{o}->>{s}: {deed}"));
                    say(format!("{s}-->>{o}: {out}"));
                    say(format!("{o}-){s}: {deed}, once more and late"));
                }
                Goes::Arrives(out) => {
                    say(format!("Note over {s}: the late call arrives, {deed}: {out}"));
                }
                Goes::Scripted => {
                    say(format!("{o}->>{s}: {deed}"));
                    say(format!("{s}-->>{o}: refused, as the test has it"));
                }
                Goes::LeftOut => say(format!("Note over {o}: leaves out {step}, {deed}")),
            }
        }
        Line::Write { owner, records, fate } => {
            let records = records.join(", ");
            match fate {
                Fate::Written => say(format!("o{owner}->>log: {records}")),
                Fate::Unheard => {
                    say(format!("o{owner}->>log: {records}"));
                    say(format!("log--xo{owner}: the answer is lost"));
                }
                Fate::Stopped => say(format!("Note over o{owner}: stops")),
                Fate::Refused => say(format!("o{owner}-xlog: {records}")),
                Fate::Misfit => say(format!("o{owner}-xlog: {records}, which does not fit")),
            }
        }
        Line::TakeOver { owner, .. } => say(format!("o{owner}->>log: takes over")),
        Line::Outside(what) => say(format!("Note over log: {what}")),
    }
}

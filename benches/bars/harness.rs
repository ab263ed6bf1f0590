//! Interleaved runs, medians, verdicts.

use std::io::{Seek, Write};
use std::time::{Duration, Instant};

/// What is compared: our rate, a floor's rate, and how much of it ours must be.
pub(crate) struct Bar<'a> {
    pub(crate) what: &'a str,
    pub(crate) floor: &'a str,
    pub(crate) at_least: f64,
    pub(crate) unit: &'a str,
}

/// Rates of the runs of one subject.
pub(crate) type Rates = Vec<f64>;

/// How many runs there are.
pub(crate) fn runs() -> usize {
    let asked = std::env::var("FREEHOLD_BENCH_RUNS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(5).max(1)
}

/// Runs the subjects in turn, `runs()` times each after one round that does not count. The answers are rates,
/// a list for each subject.
pub(crate) fn interleave(subjects: &mut [&mut dyn FnMut() -> f64]) -> Vec<Rates> {
    let mut rates = vec![Rates::new(); subjects.len()];
    for round in 0..=runs() {
        for (subject, rates) in subjects.iter_mut().zip(&mut rates) {
            let rate = subject();
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    rates
}

/// The same, where each round begins with another subject: what a round does to those that come later in it is borne by
/// all of them alike.
pub(crate) fn rotate(subjects: &mut [&mut dyn FnMut() -> f64]) -> Vec<Rates> {
    let (mut rates, count) = (vec![Rates::new(); subjects.len()], subjects.len());
    for round in 0..=runs() {
        for turn in 0..count {
            let n = (round + turn) % count;
            let rate = subjects[n]();
            if round > 0 {
                rates[n].push(rate);
            }
        }
    }
    rates
}

/// The floor with the best median, and what it is called by.
pub(crate) fn best<'r, N: Copy>(names: &[N], floors: &'r [Rates]) -> (N, &'r Rates) {
    let floors = names.iter().copied().zip(floors);
    let by_median = |(_, rates): &(N, &Rates)| median(&mut (*rates).clone());
    floors.max_by(|a, b| by_median(a).total_cmp(&by_median(b))).unwrap()
}

/// How many a second.
pub(crate) fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// How many a second `work` does, if it does `count`.
pub(crate) fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    rate(count, began.elapsed())
}

impl Bar<'_> {
    /// Prints ratio, bar, and pass or fail. Whether it holds.
    pub(crate) fn judge(&self, ours: &Rates, floor: &Rates) -> bool {
        let holds = self.compare(ours, floor) >= self.at_least;
        println!(", bar {:.2}: {}", self.at_least, if holds { "pass" } else { "FAIL" });
        holds
    }

    /// Prints the ratio to a floor that is no bar, but worth knowing.
    pub(crate) fn tell(&self, ours: &Rates, floor: &Rates) {
        self.compare(ours, floor);
        println!(", no bar");
    }

    fn compare(&self, ours: &Rates, floor: &Rates) -> f64 {
        let mut ratios: Vec<f64> =
            ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect();
        let ratio = median(&mut ratios);
        let (worst, best) = (ratios[0], ratios[ratios.len() - 1]);
        print!(
            "{}: {:.0} {unit}, {}: {:.0} {unit}\n    ratio {ratio:.2} (of {} runs, {worst:.2} to {best:.2})",
            self.what,
            median(&mut ours.clone()),
            self.floor,
            median(&mut floor.clone()),
            ratios.len(),
            unit = self.unit,
        );
        ratio
    }
}

/// Sorts, and takes the middle.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// How long the disk is asked for its mood.
const SYNCS: Duration = Duration::from_millis(500);

/// How often a second the disk of the temporary folder syncs a page that is written again and again.
pub(crate) fn syncs() -> f64 {
    let mut file = tempfile::tempfile().unwrap();
    let page = [7; 8192];
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < SYNCS {
        file.rewind().unwrap();
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    rate(count, began.elapsed())
}

/// Prints the mood of the disk in the runs beside which it was asked.
pub(crate) fn tell_syncs(syncs: &Rates) {
    let mut syncs = syncs.clone();
    let median = median(&mut syncs);
    println!("    fdatasync: {median:.0}/s ({:.0} to {:.0})", syncs[0], syncs[syncs.len() - 1]);
}

/// A runtime of two workers: what every subject with tasks runs on.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

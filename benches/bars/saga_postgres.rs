//! PostgreSQL: sagas of five steps, 16 and 64 at a time. Needs `DATABASE_URL`.

use std::sync::Arc;

use freehold::NewEvent;

use crate::harness::{Bar, best, interleave, runtime, syncs, tell_syncs, timed};
use crate::postgres::{Log, url};
use crate::postgres_writer::{WRITERS, Writers};
use crate::saga::{self, STEPS};

/// The connections that ours may use: it needs as many as it has groups under way, and one for the list of sagas.
const CONNECTIONS: usize = 5;

pub(crate) fn run() -> bool {
    let Some(url) = url("saga_postgres") else { return false };
    let records = runtime().block_on(saga::records());
    at_a_time(&url, &records, 64, 40) & at_a_time(&url, &records, 16, 80)
}

fn at_a_time(url: &str, records: &Arc<[Vec<NewEvent>]>, tasks: usize, sagas: usize) -> bool {
    let [one, two, four] = WRITERS;
    let rates = interleave(&mut [
        &mut || ours(url, tasks, sagas),
        &mut || by_hand(url, records, one, tasks, sagas),
        &mut || by_hand(url, records, two, tasks, sagas),
        &mut || by_hand(url, records, four, tasks, sagas),
        &mut || by_hand(url, records, 1, 1, sagas),
        &mut syncs,
    ]);
    let (writers, by_hand) = best(&WRITERS, &rates[1..4]);
    let what = &format!("saga_postgres: {tasks} sagas of five steps at a time");
    let floor = &format!(
        "the best bare writer that groups the rows by hand ({writers} of {WRITERS:?} connections)"
    );
    let unit = "steps/s";
    let holds = Bar { what, floor, at_least: 0.9, unit }.judge(&rates[0], by_hand);
    let floor = "one row a step, one after another";
    let holds = holds & Bar { what, floor, at_least: 1.0, unit }.judge(&rates[0], &rates[4]);
    tell_syncs(&rates[5]);
    holds
}

fn ours(url: &str, tasks: usize, sagas: usize) -> f64 {
    let log = Log::fresh(url, CONNECTIONS);
    timed(tasks * sagas * STEPS, || {
        log.runtime.block_on(saga::run::<STEPS>(log.store.clone(), tasks, sagas));
    })
}

/// The rows of a saga, those together that a saga writes together: the end stands beside the last step.
fn by_hand(
    url: &str,
    records: &Arc<[Vec<NewEvent>]>,
    writers: usize,
    tasks: usize,
    sagas: usize,
) -> f64 {
    let log = Log::fresh(url, CONNECTIONS);
    let writers = Writers::start(&log, writers);
    timed(tasks * sagas * STEPS, || {
        log.in_tasks(tasks, |task| {
            let (writers, records) = (writers.clone(), Arc::clone(records));
            async move {
                for n in 0..sagas {
                    let stream = saga::stream(task, n);
                    for (expected, record) in records.iter().enumerate() {
                        let events = saga::fresh(record);
                        writers.append_all(&stream, expected, events).await.unwrap();
                    }
                }
            }
        });
    })
}

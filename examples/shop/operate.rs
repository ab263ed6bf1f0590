//! What an operator sees of the sagas, and does about them.

use std::fmt::Write;

use chrono::SecondsFormat;
use freehold::saga::{
    By, Ended, Found, GivenUp, Listed, OperateError, Resolution, SagaId, Standing,
};

use super::cli::saga::{Operation, Resolve, SagaTask, Verdict};
use super::contracts::{Failure, InvoiceNo};
use super::driver::Driver;

/// Who does something, in the logs.
const OPERATOR: &str = "operator";

/// Does `task`, and returns what there is to say.
///
/// # Errors
/// [`Failure::Refused`] if there is no such saga, or that cannot be done about it; [`Failure::Failed`] if its log cannot be
/// read or written.
///
/// # Cancel safety
/// What was written down stays, and the saga goes on by itself.
pub async fn run(driver: &Driver, task: &SagaTask) -> Result<String, Failure> {
    match task {
        SagaTask::List(_) => list(driver, |_| true).await,
        SagaTask::Stuck(_) => list(driver, waits).await,
        SagaTask::Show(one) => show(driver, &saga(&one.saga)?).await,
        SagaTask::Picture(one) => driver.sagas().picture(&saga(&one.saga)?).await.map_err(refused),
        SagaTask::Retry(one) => {
            operate(driver, one, async |id, by| driver.sagas().retry(id, by).await).await
        }
        SagaTask::Compensate(one) => {
            operate(driver, one, async |id, by| driver.sagas().compensate(id, by).await).await
        }
        SagaTask::Abandon(one) => {
            operate(driver, one, async |id, by| driver.sagas().abandon(id, by).await).await
        }
        SagaTask::Resolve(Resolve { operation, step, verdict }) => {
            let resolution = resolution(verdict);
            operate(driver, operation, async |id, by| {
                driver.sagas().resolve(id, step, resolution.clone(), by).await
            })
            .await
        }
    }
}

/// The sagas that are not over, a line for each that is wanted.
async fn list(driver: &Driver, is_wanted: fn(&Listed) -> bool) -> Result<String, Failure> {
    let mut text = String::new();
    for id in driver.open().await? {
        let found = driver.sagas().find(&id).await.map_err(refused)?;
        if let Found::Open(listed) = &found
            && is_wanted(listed)
        {
            text += &line(&id, &found);
        }
    }
    Ok(text)
}

fn waits(listed: &Listed) -> bool {
    matches!(listed.standing, Standing::Suspended | Standing::Stuck)
}

async fn show(driver: &Driver, id: &SagaId) -> Result<String, Failure> {
    let found = driver.sagas().find(id).await.map_err(refused)?;
    let mut text = line(id, &found);
    // Writing to a string does not fail.
    for entry in driver.sagas().history(id).await.map_err(refused)? {
        let at = entry.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let _ = writeln!(text, "{at} {}", entry.what);
    }
    if let Some(GivenUp::Refused { step, why }) = driver.given_up(id).await? {
        let _ = writeln!(text, "`{step}` was refused with {why}");
    }
    Ok(text)
}

async fn operate(
    driver: &Driver,
    operation: &Operation,
    act: impl AsyncFn(&SagaId, By) -> Result<(), OperateError>,
) -> Result<String, Failure> {
    let id = saga(&operation.saga)?;
    let failed = |error| Failure::failed("order", "run sagas", error);
    let running = driver.run().map_err(failed)?;
    act(&id, By::new(OPERATOR, &operation.reason)).await.map_err(refused)?;
    driver.finish(std::slice::from_ref(&id)).await?;
    running.stop().await;
    Ok(line(&id, &driver.sagas().find(&id).await.map_err(refused)?))
}

fn resolution(Verdict { happened, did_not, .. }: &Verdict) -> Resolution {
    match happened {
        Some(json) => Resolution::Happened(json.clone()),
        None if *did_not => Resolution::DidNot,
        None => Resolution::Undone,
    }
}

/// The saga of that id, or else of the invoice of that number.
fn saga(named: &InvoiceNo) -> Result<SagaId, Failure> {
    Driver::saga_called(&named.to_string()).map_or_else(|| Driver::saga_of(named), Ok)
}

fn line(id: &SagaId, found: &Found) -> String {
    let (standing, why) = match found {
        Found::Over(Ended::Completed) => ("completed", None),
        Found::Over(Ended::Compensated) => ("compensated", None),
        Found::Over(_) => ("abandoned", None),
        Found::Open(Listed { standing, why, .. }) => {
            let standing = match standing {
                Standing::Running => "goes forward",
                Standing::Compensating => "is being compensated",
                Standing::Suspended => "waits for an operator",
                _ => "cannot be run",
            };
            (standing, why.as_deref())
        }
        _ => ("unknown", None),
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{id} {standing}{why}\n")
}

fn refused(error: OperateError) -> Failure {
    match error {
        OperateError::Commit(_) | OperateError::Read(_) => {
            Failure::failed("order", "look after a saga", error)
        }
        error => Failure::refused("saga", &error.to_string()),
    }
}

//! The command line of those who look after sagas.

use clap::{Args, Subcommand};

use super::super::contracts::InvoiceNo;
use super::{Where, invoice, somewhere};

/// What to do about sagas.
#[derive(Debug, Subcommand)]
pub enum SagaTask {
    /// Print the sagas that are not over, and what they wait for.
    List(Sagas),
    /// Print where a saga is, and all that is written down of it.
    Show(OneSaga),
    /// Print a saga as a flow chart in Mermaid, with how far it has come.
    Picture(OneSaga),
    /// Print the sagas that wait for somebody, and why.
    Stuck(Sagas),
    /// Have a saga that waits for somebody try again, as if for the first time.
    Retry(Operation),
    /// Say what has become of a step of a saga that waits for somebody.
    Resolve(Resolve),
    /// Give a saga up that waits for somebody before its order is confirmed: what has happened is taken back.
    Compensate(Operation),
    /// End a saga that waits for somebody as it is. Nothing is promised of it any more.
    Abandon(Operation),
}

/// Where the sagas are.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Sagas {
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// Which saga.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct OneSaga {
    /// The number of an invoice, or the id of a saga, as shipping/536365.
    #[arg(value_name = "INVOICE", value_parser = invoice)]
    pub saga: InvoiceNo,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// Which saga somebody does something about, and why.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Operation {
    /// The number of an invoice, or the id of a saga, as shipping/536365.
    #[arg(value_name = "INVOICE", value_parser = invoice)]
    pub saga: InvoiceNo,
    /// Why: it is written into the saga's log.
    #[arg(long, value_name = "TEXT", default_value = "asked for on the command line")]
    pub reason: String,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// What has become of a step.
#[derive(Debug, Args)]
pub struct Resolve {
    /// Of which saga, and why.
    #[command(flatten)]
    pub operation: Operation,
    /// The name of the step.
    #[arg(long)]
    pub step: String,
    /// What has become of it.
    #[command(flatten)]
    pub verdict: Verdict,
}

/// One of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Verdict {
    /// It has happened, and gave this back, as JSON: null for the steps of the shop.
    #[arg(long, value_name = "JSON")]
    pub happened: Option<String>,
    /// It has not happened, and will not.
    #[arg(long)]
    pub did_not: bool,
    /// It was taken back by hand.
    #[arg(long)]
    pub undone: bool,
}

impl SagaTask {
    /// Where the databases are.
    #[must_use]
    pub const fn at(&self) -> &Where {
        match self {
            Self::List(sagas) | Self::Stuck(sagas) => &sagas.at,
            Self::Show(one) | Self::Picture(one) => &one.at,
            Self::Retry(one) | Self::Compensate(one) | Self::Abandon(one) => &one.at,
            Self::Resolve(resolve) => &resolve.operation.at,
        }
    }

    /// Whether it only looks, and so may be done beside a process that replays.
    #[must_use]
    pub const fn only_looks(&self) -> bool {
        matches!(self, Self::List(_) | Self::Stuck(_) | Self::Show(_) | Self::Picture(_))
    }
}

//! The command line.

pub mod saga;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use super::choreography::Mode;
use super::contracts::{BrokerAddress, InvoiceNo, Money};
use super::details::{Down, Whom};
use super::driver::Fail;
use super::place::{Address, ShopName};
use super::reads::gateway::Name;
use super::serve::Served;

/// What a code begins with.
const STOCK: u64 = 100;
/// The highest total that a card is charged.
const CARD_LIMIT: u32 = 500;
/// How many products a search prints.
const HITS: u16 = 10;
/// The most invoices under way at a time that may be asked for.
const CONCURRENCY_MAX: i64 = 1_024;

/// Services, each with its own database, replay the invoices of a shop; views show what they have come to.
///
/// Without a command it replays the day that comes with it.
#[derive(Debug, Parser)]
#[command(name = "shop", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Task>,
    /// Where to keep the databases.
    #[command(flatten)]
    pub at: Where,
}

/// Where the databases are.
#[derive(Clone, Debug, Args)]
pub struct Where {
    /// A folder to keep the databases in, a SQLite file for each service; a second run goes on where the first
    /// one ended. With neither a folder nor a server, the databases go when the command ends.
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL server to keep the databases on, one for each service, with a role for each: the URL of an
    /// administrator, who may create roles and databases. A second run goes on where the first one ended.
    #[arg(long, value_name = "URL")]
    pub store: Option<Address>,
    /// What the names of the databases and roles on the server begin with.
    #[arg(long, value_name = "NAME", default_value = "shop", requires = "store", value_parser = shop_name)]
    pub name: ShopName,
    /// A folder of this machine to keep the search index in, beside the databases on a server. Without it, the index is made
    /// from them when it is needed, and goes when the command ends.
    #[arg(long, value_name = "DIR", requires = "store")]
    pub index: Option<PathBuf>,
    /// A folder of this machine to put the letters to customers into. Without it, that is `mailbox` beside the databases in a folder;
    /// beside databases on a server, whatever may settle an invoice needs it.
    #[arg(long, value_name = "DIR")]
    pub mailbox: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Replay invoices from CSV files.
    Replay(Replay),
    /// Ship a confirmed order.
    Ship(Ship),
    /// Print what the three services know of an invoice, in the order of time.
    History(History),
    /// Print what each service knew of an invoice so many milliseconds after it began, and because of what.
    Timeline(History),
    /// Print what the views hold: invoices by status, revenue by day and country, products, customers.
    Report(Report),
    /// Print an order with its customer and its products, composed of what three services know, and how it was composed.
    Details(Details),
    /// Answer the same over HTTP, and take orders, until it is told to end.
    Gateway(Gateway),
    /// Print the products in which all these words are, the best first; the last one may be the beginning of a word.
    Search(Search),
    /// Build a view anew, beside the one that is read.
    Rebuild(Rebuild),
    /// Print who reacts to what with what in a choreography, as flow charts in Mermaid.
    Flow,
    /// Run one service of a choreography as a process of its own, until it is told to end.
    Serve(Serve),
    /// Print how far the views are behind the services, again and again.
    Watch(Watch),
    /// Give a customer another name.
    Rename(Rename),
    /// Close the invoices of which nothing more can come, and move them out of the way of the others.
    Archive(Archive),
    /// Forget a customer for good: what the shop knows of them, but for their number.
    Forget(Forget),
    /// Look after the sagas of the invoices.
    #[command(subcommand)]
    Saga(saga::SagaTask),
}

/// Which service to run, and how.
#[derive(Debug, Args)]
pub struct Serve {
    /// Which.
    #[arg(value_enum, value_name = "SERVICE")]
    pub service: Served,
    /// The broker between the services: nats://HOST:PORT, or amqp://USER:PASSWORD@HOST:PORT.
    #[arg(long, value_name = "URL")]
    pub broker: BrokerAddress,
    /// A folder to put the letters to customers into. Without it, that is `mailbox` beside the databases.
    #[arg(long, value_name = "DIR")]
    pub mailbox: Option<PathBuf>,
    /// A folder with the databases, the same for all services.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// Which invoices to replay, and how.
#[derive(Debug, Args)]
pub struct Replay {
    /// CSV files of invoices; an invoice may go on in the next file.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to replay them.
    #[command(flatten)]
    pub settings: Settings,
    /// Where to keep the databases.
    #[command(flatten)]
    pub at: Where,
    /// Print the summary as one JSON object, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// What the views do meanwhile.
    #[command(flatten)]
    pub views: Views,
}

/// What the views do during a replay.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Views {
    /// Print how far the views are behind, again and again, on standard error.
    #[arg(long)]
    pub watch: bool,
    /// Build this view anew when half of the invoices are replayed.
    #[arg(long, value_name = "NAME")]
    pub rebuild: Option<Name>,
}

/// How to replay.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The units of each stock code when it is first met.
    #[arg(long, value_name = "N", default_value_t = STOCK)]
    pub stock: u64,
    /// The highest total that a card is charged.
    #[arg(long, value_name = "D", default_value_t = CARD_LIMIT.into(), value_parser = card_limit)]
    pub card_limit: Money,
    /// How many invoices are under way at a time; with 1, one after the other.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = concurrency())]
    pub concurrency: u16,
    /// Makes a step of every order go wrong: STEP is reserve, charge or confirm; HOW is decline, timeout-before (nothing happens,
    /// and nobody hears of that), timeout-after (it happens, and nobody hears of it), hang, or flap:RATE (some calls fail, and
    /// some answers are lost; `SHOP_SEED` draws those of an earlier run).
    #[arg(long, value_name = "STEP=HOW")]
    pub fail: Option<Fail>,
    /// How the services come together. A shop goes on as it began.
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    pub mode: Mode,
    /// The broker between the services of a choreography: memory, nats://HOST:PORT, or amqp://HOST:PORT. All that goes through a server
    /// is of this shop alone.
    #[arg(long, value_name = "URL")]
    pub broker: Option<BrokerAddress>,
    /// The services run as processes of their own (`serve`): only place invoices, and wait for them.
    #[arg(long, conflicts_with = "broker")]
    pub served: bool,
}

/// What to ship.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Ship {
    /// The number of the order's invoice.
    #[arg(value_parser = invoice)]
    pub invoice: InvoiceNo,
    /// The carrier's number.
    pub tracking: String,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// Whose history.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct History {
    /// The number of the invoice.
    #[arg(value_parser = invoice)]
    pub invoice: InvoiceNo,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// What to report.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Report {
    /// Only this customer's invoices, and what has happened to them: a number, or `guest`.
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: Option<String>,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// What to compose.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Details {
    /// The number of the invoice.
    #[arg(value_parser = invoice)]
    pub invoice: InvoiceNo,
    /// Whom to ask.
    #[arg(long, value_enum, value_name = "WHOM", default_value_t)]
    pub from: Whom,
    /// How it is asked for.
    #[command(flatten)]
    pub asking: Asking,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// How an answer is composed.
#[derive(Debug, Args)]
pub struct Asking {
    /// How long an answer may take, in seconds. What is not there by then is missing.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub within: u16,
    /// A service that does not answer: users or products; with =N, after so many calls.
    #[arg(long, value_name = "SERVICE[=N]")]
    pub down: Vec<Down>,
}

/// What the gateway answers, and where.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Gateway {
    /// Where to listen; with port 0, on one that is free. Only this machine is heard, unless another address is given.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7777")]
    pub listen: SocketAddr,
    /// How it is asked for.
    #[command(flatten)]
    pub asking: Asking,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// What to search for.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Search {
    /// The words.
    #[arg(required = true, value_name = "WORDS")]
    pub words: Vec<String>,
    /// How many products to print at most.
    #[arg(long, value_name = "N", default_value_t = HITS)]
    pub limit: u16,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// What to build anew.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Rebuild {
    /// The name of the view.
    #[arg(value_name = "NAME")]
    pub view: Name,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// How long to watch.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Watch {
    /// How many lines to print; without it, for ever.
    #[arg(long, value_name = "N")]
    pub times: Option<u64>,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// Which shop's invoices to put away.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Archive {
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// Who takes which name.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Rename {
    /// The number of the customer.
    #[arg(allow_negative_numbers = true)]
    pub customer: i64,
    /// The new name.
    #[arg(value_name = "NAME")]
    pub new_name: String,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

/// Who is forgotten.
#[derive(Debug, Args)]
#[command(group = somewhere())]
pub struct Forget {
    /// The number of the customer.
    #[arg(allow_negative_numbers = true)]
    pub customer: i64,
    /// Where the databases are.
    #[command(flatten)]
    pub at: Where,
}

impl Replay {
    /// The replay of one file, as usual.
    #[must_use]
    pub fn of(file: PathBuf, at: Where) -> Self {
        let (settings, views) = (Settings::default(), Views::default());
        Self { files: vec![file], settings, at, json: false, views }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stock: STOCK,
            card_limit: CARD_LIMIT.into(),
            concurrency: 1,
            fail: None,
            mode: Mode::default(),
            broker: None,
            served: false,
        }
    }
}

/// What needs a shop that is there needs to know where.
fn somewhere() -> ArgGroup {
    ArgGroup::new("somewhere").args(["data", "store"]).required(true)
}

fn card_limit(text: &str) -> Result<Money, String> {
    match text.parse::<Money>() {
        Ok(limit) if !limit.is_negative() => Ok(limit),
        _ => Err("a limit is a decimal number that is not below zero, as 500 or 99.95".to_owned()),
    }
}

fn concurrency() -> impl clap::builder::TypedValueParser<Value = u16> {
    clap::value_parser!(u16).range(1..=CONCURRENCY_MAX)
}

fn invoice(text: &str) -> Result<InvoiceNo, String> {
    InvoiceNo::new(text).ok_or_else(|| "an invoice's number is 1 to 190 bytes".to_owned())
}

fn shop_name(text: &str) -> Result<ShopName, String> {
    let name = ShopName::new(text);
    name.ok_or_else(|| {
        "a shop's name is 1 to 40 of a-z, 0-9 and _, and begins with neither a digit nor pg_"
            .to_owned()
    })
}

//! The second pass: the rows of one invoice at a time.

use std::fs::File;
use std::io::BufReader;

use uuid::Uuid;

use super::super::contracts::{Customer, InvoiceNo, Line};
use super::bad_input::BadInput;
use super::plan::{Plan, Planned, Run};
use super::records::{Record, Records};
use super::row::Row;

/// One invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its number.
    pub number: InvoiceNo,
    /// Whose it is.
    pub customer: Customer,
    /// Where they live.
    pub country: String,
    /// Of when it is, as the file has it.
    pub date: String,
    /// Tells its rows from others.
    pub fingerprint: Uuid,
    /// What it asks for.
    pub content: Content,
}

/// What an invoice asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Goods for money.
    Order(Vec<Line>),
    /// Money for goods.
    Return(Vec<Line>),
    /// Nothing that can be done, and why.
    Nonsense(String),
}

/// The invoices of a plan that are not recorded yet, one at a time, in the order of their first appearance.
#[derive(Debug)]
pub struct Invoices {
    plan: Plan,
    next: usize,
    /// The file that was read last, and how far.
    open: Option<(usize, Records<BufReader<File>>)>,
}

impl Invoices {
    /// All that `plan` has to give.
    #[must_use]
    pub const fn new(plan: Plan) -> Self {
        Self { plan, next: 0, open: None }
    }

    /// The next invoice.
    ///
    /// # Errors
    /// [`BadInput`] if a file has changed since it was checked.
    pub fn read_next(&mut self) -> Result<Option<Invoice>, BadInput> {
        let Self { plan, next, open } = self;
        while let Some(planned) = plan.invoices.get(*next) {
            *next += 1;
            if !planned.is_recorded {
                return read(plan, planned, open).map(Some);
            }
        }
        Ok(None)
    }
}

fn read(
    plan: &Plan,
    planned: &Planned,
    open: &mut Option<(usize, Records<BufReader<File>>)>,
) -> Result<Invoice, BadInput> {
    let mut draft = None;
    for run in std::iter::once(&planned.first).chain(&planned.more) {
        read_run(plan, *run, open, &mut draft)?;
    }
    let last = planned.more.last().unwrap_or(&planned.first).source;
    match (draft, plan.sources.get(last)) {
        (Some(Draft { invoice, .. }), _) if invoice.fingerprint == planned.fingerprint => {
            Ok(invoice)
        }
        (_, Some(source)) => Err(source.changed()),
        (_, None) => Err(BadInput::file("".as_ref(), "a file for every row")),
    }
}

fn read_run(
    plan: &Plan,
    run: Run,
    open: &mut Option<(usize, Records<BufReader<File>>)>,
    draft: &mut Option<Draft>,
) -> Result<(), BadInput> {
    let Some((source, columns)) = plan.sources.get(run.source).zip(plan.columns.get(run.source))
    else {
        return Ok(());
    };
    let mut records = match open.take() {
        // Mostly the next invoice begins where the last one ended.
        Some((at, records)) if (at, records.position()) == (run.source, run.start) => records,
        _ => source.open_at(run.start)?,
    };
    let mut record = Record::default();
    for _ in 0..run.rows {
        let is_there = records.read(&mut record).map_err(|error| source.cannot_read(error))?;
        if !is_there {
            return Err(source.changed());
        }
        let row = Row::read(columns, &record).map_err(|fault| source.fault(fault))?;
        draft.get_or_insert_with(|| Draft::new(&row)).take(&row);
    }
    *open = Some((run.source, records));
    Ok(())
}

/// An invoice of which more rows may come.
struct Draft {
    invoice: Invoice,
    rows: usize,
    buffer: Vec<u8>,
}

impl Draft {
    /// The first row decides who buys, from where and when.
    fn new(row: &Row<'_>) -> Self {
        let number = row.invoice.clone();
        let content = if number.is_return() {
            Content::Return(Vec::new())
        } else {
            Content::Order(Vec::new())
        };
        let fingerprint = number.flow();
        let invoice = Invoice {
            number,
            customer: row.customer,
            country: row.country.to_owned(),
            date: row.date.to_owned(),
            fingerprint,
            content,
        };
        Self { invoice, rows: 0, buffer: Vec::new() }
    }

    fn take(&mut self, row: &Row<'_>) {
        let invoice = &mut self.invoice;
        self.rows += 1;
        invoice.fingerprint = row.fingerprint(invoice.fingerprint, &mut self.buffer);
        let (lines, quantity) = match &mut invoice.content {
            Content::Order(lines) => (lines, i128::from(row.quantity)),
            Content::Return(lines) => (lines, -i128::from(row.quantity)),
            Content::Nonsense(_) => return,
        };
        let units = u64::try_from(quantity).ok().filter(|units| *units > 0);
        let reason = match units {
            None => "a quantity that is not above zero",
            Some(_) if row.price.is_negative() => "a price below zero",
            Some(units) => {
                let (code, price) = (row.code.clone(), row.price.clone());
                let description = row.description.to_owned();
                return lines.push(Line { code, units, price, description });
            }
        };
        invoice.content = Content::Nonsense(format!("line {} has {reason}", self.rows));
    }
}

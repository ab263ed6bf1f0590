//! The first pass: every row is checked, and where it stands is noted.

use std::collections::HashMap;
use std::path::PathBuf;

use uuid::Uuid;

use super::bad_input::{BadInput, Fault};
use super::records::{Record, Start};
use super::row::{Columns, Row};
use super::source::Source;

/// How large the input may be in its parts.
#[allow(clippy::struct_field_names, reason = "a bound says that it is one, and of what")]
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The longest row, in bytes. 256 KiB by default.
    pub row_bytes_max: usize,
    /// The longest rows of one invoice together, in bytes. 8 MiB by default.
    pub invoice_bytes_max: usize,
    /// The most rows of one invoice; they are in memory together, and become one event. 100,000 by default.
    pub rows_per_invoice_max: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { row_bytes_max: 256 << 10, invoice_bytes_max: 8 << 20, rows_per_invoice_max: 100_000 }
    }
}

/// All invoices of some files, in the order of their first appearance: where their rows stand, and what tells
/// those rows from others.
#[derive(Debug)]
pub struct Plan {
    pub(super) sources: Vec<Source>,
    pub(super) columns: Vec<Columns>,
    pub(super) invoices: Vec<Planned>,
    by_flow: HashMap<Uuid, usize>,
}

/// One invoice.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) fingerprint: Uuid,
    /// Its rows that stand together, first in the order of reading.
    pub(super) first: Run,
    /// Where it goes on; mostly nowhere.
    pub(super) more: Vec<Run>,
    rows: u32,
    bytes: usize,
    pub(super) is_recorded: bool,
}

/// Rows of one invoice that stand together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) source: usize,
    pub(super) start: Start,
    pub(super) rows: u32,
}

impl Plan {
    /// Reads all files, and checks every row of them.
    ///
    /// # Errors
    /// [`BadInput`] says where the first one is that cannot be used.
    pub fn read(files: &[PathBuf], bounds: &Bounds) -> Result<Self, BadInput> {
        let mut plan = Self {
            sources: Vec::new(),
            columns: Vec::new(),
            invoices: Vec::new(),
            by_flow: HashMap::new(),
        };
        for file in files {
            plan.add(Source::new(file, bounds.row_bytes_max)?, bounds)?;
        }
        Ok(plan)
    }

    /// How many invoices are not recorded yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.invoices.iter().filter(|invoice| !invoice.is_recorded).count()
    }

    /// An invoice of this flow is recorded already, with this fingerprint: it will not be read again.
    ///
    /// # Errors
    /// [`BadInput`] if its rows here are others.
    pub fn recorded(&mut self, flow: Uuid, fingerprint: Uuid) -> Result<(), BadInput> {
        let Some(invoice) = self.by_flow.get(&flow).and_then(|at| self.invoices.get_mut(*at))
        else {
            return Ok(());
        };
        invoice.is_recorded = true;
        if invoice.fingerprint == fingerprint {
            return Ok(());
        }
        let run = invoice.first;
        let Some((source, columns)) =
            self.sources.get(run.source).zip(self.columns.get(run.source))
        else {
            return Ok(());
        };
        let at = columns.invoice_at(run.start.line);
        let expected =
            "the same rows in all files together as when this invoice was replayed before";
        Err(source.fault(Fault::new(at, expected)))
    }

    fn add(&mut self, source: Source, bounds: &Bounds) -> Result<(), BadInput> {
        let (mut records, columns) = source.open()?;
        let mut record = Record::default();
        let mut buffer = Vec::new();
        let mut last = None;
        while records.read(&mut record).map_err(|error| source.cannot_read(error))? {
            let row = Row::read(&columns, &record).map_err(|fault| source.fault(fault))?;
            let flow = row.invoice.flow();
            let run = Run { source: self.sources.len(), start: record.start(), rows: 1 };
            let follows = last == Some((flow, run.source));
            if let Some(planned) = self.planned(flow, run) {
                planned.take(&row, run, follows, &mut buffer);
                planned.bytes += record.bytes();
                planned.check(bounds).map_err(|expected| {
                    source.fault(Fault::new(columns.invoice_at(record.start().line), expected))
                })?;
            }
            last = Some((flow, run.source));
        }
        self.sources.push(source);
        self.columns.push(columns);
        Ok(())
    }

    /// The invoice of this flow; a new one has no row yet.
    fn planned(&mut self, flow: Uuid, run: Run) -> Option<&mut Planned> {
        let new = self.invoices.len();
        let at = *self.by_flow.entry(flow).or_insert(new);
        if at == new {
            self.invoices.push(Planned {
                fingerprint: flow,
                first: Run { rows: 0, ..run },
                more: Vec::new(),
                rows: 0,
                bytes: 0,
                is_recorded: false,
            });
        }
        self.invoices.get_mut(at)
    }
}

impl Planned {
    fn take(&mut self, row: &Row<'_>, run: Run, follows: bool, buffer: &mut Vec<u8>) {
        self.fingerprint = row.fingerprint(self.fingerprint, buffer);
        if self.rows == 0 || follows {
            self.more.last_mut().unwrap_or(&mut self.first).rows += 1;
        } else {
            self.more.push(run);
        }
        self.rows += 1;
    }

    /// Whether it is within the bounds; if not, what they are.
    fn check(&self, bounds: &Bounds) -> Result<(), String> {
        let Bounds { rows_per_invoice_max, invoice_bytes_max, .. } = bounds;
        if self.rows > *rows_per_invoice_max {
            return Err(format!("at most {rows_per_invoice_max} rows of one invoice"));
        }
        if self.bytes > *invoice_bytes_max {
            return Err(format!("at most {invoice_bytes_max} bytes in the rows of one invoice"));
        }
        Ok(())
    }
}

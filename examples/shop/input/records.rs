//! Bytes into rows and fields, by RFC 4180 and nothing else.
//!
//! Fields are parted by commas, rows by LF or CRLF. A field may stand in quotes, and then hold commas, line
//! ends and doubled quotes. A quote anywhere else is an error, and so is a CR without its LF. Empty lines are
//! passed over. The encoding is not looked at here.

use std::io::{self, BufRead};

use super::bad_input::{At, Fault};

/// One row, cut into fields.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The fields' content, one after the other, without quotes.
    bytes: Vec<u8>,
    fields: Vec<End>,
    start: Start,
}

/// Where a field ends in the bytes, and the line it begins on.
#[derive(Clone, Copy, Debug)]
struct End {
    byte: usize,
    line: u64,
}

/// Where a row begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// How many bytes of the file are before it.
    pub(super) offset: u64,
    /// Its line, from 1.
    pub(super) line: u64,
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(super) enum RecordError {
    Io(io::Error),
    Fault(Fault),
}

impl Record {
    /// Where it begins.
    pub(super) const fn start(&self) -> Start {
        self.start
    }

    /// How long its fields are together.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The content of each field, and the line it begins on.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let mut from = 0;
        self.fields.iter().map(move |end| {
            let field = self.bytes.get(from..end.byte).unwrap_or_default();
            from = end.byte;
            (field, end.line)
        })
    }

    fn begin(&mut self, start: Start) {
        self.bytes.clear();
        self.fields.clear();
        self.start = start;
    }
}

/// Where in a row the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the beginning of a field.
    Start,
    /// In a field without quotes.
    Bare,
    /// In a field in quotes.
    Quoted,
    /// After a quote in a field in quotes: the closing one, or the first of two.
    Quote,
    /// After a CR: its LF must follow.
    Return,
}

/// Reads rows.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    offset: u64,
    cutter: Cutter,
}

#[derive(Debug)]
struct Cutter {
    state: State,
    /// The line of the next byte.
    line: u64,
    /// The line that the field begins on.
    field_line: u64,
    bytes_max: usize,
    was_quoted: bool,
}

impl<R: BufRead> Records<R> {
    /// The rows of `input`, from `start` on, of at most `bytes_max` each.
    pub(super) const fn new(input: R, start: Start, bytes_max: usize) -> Self {
        let line = start.line;
        let cutter =
            Cutter { state: State::Start, line, field_line: line, bytes_max, was_quoted: false };
        Self { input, offset: start.offset, cutter }
    }

    /// Where the next row begins.
    pub(super) const fn position(&self) -> Start {
        Start { offset: self.offset, line: self.cutter.line }
    }

    /// Reads the next row into `record`; `false` if there is none.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        record.begin(self.position());
        self.cutter.begin();
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(RecordError::Io(error)),
            };
            if chunk.is_empty() {
                return self.cutter.finish(record).map_err(RecordError::Fault);
            }
            let mut used = 0;
            let mut is_whole = false;
            for byte in chunk {
                used += 1;
                is_whole = self.cutter.take(*byte, record).map_err(RecordError::Fault)?;
                if is_whole {
                    break;
                }
            }
            self.input.consume(used);
            self.offset += used as u64;
            if is_whole && record.fields.is_empty() {
                record.begin(self.position());
                self.cutter.begin();
            } else if is_whole {
                return Ok(true);
            }
        }
    }
}

impl Cutter {
    fn begin(&mut self) {
        self.state = State::Start;
        self.field_line = self.line;
        self.was_quoted = false;
    }

    /// Takes one byte; `true` if it ends the row. An empty line ends a row without fields.
    fn take(&mut self, byte: u8, record: &mut Record) -> Result<bool, Fault> {
        let is_line_end = byte == b'\n';
        if is_line_end {
            self.line += 1;
        }
        match (self.state, byte) {
            (State::Start | State::Bare | State::Quote | State::Return, b'\n') => {
                self.end_row(record);
                return Ok(true);
            }
            (State::Return, _) => {
                return Err(self.fault(record, "a line feed after the carriage return"));
            }
            (State::Start | State::Bare | State::Quote, b'\r') => self.state = State::Return,
            (State::Start | State::Bare | State::Quote, b',') => self.end_field(record),
            (State::Start, b'"') => {
                self.was_quoted = true;
                self.state = State::Quoted;
            }
            (State::Bare, b'"') => {
                let expected = "no quote within a field; a field with quotes stands in quotes, \
                                and its own are doubled";
                return Err(self.fault(record, expected));
            }
            (State::Quoted, b'"') => self.state = State::Quote,
            (State::Quote, b'"') => {
                self.state = State::Quoted;
                self.push(byte, record)?;
            }
            (State::Quote, _) => {
                return Err(
                    self.fault(record, "a comma or the end of the line after the closing quote")
                );
            }
            (State::Quoted, _) => self.push(byte, record)?,
            (State::Start | State::Bare, _) => {
                self.state = State::Bare;
                self.push(byte, record)?;
            }
        }
        Ok(false)
    }

    /// Takes the end of the input; `true` if it ends a row.
    fn finish(&mut self, record: &mut Record) -> Result<bool, Fault> {
        match self.state {
            State::Quoted => Err(self.fault(record, "a closing quote before the file ends")),
            State::Return => Err(self.fault(record, "a line feed after the carriage return")),
            State::Start | State::Bare | State::Quote => {
                self.end_row(record);
                Ok(!record.fields.is_empty())
            }
        }
    }

    fn push(&mut self, byte: u8, record: &mut Record) -> Result<(), Fault> {
        if record.bytes.len() == self.bytes_max {
            let expected = format!("a row of at most {} bytes", self.bytes_max);
            return Err(self.fault(record, expected));
        }
        record.bytes.push(byte);
        Ok(())
    }

    fn end_field(&mut self, record: &mut Record) {
        record.fields.push(End { byte: record.bytes.len(), line: self.field_line });
        self.field_line = self.line;
        self.state = State::Start;
    }

    fn end_row(&mut self, record: &mut Record) {
        let is_blank = record.fields.is_empty() && record.bytes.is_empty() && !self.was_quoted;
        if !is_blank {
            self.end_field(record);
        }
    }

    fn fault(&self, record: &Record, expected: impl Into<String>) -> Fault {
        let column = record.fields.len() + 1;
        Fault::new(At { line: self.field_line, column, name: None }, expected)
    }
}

//! Fields into values.

use std::str;

use uuid::Uuid;

use super::super::contracts::{Customer, InvoiceNo, Money, NAME_BYTES_MAX, StockCode};
use super::bad_input::{At, Fault};
use super::records::Record;

/// The columns that a file must have, in any order and among others.
const NAMES: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];

/// Which column of a file is which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// For each of the names, its place in a row.
    places: [usize; NAMES.len()],
    /// How many there are, with those of no interest.
    count: usize,
}

impl Columns {
    /// Reads the header of a file.
    pub(super) fn read(header: &Record) -> Result<Self, Fault> {
        let mut found = [None; NAMES.len()];
        for (place, (field, line)) in header.fields().enumerate() {
            let at = At { line, column: place + 1, name: None };
            let text = str::from_utf8(field).map_err(|_| Fault::new(at.clone(), "UTF-8"))?;
            let Some(slot) = NAMES.iter().zip(&mut found).find(|(name, _)| **name == text) else {
                continue;
            };
            if slot.1.replace(place).is_some() {
                let at = At { name: Some(slot.0), ..at };
                return Err(Fault::new(at, format!("one column `{}`, not two", slot.0)));
            }
        }
        let mut places = [0; NAMES.len()];
        for ((place, found), name) in places.iter_mut().zip(found).zip(NAMES) {
            let at = At { line: header.start().line, column: header.len() + 1, name: Some(name) };
            let missing = || Fault::new(at, format!("a column `{name}` in the header"));
            *place = found.ok_or_else(missing)?;
        }
        Ok(Self { places, count: header.len() })
    }

    /// The number of the invoice in the row that begins on `line`.
    pub(super) fn invoice_at(&self, line: u64) -> At {
        let [invoice, ..] = self.places;
        self.at(invoice, line)
    }

    fn name(&self, place: usize) -> Option<&'static str> {
        self.places.iter().zip(NAMES).find(|(p, _)| **p == place).map(|(_, name)| name)
    }

    fn at(&self, place: usize, line: u64) -> At {
        At { line, column: place + 1, name: self.name(place) }
    }
}

/// The values of a row.
#[derive(Debug)]
pub(super) struct Row<'r> {
    pub(super) invoice: InvoiceNo,
    pub(super) code: StockCode,
    pub(super) quantity: i64,
    pub(super) price: Money,
    pub(super) customer: Customer,
    pub(super) description: &'r str,
    pub(super) date: &'r str,
    pub(super) country: &'r str,
}

/// The text of a field, and where it stands.
#[derive(Clone, Copy)]
struct Field<'r> {
    text: &'r str,
    place: usize,
    line: u64,
}

impl<'r> Row<'r> {
    /// Reads a row.
    pub(super) fn read(columns: &Columns, record: &'r Record) -> Result<Self, Fault> {
        if record.len() != columns.count {
            let place = record.len().min(columns.count);
            let at = columns.at(place, record.start().line);
            let expected =
                format!("{} fields, as in the header, and not {}", columns.count, record.len());
            return Err(Fault::new(at, expected));
        }
        let nothing = Field { text: "", place: 0, line: 0 };
        let mut fields = [nothing; NAMES.len()];
        for (place, (bytes, line)) in record.fields().enumerate() {
            let text =
                str::from_utf8(bytes).map_err(|_| Fault::new(columns.at(place, line), "UTF-8"))?;
            // A column of no interest must be readable too, and that is all.
            if let Some((_, slot)) =
                columns.places.iter().zip(&mut fields).find(|(p, _)| **p == place)
            {
                *slot = Field { text, place, line };
            }
        }
        let [invoice, code, description, quantity, date, price, customer, country] = fields;
        let fault = |field: Field<'_>, expected: String| {
            Fault::new(columns.at(field.place, field.line), expected)
        };
        let name =
            || format!("at most {NAME_BYTES_MAX} bytes, with control characters written %XX");
        let integer = || "an integer of 64 bits, as 12 or -3".to_owned();
        let decimal = || "a decimal number, as 2.55 or -3".to_owned();
        let number = || "nothing, or a number as 17850 or 17850.0".to_owned();
        let some = || format!("a number of an invoice, {}", name());
        Ok(Self {
            invoice: InvoiceNo::new(invoice.text).ok_or_else(|| fault(invoice, some()))?,
            code: StockCode::new(code.text).ok_or_else(|| fault(code, name()))?,
            quantity: parse_integer(quantity.text).ok_or_else(|| fault(quantity, integer()))?,
            price: price.text.parse().map_err(|_| fault(price, decimal()))?,
            customer: parse_customer(customer.text).ok_or_else(|| fault(customer, number()))?,
            description: description.text,
            date: date.text,
            country: country.text,
        })
    }

    /// The fingerprint of all rows up to this one, given that of those before it. Rows that mean the same
    /// have the same: how a field is quoted or a number is written does not count.
    pub(super) fn fingerprint(&self, before: Uuid, buffer: &mut Vec<u8>) -> Uuid {
        buffer.clear();
        let (quantity, price) = (self.quantity.to_string(), self.price.to_string());
        let (code, customer) = (self.code.to_string(), self.customer.to_string());
        for field in
            [&code, self.description, &quantity, self.date, &price, &customer, self.country]
        {
            buffer.extend_from_slice(&field.len().to_be_bytes());
            buffer.extend_from_slice(field.as_bytes());
        }
        Uuid::new_v5(&before, buffer)
    }
}

/// `-?\d+`, and nothing else.
fn parse_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_integer { text.parse().ok() } else { None }
}

/// An integer, which the file may write with a fraction of zero; nothing is a guest.
fn parse_customer(text: &str) -> Option<Customer> {
    if text.is_empty() {
        return Some(Customer::Guest);
    }
    let whole = match text.split_once('.') {
        None => text,
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
    };
    parse_integer(whole).map(Customer::Number)
}

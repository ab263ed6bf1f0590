//! Files that can be read twice.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::bad_input::{BadInput, Fault};
use super::records::{Record, RecordError, Records, Start};
use super::row::Columns;

/// What some programs write at the beginning of UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A file that was given, under the name it was given by.
#[derive(Debug)]
pub(super) struct Source {
    name: PathBuf,
    /// A copy, if the file is one that can be read only once.
    copy: Option<NamedTempFile>,
    row_bytes_max: usize,
}

impl Source {
    /// Makes sure that `name` can be read as often as needed.
    pub(super) fn new(name: &Path, row_bytes_max: usize) -> Result<Self, BadInput> {
        let name = name.to_owned();
        let copy = copy_of(&name).map_err(|error| unreadable(&name, &error))?;
        Ok(Self { name, copy, row_bytes_max })
    }

    /// Opens it at its first row.
    pub(super) fn open(&self) -> Result<(Records<BufReader<File>>, Columns), BadInput> {
        let begin = || -> io::Result<_> {
            let mut file = self.file()?;
            let mut mark = Vec::new();
            file.by_ref().take(3).read_to_end(&mut mark)?;
            let offset = if mark == BYTE_ORDER_MARK { 3 } else { 0 };
            file.seek(SeekFrom::Start(offset))?;
            Ok((file, Start { offset, line: 1 }))
        };
        let (file, start) = begin().map_err(|error| unreadable(&self.name, &error))?;
        let mut records = Records::new(BufReader::new(file), start, self.row_bytes_max);
        let mut header = Record::default();
        // Without a first row, what is missing is the first column.
        records.read(&mut header).map_err(|error| self.cannot_read(error))?;
        let columns = Columns::read(&header).map_err(|fault| self.fault(fault))?;
        Ok((records, columns))
    }

    /// Opens it at a row that was read before.
    pub(super) fn open_at(&self, start: Start) -> Result<Records<BufReader<File>>, BadInput> {
        let begin = || -> io::Result<_> {
            let mut file = self.file()?;
            file.seek(SeekFrom::Start(start.offset))?;
            Ok(file)
        };
        let file = begin().map_err(|error| unreadable(&self.name, &error))?;
        Ok(Records::new(BufReader::new(file), start, self.row_bytes_max))
    }

    /// It is not as it was a moment ago.
    pub(super) fn changed(&self) -> BadInput {
        BadInput::file(&self.name, "a file that nobody changes while it is replayed")
    }

    pub(super) fn fault(&self, fault: Fault) -> BadInput {
        BadInput::field(&self.name, fault)
    }

    pub(super) fn cannot_read(&self, error: RecordError) -> BadInput {
        match error {
            RecordError::Io(error) => unreadable(&self.name, &error),
            RecordError::Fault(fault) => self.fault(fault),
        }
    }

    fn file(&self) -> io::Result<File> {
        File::open(self.copy.as_ref().map_or(self.name.as_path(), NamedTempFile::path))
    }
}

/// A copy of what cannot be read twice, such as a pipe.
fn copy_of(name: &Path) -> io::Result<Option<NamedTempFile>> {
    let kind = fs::metadata(name)?;
    if kind.is_file() || kind.is_dir() {
        return Ok(None);
    }
    let mut copy = NamedTempFile::new()?;
    io::copy(&mut File::open(name)?, &mut copy)?;
    Ok(Some(copy))
}

fn unreadable(name: &Path, error: &io::Error) -> BadInput {
    BadInput::file(name, format!("a file that can be read, and the system says: {error}"))
}

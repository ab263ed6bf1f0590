//! A folder of letters.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use uuid::Uuid;

/// What a file is called that is not a letter yet.
const UNFINISHED: &str = "tmp";

/// A folder with a file for each letter.
///
/// A letter is there as a whole or not at all, and once however often it is posted: its name follows from what asks for it, the id of a
/// message or the key of a saga's step, and a letter that is there is left as it is. It is on the disk before [`Mailbox::post`] returns. What a reader takes
/// out of the folder could come again, if the process dies just then: so letters are to be read where they are.
#[derive(Clone, Debug)]
pub struct Mailbox {
    folder: PathBuf,
}

impl Mailbox {
    /// The mailbox in `folder`, which is made with the first letter.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The name of the letter that is asked for under this id.
    #[must_use]
    pub fn name_of(asked_under: Uuid) -> String {
        format!("{asked_under}.txt")
    }

    /// Puts a letter into the mailbox, if it is not there. It blocks.
    ///
    /// # Errors
    /// What the operating system says; the letter may be there then.
    pub fn post(&self, name: &str, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let letter = self.folder.join(name);
        // One that a killed process has left half written, or whole, is written again.
        let unfinished = self.folder.join(format!("{name}.{UNFINISHED}"));
        if !letter.try_exists()? {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &letter)?;
        } else if let Err(error) = fs::remove_file(&unfinished)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        // The name is in the folder, and the folder has to be on the disk, too; also the name that a killed process has left.
        self.sync()
    }

    #[cfg(unix)]
    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Elsewhere a folder cannot be opened to be synced; the file system sees to its names.
    #[cfg(not(unix))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on other systems")]
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

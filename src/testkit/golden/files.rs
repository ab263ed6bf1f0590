//! A folder with a file for each type, each with a list of samples.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::shapes::Shape;

/// The file of what is read at each place.
const SHAPE: &str = "shape.txt";

/// A folder with a file for each type, each with a list of samples. What cannot be done with it is said among the problems.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{kind}.json"))
    }

    /// The samples of a type; `None` if there is no file.
    pub(super) fn samples(&self, kind: &str, problems: &mut Vec<String>) -> Option<Vec<Value>> {
        let path = self.path(kind);
        match serde_json::from_str(&read(&path, problems)?) {
            Ok(samples) => Some(samples),
            Err(why) => {
                problems.push(format!("{} is no list of samples: {why}", path.display()));
                None
            }
        }
    }

    pub(super) fn write(&self, kind: &str, samples: &[Value], problems: &mut Vec<String>) {
        let text = serde_json::to_string_pretty(samples).map(|text| text + "\n");
        self.put(&self.path(kind), text.map_err(Into::into), problems);
    }

    /// What was ever read at each place.
    pub(super) fn shape(&self, problems: &mut Vec<String>) -> Shape {
        Shape::noted(&read(&self.folder.join(SHAPE), problems).unwrap_or_default())
    }

    pub(super) fn write_shape(&self, shape: &Shape, problems: &mut Vec<String>) {
        self.put(&self.folder.join(SHAPE), Ok(shape.to_string()), problems);
    }

    fn put(&self, path: &Path, text: io::Result<String>, problems: &mut Vec<String>) {
        let written = text
            .and_then(|text| fs::create_dir_all(&self.folder).and_then(|()| fs::write(path, text)));
        if let Err(why) = written {
            problems.push(format!("{} cannot be written: {why}", path.display()));
        }
    }

    /// The types of which there is a file.
    pub(super) fn kinds(&self, problems: &mut Vec<String>) -> Vec<String> {
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(why) if why.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(why) => {
                problems.push(format!("{} cannot be read: {why}", self.folder.display()));
                return Vec::new();
            }
        };
        let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
        let mut kinds: Vec<_> =
            names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        kinds.sort();
        kinds
    }
}

/// The text of a file; `None` if there is none.
fn read(path: &Path, problems: &mut Vec<String>) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(why) if why.kind() == ErrorKind::NotFound => None,
        Err(why) => {
            problems.push(format!("{} cannot be read: {why}", path.display()));
            None
        }
    }
}

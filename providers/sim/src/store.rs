//! The two files: the world's effects, a line each, and the log of calls.
//!
//! Invariant: a line is in the world's file before it is in the log, and in both before a call is answered. A line
//! that the log lacks since the process ended between the two is put there when the world is opened next.

use crate::calls::Call;
use crate::world::{Object, WorldError};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One line of the world's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    /// Which world it is, always the first line.
    World { id: String, seq: u64 },
    /// An object as it is from here on.
    Put { seq: u64, object: Object, call: Option<Call> },
    /// An object is no more.
    Gone { seq: u64, id: String, call: Option<Call> },
}

impl Line {
    fn call(&self) -> Option<&Call> {
        match self {
            Self::World { .. } => None,
            Self::Put { call, .. } | Self::Gone { call, .. } => call.as_ref(),
        }
    }
}

/// What another process may have done to the world's file meanwhile.
pub(crate) enum News {
    /// Nothing.
    None,
    /// These lines came behind those already read.
    More(Vec<Line>),
    /// The file is another one: everything anew.
    Anew(Vec<Line>),
}

#[derive(Debug)]
pub(crate) struct Store {
    world: Appended,
    calls: Appended,
}

impl Store {
    pub(crate) fn new(world: PathBuf, calls: PathBuf) -> Self {
        Self { world: Appended::new(world), calls: Appended::new(calls) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.world.path
    }

    /// Reads what is new in the world's file.
    pub(crate) fn news(&mut self) -> Result<News, WorldError> {
        let found = match fs::metadata(&self.world.path) {
            Ok(metadata) => Some((identity(&metadata), metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.world.failed("read", &error)),
        };
        match found {
            None if self.world.length == 0 => Ok(News::None),
            None => {
                self.world.forget();
                Ok(News::Anew(Vec::new()))
            }
            Some((now, length)) if self.world.identity != Some(now) || length < self.world.length => {
                self.world.forget();
                self.world.identity = Some(now);
                self.read_lines().map(News::Anew)
            }
            Some((_, length)) if length > self.world.length => self.read_lines().map(News::More),
            Some(_) => Ok(News::None),
        }
    }

    fn read_lines(&mut self) -> Result<Vec<Line>, WorldError> {
        let text = self.world.read_on()?;
        let line = |(at, line)| {
            serde_json::from_str(line).map_err(|error| {
                WorldError(format!("{} is damaged at line {}: {error}", self.world.path.display(), at + 1))
            })
        };
        text.lines().enumerate().map(line).collect()
    }

    /// Puts into the log what the world's file has and the log lacks.
    pub(crate) fn complete_log(&mut self, lines: &[Line]) -> Result<(), WorldError> {
        let logged = self.last_logged()?;
        for call in lines.iter().filter_map(Line::call).filter(|call| call.seq > logged) {
            self.log(call)?;
        }
        Ok(())
    }

    /// The number of the last effect in the log; the log ends behind its last whole line afterwards.
    fn last_logged(&mut self) -> Result<u64, WorldError> {
        let text = match self.calls.read_on() {
            Ok(text) => text,
            Err(_) if !self.calls.path.exists() => return Ok(0),
            Err(error) => return Err(error),
        };
        let last = text.lines().next_back().map(serde_json::from_str::<Call>);
        match last {
            None => Ok(0),
            Some(Ok(call)) => Ok(call.seq),
            Some(Err(error)) => Err(WorldError(format!("{} is damaged: {error}", self.calls.path.display()))),
        }
    }

    /// Writes an effect: into the world's file, and its call into the log.
    pub(crate) fn append(&mut self, line: &Line) -> Result<(), WorldError> {
        self.world.append(line)?;
        match line.call() {
            Some(call) => self.log(call),
            None => Ok(()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.world.length == 0
    }

    fn log(&mut self, call: &Call) -> Result<(), WorldError> {
        self.calls.append(call)
    }

    /// Replaces the world's file by these lines: written beside it, then renamed.
    pub(crate) fn rewrite(&mut self, lines: impl Iterator<Item = Line>) -> Result<(), WorldError> {
        let mut text = Vec::new();
        for line in lines {
            write_line(&mut text, &line).map_err(|error| self.world.failed("write", &error))?;
        }
        let mut beside = self.world.path.clone().into_os_string();
        beside.push(".new");
        let replaced = fs::write(&beside, &text)
            .and_then(|()| fs::rename(&beside, &self.world.path))
            .and_then(|()| fs::metadata(&self.world.path));
        let metadata = replaced.map_err(|error| self.world.failed("rewrite", &error))?;
        self.world.forget();
        self.world.identity = Some(identity(&metadata));
        self.world.length = text.len() as u64;
        Ok(())
    }
}

/// A file that only grows.
#[derive(Debug)]
struct Appended {
    path: PathBuf,
    file: Option<File>,
    identity: Option<u64>,
    /// Bytes of whole lines that are known.
    length: u64,
    /// Whether something half-written stands behind them.
    is_torn: bool,
}

impl Appended {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, identity: None, length: 0, is_torn: false }
    }

    fn forget(&mut self) {
        *self = Self::new(std::mem::take(&mut self.path));
    }

    fn failed(&self, what: &str, error: &io::Error) -> WorldError {
        WorldError(format!("cannot {what} {}: {error}", self.path.display()))
    }

    /// All whole lines behind those already known.
    fn read_on(&mut self) -> Result<String, WorldError> {
        let mut text = String::new();
        let read = File::open(&self.path)
            .and_then(|mut file| file.seek(SeekFrom::Start(self.length)).map(|_| file))
            .and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|error| self.failed("read", &error))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.is_torn = whole < text.len();
        text.truncate(whole);
        self.length += whole as u64;
        Ok(text)
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), WorldError> {
        let mut text = Vec::new();
        let written = write_line(&mut text, line).and_then(|()| self.write(&text));
        written.map_err(|error| self.failed("write", &error))
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            let file = OpenOptions::new().append(true).create(true).open(&self.path)?;
            let metadata = file.metadata()?;
            self.identity = Some(identity(&metadata));
            if !self.is_torn {
                self.length = metadata.len();
            }
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Err(io::Error::other("the file is not open")) };
        if self.is_torn {
            file.set_len(self.length)?;
            self.is_torn = false;
        }
        if let Err(error) = file.write_all(text) {
            self.is_torn = true;
            return Err(error);
        }
        self.length += text.len() as u64;
        Ok(())
    }
}

fn write_line(text: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

/// What tells a file from another that was renamed over it.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> u64 {
    let created = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    created.map_or(0, |since| since.as_secs() ^ u64::from(since.subsec_nanos()))
}

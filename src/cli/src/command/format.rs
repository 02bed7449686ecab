//! `fmt`: configuration in the canonical style.

use crate::arguments::Format;
use crate::failure::{Failure, Success};
use crate::terminal::print;
use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Sources};
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Files that hold native syntax.
const EXTENSIONS: [&str; 5] = [".tf", ".tofu", ".tfvars", ".tftest.hcl", ".tofutest.hcl"];

/// Exit code when something could not be formatted.
const FAILED: u8 = 2;

/// Lines of a file around those that changed.
const CONTEXT: usize = 3;

pub(super) fn run(arguments: &Format) -> Result<Success, Failure> {
    let is_input = arguments.targets.first().is_some_and(|target| target.as_os_str() == "-");
    let mut formatter = Formatter {
        list: arguments.list && !is_input,
        write: arguments.write && !is_input && !arguments.check,
        diff: arguments.diff,
        check: arguments.check,
        recursive: arguments.recursive,
        sources: Sources::new(),
        diagnostics: Diagnostics::new(),
        is_changed: false,
    };
    if is_input {
        formatter.input();
    } else if arguments.targets.is_empty() {
        formatter.folder(Path::new(""));
    } else {
        arguments.targets.iter().for_each(|target| formatter.target(target));
    }
    let Formatter { sources, diagnostics, is_changed, .. } = formatter;
    if diagnostics.has_errors() {
        return Err(Failure { code: Some(FAILED), ..Failure::new(diagnostics, sources) });
    }
    Ok(if arguments.check && is_changed { Success::Unformatted } else { Success::Done })
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
struct Formatter {
    list: bool,
    write: bool,
    diff: bool,
    check: bool,
    recursive: bool,
    sources: Sources,
    diagnostics: Diagnostics,
    is_changed: bool,
}

impl Formatter {
    fn fail(&mut self, summary: &str, detail: String, hint: &str) {
        self.diagnostics.push(Diagnostic::error("format", summary, detail).hint(hint));
    }

    fn input(&mut self) {
        let mut bytes = Vec::new();
        match io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => self.text("<stdin>", bytes, None),
            Err(error) => self.unreadable("<stdin>", &error),
        }
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        let hint = "Make the file readable, or leave it out.";
        self.fail("Failed to read file", format!("{name} could not be read: {error}."), hint);
    }

    fn target(&mut self, target: &Path) {
        let name = target.to_string_lossy();
        if target.is_dir() {
            self.folder(target);
        } else if !target.exists() {
            let detail = format!("No file or directory at {name}.");
            self.fail("Invalid file or directory path", detail, "Name a file or folder that exists.");
        } else if has_extension(&name) {
            self.file(target);
        } else {
            let detail = format!("{name} is not a file that can be formatted.");
            let hint =
                "Only .tf, .tofu, .tfvars, .tftest.hcl and .tofutest.hcl files can be processed with fmt.";
            self.fail("Invalid file extension", detail, hint);
        }
    }

    /// The files of a folder in the order of their names, subfolders among them where they are asked for.
    fn folder(&mut self, folder: &Path) {
        let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = match std::fs::read_dir(place).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                let detail = format!("Cannot read directory {}: {error}.", place.display());
                return self.fail("Invalid path", detail, "Name a folder that can be read.");
            }
        };
        let mut names: Vec<PathBuf> = entries.into_iter().map(|entry| entry.file_name().into()).collect();
        names.sort();
        for name in names {
            let text = name.to_string_lossy();
            if is_ignored(&text) {
                continue;
            }
            let path = if folder == Path::new(".") { name.clone() } else { folder.join(&name) };
            // A link to a folder is not followed: it may lead back.
            let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
            if is_folder && self.recursive {
                self.folder(&path);
            } else if !is_folder && has_extension(&text) {
                self.file(&path);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = path.to_string_lossy().into_owned();
        match std::fs::read(path) {
            Ok(bytes) => self.text(&name, bytes, Some(path)),
            Err(error) => self.unreadable(&name, &error),
        }
    }

    fn text(&mut self, name: &str, bytes: Vec<u8>, path: Option<&Path>) {
        let Ok(text) = String::from_utf8(bytes) else {
            let hint = "Save the file as UTF-8.";
            return self.fail("Invalid character encoding", format!("{name} is not UTF-8 text."), hint);
        };
        let mut alone = Sources::new();
        let file = alone.add(name, text.as_str());
        let (formatted, found) = formwork_lang::format(file, &alone);
        let Some(formatted) = formatted else {
            // Only texts with findings are kept: there may be many files.
            let file = self.sources.add(name, text.as_str());
            return self.diagnostics.append(found_in(found, file));
        };
        if formatted != text {
            self.is_changed = true;
            self.changed(name, &text, &formatted, path);
        }
        if !self.list && !self.write && !self.diff && !self.check {
            print(&formatted);
        }
    }

    fn changed(&mut self, name: &str, text: &str, formatted: &str, path: Option<&Path>) {
        if self.list {
            print(&format!("{name}\n"));
        }
        if let Some(path) = path.filter(|_| self.write)
            && let Err(error) = replace(path, formatted)
        {
            let detail = format!("Failed to write {name}: {error}.");
            let hint = "The file is as it was. Make it and its folder writable.";
            self.fail("Writing formatted file failed", detail, hint);
        }
        if self.diff {
            print(&difference(name, text, formatted));
        }
    }
}

/// Findings of a text alone, as those of a file among others.
fn found_in(found: Diagnostics, file: FileId) -> Diagnostics {
    let at = |mut diagnostic: Diagnostic| {
        let finding = &mut *diagnostic;
        for span in finding.subject.iter_mut().chain(&mut finding.context) {
            span.file = file;
        }
        diagnostic
    };
    found.into_iter().map(at).collect()
}

fn has_extension(name: &str) -> bool {
    EXTENSIONS.iter().any(|extension| name.ends_with(extension))
}

/// Hidden files and those that editors leave.
fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.starts_with('#') && name.ends_with('#')
}

/// Writes a file whole or not at all: under another name first, then in its place.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    let _ = write!(name, ".{}.new", std::process::id());
    let aside = path.with_file_name(name);
    let written = std::fs::File::create_new(&aside).and_then(|mut file| {
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, &path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written
}

fn difference(name: &str, text: &str, formatted: &str) -> String {
    similar::TextDiff::from_lines(text, formatted)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&format!("old/{name}"), &format!("new/{name}"))
        .to_string()
}

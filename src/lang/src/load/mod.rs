//! Loading a module tree: files to syntax, blocks to their meaning, local child modules, and what can be checked
//! before anything is evaluated.
//!
//! Invariant: each folder is read once, however many calls lead to it, and its findings are reported once.

mod arguments;
mod call;
mod check;
mod resource;
mod settings;
#[cfg(test)]
mod tests;
mod variable;

use crate::lexer::is_identifier;
use crate::module::{Module, ModuleCall};
use crate::parser::parse_file;
use crate::source::{Source, SourceError, join_path};
use crate::suggest;
use crate::syntax::{BlockSyntax, BodySyntax};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Modules that may call one another before it is taken for a loop.
const MODULE_DEPTH_LIMIT: usize = 100;

/// Loads the root module and every local module that it calls.
pub fn load(source: &dyn Source, sources: &mut Sources) -> (Arc<Module>, Diagnostics) {
    let mut loader = Loader {
        source,
        sources,
        diagnostics: Diagnostics::new(),
        loaded: FxHashMap::default(),
        open: Vec::new(),
    };
    let module = loader.module(".", &[], None);
    (module, loader.diagnostics)
}

struct Loader<'a> {
    source: &'a dyn Source,
    sources: &'a mut Sources,
    diagnostics: Diagnostics,
    /// By folder.
    loaded: FxHashMap<String, Arc<Module>>,
    /// Folders of the modules that are being loaded, from the root down.
    open: Vec<String>,
}

/// Block types of the language that are understood by later versions only.
const NOT_YET: [&str; 8] = ["moved", "removed", "import", "check", "ephemeral", "language", "action", "list"];

const BLOCKS: [&str; 8] =
    ["terraform", "variable", "locals", "output", "provider", "resource", "data", "module"];

impl Loader<'_> {
    fn report(&mut self, code: &str, summary: impl Into<String>, detail: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, summary, detail).at(span));
    }

    /// The one place that says what this version does not do yet.
    fn not_yet(&mut self, what: &str, span: Span) {
        let detail = format!("This version of Formwork does not support {what} yet.");
        self.report("not-supported-yet", "Not supported yet", detail, span);
    }

    /// `main.tf:12`, for messages that name a second place.
    fn place(&self, span: Span) -> String {
        let Some(file) = self.sources.get(span.file) else { return String::new() };
        format!("{}:{}", file.name(), file.position(span.start).line)
    }

    fn module(&mut self, directory: &str, path: &[ArcStr], called_at: Option<Span>) -> Arc<Module> {
        if let Some(loaded) = self.loaded.get(directory) {
            return Arc::new(with_path(loaded, path));
        }
        let is_loop = self.open.iter().any(|open| open == directory) || self.open.len() >= MODULE_DEPTH_LIMIT;
        if let Some(span) = called_at.filter(|_| is_loop) {
            let detail = "This module calls itself, directly or through others.";
            self.report("module-loop", "Module calls itself", detail, span);
            return Arc::default();
        }
        let mut module = Module { path: path.to_vec(), directory: directory.to_owned(), ..Module::default() };
        self.open.push(directory.to_owned());
        let bodies = self.files(directory, called_at);
        self.blocks(&bodies, &mut module);
        self.open.pop();
        self.check(&module);
        let module = Arc::new(module);
        self.loaded.insert(directory.to_owned(), module.clone());
        module
    }

    /// The syntax of every configuration file of a folder, in the order of their names.
    fn files(&mut self, directory: &str, called_at: Option<Span>) -> Vec<BodySyntax> {
        let mut names = match self.source.list(directory) {
            Ok(names) => names,
            Err(error) => {
                let detail = format!("The directory {directory} could not be read: {error}.");
                let diagnostic = Diagnostic::error("module-directory", "Unreadable module directory", detail);
                self.diagnostics.push(match called_at {
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                });
                return Vec::new();
            }
        };
        names.retain(|name| is_configuration(name));
        names.sort();
        let shadowed = |name: &String| {
            name.strip_suffix(".tf").is_some_and(|stem| names.contains(&format!("{stem}.tofu")))
        };
        let names: Vec<String> = names.iter().filter(|name| !shadowed(name)).cloned().collect();
        let mut bodies = Vec::with_capacity(names.len());
        for name in names {
            bodies.extend(self.file(&join_path(directory, &name), &name));
        }
        bodies
    }

    fn file(&mut self, path: &str, name: &str) -> Option<BodySyntax> {
        let text = match self.source.read(path) {
            Ok(bytes) => String::from_utf8(bytes),
            Err(error) => {
                let reason =
                    if error == SourceError::NotFound { "it is gone".to_owned() } else { error.to_string() };
                let detail = format!("The file {path} could not be read: {reason}.");
                self.diagnostics.push(Diagnostic::error("unreadable-file", "Failed to read file", detail));
                return None;
            }
        };
        let (text, faulty) = match text {
            Ok(text) => (text, None),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), u32::try_from(at).ok())
            }
        };
        let file = self.sources.add(path, text.as_str());
        if let Some(at) = faulty {
            let detail = "All input files must be UTF-8 encoded. Ensure that UTF-8 encoding is selected in your editor.";
            self.report("encoding", "Invalid character encoding", detail, Span::new(file, at, at + 1));
            return None;
        }
        let start = Span::new(file, 0, 0);
        if name.ends_with(".json") {
            self.not_yet("configuration in JSON", start);
            return None;
        }
        let stem = name.split('.').next().unwrap_or_default();
        if stem == "override" || stem.ends_with("_override") {
            self.not_yet("override files", start);
            return None;
        }
        let (body, diagnostics) = parse_file(file, &text);
        self.diagnostics.append(diagnostics);
        Some(body)
    }

    fn blocks(&mut self, bodies: &[BodySyntax], module: &mut Module) {
        for body in bodies {
            for attribute in &body.attributes {
                let detail = format!("An argument named \"{}\" is not expected here.", attribute.name);
                self.report("unsupported-argument", "Unsupported argument", detail, attribute.name_span);
            }
            for block in &body.blocks {
                let start = self.diagnostics.len();
                self.block(block, module);
                for diagnostic in self.diagnostics.iter_mut().skip(start) {
                    diagnostic.block.get_or_insert_with(|| block.title());
                }
            }
        }
    }

    fn block(&mut self, block: &BlockSyntax, module: &mut Module) {
        match block.kind.as_str() {
            "terraform" => self.settings(block, module),
            "variable" => self.variable(block, module),
            "locals" => self.locals(block, module),
            "output" => self.output(block, module),
            "provider" => self.provider(block, module),
            "resource" | "data" => self.resource(block, module),
            "module" => self.call(block, module),
            kind if NOT_YET.contains(&kind) => self.not_yet(&format!("{kind} blocks"), block.header),
            kind => {
                let detail = format!("Blocks of type \"{kind}\" are not expected here.");
                let mut diagnostic = Diagnostic::error("unsupported-block", "Unsupported block type", detail)
                    .at(block.kind_span);
                diagnostic.hint = suggest::hint(kind, BLOCKS);
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// The labels of a block, checked: as many as there are names for them, each an identifier.
    fn labels<const N: usize>(&mut self, block: &BlockSyntax, names: [&str; N]) -> Option<[ArcStr; N]> {
        let kind = &block.kind;
        let plural = if N == 1 { "label" } else { "labels" };
        if let Some((_, span)) = block.labels.get(N) {
            let detail = format!("Only {N} {plural} ({}) are expected for {kind} blocks.", names.join(", "));
            self.report("block-labels", format!("Extraneous label for {kind}"), detail, *span);
            return None;
        }
        if let Some(missing) = names.get(block.labels.len()) {
            let detail = format!("All {kind} blocks must have {N} {plural} ({}).", names.join(", "));
            self.report("block-labels", format!("Missing {missing} for {kind}"), detail, block.header);
            return None;
        }
        let mut is_valid = true;
        for ((label, span), name) in block.labels.iter().zip(names) {
            if !is_identifier(label) {
                is_valid = false;
                self.invalid_name(&format!("Invalid {kind} {name}"), *span);
            }
        }
        is_valid.then(|| std::array::from_fn(|at| block.labels[at].0.clone()))
    }

    fn invalid_name(&mut self, summary: &str, span: Span) {
        let detail = "A name must start with a letter or underscore and may contain only letters, digits, underscores, and dashes.";
        self.report("invalid-name", summary, detail, span);
    }
}

fn is_configuration(name: &str) -> bool {
    let is_ignored =
        name.starts_with('.') || name.ends_with('~') || name.starts_with('#') && name.ends_with('#');
    !is_ignored && [".tf", ".tofu", ".tf.json", ".tofu.json"].iter().any(|ending| name.ends_with(ending))
}

/// The same module, called from elsewhere: everything but the paths is shared.
fn with_path(module: &Module, path: &[ArcStr]) -> Module {
    let call = |(name, call): (&ArcStr, &ModuleCall)| {
        let path: Vec<ArcStr> = path.iter().chain([name]).cloned().collect();
        (name.clone(), ModuleCall { module: Arc::new(with_path(&call.module, &path)), ..call.clone() })
    };
    Module { path: path.to_vec(), calls: module.calls.iter().map(call).collect(), ..module.clone() }
}

//! Loading a module tree: files to syntax, blocks to their meaning, child modules, and what can be checked
//! before anything is evaluated.
//!
//! Invariant: each folder is read once, however many calls lead to it, and its findings are reported once.

mod arguments;
#[cfg(test)]
mod block_tests;
mod call;
mod check;
mod conditions;
mod early;
mod encryption;
#[cfg(test)]
mod file_tests;
mod files;
mod installed;
mod merge;
mod provisioner;
mod refactor;
mod resource;
mod settings;
mod test_file;
#[cfg(test)]
mod test_file_tests;
mod test_override;
mod test_run;
#[cfg(test)]
mod tests;
mod variable;

pub use self::check::check_assertions;
pub use self::test_file::{TEST_DIRECTORY, load_tests};

#[cfg(test)]
pub(crate) use self::call::META as CALL_ARGUMENTS;
use self::early::Outer;
pub(crate) use self::resource::{META_ARGUMENTS, META_BLOCKS};
#[cfg(test)]
pub(crate) use self::settings::provider_arguments;
use crate::json;
use crate::lexer::is_identifier;
use crate::module::{Module, ModuleCall};
use crate::source::{Source, join_path};
use crate::suggest;
use crate::syntax::{BlockSyntax, BodySyntax};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use formwork_value::Value;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Modules that may call one another before it is taken for a loop.
const MODULE_DEPTH_LIMIT: usize = 100;

/// Loads the root module and every local module that it calls, with the defaults of variables where a module's source
/// is written with some.
pub fn load(source: &dyn Source, sources: &mut Sources) -> (Arc<Module>, Diagnostics) {
    load_with(source, sources, None)
}

/// Loads the root module and every local module that it calls; the values of the root module's variables are known.
pub fn load_with(
    source: &dyn Source,
    sources: &mut Sources,
    variables: Option<&IndexMap<ArcStr, Value>>,
) -> (Arc<Module>, Diagnostics) {
    let mut loader = Loader::new(source, sources, variables);
    let module = loader.module(".", &[], None, None);
    (module, loader.found())
}

struct Loader<'a> {
    source: &'a dyn Source,
    sources: &'a mut Sources,
    /// Values of the root module's variables, where they are decided.
    variables: Option<&'a IndexMap<ArcStr, Value>>,
    /// How often a variable was asked for, and how often one of the root module.
    consulted: Rc<Cell<(u32, u32)>>,
    diagnostics: Diagnostics,
    /// The files of each folder, and whether something in them could not be read.
    read: FxHashMap<String, (Rc<[BodySyntax]>, bool)>,
    /// By folder: modules that are the same for every call.
    loaded: FxHashMap<String, Arc<Module>>,
    /// Folders of the modules that are being loaded, from the root down.
    open: Vec<String>,
    /// Modules that were installed, by key, once somebody asked.
    installed: Option<FxHashMap<String, installed::Entry>>,
    /// Whether something in the module at hand could not be read: nothing is to be called undeclared then.
    is_incomplete: bool,
}

/// Block types of a configuration file.
const BLOCKS: [&str; 14] = [
    "terraform",
    "language",
    "variable",
    "locals",
    "output",
    "provider",
    "resource",
    "data",
    "ephemeral",
    "module",
    "check",
    "moved",
    "removed",
    "import",
];

/// Block types that only Terraform has, and what to use in their place.
const TERRAFORM_ONLY: [(&str, &str); 2] = [
    ("action", "Run the command from a provisioner, or manage the thing itself as a resource."),
    ("list", "Name the objects to take over in import blocks."),
];

impl<'a> Loader<'a> {
    fn new(
        source: &'a dyn Source,
        sources: &'a mut Sources,
        variables: Option<&'a IndexMap<ArcStr, Value>>,
    ) -> Self {
        Self {
            source,
            sources,
            variables,
            consulted: Rc::default(),
            diagnostics: Diagnostics::new(),
            read: FxHashMap::default(),
            loaded: FxHashMap::default(),
            open: Vec::new(),
            installed: None,
            is_incomplete: false,
        }
    }

    /// What was found, in the order of the text.
    fn found(self) -> Diagnostics {
        let mut found = self.diagnostics;
        // What is wrong with a module for another version of the language may be right there.
        if found.iter().any(|one| one.code == settings::INCOMPATIBLE_MODULE) {
            found = found.into_iter().filter(|one| one.code == settings::INCOMPATIBLE_MODULE).collect();
        }
        // Files are numbered in the order in which they were read: the root's by name, then those of its calls.
        found.sort_by_place();
        found
    }
}

impl Loader<'_> {
    fn report(&mut self, code: &str, summary: impl Into<String>, detail: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, summary, detail).at(span));
    }

    /// `main.tf:12`, for messages that name a second place.
    fn place(&self, span: Span) -> String {
        let Some(file) = self.sources.get(span.file) else { return String::new() };
        format!("{}:{}", file.name(), file.position(span.start).line)
    }

    fn module(
        &mut self,
        directory: &str,
        path: &[ArcStr],
        called_at: Option<Span>,
        outer: Option<Outer<'_>>,
    ) -> Arc<Module> {
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
        let consulted = self.consulted.get();
        let around = std::mem::take(&mut self.is_incomplete);
        if path.is_empty() {
            self.root_blocks(directory, &mut module);
            self.encryption_of_surroundings(&mut module);
            self.backend_values(&mut module);
            self.encryption_values(&mut module);
        } else {
            let bodies = self.folder(directory, called_at);
            self.blocks(&bodies, &mut module, outer);
        }
        module.is_incomplete = std::mem::replace(&mut self.is_incomplete, around);
        self.open.pop();
        self.check(&module);
        let (all, of_root) = self.consulted.get();
        module.uses_variables = of_root > consulted.1;
        let module = Arc::new(module);
        // Called with other arguments it may call other modules.
        if all == consulted.0 {
            self.loaded.insert(directory.to_owned(), module.clone());
        }
        module
    }

    /// The files of a folder, read once.
    fn folder(&mut self, directory: &str, called_at: Option<Span>) -> Rc<[BodySyntax]> {
        if let Some((bodies, is_incomplete)) = self.read.get(directory) {
            self.is_incomplete |= *is_incomplete;
            return bodies.clone();
        }
        let names = self.names(directory, called_at);
        let bodies: Rc<[BodySyntax]> = self.files(directory, names).into();
        self.read.insert(directory.to_owned(), (bodies.clone(), self.is_incomplete));
        bodies
    }

    /// What stands in the root module's folder. Nobody asks for its syntax again, and it may be large: one file's is
    /// there at a time, but for calls.
    fn root_blocks(&mut self, directory: &str, module: &mut Module) {
        let (primary, overriding) = self.names(directory, None);
        if !overriding.is_empty() {
            let bodies = self.files(directory, (primary, overriding));
            return self.blocks(&bodies, module, None);
        }
        let mut calls = Vec::new();
        for name in primary {
            let Some(mut body) = self.file(&join_path(directory, &name), &json::FILE) else { continue };
            self.stray_arguments(&body);
            calls.extend(body.blocks.extract_if(.., |block| block.kind == "module"));
            for block in body.blocks {
                self.titled_block(&block, module, None);
            }
        }
        for call in calls {
            self.titled_block(&call, module, None);
        }
    }

    fn blocks(&mut self, bodies: &[BodySyntax], module: &mut Module, outer: Option<Outer<'_>>) {
        for body in bodies {
            self.stray_arguments(body);
        }
        // A module's source may be written with variables and locals, wherever those are declared.
        let (calls, others): (Vec<&BlockSyntax>, Vec<&BlockSyntax>) =
            bodies.iter().flat_map(|body| &body.blocks).partition(|block| block.kind == "module");
        for block in others.into_iter().chain(calls) {
            self.titled_block(block, module, outer);
        }
    }

    /// Arguments beside the blocks of a file, where there are none.
    fn stray_arguments(&mut self, body: &BodySyntax) {
        for attribute in &body.attributes {
            let detail = format!("An argument named \"{}\" is not expected here.", attribute.name);
            let mut diagnostic = Diagnostic::error("unsupported-argument", "Unsupported argument", detail)
                .at(attribute.name_span);
            diagnostic.hint = suggest::hint(&attribute.name, BLOCKS);
            self.diagnostics.push(diagnostic);
            // In a document it may have been meant to declare something.
            let file = self.sources.get(attribute.name_span.file);
            self.is_incomplete |= file.is_some_and(|file| {
                Path::new(file.name()).extension().is_some_and(|ending| ending == "json")
            });
        }
    }

    /// A block, whose findings name it.
    fn titled_block(&mut self, block: &BlockSyntax, module: &mut Module, outer: Option<Outer<'_>>) {
        let start = self.diagnostics.len();
        self.block(block, module, outer);
        for diagnostic in self.diagnostics.iter_mut().skip(start) {
            diagnostic.block.get_or_insert_with(|| block.title());
        }
    }

    fn block(&mut self, block: &BlockSyntax, module: &mut Module, outer: Option<Outer<'_>>) {
        match block.kind.as_str() {
            "terraform" => self.settings(block, module),
            "variable" => self.variable(block, module),
            "locals" => self.locals(block, module),
            "output" => self.output(block, module),
            "provider" => self.provider(block, module),
            "resource" | "data" | "ephemeral" => self.resource(block, None, module),
            "module" => self.call(block, module, outer),
            "language" => self.language(block, module),
            "check" => self.check_block(block, module),
            "moved" => self.moved(block, module),
            "removed" => self.removed(block, module),
            "import" => self.import(block, module),
            kind => {
                if let Some((_, instead)) = TERRAFORM_ONLY.iter().find(|(only, _)| *only == kind) {
                    let detail = format!(
                        "The \"{kind}\" block belongs to Terraform's own tools, which Formwork does not follow."
                    );
                    let summary = format!("The \"{kind}\" block is not supported");
                    let diagnostic = Diagnostic::error("terraform-only", summary, detail).at(block.header);
                    self.diagnostics.push(diagnostic.hint(*instead));
                    return;
                }
                let detail = format!("Blocks of type \"{kind}\" are not expected here.");
                let mut diagnostic = Diagnostic::error("unsupported-block", "Unsupported block type", detail)
                    .at(block.kind_span);
                diagnostic.hint = suggest::hint(kind, BLOCKS);
                self.diagnostics.push(diagnostic);
                // What it was meant to declare is not to be called undeclared.
                self.is_incomplete = true;
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
            self.is_incomplete = true;
            return None;
        }
        if let Some(missing) = names.get(block.labels.len()) {
            let detail = format!("All {kind} blocks must have {N} {plural} ({}).", names.join(", "));
            let summary = format!("Missing {missing} for {kind}");
            let words: Vec<String> =
                names.iter().map(|name| format!("\"{}\"", name.to_uppercase())).collect();
            let hint = format!("Write {kind} {} {{ ... }}.", words.join(" "));
            self.diagnostics
                .push(Diagnostic::error("block-labels", summary, detail).at(block.header).hint(hint));
            self.is_incomplete = true;
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

/// The same module, called from elsewhere: everything but the paths is shared.
fn with_path(module: &Module, path: &[ArcStr]) -> Module {
    let call = |(name, call): (&ArcStr, &ModuleCall)| {
        let path: Vec<ArcStr> = path.iter().chain([name]).cloned().collect();
        (name.clone(), ModuleCall { module: Arc::new(with_path(&call.module, &path)), ..call.clone() })
    };
    Module { path: path.to_vec(), calls: module.calls.iter().map(call).collect(), ..module.clone() }
}

//! Test files: which there are, and what stands in them outside of `run` blocks.

use super::Loader;
use super::arguments::argument;
use super::files::files_with;
use crate::compile::compile;
use crate::expression::Expression;
use crate::json;
use crate::lexer::is_identifier;
use crate::module::Module;
use crate::source::{Source, SourceError, join_path, normalise_path};
use crate::suggest;
use crate::syntax::{BlockSyntax, BodySyntax};
use crate::test_file::{MockProvider, TestFile};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use indexmap::IndexMap;

/// Where tests are looked for beside the root module's own folder, unless another place is named.
pub const TEST_DIRECTORY: &str = "tests";

/// Endings of test files; one of the second kind takes the place of its namesake of the first.
const ENDINGS: [(&str, &str); 2] = [(".tftest.hcl", ".tofutest.hcl"), (".tftest.json", ".tofutest.json")];

/// Endings of files of mocks.
const MOCK_ENDINGS: [(&str, &str); 2] =
    [(".tfmock.hcl", ".tofumock.hcl"), (".tfmock.json", ".tofumock.json")];

/// Block types of a test file.
const BLOCKS: [&str; 8] = [
    "run",
    "variables",
    "provider",
    "mock_provider",
    "override_resource",
    "override_data",
    "override_module",
    "test",
];

/// Loads the test files beside the root module and in the folder of tests, each with the modules that its runs test
/// instead of the root module.
pub fn load_tests(
    source: &dyn Source,
    sources: &mut Sources,
    directory: Option<&str>,
) -> (Vec<TestFile>, Diagnostics) {
    let mut loader = Loader::new(source, sources, None);
    let mut files = Vec::new();
    for path in loader.test_paths(directory) {
        let shape = &json::TEST_FILE;
        if let Some(body) = loader.file(&path, shape) {
            files.push(loader.test_file(path, &body));
        }
    }
    (files, loader.found())
}

impl Loader<'_> {
    fn test_paths(&mut self, asked: Option<&str>) -> Vec<String> {
        let directory = normalise_path(asked.unwrap_or(TEST_DIRECTORY));
        let mut paths = self.paths_in(".", &ENDINGS).unwrap_or_default();
        if directory != "." {
            match self.paths_in(&directory, &ENDINGS) {
                Ok(more) => paths.extend(more),
                Err(SourceError::NotFound) if asked.is_none() => {}
                Err(SourceError::NotFound) => {
                    let detail = format!("Requested test directory {directory} does not exist.");
                    let diagnostic =
                        Diagnostic::warning("test-directory", "Test directory does not exist", detail);
                    self.diagnostics.push(diagnostic.hint("The path is taken from the working directory."));
                }
                Err(error) => {
                    let detail = format!("The directory {directory} could not be read: {error}.");
                    self.diagnostics.push(Diagnostic::error(
                        "test-directory",
                        "Unreadable directory",
                        detail,
                    ));
                }
            }
        }
        paths
    }

    fn paths_in(
        &self,
        directory: &str,
        endings: &[(&'static str, &'static str)],
    ) -> Result<Vec<String>, SourceError> {
        let names = self.source.list(directory)?;
        Ok(files_with(&names, endings).iter().map(|name| join_path(directory, name)).collect())
    }

    fn test_file(&mut self, path: String, body: &BodySyntax) -> TestFile {
        let mut file = TestFile { path, ..TestFile::default() };
        self.only(&BodySyntax { blocks: Vec::new(), ..body.clone() }, &[], &BLOCKS);
        let mut variables = None;
        for block in &body.blocks {
            let start = self.diagnostics.len();
            match block.kind.as_str() {
                "run" => file.runs.extend(self.run(block)),
                "variables" => {
                    if self.is_first(block, &mut variables, "test file") {
                        file.variables = self.test_variables(block);
                    }
                }
                "provider" => self.test_provider(block, &mut file),
                "mock_provider" => self.mock_provider(block, &mut file),
                "override_resource" | "override_data" | "override_module" => {
                    self.add_override(block, &mut file.overrides);
                }
                "test" => {
                    self.labels(block, []);
                    self.only(&block.body, &["parallel"], &[]);
                    self.flag(&block.body, "parallel");
                }
                kind => {
                    let detail = format!("Blocks of type \"{kind}\" are not expected here.");
                    let mut diagnostic =
                        Diagnostic::error("unsupported-block", "Unsupported block type", detail)
                            .at(block.kind_span);
                    diagnostic.hint = suggest::hint(kind, BLOCKS);
                    self.diagnostics.push(diagnostic);
                }
            }
            for diagnostic in self.diagnostics.iter_mut().skip(start) {
                diagnostic.block.get_or_insert_with(|| block.title());
            }
        }
        file
    }

    /// Whether a block is the first of its kind; says where the first one is when it is not.
    pub(super) fn is_first(&mut self, block: &BlockSyntax, known: &mut Option<Span>, around: &str) -> bool {
        let kind = &block.kind;
        self.labels(block, []);
        let Some(first) = *known else {
            *known = Some(block.header);
            return true;
        };
        let detail = format!("This {around} already has a {kind} block defined at {}.", self.place(first));
        self.report("duplicate", format!("Multiple \"{kind}\" blocks"), detail, block.header);
        false
    }

    /// A `variables` block.
    pub(super) fn test_variables(&mut self, block: &BlockSyntax) -> IndexMap<ArcStr, Expression> {
        let mut variables = IndexMap::new();
        for nested in &block.body.blocks {
            let detail =
                format!("Blocks are not allowed here: {} = {{ ... }} would set a variable.", nested.kind);
            self.report("unsupported-block", "Unexpected block", detail, nested.header);
        }
        for attribute in &block.body.attributes {
            let expression = compile(&attribute.value, &[]);
            self.diagnostics.extend(expression.problems().iter().cloned());
            variables.insert(attribute.name.clone(), expression);
        }
        variables
    }

    fn test_provider(&mut self, block: &BlockSyntax, file: &mut TestFile) {
        let mut holder = Module { providers: std::mem::take(&mut file.providers), ..Module::default() };
        self.provider(block, &mut holder);
        file.providers = holder.providers;
        if let Some(provider) = file.providers.last() {
            let mut problems = Vec::new();
            provider.body.each_expression(&mut |one| problems.extend(one.problems().iter().cloned()));
            self.diagnostics.extend(problems);
        }
    }

    fn mock_provider(&mut self, block: &BlockSyntax, file: &mut TestFile) {
        const ARGUMENTS: [&str; 4] = ["alias", "for_each", "override_during", "source"];
        let Some([name]) = self.labels(block, ["name"]) else { return };
        let blocks = ["mock_resource", "mock_data", "override_resource", "override_data"];
        self.only(&block.body, &ARGUMENTS, &blocks);
        let alias: Option<ArcStr> = self.text(&block.body, "alias").map(ArcStr::from);
        if let (Some(alias), Some(attribute)) = (&alias, block.body.attribute("alias"))
            && !is_identifier(alias)
        {
            self.invalid_name("Invalid mock provider configuration alias", attribute.value.span);
        }
        let for_each = argument(&block.body, "for_each");
        if let (Some(for_each), None) = (&for_each, &alias) {
            let detail = "The for_each argument is allowed only for provider configurations with an alias.";
            let diagnostic =
                Diagnostic::error("provider-for-each", "Alias required when using \"for_each\"", detail);
            self.diagnostics.push(diagnostic.at(for_each.span()).hint("Add an alias argument."));
        }
        let during = self.during(&block.body).unwrap_or_default();
        let mut mock = MockProvider {
            name,
            alias,
            for_each,
            kinds: Vec::new(),
            overrides: Vec::new(),
            during,
            span: block.header,
        };
        self.mock_blocks(&block.body, &mut mock);
        self.mock_source(block, &mut mock);
        if let Some(first) = file.mocks.iter().find(|one| one.title() == mock.title()) {
            let detail = format!(
                "It is not allowed to have multiple `mock_provider` blocks with the same address: `{}`. The first is at {}.",
                mock.title(),
                self.place(first.span)
            );
            return self.report("duplicate", "Duplicated `mock_provider` block", detail, block.header);
        }
        file.mocks.push(mock);
    }

    /// The files of a folder of mocks.
    fn mock_source(&mut self, block: &BlockSyntax, mock: &mut MockProvider) {
        let Some(source) = self.text(&block.body, "source") else { return };
        let span = block.body.attribute("source").map_or(block.header, |attribute| attribute.value.span);
        let paths = match self.paths_in(&normalise_path(&source), &MOCK_ENDINGS) {
            Ok(paths) => paths,
            Err(error) => {
                let detail = format!("The directory {source} could not be read: {error}.");
                return self.report("mock-source", "Invalid mock source", detail, span);
            }
        };
        for path in paths {
            let Some(body) = self.file(&path, &json::TEST_FILE) else { continue };
            self.only(&body, &[], &["mock_resource", "mock_data", "override_resource", "override_data"]);
            self.mock_blocks(&body, mock);
        }
    }
}

//! `run` blocks of test files.

use super::Loader;
use crate::compile::as_reference;
use crate::module::Target;
use crate::scope::{Mode, Reference, Subject, TraversalStep};
use crate::source::normalise_path;
use crate::syntax::{BlockSyntax, BodySyntax};
use crate::test_file::{Expectation, ExpectedObject, Overrides, TestCommand, TestModule, TestRun};
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;
use formwork_value::Type;
use indexmap::IndexMap;

const ARGUMENTS: [&str; 5] = ["command", "providers", "expect_failures", "state_key", "parallel"];

const BLOCKS: [&str; 7] = [
    "plan_options",
    "assert",
    "variables",
    "module",
    "override_resource",
    "override_data",
    "override_module",
];

impl Loader<'_> {
    pub(super) fn run(&mut self, block: &BlockSyntax) -> Option<TestRun> {
        let [name] = self.labels(block, ["name"])?;
        let body = &block.body;
        self.only(body, &ARGUMENTS, &BLOCKS);
        self.flag(body, "parallel");
        let mut run = TestRun {
            name,
            command: self.command(body),
            refresh_only: false,
            refresh: true,
            replace: Vec::new(),
            targets: Vec::new(),
            variables: IndexMap::new(),
            providers: Vec::new(),
            module: None,
            state_key: self.text(body, "state_key").map(ArcStr::from),
            asserts: self.conditions(body, "assert"),
            expect_failures: self.expectations(body),
            overrides: Overrides::default(),
            span: block.header,
        };
        if let Some(attribute) = body.attribute("providers") {
            run.providers = self.providers(&attribute.value);
        }
        let (mut options, mut variables, mut module) = (None, None, None);
        for nested in &body.blocks {
            match nested.kind.as_str() {
                "plan_options" if self.is_first(nested, &mut options, "run block") => {
                    self.plan_options(nested, &mut run);
                }
                "variables" if self.is_first(nested, &mut variables, "run block") => {
                    run.variables = self.test_variables(nested);
                }
                "module" if self.is_first(nested, &mut module, "run block") => {
                    run.module = self.test_module(nested);
                }
                "override_resource" | "override_data" | "override_module" => {
                    self.add_override(nested, &mut run.overrides);
                }
                _ => {}
            }
        }
        Some(run)
    }

    fn command(&mut self, body: &BodySyntax) -> TestCommand {
        let Some(attribute) = body.attribute("command") else { return TestCommand::default() };
        match attribute.value.keyword() {
            Some("plan") => TestCommand::Plan,
            Some("apply") => TestCommand::Apply,
            _ => {
                let detail = "The \"command\" argument requires one of the following keywords without quotes: apply or plan.";
                self.report("keyword", "Invalid \"command\" keyword", detail, attribute.value.span);
                TestCommand::default()
            }
        }
    }

    fn plan_options(&mut self, block: &BlockSyntax, run: &mut TestRun) {
        let body = &block.body;
        self.only(body, &["mode", "refresh", "replace", "target"], &[]);
        if let Some(attribute) = body.attribute("mode") {
            match attribute.value.keyword() {
                Some("normal") => {}
                Some("refresh-only") => run.refresh_only = true,
                _ => {
                    let detail = "The \"mode\" argument requires one of the following keywords without quotes: normal or refresh-only";
                    self.report("keyword", "Invalid \"mode\" keyword", detail, attribute.value.span);
                }
            }
        }
        run.refresh = self.flag(body, "refresh").unwrap_or(true);
        run.replace = self.targets(body, "replace");
        run.targets = self.targets(body, "target");
        if let (false, true, Some(attribute)) = (run.refresh, run.refresh_only, body.attribute("refresh")) {
            let detail =
                "The \"refresh\" option cannot be set to false when running a test in \"refresh-only\" mode.";
            self.report("contradicting-options", "Incompatible plan options", detail, attribute.span());
        }
        for target in &run.replace {
            if target.resource.as_ref().is_none_or(|resource| resource.mode != Mode::Managed) {
                let detail = "Each item names an instance of a resource block: TYPE.NAME or TYPE.NAME[KEY].";
                let summary = "Can only target managed resources for forced replacements.";
                self.diagnostics.push(Diagnostic::error("replace-target", summary, detail).at(target.span));
            }
        }
    }

    fn targets(&mut self, body: &BodySyntax, name: &str) -> Vec<Target> {
        let Some(attribute) = body.attribute(name) else { return Vec::new() };
        let mut targets = Vec::new();
        for item in self.list(&attribute.value) {
            targets.extend(self.target(item));
        }
        targets
    }

    fn test_module(&mut self, block: &BlockSyntax) -> Option<TestModule> {
        self.only(&block.body, &["source", "version"], &[]);
        let Some(attribute) = block.body.attribute("source") else {
            let detail = "You must specify a source attribute when executing alternate modules during test executions.";
            let summary = "Missing \"source\" attribute for module block";
            self.report("missing-argument", summary, detail, block.header);
            return None;
        };
        let span = attribute.value.span;
        let source = self.constant(&attribute.value, &Type::String)?.as_str()?.clone();
        if !self.check_local(block, &source, span) {
            return None;
        }
        let module = self.module(&normalise_path(&source), &[], Some(span), None);
        Some(TestModule { source, module, span: block.header })
    }

    fn expectations(&mut self, body: &BodySyntax) -> Vec<Expectation> {
        let Some(attribute) = body.attribute("expect_failures") else { return Vec::new() };
        let mut expectations = Vec::new();
        for item in self.list(&attribute.value) {
            match as_reference(item) {
                Ok(reference) => expectations.extend(self.expectation(&reference)),
                Err(diagnostic) => self.diagnostics.push(diagnostic),
            }
        }
        expectations
    }

    fn expectation(&mut self, reference: &Reference) -> Option<Expectation> {
        let object = expected(reference);
        if object.is_none() {
            let detail = format!(
                "You cannot expect failures from {reference}. You can only expect failures from checkable objects such as input variables, output values, check blocks, managed resources and data sources."
            );
            let summary = "Invalid `expect_failures` reference";
            let diagnostic = Diagnostic::error("expect-failures", summary, detail).at(reference.span);
            self.diagnostics.push(
                diagnostic.hint("Name an object of the module that is tested, not one of a module below it."),
            );
        }
        Some(Expectation { object: object?, text: reference.to_string(), span: reference.span })
    }
}

fn expected(reference: &Reference) -> Option<ExpectedObject> {
    match &reference.subject {
        Subject::Variable(name) => Some(ExpectedObject::Variable(name.clone())),
        Subject::Resource { mode: Mode::Managed, type_name, name } if type_name == "output" => {
            Some(ExpectedObject::Output(name.clone()))
        }
        Subject::Resource { mode: Mode::Managed, type_name, name } if type_name == "check" => {
            Some(ExpectedObject::Check(name.clone()))
        }
        Subject::Resource { mode, type_name, name } => {
            let key = match reference.steps.as_slice() {
                [] => None,
                [TraversalStep::Index(key)] => Some(key.clone()),
                _ => return None,
            };
            Some(ExpectedObject::Resource {
                mode: *mode,
                type_name: type_name.clone(),
                name: name.clone(),
                key,
            })
        }
        _ => None,
    }
}

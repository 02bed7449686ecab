//! Calling functions: arguments are evaluated, converted and checked against the parameters, marks gathered, unknown
//! arguments answered with an unknown result. The functions themselves see none of that.

use crate::compile::compile_closed;
use crate::constraint::TypeConstraint;
use crate::evaluate::{Evaluator, nothing};
use crate::functions::{Function, FunctionContext, FunctionError, Parameter, ResultType};
use crate::node::{CallNode, Callee, Node};
use crate::parser::parse_template;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Sources, Span};
use formwork_value::{Marks, Refinements, Type, TypeSort, Value, convert};
use std::fmt::Write as _;

/// Functions that the evaluator provides itself.
pub(crate) const LAZY: [&str; 5] = ["can", "convert", "templatefile", "templatestring", "try"];

/// Templates that may render one another before it is taken for a loop.
const TEMPLATE_DEPTH_LIMIT: u32 = 1024;

/// Templates that one expression may render in all: two that each render two others come to 2^depth.
const TEMPLATE_COUNT_LIMIT: u32 = 100_000;

/// One evaluated argument and its place.
struct Argument<'n> {
    value: Value,
    node: &'n Node,
    /// What is underlined when it is at fault.
    span: Span,
}

impl Evaluator<'_> {
    pub(crate) fn call(&mut self, node: &Node, call: &CallNode) -> Value {
        match &call.callee {
            Callee::Try => self.try_call(call),
            Callee::Can => self.can_call(node, call),
            Callee::Function(function) => self.function_call(node, call, function),
            Callee::TemplateFile => self.function_call(node, call, &TEMPLATE_FILE),
            Callee::TemplateString => self.function_call(node, call, &TEMPLATE_STRING),
            Callee::Convert(constraint) => self.convert_call(node, call, constraint),
            Callee::Provider { provider, function } => self.provider_call(node, call, provider, function),
        }
    }

    fn try_call(&mut self, call: &CallNode) -> Value {
        let start = self.diagnostics.len();
        if call.arguments.is_empty() {
            return self.call_failed(call, "at least one argument is required");
        }
        let mut reasons = String::new();
        for argument in &call.arguments {
            self.quiet += 1;
            let value = self.value(argument);
            self.quiet -= 1;
            if self.has_errors_since(start) {
                for finding in self.diagnostics.drain(start..).filter(Diagnostic::is_error) {
                    let _ = write!(reasons, "\n- {}: {}", finding.summary, finding.detail);
                }
                continue;
            }
            self.diagnostics.truncate(start);
            // What is not known yet may yet turn out to fail.
            return if value.is_wholly_known() { value } else { nothing() };
        }
        self.call_failed(call, &format!("no expression succeeded:{reasons}\n\nAt least one expression must produce a successful result"))
    }

    fn can_call(&mut self, node: &Node, call: &CallNode) -> Value {
        let [argument] = call.arguments.as_slice() else {
            return self.wrong_count(
                node,
                call,
                &[Parameter::new("expression", crate::functions::Shape::Any)],
                false,
            );
        };
        let start = self.diagnostics.len();
        self.quiet += 1;
        let value = self.value(argument);
        self.quiet -= 1;
        let has_failed = self.has_errors_since(start);
        self.diagnostics.truncate(start);
        match (has_failed, value.is_wholly_known()) {
            (true, _) => Value::bool(false),
            (false, true) => Value::bool(true),
            (false, false) => Value::unknown(Type::Bool),
        }
    }

    fn convert_call(&mut self, node: &Node, call: &CallNode, constraint: &TypeConstraint) -> Value {
        let start = self.diagnostics.len();
        let [argument] = call.arguments.as_slice() else { return nothing() };
        let value = self.value(argument);
        if self.has_errors_since(start) {
            return Value::unknown(constraint.value_type.without_optional());
        }
        constraint.apply(&value).unwrap_or_else(|error| {
            let detail = format!("Invalid value for \"value\" parameter: {error}.");
            let at = Argument { value: nothing(), node: argument, span: argument.start };
            self.argument_failed(node, &at, detail)
        })
    }

    /// The arguments' values, a last one with `...` spread; nothing when the call has no result because of them.
    fn arguments<'n>(&mut self, node: &Node, call: &'n CallNode) -> Result<Vec<Argument<'n>>, Value> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let (spread, plain) = match call.arguments.split_last() {
            Some((last, rest)) if call.expand => (Some(last), rest),
            _ => (None, call.arguments.as_slice()),
        };
        let mut tail = Vec::new();
        if let Some(spread) = spread {
            tail = self.spread(node, spread)?;
        }
        for node in plain {
            arguments.push(Argument { value: self.value(node), node, span: node.start });
        }
        arguments.append(&mut tail);
        Ok(arguments)
    }

    fn spread<'n>(&mut self, call: &Node, node: &'n Node) -> Result<Vec<Argument<'n>>, Value> {
        const SUMMARY: &str = "Invalid expanding argument value";
        let start = self.diagnostics.len();
        let value = self.value(node);
        if self.has_errors_since(start) {
            return Err(nothing());
        }
        if value.is_null() {
            let detail = "The expanding argument (indicated by ...) must not be null.";
            return Err(self.fail(SUMMARY, detail, node.span, call));
        }
        match value.sort() {
            TypeSort::Dynamic => Err(nothing()),
            TypeSort::Tuple | TypeSort::List | TypeSort::Set => {
                let (value, marks) = value.unmark();
                let Some(items) = value.items() else { return Err(nothing()) };
                Ok(items
                    .iter()
                    .map(|item| Argument { value: item.with_marks(&marks), node, span: node.span })
                    .collect())
            }
            _ => {
                let detail =
                    "The expanding argument (indicated by ...) must be of a tuple, list, or set type.";
                Err(self.fail(SUMMARY, detail, node.span, call))
            }
        }
    }

    fn function_call(&mut self, node: &Node, call: &CallNode, function: &'static Function) -> Value {
        let start = self.diagnostics.len();
        let mut arguments = match self.arguments(node, call) {
            Ok(arguments) => arguments,
            Err(value) => return value,
        };
        let count = arguments.len();
        if count < function.parameters.len()
            || function.variadic.is_none() && count > function.parameters.len()
        {
            self.diagnostics.truncate(start);
            return self.wrong_count_given(
                node,
                call,
                function.parameters,
                function.variadic.is_some(),
                &arguments,
            );
        }
        for (at, argument) in arguments.iter_mut().enumerate() {
            let Some(parameter) = parameter(function, at) else { continue };
            if parameter.value_type == crate::functions::Shape::Any {
                continue;
            }
            match convert(&argument.value, &parameter.value_type.to_type()) {
                Ok(value) => argument.value = value,
                Err(error) => {
                    let detail = format!("Invalid value for \"{}\" parameter: {error}.", parameter.name);
                    self.argument_failed(node, argument, detail);
                }
            }
        }
        if self.has_errors_since(start) {
            return nothing();
        }
        // Whatever is said of an argument is said of its place: the value is the function's.
        let taken =
            |argument: &mut Argument<'_>| std::mem::replace(&mut argument.value, Value::null(Type::Dynamic));
        let values: Vec<Value> = arguments.iter_mut().map(taken).collect();
        let result = if let Some(render) = template_function(function) {
            invoke(function, values, self.scope.is_impure_allowed(), |values| self.render(render, values))
        } else {
            let scope = self.scope;
            let context = FunctionContext {
                files: scope.files(),
                module_directory: scope.module_directory(),
                plan_timestamp: scope.plan_timestamp(),
            };
            invoke(function, values, scope.is_impure_allowed(), |values| (function.call)(&context, values))
        };
        result.unwrap_or_else(|error| self.function_failed(node, call, function, &arguments, &error))
    }

    fn function_failed(
        &mut self,
        node: &Node,
        call: &CallNode,
        function: &Function,
        arguments: &[Argument<'_>],
        error: &FunctionError,
    ) -> Value {
        let Some(at) = error.argument else { return self.call_failed(call, &error.message) };
        let Some(parameter) = parameter(function, at) else { return self.call_failed(call, &error.message) };
        let detail = format!("Invalid value for \"{}\" parameter: {}.", parameter.name, error.message);
        match arguments.get(at) {
            Some(argument) => self.argument_failed(node, argument, detail),
            None => self.fail("Invalid function argument", detail, node.span, node),
        }
    }

    /// Reports an argument, with the whole call around it.
    fn argument_failed(&mut self, call: &Node, argument: &Argument<'_>, detail: String) -> Value {
        let diagnostic = Diagnostic::error("evaluation", "Invalid function argument", detail);
        self.failed(diagnostic.at(argument.span).within(call.span), &[argument.node])
    }

    fn call_failed(&mut self, call: &CallNode, message: &str) -> Value {
        let detail = format!("Call to function \"{}\" failed: {message}.", call.name);
        let diagnostic = Diagnostic::error("function", "Error in function call", detail).at(call.open);
        let behind: Vec<&Node> = call.arguments.iter().collect();
        self.failed(diagnostic, &behind)
    }

    fn wrong_count(
        &mut self,
        node: &Node,
        call: &CallNode,
        parameters: &[Parameter],
        is_variadic: bool,
    ) -> Value {
        let given: Vec<Argument<'_>> =
            call.arguments.iter().map(|node| Argument { value: nothing(), node, span: node.start }).collect();
        self.wrong_count_given(node, call, parameters, is_variadic, &given)
    }

    fn wrong_count_given(
        &mut self,
        node: &Node,
        call: &CallNode,
        parameters: &[Parameter],
        is_variadic: bool,
        given: &[Argument<'_>],
    ) -> Value {
        let (name, wanted) = (&call.name, parameters.len());
        let diagnostic = if let Some(missing) = parameters.get(given.len()) {
            let least = if is_variadic { " at least" } else { "" };
            let detail = format!(
                "Function \"{name}\" expects{least} {wanted} argument(s). Missing value for \"{}\".",
                missing.name
            );
            let close = Span::new(node.span.file, node.span.end.saturating_sub(1), node.span.end);
            Diagnostic::error("function", "Not enough function arguments", detail).at(close)
        } else {
            let detail = format!("Function \"{name}\" expects only {wanted} argument(s).");
            let span = given.get(wanted).map_or(node.span, |extra| extra.span);
            Diagnostic::error("function", "Too many function arguments", detail).at(span)
        };
        let names = parameters.iter().map(|parameter| parameter.name);
        let more = is_variadic.then_some("...");
        let usage = names.chain(more).collect::<Vec<_>>().join(", ");
        self.diagnostics.push(diagnostic.within(node.span).hint(format!("It is called as {name}({usage}).")));
        nothing()
    }

    fn provider_call(&mut self, node: &Node, call: &CallNode, provider: &str, function: &str) -> Value {
        let start = self.diagnostics.len();
        let arguments = match self.arguments(node, call) {
            Ok(arguments) => arguments,
            Err(value) => return value,
        };
        if self.has_errors_since(start) {
            return nothing();
        }
        let mut marks = Marks::NONE;
        let mut values = Vec::with_capacity(arguments.len());
        for argument in &arguments {
            marks = marks.union(&argument.value.gather_marks());
            values.push(argument.value.unmark_deep().0);
        }
        match self.scope.call_provider_function(provider, function, &values) {
            Some(Ok(value)) => value.with_marks(&marks),
            Some(Err(message)) => self.call_failed(call, &message),
            None => {
                let detail = format!("The provider \"{provider}\" has no function named \"{function}\".");
                self.fail("Call to unknown function", detail, call.open, node)
            }
        }
    }

    /// `templatefile` and `templatestring`: a template whose names are the entries of an object.
    fn render(&mut self, kind: TemplateKind, values: &[Value]) -> Result<Value, FunctionError> {
        let Some(given) = values[0].as_str() else {
            return Err(FunctionError::argument(0, "a string is required"));
        };
        let (name, text) = match kind {
            TemplateKind::Text => ("<template>".to_owned(), given.to_string()),
            TemplateKind::File => (given.to_string(), self.template_file(given)?),
        };
        let (variables, marks) = values[1].unmark();
        let Some(entries) = variables.entries() else {
            return Err(FunctionError::argument(1, "invalid vars value: must be a map"));
        };
        if self.template_depth >= TEMPLATE_DEPTH_LIMIT {
            return Err(FunctionError::argument(0, "templates render one another without end"));
        }
        self.template_count += 1;
        if self.template_count > TEMPLATE_COUNT_LIMIT {
            let message = format!("more than {TEMPLATE_COUNT_LIMIT} templates are rendered for one value");
            return Err(FunctionError::argument(0, message));
        }
        let mut names: Vec<ArcStr> = Vec::with_capacity(entries.len());
        for (name, _) in entries {
            if !crate::lexer::is_identifier(name) {
                let message = format!(
                    "invalid template variable name \"{name}\": must start with a letter, followed by zero or more letters, digits, and underscores"
                );
                return Err(FunctionError::argument(1, message));
            }
            names.push(name.clone());
        }
        let mut sources = Sources::new();
        let file = sources.add(name, text.clone());
        let (template, diagnostics) = parse_template(file, &text);
        let said = |diagnostics: &[Diagnostic]| {
            let words = diagnostics.iter().filter(|one| one.is_error()).map(|one| located(one, &sources));
            FunctionError::argument(0, words.collect::<Vec<_>>().join("; "))
        };
        let Some(template) = template.filter(|_| !diagnostics.has_errors()) else {
            return Err(said(&diagnostics.into_iter().collect::<Vec<_>>()));
        };
        let expression = compile_closed(&template, &names);
        if let Some(problem) = expression.problems().iter().find(|problem| problem.code == "unknown-variable")
        {
            return Err(FunctionError::argument(1, missing_key(problem, &sources, &names)));
        }
        let locals = entries.iter().map(|(_, value)| value.clone()).collect();
        let mut inner = Evaluator::new(self.scope, locals, self.template_depth + 1);
        inner.template_count = self.template_count;
        let value = inner.value(expression.node());
        self.template_count = inner.template_count;
        if inner.diagnostics.iter().any(Diagnostic::is_error) {
            return Err(said(&inner.diagnostics));
        }
        Ok(value.with_marks(&marks))
    }

    fn template_file(&self, path: &str) -> Result<String, FunctionError> {
        let bytes = self
            .scope
            .files()
            .read(path)
            .map_err(|error| FunctionError::argument(0, format!("failed to read \"{path}\": {error}")))?;
        String::from_utf8(bytes)
            .map_err(|_| FunctionError::argument(0, format!("contents of \"{path}\" are not valid UTF-8")))
    }
}

/// A name in a template that the values do not have.
fn missing_key(problem: &Diagnostic, sources: &Sources, names: &[ArcStr]) -> String {
    let found = problem
        .subject
        .and_then(|subject| Some((sources.text(subject)?, sources.get(subject.file)?, subject)));
    let Some((name, file, subject)) = found else { return located(problem, sources) };
    let (start, end) = (file.position(subject.start), file.position(subject.end));
    let place = format!("{}:{},{}-{}", file.name(), start.line, start.column, end.column);
    let near = crate::suggest::nearest(name, names.iter().map(ArcStr::as_str));
    let near = near.map(|near| format!("; it has \"{near}\"")).unwrap_or_default();
    format!("vars map does not contain key \"{name}\", referenced at {place}{near}")
}

/// A finding in a template with its place in words: the template's text is none of the run's sources.
pub(crate) fn located(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = diagnostic.subject.and_then(|subject| {
        let file = sources.get(subject.file)?;
        let start = file.position(subject.start);
        Some(format!("{}:{},{}: ", file.name(), start.line, start.column))
    });
    let detail = diagnostic.detail.trim_end_matches('.');
    format!("{}{}; {detail}", place.unwrap_or_default(), diagnostic.summary)
}

#[derive(Clone, Copy)]
enum TemplateKind {
    File,
    Text,
}

const TEMPLATE_PARAMETERS: [Parameter; 2] = [
    Parameter::new("path", crate::functions::Shape::String),
    Parameter::new("vars", crate::functions::Shape::Any).marked(),
];

static TEMPLATE_FILE: Function = Function {
    name: "templatefile",
    parameters: &TEMPLATE_PARAMETERS,
    variadic: None,
    result: ResultType::Fixed(crate::functions::Shape::Any),
    never_null: false,
    impure: false,
    checks_arguments: false,
    call: evaluator_renders,
};

static TEMPLATE_STRING: Function = Function {
    name: "templatestring",
    parameters: &[Parameter::new("template", crate::functions::Shape::String), TEMPLATE_PARAMETERS[1]],
    ..TEMPLATE_FILE
};

/// What the evaluator provides itself, for whoever describes the functions.
pub(crate) static LAZY_FUNCTIONS: &[Function] = &[
    Function {
        name: "can",
        parameters: &[Parameter::new("expression", crate::functions::Shape::Any).dynamic()],
        result: ResultType::Fixed(crate::functions::Shape::Bool),
        never_null: true,
        ..TEMPLATE_FILE
    },
    Function {
        name: "convert",
        parameters: &[
            Parameter::new("value", crate::functions::Shape::Any).null().dynamic(),
            Parameter::new("type", crate::functions::Shape::Any).dynamic(),
        ],
        ..TEMPLATE_FILE
    },
    TEMPLATE_FILE,
    TEMPLATE_STRING,
    Function {
        name: "try",
        parameters: &[],
        variadic: Some(Parameter::new("expressions", crate::functions::Shape::Any)),
        ..TEMPLATE_FILE
    },
];

/// The two template functions need the evaluator and are called by it directly.
fn evaluator_renders(_: &FunctionContext<'_>, _: &[Value]) -> Result<Value, FunctionError> {
    Err(FunctionError::new("templates are rendered by the evaluator"))
}

fn template_function(function: &Function) -> Option<TemplateKind> {
    match function.name {
        "templatefile" => Some(TemplateKind::File),
        "templatestring" => Some(TemplateKind::Text),
        _ => None,
    }
}

fn parameter(function: &Function, at: usize) -> Option<&Parameter> {
    function.parameters.get(at).or(function.variadic.as_ref())
}

/// Calls a function with converted arguments, as the parameters allow.
pub(crate) fn invoke(
    function: &Function,
    mut arguments: Vec<Value>,
    is_impure_allowed: bool,
    call: impl FnOnce(&[Value]) -> Result<Value, FunctionError>,
) -> Result<Value, FunctionError> {
    let mut marks = Marks::NONE;
    let mut is_type_open = false;
    let mut is_unknown = function.impure && !is_impure_allowed;
    for (at, argument) in arguments.iter_mut().enumerate() {
        let Some(parameter) = parameter(function, at) else { continue };
        if argument.has_marks() && !parameter.allow_marked {
            marks = marks.union(&argument.gather_marks());
            *argument = argument.unmark_deep().0;
        }
        if argument.is_null() && !parameter.allow_null {
            return Err(FunctionError::argument(at, "argument must not be null"));
        }
        is_type_open |= !parameter.allow_dynamic && argument.sort() == TypeSort::Dynamic;
        is_unknown |= !parameter.allow_unknown && !argument.is_known();
    }
    if is_type_open {
        return Ok(nothing().with_marks(&marks));
    }
    let result = match function.result {
        ResultType::Fixed(shape) if is_unknown => Value::unknown(shape.to_type()),
        ResultType::Of(result_type) if is_unknown => Value::unknown(result_type(&arguments)?),
        ResultType::Of(result_type) if !function.checks_arguments => {
            result_type(&arguments)?;
            call(&arguments)?
        }
        _ => call(&arguments)?,
    };
    let may_promise = function.never_null && !result.is_known();
    let result = if may_promise { result.refine(&Refinements::NOT_NULL) } else { result };
    Ok(result.into_marked(&marks))
}

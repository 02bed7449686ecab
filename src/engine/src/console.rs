//! Expressions asked one by one: over the configuration's variables and locals, and over the state as it stands.
//!
//! Invariant: nothing is read from a target, and nothing is changed.

use crate::connections::Connections;
use crate::environment::Environment;
use crate::evaluate::{
    Evaluator, EvaluatorOptions, Repetition, ResourceCell, RootVariables, RowRepetition, RowScope,
};
use crate::graph::{Graph, ModuleId};
use crate::objects::{decode_object, decode_output};
use crate::plan::mode_of;
use crate::run::Configuration;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Expression, Mode, Query, Scope, Source, Subject, index_value};
use formwork_state::{BlockAddress, Key, ModuleInstance, State};
use formwork_value::{Type, Value};

/// The type name under which the state's own outputs are asked for: `output.NAME`.
const OUTPUT: &str = "output";

/// Answers expressions.
pub struct Console<'a> {
    evaluator: Evaluator<'a>,
    connections: &'a Connections,
    state: &'a State,
}

/// Opens a console for a configuration whose variables are decided, as far as they are: those without a value are
/// unknown. What is wrong with the configuration is passed on; it does not keep expressions from being asked.
pub fn open<T>(
    environment: &Environment,
    configuration: &Configuration,
    state: &State,
    workspace: &str,
    session: impl FnOnce(&Console<'_>, Diagnostics) -> T,
) -> T {
    let (graph, diagnostics) = Graph::build(&configuration.root);
    let connections = Connections::new(environment.clone());
    let variables: RootVariables = configuration
        .root
        .variables
        .iter()
        .map(|(name, variable)| {
            let unknown = || Value::unknown(variable.constraint.value_type.without_optional());
            (name.clone(), configuration.variables.get(name).cloned().unwrap_or_else(unknown))
        })
        .collect();
    let options = EvaluatorOptions {
        files: configuration.files.as_ref(),
        timestamp: environment.clock.now(),
        workspace: workspace.to_owned(),
        variables: &variables,
        providers: environment.providers.clone(),
    };
    let missing = |node, module: &ModuleInstance, _: &dyn Fn() -> _| {
        let resource = graph.resource(node);
        stored_cell(
            state,
            &connections,
            &block_of(module, resource.mode, &resource.type_name, &resource.name),
        )
    };
    let evaluator = Evaluator::new(&graph, options, Box::new(missing));
    let console = Console { evaluator, connections: &connections, state };
    session(&console, diagnostics)
}

impl Console<'_> {
    /// The value of an expression in the root module, and what is wrong with it or with what it reads.
    pub fn evaluate(&self, expression: &Expression) -> (Value, Diagnostics) {
        let inner = self.evaluator.scope(ModuleId(0), 0, RowRepetition::default());
        let (value, found) = expression.evaluate(&ConsoleScope { console: self, inner });
        let mut diagnostics = self.evaluator.take_diagnostics();
        diagnostics.append(found);
        (value, diagnostics)
    }

    /// The value of something that the configuration does not declare and the state holds.
    fn stored(&self, query: &Query<'_>) -> Option<Result<Value, Diagnostic>> {
        let Subject::Resource { mode, type_name, name } = query.subject else { return None };
        if *mode == Mode::Managed && type_name == OUTPUT {
            return self.state.outputs.get(name.as_str()).map(|output| Ok(decode_output(output)));
        }
        let block = block_of(&ModuleInstance::root(), *mode, type_name, name);
        let cell = stored_cell(self.state, self.connections, &block);
        let is_declared = self.evaluator.graph.find_resource(ModuleId(0), *mode, type_name, name).is_some();
        if is_declared || cell.is_undecided {
            return None;
        }
        let whole = cell.whole();
        Some(match query.key {
            Some(key) => index_value(&whole, key, query.key_span.unwrap_or(query.span)),
            None => Ok(whole),
        })
    }
}

fn block_of(module: &ModuleInstance, mode: Mode, type_name: &str, name: &str) -> BlockAddress {
    BlockAddress::new(module.clone(), mode_of(mode), type_name, name)
}

/// The instances of a block as the state has them; undecided where it has none.
fn stored_cell(state: &State, connections: &Connections, block: &BlockAddress) -> ResourceCell {
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for (key, object) in state.block_instances(block) {
        let kind = connections.kind(&object.provider.provider, block.mode(), block.type_name());
        let decoded =
            kind.and_then(|kind| Some(kind.mark_sensitive(&decode_object(&object, &kind).ok()?.marked())));
        keys.push(key);
        values.push(decoded.unwrap_or_else(|| Value::unknown(Type::Dynamic)));
    }
    let repetition = match keys.first() {
        None => return ResourceCell::undecided(),
        Some(Key::None) => Repetition::Single,
        Some(Key::Int(_)) => Repetition::Count,
        Some(Key::Text(_)) => Repetition::ForEach,
    };
    ResourceCell::new(repetition, keys, values)
}

/// The root module's scope, and beside it what only the state holds.
struct ConsoleScope<'c, 'a> {
    console: &'c Console<'a>,
    inner: RowScope<'c, 'a>,
}

impl Scope for ConsoleScope<'_, '_> {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        match self.console.stored(query) {
            Some(found) => found,
            None => self.inner.resolve(query),
        }
    }

    fn files(&self) -> &dyn Source {
        self.inner.files()
    }

    fn module_directory(&self) -> &str {
        self.inner.module_directory()
    }

    fn plan_timestamp(&self) -> &str {
        self.inner.plan_timestamp()
    }

    /// Nothing is planned from what is asked here.
    fn is_impure_allowed(&self) -> bool {
        true
    }

    fn call_provider_function(
        &self,
        provider: &str,
        name: &str,
        arguments: &[Value],
    ) -> Option<Result<Value, String>> {
        self.inner.call_provider_function(provider, name, arguments)
    }
}

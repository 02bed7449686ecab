//! Values of blocks: one cell a node and module instance, filled on demand and read by expressions.
//!
//! Invariant: a resource's cell is put in from outside (from the plan's walk, from state, from what apply made);
//! everything else follows from expressions. Every read is noted, so that order comes from what was really read.

use crate::checks::{CheckResult, Checks};
use crate::environment::ProviderSource;
use crate::expand::Repeats;
use crate::function_call;
use crate::graph::{Graph, ModuleId, NodeId, NodeKind, provider_address};
use crate::misplaced::out_of_place;
use crate::ordinal::ordinal;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Expression, Output, Query, Scope, Source, Subject, index_value};
use formwork_state::{Key, ModuleInstance};
use formwork_value::{Kind, Mark, MarkKind, Marks, Type, Value};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

mod undecided;
mod variable;

pub use undecided::Undecided;

/// One instance of a module.
#[derive(Debug, Clone)]
pub struct ModuleRow {
    /// Its address.
    pub address: ModuleInstance,
    /// The row of the caller.
    pub parent: u32,
    /// What `each` and `count` are in the call's inputs.
    pub repetition: RowRepetition,
}

/// Whose conditions are checked.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The block.
    pub node: NodeId,
    /// The instance.
    pub address: &'a str,
}

/// What `each` and `count` say in one instance.
#[derive(Debug, Clone, Default)]
pub struct RowRepetition {
    /// `each.key` and `each.value`.
    pub each: Option<(Value, Value)>,
    /// `count.index`.
    pub count: Option<u64>,
}

/// How a block repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// One instance without a key.
    Single,
    /// Keys 0 and up.
    Count,
    /// Text keys.
    ForEach,
}

/// The keys of a block's instances, each with what `each` and `count` are there.
#[derive(Debug, Clone)]
pub struct Expansion {
    /// How it repeats.
    pub repetition: Repetition,
    /// In order; none while it is undecided.
    pub rows: Vec<(Key, RowRepetition)>,
    /// Set while only a later stage can say which instances there are.
    pub undecided: Option<Undecided>,
}

/// Something that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    /// A variable, local, output or call in one module instance.
    Node(NodeId, u32),
    /// One instance of a resource block: block, module row, place of the instance.
    Instance(NodeId, u32, u32),
    /// All instances of a resource block.
    Block(NodeId, u32),
}

/// The instances of a resource block in one module instance.
#[derive(Debug)]
pub struct ResourceCell {
    /// How it repeats.
    pub repetition: Repetition,
    /// Keys in order.
    pub keys: Vec<Key>,
    /// A value for each key.
    pub values: RefCell<Vec<Value>>,
    /// Set while nobody can say which instances there are or what they hold.
    pub is_undecided: bool,
    /// What an instance is, as far as its type says it: while a configuration is checked alone.
    expected: Option<Value>,
    places: FxHashMap<Key, u32>,
    whole: RefCell<Option<Value>>,
}

impl ResourceCell {
    /// A cell from keys and values.
    pub fn new(repetition: Repetition, keys: Vec<Key>, values: Vec<Value>) -> Self {
        let places = match repetition {
            Repetition::ForEach => (0u32..).zip(&keys).map(|(place, key)| (key.clone(), place)).collect(),
            _ => FxHashMap::default(),
        };
        Self {
            repetition,
            keys,
            values: RefCell::new(values),
            is_undecided: false,
            expected: None,
            places,
            whole: RefCell::new(None),
        }
    }

    /// A block whose instances wait for a later stage.
    pub fn undecided() -> Self {
        Self { is_undecided: true, ..Self::new(Repetition::Single, Vec::new(), Vec::new()) }
    }

    /// A block of which nothing is known but how it repeats and of which type its instances are.
    pub fn expected(repetition: Repetition, instance: Value) -> Self {
        Self { is_undecided: true, expected: Some(instance), ..Self::new(repetition, Vec::new(), Vec::new()) }
    }

    /// The place of a key.
    pub fn place(&self, key: &Key) -> Option<u32> {
        match (self.repetition, key) {
            (Repetition::Single, Key::None) => (!self.keys.is_empty()).then_some(0),
            (Repetition::Count, Key::Int(index)) => {
                u32::try_from(*index).ok().filter(|place| (*place as usize) < self.keys.len())
            }
            (Repetition::ForEach, Key::Text(_)) => self.places.get(key).copied(),
            _ => None,
        }
    }

    /// Puts in a new value of one instance.
    pub fn set(&self, place: u32, value: Value) {
        self.values.borrow_mut()[place as usize] = value;
        *self.whole.borrow_mut() = None;
    }

    /// The value of the whole block.
    pub fn whole(&self) -> Value {
        if self.is_undecided {
            return Value::unknown(Type::Dynamic);
        }
        if let Some(whole) = &*self.whole.borrow() {
            return whole.clone();
        }
        let values = self.values.borrow();
        let whole = match self.repetition {
            // A block that is not enabled has no object, and says so.
            Repetition::Single => values.first().cloned().unwrap_or_else(|| Value::null(Type::Dynamic)),
            Repetition::Count => Value::tuple(values.clone()),
            Repetition::ForEach => {
                Value::object(self.keys.iter().map(key_text).zip(values.iter().cloned()).collect())
            }
        };
        *self.whole.borrow_mut() = Some(whole.clone());
        whole
    }
}

fn key_text(key: &Key) -> ArcStr {
    match key {
        Key::None => ArcStr::new(),
        Key::Int(index) => index.to_string().into(),
        Key::Text(text) => text.clone(),
    }
}

/// The value of a node in one module instance, with what was read for it.
#[derive(Debug, Clone)]
struct NodeCell {
    value: Value,
    reads: Rc<[Read]>,
}

/// What a root variable is, decided before anything is evaluated.
pub type RootVariables = IndexMap<ArcStr, Value>;

/// Gives the cell of a resource block that nobody put in: from state, say.
pub type ResourceSource<'a> =
    dyn Fn(NodeId, &ModuleInstance, &dyn Fn() -> Rc<Expansion>) -> ResourceCell + 'a;

/// Evaluates a module tree.
pub struct Evaluator<'a> {
    /// The blocks.
    pub graph: &'a Graph,
    files: &'a dyn Source,
    timestamp: String,
    workspace: String,
    variables: &'a RootVariables,
    providers: Arc<dyn ProviderSource>,
    module_rows: RefCell<Vec<Vec<Rc<ModuleRow>>>>,
    child_rows: RefCell<FxHashMap<(ModuleId, u32, Key), u32>>,
    cells: RefCell<Vec<Vec<Option<NodeCell>>>>,
    resources: RefCell<Vec<Vec<Option<Rc<ResourceCell>>>>>,
    expansions: RefCell<FxHashMap<(NodeId, u32), Rc<Expansion>>>,
    missing_resources: Box<ResourceSource<'a>>,
    diagnostics: RefCell<Diagnostics>,
    pub(crate) checks: RefCell<Checks>,
    /// Whether cells that hold an unknown are evaluated again when they are asked for.
    pub is_applying: Cell<bool>,
    is_validating: Cell<bool>,
}

/// What stays the same for a whole run.
pub struct EvaluatorOptions<'a> {
    /// Files for file functions.
    pub files: &'a dyn Source,
    /// What `plantimestamp()` answers.
    pub timestamp: String,
    /// What `terraform.workspace` answers.
    pub workspace: String,
    /// Root variables.
    pub variables: &'a RootVariables,
    /// Whose functions expressions call.
    pub providers: Arc<dyn ProviderSource>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator with nothing evaluated. `missing` gives cells of resource blocks that nobody put in.
    pub fn new(graph: &'a Graph, options: EvaluatorOptions<'a>, missing: Box<ResourceSource<'a>>) -> Self {
        let root =
            ModuleRow { address: ModuleInstance::root(), parent: 0, repetition: RowRepetition::default() };
        let mut module_rows = vec![Vec::new(); graph.modules.len()];
        module_rows[0].push(Rc::new(root));
        Self {
            graph,
            files: options.files,
            timestamp: options.timestamp,
            workspace: options.workspace,
            variables: options.variables,
            providers: options.providers,
            module_rows: RefCell::new(module_rows),
            child_rows: RefCell::default(),
            cells: RefCell::new(vec![Vec::new(); graph.nodes.len()]),
            resources: RefCell::new(vec![Vec::new(); graph.nodes.len()]),
            expansions: RefCell::default(),
            missing_resources: missing,
            diagnostics: RefCell::default(),
            checks: RefCell::default(),
            is_applying: Cell::new(false),
            is_validating: Cell::new(false),
        }
    }

    /// For checking a configuration alone: every module has one instance, and nothing is known of any instance.
    pub fn assume_nothing(&self) {
        self.is_validating.set(true);
        let mut rows = self.module_rows.borrow_mut();
        let unknown = || Value::unknown(Type::Dynamic);
        for (place, node) in self.graph.modules.iter().enumerate().skip(1) {
            let Some((_, call)) = node.parent else { continue };
            let repetition =
                RowRepetition { each: Some((Value::unknown(Type::String), unknown())), count: Some(0) };
            let address = ModuleInstance::root();
            rows[place].push(Rc::new(ModuleRow { address, parent: 0, repetition }));
            let expansion = Expansion {
                repetition: Repetition::Single,
                rows: vec![(Key::None, RowRepetition::default())],
                undecided: None,
            };
            self.expansions.borrow_mut().insert((call, 0), Rc::new(expansion));
            self.child_rows.borrow_mut().insert((ModuleId(ordinal(place)), 0, Key::None), 0);
        }
    }

    /// Takes the findings made so far.
    pub fn take_diagnostics(&self) -> Diagnostics {
        self.diagnostics.take()
    }

    pub(crate) fn report(&self, more: Diagnostics) {
        self.diagnostics.borrow_mut().append(more);
    }

    /// How many instances a module has, once the calls above it are expanded.
    pub fn row_count(&self, module: ModuleId) -> usize {
        if let Some((parent, call)) = self.graph.modules[module.0 as usize].parent {
            for row in 0..self.row_count(parent) {
                self.expansion(call, ordinal(row));
            }
        }
        self.module_rows.borrow()[module.0 as usize].len()
    }

    /// The row of a module instance's address.
    pub fn find_row(&self, module: ModuleId, address: &ModuleInstance) -> Option<u32> {
        let Some(parent_address) = address.parent() else { return (module.0 == 0).then_some(0) };
        let (parent, call) = self.graph.modules[module.0 as usize].parent?;
        let parent_row = self.find_row(parent, parent_address)?;
        self.expansion(call, parent_row);
        let key = address.call()?.1.clone();
        self.child_rows.borrow().get(&(module, parent_row, key)).copied()
    }

    /// One instance of a module.
    pub fn row(&self, module: ModuleId, row: u32) -> Rc<ModuleRow> {
        self.module_rows.borrow()[module.0 as usize][row as usize].clone()
    }

    /// A scope in one module instance, with `each` and `count` of one block instance.
    pub fn scope(&self, module: ModuleId, row: u32, repetition: RowRepetition) -> RowScope<'_, 'a> {
        RowScope { evaluator: self, module, row, repetition, self_value: None, reads: RefCell::default() }
    }

    /// Puts in the instances of a resource block.
    pub fn set_resource(&self, node: NodeId, row: u32, cell: ResourceCell) -> Rc<ResourceCell> {
        let cell = Rc::new(cell);
        let mut resources = self.resources.borrow_mut();
        let rows = &mut resources[node.0 as usize];
        if rows.len() <= row as usize {
            rows.resize(row as usize + 1, None);
        }
        rows[row as usize] = Some(cell.clone());
        cell
    }

    /// The instances of a resource block.
    pub fn resource(&self, node: NodeId, row: u32) -> Rc<ResourceCell> {
        if let Some(cell) =
            self.resources.borrow()[node.0 as usize].get(row as usize).and_then(Option::as_ref)
        {
            return cell.clone();
        }
        let address = self.row(self.graph.node(node).module, row).address.clone();
        let cell = (self.missing_resources)(node, &address, &|| self.expansion(node, row));
        if cell.is_undecided && self.is_applying.get() {
            return Rc::new(cell);
        }
        self.set_resource(node, row, cell)
    }

    /// What was read for a node's value.
    pub fn reads(&self, node: NodeId, row: u32) -> Rc<[Read]> {
        self.value(node, row);
        self.cells.borrow()[node.0 as usize][row as usize]
            .as_ref()
            .map_or_else(|| Rc::from([]), |cell| cell.reads.clone())
    }

    /// The value of a variable, local or output in one module instance.
    pub fn value(&self, node: NodeId, row: u32) -> Value {
        if let Some(cell) = self.cells.borrow()[node.0 as usize].get(row as usize).and_then(Option::as_ref)
            && (cell.value.is_wholly_known() || !self.is_applying.get())
        {
            return cell.value.clone();
        }
        let cell = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || self.evaluate_node(node, row));
        let value = cell.value.clone();
        let mut cells = self.cells.borrow_mut();
        let rows = &mut cells[node.0 as usize];
        if rows.len() <= row as usize {
            rows.resize(row as usize + 1, None);
        }
        rows[row as usize] = Some(cell);
        value
    }

    fn evaluate_node(&self, node: NodeId, row: u32) -> NodeCell {
        let module = self.graph.node(node).module;
        let scope = self.scope(module, row, RowRepetition::default());
        let (value, reads) = match &self.graph.node(node).kind {
            NodeKind::Variable(name) => return self.evaluate_variable(node, name, row),
            NodeKind::Local(_) => {
                let Some(local) = self.graph.local(node) else { return NodeCell::nothing() };
                (self.evaluate(&local.expression, &scope), scope.into_reads())
            }
            NodeKind::Output(name) => {
                let Some(output) = self.graph.output(node) else { return NodeCell::nothing() };
                let address = self.address_in(module, row, &format!("output.{name}"));
                let checked = Checked { node, address: &address };
                self.check_all(
                    &output.preconditions,
                    &scope,
                    checked,
                    "Module output value precondition failed",
                );
                let mut value = self.typed_output(output, self.evaluate(&output.value, &scope));
                for (kind, is_marked) in
                    [(MarkKind::Sensitive, output.sensitive), (MarkKind::Ephemeral, output.ephemeral)]
                {
                    if is_marked {
                        value = value.with_marks(&Marks::one(Mark::new(kind, self.graph.name(node))));
                    }
                }
                if !output.ephemeral && value.has_mark_deep(MarkKind::Ephemeral) {
                    self.report(crate::ephemeral::refused_output(output).into());
                }
                let mut reads = scope.into_reads();
                for reference in &output.depends_on {
                    reads.extend(self.blocks_of(module, row, &self.graph.targets(module, reference)));
                }
                (value, reads)
            }
            NodeKind::Call(_) => {
                self.expansion(node, row);
                let reads = self.call_reads(node, row);
                (Value::bool(true), reads)
            }
            NodeKind::Resource(_) | NodeKind::Provider(..) | NodeKind::Check(_) => {
                return NodeCell::nothing();
            }
        };
        NodeCell { value, reads: reads.into() }
    }

    /// The value of an output that declares a type, converted to it.
    fn typed_output(&self, output: &Output, value: Value) -> Value {
        let Some(constraint) = &output.constraint else { return value };
        match constraint.apply(&value) {
            Ok(value) => value,
            Err(error) => {
                let detail = format!("The value is not of the type that the output declares: {error}.");
                let diagnostic = Diagnostic::error("output-type", "Invalid output value", detail)
                    .at(output.value.span())
                    .in_block(format!("output \"{}\"", output.name))
                    .hint(format!("It must be of type {}.", constraint.value_type));
                self.report(diagnostic.into());
                Value::unknown(constraint.value_type.without_optional())
            }
        }
    }

    fn evaluate(&self, expression: &Expression, scope: &RowScope<'_, '_>) -> Value {
        let (value, diagnostics) = expression.evaluate(scope);
        if !diagnostics.is_empty() {
            self.report(diagnostics);
        }
        value
    }

    /// What conditions came to so far.
    pub fn check_results(&self) -> Vec<CheckResult> {
        self.checks.borrow().results(self)
    }

    /// The addresses of a module's instances, as far as its calls are expanded.
    pub(crate) fn known_modules(&self, module: ModuleId) -> Vec<String> {
        self.module_rows.borrow()[module.0 as usize].iter().map(|row| row.address.to_string()).collect()
    }

    pub(crate) fn address_in(&self, module: ModuleId, row: u32, name: &str) -> String {
        let module = &self.row(module, row).address;
        if module.is_root() { name.to_owned() } else { format!("{module}.{name}") }
    }

    /// The instances of a call or resource block in one module instance.
    pub fn expansion(&self, node: NodeId, row: u32) -> Rc<Expansion> {
        if let Some(found) = self.expansions.borrow().get(&(node, row)) {
            return found.clone();
        }
        let repeats = self.repeats(node);
        let scope = self.scope(self.graph.node(node).module, row, RowRepetition::default());
        let (expansion, diagnostics) = crate::expand::expand(repeats, &scope);
        self.report(diagnostics);
        let expansion = Rc::new(expansion);
        if expansion.undecided.is_some() && self.is_applying.get() {
            return expansion;
        }
        self.expansions.borrow_mut().insert((node, row), expansion.clone());
        if let NodeKind::Call(name) = &self.graph.node(node).kind {
            self.add_module_rows(node, name, row, &expansion);
        }
        expansion
    }

    pub(crate) fn repeats(&self, node: NodeId) -> Repeats<'_> {
        match &self.graph.node(node).kind {
            NodeKind::Call(_) => self.graph.call(node).map_or_else(Repeats::default, Repeats::of_call),
            NodeKind::Resource(_) => Repeats::of_resource(self.graph.resource(node)),
            NodeKind::Provider(..) => Repeats {
                for_each: self.graph.provider_block(node).and_then(|block| block.for_each.as_ref()),
                ..Repeats::default()
            },
            _ => Repeats::default(),
        }
    }

    fn add_module_rows(&self, node: NodeId, call: &ArcStr, row: u32, expansion: &Expansion) {
        let module = self.graph.node(node).module;
        let Some(child) = self.graph.modules[module.0 as usize].children.get(call).copied() else { return };
        let parent = self.row(module, row).address.clone();
        let mut rows = self.module_rows.borrow_mut();
        let mut places = self.child_rows.borrow_mut();
        for (key, repetition) in &expansion.rows {
            let place = ordinal(rows[child.0 as usize].len());
            let address = parent.child(call.clone(), key.clone());
            rows[child.0 as usize].push(Rc::new(ModuleRow {
                address,
                parent: row,
                repetition: repetition.clone(),
            }));
            places.insert((child, row, key.clone()), place);
        }
    }

    /// Whole blocks and nodes as reads: what `depends_on` and unevaluated parts name.
    pub fn blocks_of(&self, module: ModuleId, row: u32, targets: &[NodeId]) -> Vec<Read> {
        let mut reads = Vec::new();
        for target in targets {
            let node = self.graph.node(*target);
            let rows: Vec<u32> = if node.module == module {
                vec![row]
            } else {
                (0..ordinal(self.row_count(node.module))).collect()
            };
            for row in rows {
                match node.kind {
                    NodeKind::Resource(_) => reads.push(Read::Block(*target, row)),
                    NodeKind::Provider(..) => {}
                    _ => reads.push(Read::Node(*target, row)),
                }
            }
        }
        reads
    }

    fn call_reads(&self, node: NodeId, row: u32) -> Vec<Read> {
        let module = self.graph.node(node).module;
        let Some(call) = self.graph.call(node) else { return Vec::new() };
        let scope = self.scope(module, row, RowRepetition::default());
        for expression in call.count.iter().chain(&call.for_each).chain(&call.enabled) {
            let _ = expression.evaluate(&scope);
        }
        let mut reads = scope.into_reads();
        for reference in &call.depends_on {
            reads.extend(self.blocks_of(module, row, &self.graph.targets(module, reference)));
        }
        if let Some((_, above)) = self.graph.modules[module.0 as usize].parent {
            reads.push(Read::Node(above, self.row(module, row).parent));
        }
        reads
    }
}

impl NodeCell {
    fn nothing() -> Self {
        Self { value: Value::unknown(Type::Dynamic), reads: Rc::from([]) }
    }
}

/// Answers one expression's questions and notes what it read.
pub struct RowScope<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    module: ModuleId,
    row: u32,
    repetition: RowRepetition,
    /// What `self` is: in postconditions.
    pub self_value: Option<Value>,
    reads: RefCell<Vec<Read>>,
}

impl RowScope<'_, '_> {
    /// What was read so far, each once.
    pub fn into_reads(self) -> Vec<Read> {
        let mut reads = self.reads.into_inner();
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    fn note(&self, read: Read) {
        let mut reads = self.reads.borrow_mut();
        if reads.last() != Some(&read) {
            reads.push(read);
        }
    }

    fn node_value(&self, kind: NodeKind) -> Option<Value> {
        let node = self.evaluator.graph.find(self.module, kind)?;
        self.note(Read::Node(node, self.row));
        Some(self.evaluator.value(node, self.row))
    }

    /// What an ephemeral resource gives is marked here, wherever it comes from.
    fn resource_value(&self, node: NodeId, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let value = self.instances_value(node, query)?;
        if !crate::ephemeral::is_ephemeral(self.evaluator.graph, node) {
            return Ok(value);
        }
        let mark = Mark::new(MarkKind::Ephemeral, self.evaluator.graph.name(node));
        Ok(value.with_marks(&Marks::one(mark)))
    }

    fn instances_value(&self, node: NodeId, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let cell = self.evaluator.resource(node, self.row);
        let is_one = (cell.repetition == Repetition::Single) == query.key.is_none();
        if let Some(instance) = cell.expected.as_ref().filter(|_| is_one) {
            return Ok(instance.clone());
        }
        if let Some(place) = query.key.and_then(key_of).and_then(|key| cell.place(&key)) {
            self.note(Read::Instance(node, self.row, place));
            return Ok(cell.values.borrow()[place as usize].clone());
        }
        if cell.repetition == Repetition::Single && !cell.keys.is_empty() && query.key.is_none() {
            self.note(Read::Instance(node, self.row, 0));
        } else {
            self.note(Read::Block(node, self.row));
        }
        let whole = cell.whole();
        match query.key {
            Some(key) => index_value(&whole, key, query.key_span.unwrap_or(query.span))
                .map_err(|diagnostic| name_instance(diagnostic, query, &cell)),
            None => Ok(whole),
        }
    }

    fn module_value(&self, call: &ArcStr, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let graph = self.evaluator.graph;
        let (Some(node), Some(child)) = (
            graph.find(self.module, NodeKind::Call(call.clone())),
            graph.modules[self.module.0 as usize].children.get(call).copied(),
        ) else {
            return Ok(Value::unknown(Type::Dynamic));
        };
        self.note(Read::Node(node, self.row));
        if self.evaluator.is_validating.get() {
            return Ok(query.output.map_or_else(
                || Value::unknown(Type::Dynamic),
                |output| self.instance_outputs(child, 0, Some(output)),
            ));
        }
        let expansion = self.evaluator.expansion(node, self.row);
        if expansion.undecided.is_some() {
            return Ok(Value::unknown(Type::Dynamic));
        }
        if expansion.repetition == Repetition::Single && expansion.rows.is_empty() && query.key.is_none() {
            return match query.output {
                None => Ok(Value::null(Type::Dynamic)),
                Some(_) => Err(disabled_module(call, query)),
            };
        }
        let key = query.key.and_then(key_of);
        let key = if expansion.repetition == Repetition::Single && query.key.is_none() {
            Some(Key::None)
        } else {
            key
        };
        let place =
            key.and_then(|key| self.evaluator.child_rows.borrow().get(&(child, self.row, key)).copied());
        if let Some(row) = place {
            return Ok(self.instance_outputs(child, row, query.output));
        }
        let values = expansion.rows.iter().map(|(key, _)| {
            let row =
                self.evaluator.child_rows.borrow().get(&(child, self.row, key.clone())).copied().unwrap_or(0);
            (key_text(key), self.instance_outputs(child, row, None))
        });
        let whole = match expansion.repetition {
            Repetition::Single | Repetition::Count => Value::tuple(values.map(|(_, value)| value).collect()),
            Repetition::ForEach => Value::object(values.collect()),
        };
        let value = match query.key {
            Some(key) => index_value(&whole, key, query.key_span.unwrap_or(query.span))?,
            None => whole,
        };
        match query.output {
            Some(output) => Ok(value.get(output).cloned().unwrap_or_else(|| Value::unknown(Type::Dynamic))),
            None => Ok(value),
        }
    }

    fn instance_outputs(&self, child: ModuleId, row: u32, output: Option<&str>) -> Value {
        let graph = self.evaluator.graph;
        let value_of = |name: &ArcStr| {
            let node = graph.find(child, NodeKind::Output(name.clone()))?;
            self.note(Read::Node(node, row));
            Some(self.evaluator.value(node, row))
        };
        if let Some(value) = output.and_then(|output| value_of(&output.into())) {
            return value;
        }
        let outputs = graph.module(child).outputs.keys();
        Value::object(outputs.filter_map(|name| Some((name.clone(), value_of(name)?))).collect())
    }
}

fn disabled_module(call: &ArcStr, query: &Query<'_>) -> Diagnostic {
    let detail = format!("module.{call} is not enabled, so it is null and has no outputs.");
    Diagnostic::error("disabled-module", "Attempt to get attribute from null value", detail)
        .at(query.span)
        .hint(format!("Ask first: module.{call} != null ? ... : null, or use try(...)."))
}

/// Says beside a failed index how many instances the block has.
fn name_instance(diagnostic: Diagnostic, query: &Query<'_>, cell: &ResourceCell) -> Diagnostic {
    let statement = match cell.repetition {
        Repetition::Single => "is one object: the block has no count and no for_each".to_owned(),
        Repetition::Count => format!("has {} instances", cell.keys.len()),
        Repetition::ForEach => format!("has instances with {} keys", cell.keys.len()),
    };
    diagnostic.value(query.subject.to_string(), statement)
}

/// The instance key of a value: a string, or a whole number from 0.
pub fn key_of(value: &Value) -> Option<Key> {
    match value.kind() {
        Kind::String(text) => Some(Key::Text(text.clone())),
        Kind::Number(number) => number.to_i64().and_then(|index| u64::try_from(index).ok()).map(Key::Int),
        _ => None,
    }
}

impl Scope for RowScope<'_, '_> {
    fn resolve(&self, query: &Query<'_>) -> Result<Value, Diagnostic> {
        let found = match query.subject {
            Subject::Variable(name) => self.node_value(NodeKind::Variable(name.clone())),
            Subject::Local(name) => self.node_value(NodeKind::Local(name.clone())),
            Subject::Resource { mode, type_name, name } => {
                match self.evaluator.graph.find_resource(self.module, *mode, type_name, name) {
                    Some(node) => return self.resource_value(node, query),
                    None => None,
                }
            }
            Subject::Module(name) => return self.module_value(name, query),
            Subject::EachKey => self.repetition.each.as_ref().map(|(key, _)| key.clone()),
            Subject::EachValue => self.repetition.each.as_ref().map(|(_, value)| value.clone()),
            #[expect(clippy::cast_possible_wrap, reason = "an index is far below the sign bit")]
            Subject::CountIndex => self.repetition.count.map(|index| Value::from(index as i64)),
            Subject::SelfObject => self.self_value.clone(),
            Subject::PathModule => Some(Value::string(self.module_directory())),
            Subject::PathRoot => Some(Value::from(".")),
            Subject::PathCwd => Some(Value::string(self.evaluator.files.absolute("."))),
            Subject::Workspace => Some(Value::string(self.evaluator.workspace.as_str())),
            Subject::Applying => Some(crate::ephemeral::applying(self.evaluator.is_applying.get())),
        };
        found.ok_or_else(|| out_of_place(query))
    }

    fn files(&self) -> &dyn Source {
        self.evaluator.files
    }

    fn module_directory(&self) -> &str {
        &self.evaluator.graph.module(self.module).directory
    }

    fn plan_timestamp(&self) -> &str {
        &self.evaluator.timestamp
    }

    fn is_impure_allowed(&self) -> bool {
        self.evaluator.is_applying.get()
    }

    /// Functions need no configuration, so they are called while planning too, as soon as the arguments are known.
    fn call_provider_function(
        &self,
        provider: &str,
        name: &str,
        arguments: &[Value],
    ) -> Option<Result<Value, String>> {
        let address = provider_address(self.evaluator.graph.module(self.module), provider);
        function_call::call(&*self.evaluator.providers.provider(&address)?, name, arguments)
    }
}

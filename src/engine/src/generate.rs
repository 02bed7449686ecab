//! `-generate-config-out`: resource blocks for objects that are imported and have none yet.
//!
//! A block cannot be written before its object was read, and nothing reads an object that has no block. So the
//! configuration is planned twice: first with empty blocks, of which only what was read counts, then with those that
//! were written from it.

use crate::connections::Connections;
use crate::environment::Environment;
use crate::graph::{Graph, provider_address, provider_name};
use crate::model::Plan;
use crate::run::{Configuration, PlanOptions, load_with, plan_with};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostics, Sources};
use formwork_lang::{Import, Module, ProviderReference, Source, SourceError, normalise_path};
use formwork_sdk::{Block, Nesting, Presence, Request, Response};
use formwork_state::{Address, BlockAddress, Folded, Key, Mode, ModuleInstance};
use formwork_value::{Type, Value};
use hcl::expr::{ObjectKey, Variable};
use hcl::structure::{Attribute as Written, Block as WrittenBlock, Body, Structure};
use hcl::{Expression, Identifier};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

const HEADING: &str = "# __generated__ by Formwork\n# Please review these resources and move them into your main configuration files.\n";

/// A configuration with the blocks that it lacked.
pub struct Generated {
    /// It.
    pub configuration: Configuration,
    /// What the file holds that has them; nothing when none was lacking.
    pub text: String,
    blocks: FxHashMap<Address, String>,
}

impl Generated {
    /// Says of the changes of a plan which were made from a block that was written here.
    pub fn mark(&self, plan: &mut Plan) {
        for change in &mut plan.changes {
            change.generated = self.blocks.get(&change.address).cloned();
        }
    }
}

/// A block that is lacking.
struct Lacking {
    address: Address,
    provider: Option<ProviderReference>,
}

/// Files of another source, and one that is not there yet.
struct Overlay {
    inner: Arc<dyn Source>,
    name: String,
    bytes: Vec<u8>,
}

impl Source for Overlay {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        if normalise_path(path) == self.name { Ok(self.bytes.clone()) } else { self.inner.read(path) }
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError> {
        let mut names = self.inner.list(directory)?;
        if normalise_path(directory) == "." {
            names.push(self.name.clone());
        }
        Ok(names)
    }

    fn absolute(&self, path: &str) -> String {
        self.inner.absolute(path)
    }
}

/// Writes the blocks that the imports of a configuration lack; `file` is the name that they are read under.
pub async fn generate(
    environment: &Environment,
    configuration: Configuration,
    file: &str,
    folded: &Folded,
    options: &PlanOptions,
) -> (Generated, Diagnostics) {
    let lacking = lacking(&configuration.root);
    if lacking.is_empty() {
        let generated = Generated { configuration, text: String::new(), blocks: FxHashMap::default() };
        return (generated, Diagnostics::new());
    }
    let empty = lacking.iter().map(|one| text_of(one, &Body::default()));
    let (stubbed, mut found) = with_file(&configuration, file, &empty.collect::<String>());
    if found.has_errors() {
        return (
            Generated { configuration: stubbed, text: String::new(), blocks: FxHashMap::default() },
            found,
        );
    }
    let connections = Connections::new(environment.clone());
    let planning = plan_with(environment, &stubbed, folded, options, &connections).await;
    let mut blocks = FxHashMap::default();
    for one in &lacking {
        if let Some(text) = block(&connections, &stubbed.root, one, &planning.plan).await {
            blocks.insert(one.address.clone(), text);
        }
    }
    if blocks.len() < lacking.len() {
        // What kept objects from being read was found while the empty blocks were planned.
        let is_about_a_block = |code: &str| code.starts_with("missing-") && code.contains("argument");
        found.extend(planning.diagnostics.into_iter().filter(|one| !is_about_a_block(&one.code)));
    }
    let whole: BTreeMap<String, &String> =
        blocks.iter().map(|(address, text)| (address.to_string(), text)).collect();
    let mut text = HEADING.to_owned();
    for one in whole.values() {
        text.push('\n');
        text.push_str(one);
    }
    let (configuration, again) = with_file(&configuration, file, &text);
    found.append(again);
    (Generated { configuration, text, blocks }, found)
}

/// What is imported into the root module and has no block there. Instances with keys would need `count` or `for_each`,
/// which nobody can guess.
fn lacking(root: &Arc<Module>) -> Vec<Lacking> {
    let graph = Graph::build(root).0;
    let imports = graph.homeless_imports.iter().map(|(module, place)| &graph.module(*module).imports[*place]);
    let mut found: Vec<Lacking> = imports.filter_map(target).collect();
    found.sort_by(|left, right| left.address.cmp(&right.address));
    found.dedup_by(|left, right| left.address == right.address);
    found
}

fn target(import: &Import) -> Option<Lacking> {
    let resource = import.to.resource.as_ref().filter(|resource| resource.key.is_none())?;
    if !import.to.modules.is_empty() {
        return None;
    }
    let (type_name, name) = (resource.type_name.clone(), resource.name.clone());
    let block = BlockAddress::new(ModuleInstance::root(), Mode::Managed, type_name, name);
    Some(Lacking { address: block.instance(Key::None), provider: import.provider.clone() })
}

/// The configuration with one more file in its folder.
fn with_file(configuration: &Configuration, file: &str, text: &str) -> (Configuration, Diagnostics) {
    let overlay = Overlay {
        inner: configuration.files.clone(),
        name: normalise_path(file),
        bytes: text.as_bytes().to_vec(),
    };
    let files: Arc<dyn Source> = Arc::new(overlay);
    let (again, found) = load_with(&files, Some(&configuration.variables));
    let variables = configuration.variables.clone();
    let (given, defaulted) = (configuration.given.clone(), configuration.defaulted.clone());
    (Configuration { variables, given, defaulted, ..again }, found)
}

/// The block of an object that was read.
async fn block(connections: &Connections, root: &Module, lacking: &Lacking, plan: &Plan) -> Option<String> {
    let address = &lacking.address;
    let type_name: ArcStr = address.type_name().clone();
    let local = provider_name(lacking.provider.as_ref(), &type_name);
    let provider = provider_address(root, &local);
    let kind = connections.kind(&provider, Mode::Managed, &type_name)?;
    let reading = plan.readings.iter().find(|reading| reading.key.address == *address)?;
    let object = reading.object.clone()?;
    let request = Request::GenerateConfiguration { kind: type_name.to_string(), object: object.clone() };
    let arguments = match connections.connected_to(&provider) {
        Some(connection) => match connections.ask(&connection, request).await {
            Response::Generated(Ok(arguments)) => arguments,
            _ => object,
        },
        None => object,
    };
    Some(text_of(lacking, &body(&kind.schema.block, &arguments)))
}

/// A block in the canonical style.
fn text_of(lacking: &Lacking, body: &Body) -> String {
    let mut block = WrittenBlock::builder("resource")
        .add_label(lacking.address.type_name().as_str())
        .add_label(lacking.address.name().as_str())
        .build();
    if let Some(provider) = &lacking.provider {
        block.body.0.push(Written::new("provider", verbatim(provider.to_string())).into());
    }
    block.body.0.extend(body.iter().cloned());
    let written = hcl::format::to_string(&Body(vec![block.into()])).unwrap_or_default();
    let mut sources = Sources::new();
    let file = sources.add("generated.tf", written.as_str());
    formwork_lang::format(file, &sources).0.unwrap_or(written)
}

/// Arguments and nested blocks that say something; what only the provider gives is left out.
fn body(block: &Block, object: &Value) -> Body {
    let mut structures: Vec<Structure> = Vec::new();
    for (name, attribute) in &block.attributes {
        let null = Value::null(Type::Dynamic);
        let value = object.get(name).unwrap_or(&null);
        let is_default = attribute.default.as_ref() == Some(value);
        let is_left_out = attribute.presence != Presence::Required && (value.is_null() || is_default);
        if attribute.presence == Presence::Computed || is_left_out {
            continue;
        }
        let written = if attribute.sensitive { verbatim("null # sensitive") } else { expression(value) };
        structures.push(Written::new(name.as_str(), written).into());
    }
    for (name, nested) in &block.blocks {
        let Some(value) = object.get(name).filter(|value| !value.is_null()) else { continue };
        let bodies: Vec<(Option<String>, Value)> = match nested.nesting {
            Nesting::Single | Nesting::Group => vec![(None, value.clone())],
            Nesting::List | Nesting::Set => {
                value.items().unwrap_or_default().iter().map(|one| (None, one.clone())).collect()
            }
            Nesting::Map => entries(value).map(|(name, one)| (Some(name), one)).collect(),
        };
        for (label, value) in bodies {
            let builder = WrittenBlock::builder(name.as_str()).add_labels(label);
            structures.push(builder.add_structures(body(&nested.block, &value).into_inner()).build().into());
        }
    }
    Body::from(structures)
}

fn entries(value: &Value) -> impl Iterator<Item = (String, Value)> {
    let entries = value.entries().into_iter().flat_map(|entries| entries.iter());
    entries.map(|(name, value)| (name.to_string(), value.clone())).collect::<Vec<_>>().into_iter()
}

/// A text that stands as it is.
fn verbatim(text: impl Into<String>) -> Expression {
    Expression::Variable(Variable::unchecked(text.into()))
}

fn expression(value: &Value) -> Expression {
    if value.is_null() || !value.is_known() {
        return Expression::Null;
    }
    if let Some(text) = value.as_str() {
        return Expression::String(text.to_string());
    }
    if let Some(truth) = value.as_bool() {
        return Expression::Bool(truth);
    }
    if let Some(number) = value.as_number() {
        // As text: no digit of it is lost.
        return verbatim(number.to_string());
    }
    if let Some(items) = value.items() {
        return Expression::Array(items.iter().map(expression).collect());
    }
    let pairs = entries(value).map(|(name, value)| {
        let key = Identifier::new(name.as_str())
            .map_or_else(|_| ObjectKey::Expression(Expression::String(name)), ObjectKey::Identifier);
        (key, expression(&value))
    });
    Expression::Object(pairs.collect())
}

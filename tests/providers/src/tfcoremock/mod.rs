//! `tfcoremock`: each object is a JSON file under `terraform.resource/`, each data source one under
//! `terraform.data/`, both named by the id. Kinds are a simple and a complex one, and what `dynamic_resources.json`
//! adds.

mod definition;
mod object;

use crate::double::{Double, Kind, Site, id_of, text, with};
use crate::files;
use definition::Definition;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{
    ApplyRequest, Attribute, Block, ErrorKind, KindSchema, PlanRequest, Planned, ProviderError, Recovery,
};
use formwork_value::{Type, Value};
use std::path::{Path, PathBuf};

const RESOURCES: &str = "terraform.resource";
const DATA: &str = "terraform.data";
const DYNAMIC: &str = "dynamic_resources.json";

pub(crate) fn provider(directory: PathBuf) -> Double {
    let mut kinds: Vec<Box<dyn Kind>> = vec![
        Box::new(CoreMock::new("tfcoremock_simple_resource".to_owned(), Definition::simple())),
        Box::new(CoreMock::new("tfcoremock_complex_resource".to_owned(), Definition::complex())),
    ];
    let mut findings = Diagnostics::new();
    match dynamic(&directory.join(DYNAMIC)) {
        Ok(found) => {
            for (name, definition) in found {
                kinds.push(Box::new(CoreMock::new(name, definition)));
            }
        }
        Err(detail) => findings.push(
            Diagnostic::error("dynamic-resources", "Invalid dynamic resources", detail)
                .hint(format!("Correct {DYNAMIC}, or remove it.")),
        ),
    }
    Double::new("tfcoremock", directory, kinds).configured_by(configuration(), findings)
}

fn dynamic(path: &Path) -> Result<Vec<(String, Definition)>, String> {
    let Some(bytes) = files::read(path).map_err(|error| error.message)? else { return Ok(Vec::new()) };
    definition::read(&bytes).map_err(|error| format!("{} cannot be read: {error}.", path.display()))
}

fn configuration() -> Block {
    let folder = |doc| Attribute::optional(Type::String, doc);
    Block::new([
        ("resource_directory", folder("Where objects are kept.")),
        ("data_directory", folder("Where data sources are read.")),
    ])
}

struct CoreMock {
    name: String,
    definition: Definition,
    schema: KindSchema,
}

impl CoreMock {
    fn new(name: String, definition: Definition) -> Self {
        let schema = KindSchema {
            recovery: Recovery::Replay,
            ..KindSchema::new(definition.block(), "An object kept as a JSON file.")
        };
        Self { name, definition, schema }
    }

    fn load(&self, path: &Path) -> Result<Option<Value>, ProviderError> {
        let Some(bytes) = files::read(path)? else { return Ok(None) };
        object::read(&bytes, &self.schema.block).map(Some).map_err(|error| {
            ProviderError::new(ErrorKind::Invalid, format!("{} cannot be read: {error}", path.display()))
        })
    }
}

fn file(site: &Site, argument: &str, default: &str, object: &Value) -> Result<PathBuf, ProviderError> {
    let id = text(object, "id").ok_or_else(|| ProviderError::invalid("the object has no id"))?;
    if id.contains(['/', '\\']) || id.starts_with('.') {
        return Err(ProviderError::invalid(format!("{id:?} is no name of a file")));
    }
    let folder = text(&site.configuration, argument);
    Ok(site.directory.join(folder.as_deref().unwrap_or(default)).join(format!("{id}.json")))
}

impl Kind for CoreMock {
    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> &KindSchema {
        &self.schema
    }

    fn data_schema(&self) -> Option<KindSchema> {
        let mut block = self.schema.block.clone();
        block.attributes.insert("id".into(), Attribute::required(Type::String, "Which object."));
        Some(KindSchema::new(block, "An object kept as a JSON file."))
    }

    fn plan(&self, request: &PlanRequest, planned: &mut Planned) {
        if !request.prior.is_null() && !planned.planned.is_null() {
            self.definition.replacements(&request.prior, &planned.planned, &mut planned.requires_replace);
        }
    }

    fn read(&self, site: &Site, prior: &Value) -> Result<Option<Value>, ProviderError> {
        self.load(&file(site, "resource_directory", RESOURCES, prior)?)
    }

    fn write(&self, site: &Site, request: &ApplyRequest) -> Result<Value, ProviderError> {
        let is_new = request.planned.get("id").is_none_or(|id| !id.is_known());
        let id = Value::string(id_of(&request.token).to_string());
        let object = if is_new { with(&request.planned, "id", id) } else { request.planned.clone() };
        let object = object.unknown_as_null();
        files::write(&file(site, "resource_directory", RESOURCES, &object)?, &object::write(&object))?;
        Ok(object)
    }

    fn remove(&self, site: &Site, prior: &Value) -> Result<(), ProviderError> {
        files::remove(&file(site, "resource_directory", RESOURCES, prior)?)
    }

    fn read_data(&self, site: &Site, configuration: &Value) -> Result<Value, ProviderError> {
        let path = file(site, "data_directory", DATA, configuration)?;
        let found = self.load(&path)?;
        found.ok_or_else(|| {
            ProviderError::new(ErrorKind::NotFound, format!("there is no file {}", path.display()))
        })
    }
}

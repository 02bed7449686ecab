//! `terraform_remote_state`: the root outputs of another configuration's state.
//!
//! Semantics are those of OpenTofu's `internal/builtin/providers/tf/data_source_state.go`, but that an output which is
//! sensitive there stays sensitive here. Reading a state is not a provider's business: a reader is passed in.

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Attribute, Block, ErrorKind, KindSchema, ProviderError};
use formwork_value::{Name, Path, Type, Value};
use std::path::Path as FilePath;

pub(crate) const KIND: &str = "terraform_remote_state";

/// Gives the root outputs of the state in a file, marks on; none where there is no state.
pub type StateReader = fn(&FilePath) -> Result<Option<Vec<(Name, Value)>>, String>;

pub(crate) fn no_state(_: &FilePath) -> Result<Option<Vec<(Name, Value)>>, String> {
    Err("states cannot be read here".to_owned())
}

const EXAMPLE: &str = r#"data "terraform_remote_state" "network" {
  count   = fileexists("../network/terraform.tfstate") ? 1 : 0
  backend = "local"
  config = {
    path = "../network/terraform.tfstate"
  }
}

output "network" {
  value = one(data.terraform_remote_state.network[*].outputs)
}
"#;

const DEFAULT_WORKSPACE: &str = "default";
const STATE_FILE: &str = "terraform.tfstate";
const WORKSPACE_FOLDER: &str = "terraform.tfstate.d";
/// Arguments of the local backend.
const ARGUMENTS: [&str; 2] = ["path", "workspace_dir"];
/// Backends whose states this data source cannot read.
const OTHER_BACKENDS: [&str; 10] =
    ["s3", "http", "pg", "kubernetes", "gcs", "azurerm", "consul", "cos", "oss", "remote"];

pub(crate) fn schema() -> KindSchema {
    let block = Block::new([
        ("backend", Attribute::required(Type::String, "Where the state is kept: `local`.")),
        (
            "config",
            Attribute::optional(
                Type::Dynamic,
                "The backend's arguments: `path` and `workspace_dir` of `local`.",
            ),
        ),
        ("workspace", Attribute::optional(Type::String, "The workspace; `default` where it is left out.")),
        ("defaults", Attribute::optional(Type::Dynamic, "Values for outputs that the state does not have.")),
        ("outputs", Attribute::computed(Type::Dynamic, "Every root output, by name.")),
    ]);
    KindSchema {
        example: EXAMPLE,
        ..KindSchema::new(block, "The root outputs of another configuration's state.")
    }
}

fn at(name: &str) -> Path {
    Path::root().attribute(name)
}

fn invalid(path: Path, detail: String) -> ProviderError {
    ProviderError::invalid(detail).at(path)
}

/// What is wrong with a configuration that may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut refuse = |summary: &str, error: &ProviderError| {
        let mut diagnostic = Diagnostic::error("remote-state", summary, error.message.clone());
        diagnostic.hint.clone_from(&error.hint);
        found.push(match &error.path {
            Some(path) => diagnostic.attribute(path.to_string()),
            None => diagnostic,
        });
    };
    if let Err(error) = check_backend(configuration) {
        refuse("Invalid backend configuration", &error);
    }
    if let Err(error) = check_arguments(configuration) {
        refuse("Invalid backend configuration", &error);
    }
    if configuration
        .get("defaults")
        .is_some_and(|defaults| is_known(defaults) && defaults.entries().is_none())
    {
        let error = invalid(at("defaults"), "Defaults must be given in an object value.".to_owned());
        refuse("Invalid default values", &error);
    }
    found
}

fn is_known(value: &Value) -> bool {
    value.is_known() && !value.is_null()
}

fn check_backend(configuration: &Value) -> Result<(), ProviderError> {
    match configuration.get("backend").and_then(Value::as_str).map(Name::as_str) {
        None | Some("local" | "_local") => Ok(()),
        Some(other) if OTHER_BACKENDS.contains(&other) => {
            let detail = format!("States of the backend {other:?} cannot be read yet.");
            Err(invalid(at("backend"), detail)
                .hint("Use the local backend, or pass what is needed as a variable."))
        }
        Some(other) => Err(invalid(at("backend"), format!("There is no backend type named {other:?}."))
            .hint("Use \"local\".")),
    }
}

fn check_arguments(configuration: &Value) -> Result<(), ProviderError> {
    let Some(config) = configuration.get("config").filter(|config| is_known(config)) else { return Ok(()) };
    let Some(entries) = config.entries() else {
        return Err(invalid(at("config"), "The configuration must be an object value.".to_owned()));
    };
    for (name, value) in entries {
        let path = at("config").attribute(name.clone());
        let wrong = |what: &str| {
            let detail = format!("The given configuration is not valid for backend \"local\": {what}.");
            Err(invalid(path.clone(), detail))
        };
        if !ARGUMENTS.contains(&name.as_str()) {
            return wrong(&format!("unsupported attribute {:?}", name.as_str()));
        }
        if is_known(value) && value.as_str().is_none() {
            return wrong(&format!("attribute {:?} must be a string", name.as_str()));
        }
    }
    Ok(())
}

/// Reads one.
pub(crate) fn read(configuration: &Value, reader: StateReader) -> Result<Value, ProviderError> {
    check_backend(configuration)?;
    check_arguments(configuration)?;
    let argument = |name: &str| {
        let given = configuration.get("config").and_then(|config| config.get(name)).and_then(Value::as_str);
        given.map(ToString::to_string).filter(|text| !text.is_empty())
    };
    let workspace = configuration.get("workspace").and_then(Value::as_str).map(ToString::to_string);
    let workspace = workspace.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned());
    if workspace.contains(['/', '\\']) || workspace == ".." {
        return Err(invalid(at("workspace"), format!("{workspace:?} is no name of a workspace.")));
    }
    let path = if workspace == DEFAULT_WORKSPACE {
        argument("path").unwrap_or_else(|| STATE_FILE.to_owned()).into()
    } else {
        let folder = argument("workspace_dir").unwrap_or_else(|| WORKSPACE_FOLDER.to_owned());
        FilePath::new(&folder).join(&workspace).join(STATE_FILE)
    };
    let stored = reader(&path).map_err(|message| {
        ProviderError::invalid(format!("error loading the remote state: {message}")).at(at("backend"))
    })?;
    let Some(stored) = stored else {
        let detail = format!(
            "Unable to find remote state: no stored state was found for the given workspace in the given backend, at {}.",
            path.display()
        );
        return Err(ProviderError::new(ErrorKind::NotFound, detail)
            .at(at("workspace"))
            .hint("Apply the configuration that it belongs to first, or correct path and workspace."));
    };
    let defaults = configuration.get("defaults").and_then(Value::entries);
    let mut outputs: Vec<(Name, Value)> = defaults
        .into_iter()
        .flat_map(|entries| entries.iter())
        .map(|(name, value)| (name.clone(), value.clone()))
        .filter(|(name, _)| stored.iter().all(|(other, _)| other != name))
        .collect();
    outputs.extend(stored);
    let Some(entries) = configuration.entries() else { return Ok(configuration.clone()) };
    let outputs = Value::object(outputs);
    let filled = entries
        .iter()
        .map(|(name, value)| (name.clone(), if name == "outputs" { outputs.clone() } else { value.clone() }));
    Ok(Value::object(filled.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(given: &[(&str, Value)]) -> Value {
        let all = ["backend", "config", "defaults", "outputs", "workspace"];
        let value = |name: &str| {
            let found = given.iter().find(|(other, _)| *other == name);
            found.map_or_else(|| Value::null(Type::Dynamic), |(_, value)| value.clone())
        };
        Value::object(all.iter().map(|name| ((*name).into(), value(name))).collect())
    }

    fn object(entries: &[(&str, &str)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn path_as_output(path: &FilePath) -> Result<Option<Vec<(Name, Value)>>, String> {
        let path = path.display().to_string();
        if path == "damaged" {
            return Err("it is damaged".to_owned());
        }
        Ok((!path.starts_with("none")).then(|| vec![("path".into(), path.as_str().into())]))
    }

    #[test]
    fn the_place_follows_from_backend_and_workspace() {
        let local = || ("backend", Value::from("local"));
        let path = |text: &str| ("config", object(&[("path", text)]));
        for (given, expected) in [
            (vec![local()], Ok(object(&[("path", "terraform.tfstate")]))),
            (vec![local(), path("../a.tfstate")], Ok(object(&[("path", "../a.tfstate")]))),
            (
                vec![local(), path("x"), ("workspace", "dev".into())],
                Ok(object(&[("path", "terraform.tfstate.d/dev/terraform.tfstate")])),
            ),
            (
                vec![local(), ("config", object(&[("workspace_dir", "w")])), ("workspace", "dev".into())],
                Ok(object(&[("path", "w/dev/terraform.tfstate")])),
            ),
            (
                vec![local(), ("defaults", object(&[("path", "unused"), ("more", "m")]))],
                Ok(object(&[("more", "m"), ("path", "terraform.tfstate")])),
            ),
            (vec![local(), path("none")], Err(".workspace")),
            (vec![local(), path("damaged")], Err(".backend")),
            (vec![local(), ("workspace", "../up".into())], Err(".workspace")),
            (vec![local(), ("config", object(&[("bucket", "b")]))], Err(".config.bucket")),
            (vec![("backend", "s3".into())], Err(".backend")),
            (vec![("backend", "floppy".into())], Err(".backend")),
        ] {
            let found = read(&configuration(&given), path_as_output);
            let found = found.map(|value| value.get("outputs").cloned().unwrap());
            let found = found.map_err(|error| error.path.map(|path| path.to_string()).unwrap_or_default());
            assert_eq!(found, expected.map_err(ToOwned::to_owned), "{given:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_found_without_reading() {
        for (given, expected) in [
            (vec![("backend", Value::unknown(Type::String))], 0),
            (vec![("backend", "local".into()), ("config", "path".into())], 1),
            (vec![("backend", "s3".into()), ("defaults", 1.into())], 2),
        ] {
            assert_eq!(validate(&configuration(&given)).iter().count(), expected, "{given:?}");
        }
    }
}

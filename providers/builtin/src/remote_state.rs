//! `terraform_remote_state`: the root outputs of another configuration's state.
//!
//! Semantics are those of OpenTofu's `internal/builtin/providers/tf/data_source_state.go`, but that an output which is
//! sensitive there stays sensitive here. Reading a state is not a provider's business: a reader is passed in.

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Attribute, Block, ErrorKind, KindSchema, ProviderError};
use formwork_value::{Name, Path, Type, Value};

pub(crate) const KIND: &str = "terraform_remote_state";

/// The name of a place, and the root outputs of the state in it, marks on; none where no state stands.
pub type RemoteOutputs = (String, Option<Vec<(Name, Value)>>);

/// What knows the places where states are kept. Each function is given a backend's name and its arguments as an object.
#[derive(Debug, Clone, Copy)]
pub struct StateReader {
    /// What is wrong with them, where they are known: the path says which of the data source's arguments it is.
    pub check: fn(&str, Option<&Value>) -> Result<(), ProviderError>,
    /// Reads the state of a workspace.
    pub read: fn(&str, &Value, &str) -> Result<RemoteOutputs, String>,
}

/// Reads nothing.
pub(crate) const NO_STATES: StateReader =
    StateReader { check: |_, _| Ok(()), read: |_, _, _| Err("states cannot be read here".to_owned()) };

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
/// The backend's name that older configurations have.
const OLD_LOCAL: &str = "_local";

pub(crate) fn schema() -> KindSchema {
    let block = Block::new([
        (
            "backend",
            Attribute::required(
                Type::String,
                "Where the state is kept: the name of a backend, `local` for a file.",
            ),
        ),
        (
            "config",
            Attribute::optional(
                Type::Dynamic,
                "The backend's arguments, as its block has them: `path` and `workspace_dir` of `local`.",
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
pub(crate) fn validate(configuration: &Value, reader: StateReader) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut refuse = |summary: &str, error: &ProviderError| {
        let mut diagnostic = Diagnostic::error("remote-state", summary, error.message.clone());
        diagnostic.hint = error.hint.as_deref().map(str::to_owned);
        found.push(match &error.path {
            Some(path) => diagnostic.attribute(path.to_string()),
            None => diagnostic,
        });
    };
    if let Err(error) = check(configuration, reader) {
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

fn backend(configuration: &Value) -> Option<&str> {
    let name = configuration.get("backend").and_then(Value::as_str).map(Name::as_str);
    name.map(|name| if name == OLD_LOCAL { "local" } else { name })
}

fn check(configuration: &Value, reader: StateReader) -> Result<(), ProviderError> {
    let config = configuration.get("config").filter(|config| is_known(config));
    if config.is_some_and(|config| config.entries().is_none()) {
        return Err(invalid(at("config"), "The configuration must be an object value.".to_owned()));
    }
    backend(configuration).map_or(Ok(()), |backend| (reader.check)(backend, config))
}

/// Reads one.
pub(crate) fn read(configuration: &Value, reader: StateReader) -> Result<Value, ProviderError> {
    check(configuration, reader)?;
    let workspace = configuration.get("workspace").and_then(Value::as_str).map(ToString::to_string);
    let workspace = workspace.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned());
    if workspace.contains(['/', '\\']) || workspace == ".." {
        return Err(invalid(at("workspace"), format!("{workspace:?} is no name of a workspace.")));
    }
    let none = Value::object(Vec::new());
    let config = configuration.get("config").filter(|config| is_known(config)).unwrap_or(&none);
    let (place, stored) = (reader.read)(backend(configuration).unwrap_or_default(), config, &workspace)
        .map_err(|message| {
            ProviderError::invalid(format!("error loading the remote state: {message}")).at(at("backend"))
        })?;
    let Some(stored) = stored else {
        let detail = format!(
            "Unable to find remote state: no stored state was found for the given workspace in the given backend, at {place}."
        );
        return Err(ProviderError::new(ErrorKind::NotFound, detail)
            .at(at("workspace"))
            .hint("Apply the configuration that it belongs to first, or correct config and workspace."));
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

    /// Takes two backends: `local` with a path, and one that takes anything.
    const READER: StateReader = StateReader {
        check: |backend, config| {
            if !["local", "remote"].contains(&backend) {
                return Err(invalid(at("backend"), "there is no such backend".to_owned()));
            }
            let names = config.and_then(Value::entries).into_iter().flat_map(|entries| entries.iter());
            match names.map(|(name, _)| name).find(|name| backend == "local" && *name != "path") {
                Some(name) => Err(invalid(at("config").attribute(name.clone()), "there is none".to_owned())),
                None => Ok(()),
            }
        },
        read: |backend, config, workspace| {
            let path = config.get("path").and_then(Value::as_str).map_or("", Name::as_str);
            if path == "damaged" {
                return Err("it is damaged".to_owned());
            }
            let place = format!("{backend} {path} {workspace}");
            let outputs = vec![("place".into(), place.as_str().into())];
            Ok((place, (path != "none").then_some(outputs)))
        },
    };

    #[test]
    fn the_place_follows_from_backend_and_workspace() {
        let local = || ("backend", Value::from("local"));
        let path = |text: &str| ("config", object(&[("path", text)]));
        let place = |text: &str| Ok(object(&[("place", text)]));
        for (given, expected) in [
            (vec![local()], place("local  default")),
            (vec![("backend", "_local".into())], place("local  default")),
            (vec![local(), path("../a.tfstate")], place("local ../a.tfstate default")),
            (vec![local(), path("x"), ("workspace", "dev".into())], place("local x dev")),
            (
                vec![("backend", "remote".into()), ("config", object(&[("bucket", "b"), ("path", "p")]))],
                place("remote p default"),
            ),
            (
                vec![local(), ("defaults", object(&[("place", "unused"), ("more", "m")]))],
                Ok(object(&[("more", "m"), ("place", "local  default")])),
            ),
            (vec![local(), path("none")], Err(".workspace")),
            (vec![local(), path("damaged")], Err(".backend")),
            (vec![local(), ("workspace", "../up".into())], Err(".workspace")),
            (vec![local(), ("config", object(&[("bucket", "b")]))], Err(".config.bucket")),
            (vec![("backend", "floppy".into())], Err(".backend")),
        ] {
            let found = read(&configuration(&given), READER);
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
            (vec![("backend", "floppy".into()), ("defaults", 1.into())], 2),
        ] {
            assert_eq!(validate(&configuration(&given), READER).iter().count(), expected, "{given:?}");
        }
    }
}

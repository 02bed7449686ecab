//! Values for root variables: from the environment, from files, from the command line, and from whoever sits there.

use crate::arguments::VariableArgument;
use crate::failure::Failure;
use crate::terminal::{Terminal, print};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_engine::run::Configuration;
use formwork_engine::variables::{Given, GivenVariable, read_file};
use formwork_engine::why::Origins;
use formwork_lang::join_path;
use indexmap::IndexMap;

/// What was given, by name.
pub(crate) type GivenVariables = IndexMap<ArcStr, GivenVariable>;

/// Beginning of the names of environment variables that give values.
const ENVIRONMENT: &str = "TF_VAR_";

/// Gathers everything that was given; the later of two wins: environment, `terraform.tfvars`,
/// `terraform.tfvars.json`, `*.auto.tfvars` and `*.auto.tfvars.json` by name, then the command line in its order.
pub(crate) fn gather(
    configuration: &mut Configuration,
    environment: impl Iterator<Item = (String, String)>,
    arguments: &[VariableArgument],
) -> Result<(GivenVariables, Diagnostics), Failure> {
    gather_beside(configuration, None, environment, arguments)
}

/// The same with the files of one more folder, which win over those of the working directory.
pub(crate) fn gather_beside(
    configuration: &mut Configuration,
    folder: Option<&str>,
    environment: impl Iterator<Item = (String, String)>,
    arguments: &[VariableArgument],
) -> Result<(GivenVariables, Diagnostics), Failure> {
    let mut gatherer = Gatherer { configuration, given: IndexMap::new(), diagnostics: Diagnostics::new() };
    for (name, value) in environment {
        if let Some(variable) = name.strip_prefix(ENVIRONMENT) {
            gatherer.put(variable, Given::Text(value), &name);
        }
    }
    for file in automatic_files(gatherer.configuration, ".")? {
        gatherer.file(&file, false)?;
    }
    // A folder that is not there has no files.
    let beside = folder.map(|folder| automatic_files(gatherer.configuration, folder).unwrap_or_default());
    for file in beside.into_iter().flatten() {
        gatherer.file(&file, false)?;
    }
    for argument in arguments {
        match argument {
            VariableArgument::File(file) => gatherer.file(file, true)?,
            VariableArgument::Value(text) => match text.split_once('=') {
                Some((name, value)) => gatherer.put(name.trim(), Given::Text(value.to_owned()), "-var"),
                None => gatherer.diagnostics.push(invalid_option(text)),
            },
        }
    }
    Ok((gatherer.given, gatherer.diagnostics))
}

fn automatic_files(configuration: &Configuration, folder: &str) -> Result<Vec<String>, Failure> {
    let names = configuration.files.list(folder).map_err(|error| unreadable(folder, &error.to_string()))?;
    let mut automatic: Vec<String> = names
        .iter()
        .filter(|name| name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json"))
        .cloned()
        .collect();
    automatic.sort();
    let fixed = ["terraform.tfvars", "terraform.tfvars.json"]
        .into_iter()
        .filter(|fixed| names.iter().any(|name| name == fixed));
    let names = fixed.map(ToOwned::to_owned).chain(automatic);
    Ok(names.map(|name| join_path(folder, &name)).collect())
}

struct Gatherer<'a> {
    configuration: &'a mut Configuration,
    given: GivenVariables,
    diagnostics: Diagnostics,
}

impl Gatherer<'_> {
    fn put(&mut self, name: &str, given: Given, origin: &str) {
        self.given.insert(name.into(), GivenVariable { given, origin: origin.to_owned() });
    }

    fn file(&mut self, name: &str, is_asked_for: bool) -> Result<(), Failure> {
        let bytes =
            self.configuration.files.read(name).map_err(|error| unreadable(name, &error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable(name, "it is not UTF-8 text"))?;
        let (values, found) = read_file(name, &text, &mut self.configuration.sources);
        self.diagnostics.append(found);
        let origin = if is_asked_for { format!("-var-file={name}") } else { name.to_owned() };
        for (name, (value, span)) in values {
            self.put(&name, Given::Value(value, span), &origin);
        }
        Ok(())
    }
}

/// Where each value came from, with its line where it stands in a file.
pub(crate) fn origins(given: &GivenVariables, sources: &Sources) -> Origins {
    let place = |one: &GivenVariable| match &one.given {
        Given::Text(_) => one.origin.clone(),
        Given::Value(_, span) => match sources.get(span.file) {
            Some(file) => format!("{}:{}", file.name(), file.position(span.start).line),
            None => one.origin.clone(),
        },
    };
    given.iter().map(|(name, one)| (name.clone(), place(one))).collect()
}

/// Asks for what is missing, when somebody is there.
pub(crate) fn ask(configuration: &Configuration, given: &mut GivenVariables, terminal: &Terminal) {
    for (name, variable) in &configuration.root.variables {
        if variable.default.is_some() || given.contains_key(name) || !terminal.can_ask {
            continue;
        }
        let description = variable.description.as_ref().map(|text| format!("  {text}\n")).unwrap_or_default();
        if let Some(answer) = terminal.ask(&format!("var.{name}\n{description}\n  Enter a value: ")) {
            print("\n");
            given.insert(
                name.clone(),
                GivenVariable { given: Given::Text(answer), origin: "the terminal".to_owned() },
            );
        }
    }
}

fn unreadable(name: &str, reason: &str) -> Failure {
    Diagnostic::error(
        "variables-file-unreadable",
        "Failed to read variables file",
        format!("Given variables file {name} could not be read: {reason}."),
    )
    .hint("Look at the path: it is taken from the working directory.")
    .into()
}

fn invalid_option(text: &str) -> Diagnostic {
    let name: String = text
        .chars()
        .take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-'))
        .collect();
    Diagnostic::error(
        "invalid-var-option",
        "Invalid -var option",
        "The given -var option is not correctly specified. It must be a variable name and value separated by an equals sign.",
    )
    .hint(format!("Write -var '{name}=VALUE'."))
}

#[cfg(test)]
mod tests {
    use super::gather;
    use crate::arguments::VariableArgument;
    use formwork_engine::run::load;
    use formwork_engine::variables::Given;
    use formwork_lang::MemorySource;
    use std::sync::Arc;

    fn winner(
        files: &[(&str, &str)],
        environment: &[(&str, &str)],
        arguments: &[VariableArgument],
    ) -> String {
        let files: MemorySource =
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let (mut configuration, _) = load(&(Arc::new(files) as Arc<dyn formwork_lang::Source>));
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (given, diagnostics) = gather(&mut configuration, environment, arguments).unwrap();
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        match &given["a"].given {
            Given::Text(text) => text.clone(),
            Given::Value(value, _) => value.as_str().unwrap().to_string(),
        }
    }

    #[test]
    fn the_later_source_wins() {
        let all = [
            ("main.tf", "variable \"a\" {}"),
            ("terraform.tfvars", "a = \"tfvars\""),
            ("terraform.tfvars.json", "{\"a\": \"json\"}"),
            ("b.auto.tfvars", "a = \"auto-b\""),
            ("c.auto.tfvars.json", "{\"a\": \"auto-c\"}"),
            ("own.tfvars", "a = \"own\""),
        ];
        let environment = [("TF_VAR_a", "environment"), ("HOME", "x")];
        let (value, file) =
            (VariableArgument::Value("a=x=y".to_owned()), VariableArgument::File("own.tfvars".to_owned()));
        assert_eq!(winner(&all[..1], &environment, &[]), "environment");
        assert_eq!(winner(&all[..2], &environment, &[]), "tfvars");
        assert_eq!(winner(&all[..3], &environment, &[]), "json");
        assert_eq!(winner(&all[..4], &environment, &[]), "auto-b");
        assert_eq!(winner(&all[..5], &environment, &[]), "auto-c");
        assert_eq!(winner(&all, &environment, &[file.clone(), value.clone()]), "x=y");
        assert_eq!(winner(&all, &environment, &[value, file]), "own");
    }
}

//! How states and plan files are sealed, as the `encryption` block says with what `TF_ENCRYPTION` adds.
//!
//! Invariant: what is wrong with it is found before anything is opened; a value of it is in no finding.

use crate::ambient;
use crate::place::settings_placed;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_engine::run::Configuration;
use formwork_lang::{Encryption as Written, EncryptionPart, EncryptionReference, EncryptionTarget, nearest};
use formwork_state::encryption::{Encryption, KeyProvider, Method, settings};
use formwork_state::storage::Surroundings;
use formwork_value::{Name, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What messages and tables call the two kinds of parts.
const KEY_PROVIDER: &str = "key_provider";
const METHOD: &str = "method";

/// How each kind of thing is sealed; nothing where nothing is said of it.
#[derive(Clone, Default)]
pub(crate) struct Encryptions {
    /// The state with its journal.
    pub(crate) state: Option<Arc<Encryption>>,
    /// Plan files.
    pub(crate) plan: Option<Arc<Encryption>>,
    /// States of other configurations.
    pub(crate) remote: Option<Arc<Encryption>>,
    /// Whether a remote state that holds secrets in clear is an error.
    pub(crate) is_required: bool,
}

/// What is wrong with the configuration's `encryption` block, whatever its variables hold.
pub(crate) fn faults(configuration: &Configuration) -> Diagnostics {
    let mut found = Diagnostics::new();
    let Some(written) = &configuration.root.settings.encryption else { return found };
    let providers = written.key_providers.iter().map(|part| (KEY_PROVIDER, part));
    for (noun, part) in providers.chain(written.methods.iter().map(|part| (METHOD, part))) {
        found.append(part_faults(noun, part, &written.key_providers));
    }
    for method in targets(written).filter_map(|target| target.method.as_ref()) {
        found.extend(find(&written.methods, method, METHOD).err());
    }
    found.extend(unenforced(written));
    found
}

/// Every target with its fallbacks.
fn targets(written: &Written) -> impl Iterator<Item = &EncryptionTarget> {
    let all = written.state.iter().chain(&written.plan).chain(&written.remote_states);
    all.chain(written.remote_state.values()).flat_map(chain)
}

fn chain(target: &EncryptionTarget) -> impl Iterator<Item = &EncryptionTarget> {
    std::iter::successors(Some(target), |target| target.fallback.as_deref())
}

fn part_faults(noun: &'static str, written: &EncryptionPart, providers: &[EncryptionPart]) -> Diagnostics {
    let part = match settings::part(noun, &written.kind) {
        Ok(part) => part,
        Err(diagnostic) => return diagnostic.at(written.span).into(),
    };
    let mut found = placed(part.table(noun).check(&given(written)), written);
    for (name, reference) in &written.references {
        if part.reference.is_some_and(|(known, _)| known == name.as_str()) {
            found.extend(find(providers, reference, KEY_PROVIDER).err());
            continue;
        }
        let detail = format!("The argument \"{name}\" of {noun} \"{}\" names no key provider.", written.kind);
        found.push(
            Diagnostic::error("encryption-reference", "Unsupported reference", detail).at(reference.span),
        );
    }
    found
}

fn given(part: &EncryptionPart) -> Value {
    Value::object(part.arguments.iter().map(|(name, one)| (name.clone(), one.value.clone())).collect())
}

/// Findings that name an argument, put where it stands.
fn placed(found: Diagnostics, part: &EncryptionPart) -> Diagnostics {
    let place = |name: &str| {
        let argument = part.arguments.get(name)?;
        Some((argument.name_span, argument.expression.span()))
    };
    settings_placed(found, part.span, place)
}

/// The part that is meant.
fn find<'w>(
    among: &'w [EncryptionPart],
    reference: &EncryptionReference,
    noun: &str,
) -> Result<&'w EncryptionPart, Diagnostic> {
    let EncryptionReference { kind, name, span } = reference;
    among.iter().find(|part| part.kind == *kind && part.name == *name).ok_or_else(|| {
        let detail = format!("There is no {noun} \"{kind}\" \"{name}\" in the encryption block.");
        let summary = "Reference to undeclared encryption part";
        let diagnostic = Diagnostic::error("encryption-reference", summary, detail).at(*span);
        let names: Vec<String> = among.iter().map(|part| format!("{}.{}", part.kind, part.name)).collect();
        match nearest(&format!("{kind}.{name}"), names.iter().map(String::as_str)) {
            Some(close) => diagnostic.hint(format!("Did you mean {noun}.{close}?")),
            None => diagnostic,
        }
    })
}

fn unenforced(written: &Written) -> Vec<Diagnostic> {
    let all = written.state.iter().map(|target| ("state", target));
    let all = all.chain(written.plan.iter().map(|target| ("plan", target)));
    let is_clear =
        |target: &EncryptionTarget| target.method.as_ref().is_none_or(|method| method.kind == "unencrypted");
    all.filter(|(_, target)| target.enforced && is_clear(target))
        .map(|(name, target)| {
            let detail =
                format!("The encryption of the {name} is enforced, and its method is none that encrypts.");
            Diagnostic::error("encryption-enforced", "Encryption is enforced", detail)
                .at(target.span)
                .hint("Name a method that encrypts, or leave enforced out.")
        })
        .collect()
}

/// What is said, made ready. Everything that is used must be known.
pub(crate) fn of(configuration: &Configuration) -> Result<Encryptions, Diagnostics> {
    let settings = &configuration.root.settings;
    let is_required = settings.require_encryption || ambient::requires_encryption();
    let Some(written) = &settings.encryption else {
        return Ok(Encryptions { is_required, ..Encryptions::default() });
    };
    let mut maker = Maker { written, surroundings: crate::place::surroundings(), providers: HashMap::new() };
    let mut one = |target: &Option<EncryptionTarget>| {
        let target = target.as_ref().map(|target| maker.methods(target)).transpose()?;
        Ok::<_, Diagnostics>(target.map(|methods| Arc::new(Encryption::new(methods))))
    };
    let (state, plan) = (one(&written.state)?, one(&written.plan)?);
    Ok(Encryptions { state, plan, remote: maker.remote()?, is_required })
}

struct Maker<'w> {
    written: &'w Written,
    surroundings: Surroundings,
    /// None while it is being made.
    providers: HashMap<(Name, Name), Option<Arc<KeyProvider>>>,
}

impl Maker<'_> {
    fn methods(&mut self, target: &EncryptionTarget) -> Result<Vec<Method>, Diagnostics> {
        chain(target).map(|target| self.method(target.method.as_ref())).collect()
    }

    /// Whatever reads any of the others: the cipher itself tells which one it is.
    fn remote(&mut self) -> Result<Option<Arc<Encryption>>, Diagnostics> {
        let written = self.written;
        if written.remote_states.is_none() && written.remote_state.is_empty() {
            return Ok(None);
        }
        let mut methods = Vec::new();
        for target in written.remote_states.iter().chain(written.remote_state.values()) {
            methods.extend(self.methods(target)?);
        }
        if written.remote_states.is_none() {
            methods.push(Method::Unencrypted);
        }
        Ok(Some(Arc::new(Encryption::new(methods))))
    }

    fn method(&mut self, reference: Option<&EncryptionReference>) -> Result<Method, Diagnostics> {
        let Some(reference) = reference else { return Ok(Method::Unencrypted) };
        let part = find(&self.written.methods, reference, METHOD)?;
        let keys = self.provider_of(part, "keys")?;
        known(part)?;
        let made = settings::method(&part.kind, &given(part), keys, &self.surroundings);
        made.map_err(|found| placed(found, part))
    }

    fn provider_of(
        &mut self,
        part: &EncryptionPart,
        argument: &str,
    ) -> Result<Option<Arc<KeyProvider>>, Diagnostics> {
        part.references.get(argument).map(|reference| self.provider(reference)).transpose()
    }

    fn provider(&mut self, reference: &EncryptionReference) -> Result<Arc<KeyProvider>, Diagnostics> {
        let key = (reference.kind.clone(), reference.name.clone());
        match self.providers.get(&key) {
            Some(Some(made)) => return Ok(made.clone()),
            Some(None) => return Err(circle(reference.span).into()),
            None => {}
        }
        self.providers.insert(key.clone(), None);
        let part = find(&self.written.key_providers, reference, KEY_PROVIDER)?;
        let chain = self.provider_of(part, "chain")?;
        known(part)?;
        let label = format!("key_provider.{}.{}", part.kind, part.name);
        let made = settings::key_provider(&part.kind, label, &given(part), chain, &self.surroundings);
        let made = Arc::new(made.map_err(|found| placed(found, part))?);
        self.providers.insert(key, Some(made.clone()));
        Ok(made)
    }
}

fn circle(span: Span) -> Diagnostic {
    let detail = "A key provider's key is derived from itself, directly or through others.";
    Diagnostic::error("cycle", "Cycle", detail).at(span)
}

fn known(part: &EncryptionPart) -> Result<(), Diagnostics> {
    let unknown = part.arguments.iter().find(|(_, argument)| !argument.value.is_wholly_known());
    let Some((name, argument)) = unknown else { return Ok(()) };
    let detail = format!(
        "The argument \"{name}\" of \"{}\" \"{}\" is made of a variable that has no value, and the state is read before anything else is done.",
        part.kind, part.name
    );
    let diagnostic = Diagnostic::error("encryption-variable", "Encryption argument not known", detail);
    Err(diagnostic
        .at(argument.expression.span())
        .hint("Give the variable a value with -var, in a variables file or as TF_VAR_NAME.")
        .into())
}

//! The conformance kit: what every kind of every provider must do, as checks that a provider's own tests run.
//!
//! The kit plays the engine at its most forgetful: it throws answers away, opens the provider anew as another
//! process would, and takes up the work through the recovery that the kind declares. Waiting costs no time, since
//! polls follow each other at once. Invariant: every check leaves the target as it found it, and a check that
//! cannot be made says why instead of passing.

mod checks;
mod driver;

use crate::{KindSchema, Provider};
use driver::Driver;
use formwork_value::{Path, Type, Value, convert};
use std::fmt;
use std::sync::Arc;

/// Does something to an object behind the provider's back; it is given the object as last read.
pub type OutsideHook = Arc<dyn Fn(&Value) + Send + Sync>;

/// A provider under test.
pub struct Subject<'a> {
    /// Opens the provider as a new process would: nothing is shared but the target system.
    pub open: &'a (dyn Fn() -> Arc<dyn Provider> + Sync),
    /// The provider's configuration; attributes left out are null.
    pub configuration: Value,
    /// What to try, one sample a kind.
    pub samples: Vec<Sample>,
}

/// One kind with configurations to try. Attributes left out are null.
pub struct Sample {
    kind: String,
    create: Value,
    provider_configuration: Option<Value>,
    updates: Vec<Value>,
    bad: Vec<(Value, Path)>,
    imports_as: Option<Value>,
    import_id: Option<fn(&Value) -> String>,
    change_outside: Option<OutsideHook>,
    remove_outside: Option<OutsideHook>,
    is_only_a_value: bool,
}

impl Sample {
    /// A kind and a configuration that can be created.
    pub fn new(kind: &str, create: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            create,
            provider_configuration: None,
            updates: Vec::new(),
            bad: Vec::new(),
            imports_as: None,
            import_id: None,
            change_outside: None,
            remove_outside: None,
            is_only_a_value: false,
        }
    }

    /// The kind needs a provider configured otherwise.
    #[must_use]
    pub fn under(mut self, provider_configuration: Value) -> Self {
        self.provider_configuration = Some(provider_configuration);
        self
    }

    /// One more configuration that is reached by an update in place.
    #[must_use]
    pub fn update(mut self, configuration: Value) -> Self {
        self.updates.push(configuration);
        self
    }

    /// One more configuration that is refused at a path.
    #[must_use]
    pub fn bad(mut self, configuration: Value, path: Path) -> Self {
        self.bad.push((configuration, path));
        self
    }

    /// The configuration that an imported object needs no change for, where it is not the one created.
    #[must_use]
    pub fn imports_as(mut self, configuration: Value) -> Self {
        self.imports_as = Some(configuration);
        self
    }

    /// What an import takes, where it is not the object's `id`.
    #[must_use]
    pub fn imports_by(mut self, id: fn(&Value) -> String) -> Self {
        self.import_id = Some(id);
        self
    }

    /// Changes the object from outside, so that a read must differ and a plan must repair it.
    #[must_use]
    pub fn change_outside(mut self, hook: OutsideHook) -> Self {
        self.change_outside = Some(hook);
        self
    }

    /// Removes the object from outside, so that a read must find it gone.
    #[must_use]
    pub fn remove_outside(mut self, hook: OutsideHook) -> Self {
        self.remove_outside = Some(hook);
        self
    }

    /// The object lives in state alone: reading one that was deleted cannot find it gone.
    #[must_use]
    pub fn is_only_a_value(mut self) -> Self {
        self.is_only_a_value = true;
        self
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Passed,
    /// It did not; why.
    Failed(String),
    /// It could not be made; why.
    NotMade(&'static str),
}

/// One check of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The kind.
    pub kind: String,
    /// What was checked.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// All checks of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// In the order made.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no check failed.
    pub fn is_conforming(&self) -> bool {
        !self.checks.is_empty() && self.failures().next().is_none()
    }

    /// Checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| matches!(check.verdict, Verdict::Failed(_)))
    }
}

/// A line a check.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { kind, name, verdict } in &self.checks {
            match verdict {
                Verdict::Passed => writeln!(f, "passed   {kind}: {name}")?,
                Verdict::Failed(why) => writeln!(f, "FAILED   {kind}: {name}: {why}")?,
                Verdict::NotMade(why) => writeln!(f, "not made {kind}: {name}: {why}")?,
            }
        }
        Ok(())
    }
}

/// Runs every check on every sample.
pub async fn run(subject: &Subject<'_>) -> Report {
    let mut report = Report::default();
    for sample in &subject.samples {
        for (name, verdict) in checks::run_all(subject, sample).await {
            report.checks.push(Check { kind: sample.kind.clone(), name, verdict });
        }
    }
    report
}

/// Makes one object that samples can lean on (a network for machines) and answers it.
///
/// # Errors
/// What the provider said, or why the sample does not fit its schema.
pub async fn create(
    provider: &Arc<dyn Provider>,
    configuration: &Value,
    kind: &str,
    object: &Value,
) -> Result<Value, String> {
    let driver = Driver::open(provider.clone(), configuration, kind).await?;
    let object = driver.complete(object)?;
    let request = driver.plan_create(&object).await?;
    driver.perform(&request).await
}

/// The value as an object of the type where everything left out is null.
fn complete(value: &Value, object_type: &Type) -> Result<Value, String> {
    let Type::Object(object) = object_type else { return Err("the schema's block is no object".to_owned()) };
    let names = object.attributes().iter().map(|(name, _)| name.clone());
    let open = Type::object_with_optional(object.attributes().to_vec(), names);
    convert(value, &open).map_err(|error| format!("the sample does not fit the schema: {error}"))
}

/// Prior and configuration merged, as the engine does it: what the provider computes and the configuration leaves
/// out keeps its prior value.
fn propose(schema: &KindSchema, prior: &Value, configuration: &Value) -> Value {
    let Some(entries) = configuration.entries() else { return configuration.clone() };
    let proposed = entries.iter().map(|(name, value)| {
        let is_kept = value.is_null()
            && schema.block.attributes.get(name.as_str()).is_some_and(crate::Attribute::is_computed);
        let kept = prior.get(name).filter(|_| is_kept);
        (name.clone(), kept.unwrap_or(value).clone())
    });
    Value::object(proposed.collect())
}

//! The provider: its schema, its worlds, and how it is configured.

use crate::connection::{SimConnection, Site};
use crate::finding::Findings;
use crate::kinds;
use crate::settings::{self, Faults, Settings};
use crate::tokens;
use crate::world::World;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Connection, Provider, ProviderSchema};
use formwork_value::Value;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// The provider `formwork/sim`. Connections of one provider that name one world share it.
pub struct SimProvider {
    directory: PathBuf,
    faults: Faults,
    schema: Arc<ProviderSchema>,
    sites: Mutex<HashMap<PathBuf, Arc<Mutex<Site>>>>,
    calls: Arc<AtomicU64>,
}

impl SimProvider {
    /// A provider whose files are named from a directory: the one the configuration works in.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let mut schema = ProviderSchema { configuration: settings::schema(), ..ProviderSchema::default() };
        schema.resources = kinds::all().map(|(name, kind)| (name.into(), kind.clone())).collect();
        schema.data_sources.insert(kinds::IMAGE.into(), kinds::image_schema());
        schema.data_sources.insert(kinds::NAMES.into(), kinds::names_schema());
        schema.ephemeral_resources.insert(tokens::KIND.into(), tokens::schema());
        Self {
            directory: directory.into(),
            faults: Faults::default(),
            schema: Arc::new(schema),
            sites: Mutex::default(),
            calls: Arc::default(),
        }
    }

    /// The same with faults that a test asks for.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    fn connect(&self, configuration: &Value) -> Result<Arc<dyn Connection>, Diagnostics> {
        let findings = settings::validate(configuration).into_diagnostics();
        if findings.has_errors() {
            return Err(findings);
        }
        let settings = Settings::new(configuration, &self.directory, self.faults);
        let site = self.site(&settings)?;
        Ok(Arc::new(SimConnection::new(settings, site, self.calls.clone())))
    }

    fn site(&self, settings: &Settings) -> Result<Arc<Mutex<Site>>, Diagnostics> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = sites.get(&settings.world) {
            return Ok(site.clone());
        }
        let world = World::open_with(settings.world.clone(), settings.calls.clone(), settings.seed);
        let world = world.map_err(|error| {
            Diagnostic::error("world-unreadable", "The simulated world cannot be opened", format!("{error}."))
                .attribute(".world")
                .hint("Name another file in `world`, or remove the damaged one to begin with an empty world.")
        })?;
        let site = Arc::new(Mutex::new(Site::new(world)));
        sites.insert(settings.world.clone(), site.clone());
        Ok(site)
    }
}

impl Provider for SimProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        settings::validate(configuration).into_diagnostics()
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        futures::future::ready(self.connect(&configuration)).boxed()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        if let Some((kind, _)) = kinds::find(kind) {
            kind.validate(configuration, &mut found);
        } else if kind == kinds::IMAGE {
            kinds::validate_image(configuration, &mut found);
        } else if kind == kinds::NAMES {
            kinds::validate_names(configuration, &mut found);
        } else if kind == tokens::KIND {
            tokens::validate(configuration, &mut found);
        } else {
            let detail = format!("The provider formwork/sim does not support the type {kind:?}.");
            return Diagnostic::error("unknown-resource-type", "Invalid resource type", detail).into();
        }
        found.into_diagnostics()
    }
}

//! Modules from elsewhere: where they were installed, as the list says that OpenTofu writes too.

use super::Loader;
use super::early::Early;
use crate::module_address::{MODULE_MANIFEST, ModuleAddress};
use crate::source::{ModuleRequest, SourceError, join_path};
use crate::syntax::BlockSyntax;
use crate::version::{Version, VersionConstraint};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::Type;
use rustc_hash::FxHashMap;

/// One installed module.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    source: String,
    version: Option<String>,
    directory: String,
}

const INSTALL: &str = "Run \"formwork init\" to install all modules required by this configuration.";

impl Loader<'_> {
    /// The folder of the module that a call leads to; what is wrong with its address is said.
    pub(super) fn directory(
        &mut self,
        block: &BlockSyntax,
        source: &str,
        span: Span,
        early: &Early<'_>,
        path: &[ArcStr],
    ) -> Option<String> {
        let address = match ModuleAddress::parse(source) {
            Ok(ModuleAddress::Local(path)) => {
                let directory = join_path(&early.module.directory, &path);
                return self.check_local(block, source, span).then_some(directory);
            }
            Ok(address) => address,
            Err(why) => {
                let detail = format!("\"{source}\" is no source of a module: {why}.");
                self.report("module-source", "Invalid module source address", detail, span);
                return None;
            }
        };
        let version = self.module_version(block, &address, early)?;
        let key = path.join(".");
        let request = ModuleRequest { key: &key, address: &address, version: &version };
        let found = match self.source.install(&request) {
            Some(installed) => installed,
            None => self.installed_at(&request),
        };
        match found {
            Ok(directory) => Some(directory),
            Err(diagnostic) => {
                let diagnostic = if diagnostic.subject.is_none() { diagnostic.at(span) } else { diagnostic };
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn module_version(
        &mut self,
        block: &BlockSyntax,
        address: &ModuleAddress,
        early: &Early<'_>,
    ) -> Option<VersionConstraint> {
        let Some(attribute) = block.body.attribute("version") else {
            return Some(VersionConstraint::default());
        };
        let span = attribute.value.span;
        if !matches!(address, ModuleAddress::Registry { .. }) {
            let detail = "A version constraint can be applied to modules of a registry alone.";
            let diagnostic =
                Diagnostic::error("module-source", "Invalid module version", detail).at(attribute.name_span);
            self.diagnostics
                .push(diagnostic.hint("Name the version in the address, as ?ref=... of a git address does."));
            return None;
        }
        let value = self.constant_in(early, &attribute.value, &Type::String)?;
        if !value.is_known() || value.is_null() {
            return Some(VersionConstraint::default());
        }
        let constraint = value.as_str().and_then(|text| VersionConstraint::parse(text));
        if constraint.is_none() {
            let detail = "This string does not use correct version constraint syntax.";
            self.report("version-constraint", "Invalid version constraint", detail, span);
        }
        constraint
    }

    /// Where a module was installed, if what was installed is still what is asked for.
    fn installed_at(&mut self, request: &ModuleRequest<'_>) -> Result<String, Diagnostic> {
        if self.installed.is_none() {
            self.installed = Some(manifest(self.source.read(MODULE_MANIFEST))?);
        }
        let entry =
            self.installed.as_ref().and_then(|installed| installed.get(request.key)).ok_or_else(|| {
                let detail = format!("This module is not yet installed. {INSTALL}");
                Diagnostic::error("module-not-installed", "Module not installed", detail)
            })?;
        if entry.source != request.address.to_string() {
            let detail = format!("The source address was changed since this module was installed. {INSTALL}");
            return Err(Diagnostic::error("module-not-installed", "Module source has changed", detail));
        }
        let installed = entry.version.as_deref().and_then(Version::of);
        if installed.is_some_and(|version| !request.version.selects(&version)) {
            let detail = format!(
                "The version requirements have changed since this module was installed and the installed version ({}) is no longer acceptable. {INSTALL}",
                entry.version.as_deref().unwrap_or_default()
            );
            let summary = "Module version requirements have changed";
            return Err(Diagnostic::error("module-not-installed", summary, detail));
        }
        Ok(join_path(".", &entry.directory))
    }
}

/// Reads the list of installed modules; nothing where there is none.
fn manifest(read: Result<Vec<u8>, SourceError>) -> Result<FxHashMap<String, Entry>, Diagnostic> {
    let unreadable = |why: String| {
        let detail =
            format!("The list of installed modules, {MODULE_MANIFEST}, cannot be read: {why}. {INSTALL}");
        Diagnostic::error("module-not-installed", "Failed to read module manifest file", detail)
    };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(SourceError::NotFound) => return Ok(FxHashMap::default()),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let document: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    let modules = document.get("Modules").and_then(serde_json::Value::as_array).into_iter().flatten();
    let entry = |one: &serde_json::Value| {
        let text = |name: &str| one.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let entry = Entry { source: text("Source")?, version: text("Version"), directory: text("Dir")? };
        Some((text("Key")?, entry))
    };
    Ok(modules.filter_map(entry).collect())
}

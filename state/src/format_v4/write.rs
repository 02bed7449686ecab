//! Writing a state file.

use super::dependencies::Dependencies;
use super::{VERSION, ours};
use crate::address::{BlockAddress, Key, Mode, ObjectKey, ProviderConfigAddress};
use crate::json_text::{new_line, write_indented, write_string};
use crate::model::{Extra, LANGUAGE_VERSION, Object, State, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_diagnostic::Diagnostic;
use formwork_value::json;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Set aside for each object, so that the buffer seldom grows; what is not written to costs nothing.
const OBJECT_BYTES: usize = 2048;

/// The bytes of a state file: with a serial of its own, and with the digest of the snapshot that it follows.
pub fn write(
    state: &State,
    serial: u64,
    follows: Option<&str>,
    version: &str,
) -> Result<Vec<u8>, Diagnostic> {
    let failed = |error: String| Diagnostic::error("state-unwritable", "State cannot be written", error);
    let mut out = Vec::with_capacity(4096 + state.len() * OBJECT_BYTES);
    let mut graph = Dependencies::of(state);
    let mut top = ObjectWriter::new(&mut out, 0);
    top.number("version", VERSION);
    top.text("terraform_version", LANGUAGE_VERSION);
    top.number("serial", serial);
    top.text("lineage", &state.lineage);
    write_outputs(&mut top, state);
    let mut fault = None;
    top.list("resources", state.sorted().into_iter(), |out, depth, (block, objects)| {
        let written =
            write_resource(out, depth, block, &objects, graph.of_block(block), state.block_extra.get(block));
        fault = fault.take().or(written.err());
    });
    if let Some(fault) = fault {
        return Err(failed(fault));
    }
    match &state.check_results {
        Some(results) => top.raw("check_results", results),
        None => top.field("check_results").extend_from_slice(b"null"),
    }
    top.extra(&state.extra);
    top.value(ours::KEY, &ours::Top::of(state, follows, version)).map_err(failed)?;
    top.end();
    out.push(b'\n');
    Ok(out)
}

fn write_outputs(top: &mut ObjectWriter<'_>, state: &State) {
    let mut outputs: Vec<_> = state.outputs.iter().collect();
    outputs.sort_by_key(|(name, _)| *name);
    let depth = top.depth + 1;
    let mut all = ObjectWriter::new(top.field("outputs"), depth);
    for (name, output) in outputs {
        let depth = all.depth + 1;
        let mut one = ObjectWriter::new(all.field(name), depth);
        one.raw("value", &output.value);
        one.raw("type", &output.value_type);
        if output.sensitive {
            one.truth("sensitive");
        }
        one.end();
    }
    all.end();
}

fn write_resource(
    out: &mut Vec<u8>,
    depth: usize,
    block: &BlockAddress,
    objects: &[(ObjectKey, &Arc<Object>)],
    dependencies: &[String],
    extra: Option<&Extra>,
) -> Result<(), String> {
    let mut resource = ObjectWriter::new(out, depth);
    if !block.module().is_root() {
        resource.text("module", block.module().text());
    }
    resource.text("mode", mode_text(block.mode()));
    resource.text("type", block.type_name());
    resource.text("name", block.name());
    let shared = shared_provider(objects);
    if let Some(provider) = shared {
        resource.text("provider", &provider.to_string());
    }
    let mut outcome = Ok(());
    resource.list("instances", objects.iter(), |out, depth, (key, object)| {
        if outcome.is_ok() {
            outcome = write_instance(out, depth, key, object, dependencies, shared.is_none());
        }
    });
    if let Some(extra) = extra {
        resource.extra(extra);
    }
    resource.end();
    outcome.map_err(|error| format!("{block}: {error}"))
}

const fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "managed",
        Mode::Data => "data",
        Mode::Ephemeral => "ephemeral",
    }
}

/// The provider configuration of all instances, where it is one and has no instances itself.
fn shared_provider<'a>(objects: &[(ObjectKey, &'a Arc<Object>)]) -> Option<&'a ProviderConfigAddress> {
    let (_, first) = objects.first()?;
    let is_shared =
        !first.provider.has_key() && objects.iter().all(|(_, object)| object.provider == first.provider);
    is_shared.then_some(&first.provider)
}

fn write_instance(
    out: &mut Vec<u8>,
    depth: usize,
    key: &ObjectKey,
    object: &Object,
    dependencies: &[String],
    names_provider: bool,
) -> Result<(), String> {
    let mut instance = ObjectWriter::new(out, depth);
    match key.address.key() {
        Key::None => {}
        Key::Int(index) => instance.number("index_key", *index),
        Key::Text(text) => instance.text("index_key", text),
    }
    if object.status == Status::Tainted {
        instance.text("status", "tainted");
    }
    if let Some(deposed) = &key.deposed {
        instance.text("deposed", &deposed.0);
    }
    instance.number("schema_version", object.schema_version);
    instance.raw("attributes", &object.attributes);
    let depth = instance.depth + 1;
    write_indented(instance.field("sensitive_attributes"), paths_text(object)?.as_bytes(), depth);
    if let Some(version) = object.identity_schema_version {
        instance.number("identity_schema_version", version);
    }
    if let Some(identity) = &object.identity {
        instance.raw("identity", identity);
    }
    if let Some(private) = object.private.as_ref().filter(|private| !private.is_empty()) {
        instance.text("private", &STANDARD.encode(private));
    }
    let has_edges = !object.edges.is_empty() || !object.provider_edges.is_empty();
    let dependencies = if has_edges { dependencies } else { &object.dependencies };
    if !dependencies.is_empty() {
        instance.list("dependencies", dependencies.iter(), |out, _, text| write_string(out, text));
    }
    if object.create_before_destroy {
        instance.truth("create_before_destroy");
    }
    if object.skip_destroy {
        instance.truth("skip_destroy");
    }
    if names_provider {
        instance.text("instance_provider", &object.provider.to_string());
    }
    instance.extra(&object.extra);
    if has_edges {
        write_edges(&mut instance, object);
    }
    instance.end();
    Ok(())
}

/// What [`ours::Instance`] reads.
fn write_edges(instance: &mut ObjectWriter<'_>, object: &Object) {
    let depth = instance.depth + 1;
    let mut ours = ObjectWriter::new(instance.field(ours::KEY), depth);
    for (name, edges) in [("edges", &object.edges), ("provider_edges", &object.provider_edges)] {
        if !edges.is_empty() {
            ours.list(name, edges.iter(), |out, _, edge| write_string(out, &edge.to_string()));
        }
    }
    ours.end();
}

fn paths_text(object: &Object) -> Result<String, String> {
    let texts: Result<Vec<String>, _> = object.sensitive_paths.iter().map(json::path_to_json).collect();
    texts.map(|texts| format!("[{}]", texts.join(","))).map_err(|error| error.to_string())
}

/// A JSON object on its way out, a field a line.
struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    fn new(out: &'a mut Vec<u8>, depth: usize) -> Self {
        out.push(b'{');
        Self { out, depth, is_empty: true }
    }

    /// Starts a field; the value is to be written next.
    fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        new_line(self.out, self.depth + 1);
        write_string(self.out, name);
        self.out.extend_from_slice(b": ");
        self.out
    }

    fn text(&mut self, name: &str, text: &str) {
        write_string(self.field(name), text);
    }

    fn number(&mut self, name: &str, number: u64) {
        self.field(name).extend_from_slice(number.to_string().as_bytes());
    }

    fn truth(&mut self, name: &str) {
        self.field(name).extend_from_slice(b"true");
    }

    fn raw(&mut self, name: &str, raw: &RawValue) {
        let depth = self.depth + 1;
        write_indented(self.field(name), raw.get().as_bytes(), depth);
    }

    fn value(&mut self, name: &str, value: &impl serde::Serialize) -> Result<(), String> {
        let json = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        let depth = self.depth + 1;
        write_indented(self.field(name), &json, depth);
        Ok(())
    }

    fn extra(&mut self, extra: &Extra) {
        for (name, value) in extra {
            let depth = self.depth + 1;
            write_indented(self.field(name), value.to_string().as_bytes(), depth);
        }
    }

    fn list<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, usize, T),
    ) {
        let depth = self.depth + 2;
        let out = self.field(name);
        out.push(b'[');
        let mut is_empty = true;
        for item in items {
            if !is_empty {
                out.push(b',');
            }
            is_empty = false;
            new_line(out, depth);
            write(out, depth, item);
        }
        if !is_empty {
            new_line(out, depth - 1);
        }
        out.push(b']');
    }

    fn end(self) {
        if !self.is_empty {
            new_line(self.out, self.depth);
        }
        self.out.push(b'}');
    }
}

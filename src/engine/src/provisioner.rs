//! Provisioners: which there are, what their blocks and `connection` blocks take, and what their settings come to.
//!
//! Invariant: nothing is run here. A provisioner of an object to be destroyed is evaluated with nothing but the object
//! itself and the keys of its instance.

mod remote;

pub(crate) use remote::{Remote, remote};

use crate::evaluate::{Evaluator, RowScope};
use crate::graph::{Graph, ModuleId, NodeId};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{AttributeSchema, BlockSchema, Provisioner, ProvisionerWhen, Resource};
use formwork_state::Address;
use formwork_value::{MarkKind, Type, Value};
use std::sync::LazyLock;

/// Runs a command on this machine.
pub(crate) const LOCAL_EXEC: &str = "local-exec";
const REMOTE_EXEC: &str = "remote-exec";
const FILE: &str = "file";

/// The code of a provisioner that works on another machine where none can be reached.
pub(crate) const OUT_OF_REACH: &str = "no-ssh";

fn schema(arguments: &[(&str, Type, bool)]) -> BlockSchema {
    let attribute = |(name, value_type, required): &(&str, Type, bool)| AttributeSchema {
        name: (*name).into(),
        value_type: value_type.clone(),
        required: *required,
        optional: !required,
        computed: false,
        deprecated: None,
    };
    BlockSchema { attributes: arguments.iter().map(attribute).collect(), blocks: Vec::new() }
}

static LOCAL_EXEC_SCHEMA: LazyLock<BlockSchema> = LazyLock::new(|| {
    schema(&[
        ("command", Type::String, true),
        ("interpreter", Type::list(Type::String), false),
        ("working_dir", Type::String, false),
        ("environment", Type::map(Type::String), false),
        ("quiet", Type::Bool, false),
    ])
});

static REMOTE_EXEC_SCHEMA: LazyLock<BlockSchema> = LazyLock::new(|| {
    schema(&[
        ("inline", Type::list(Type::String), false),
        ("script", Type::String, false),
        ("scripts", Type::list(Type::String), false),
    ])
});

static FILE_SCHEMA: LazyLock<BlockSchema> = LazyLock::new(|| {
    schema(&[
        ("source", Type::String, false),
        ("content", Type::String, false),
        ("destination", Type::String, true),
    ])
});

/// What a `connection` block takes, whatever its type.
static CONNECTION_SCHEMA: LazyLock<BlockSchema> = LazyLock::new(|| {
    const TEXTS: [&str; 22] = [
        "type",
        "user",
        "password",
        "host",
        "timeout",
        "script_path",
        "target_platform",
        "private_key",
        "certificate",
        "host_key",
        "agent_identity",
        "proxy_scheme",
        "proxy_host",
        "proxy_user_name",
        "proxy_user_password",
        "bastion_host",
        "bastion_host_key",
        "bastion_user",
        "bastion_password",
        "bastion_private_key",
        "bastion_certificate",
        "cacert",
    ];
    let texts = TEXTS.into_iter().map(|name| (name, Type::String, name == "host"));
    let numbers = ["port", "proxy_port", "bastion_port"].map(|name| (name, Type::Number, false));
    let flags = ["agent", "https", "insecure", "use_ntlm"].map(|name| (name, Type::Bool, false));
    let all: Vec<_> = texts.chain(numbers).chain(flags).collect();
    schema(&all)
});

fn schema_of(kind: &str) -> Option<&'static BlockSchema> {
    match kind {
        LOCAL_EXEC => Some(&LOCAL_EXEC_SCHEMA),
        REMOTE_EXEC => Some(&REMOTE_EXEC_SCHEMA),
        FILE => Some(&FILE_SCHEMA),
        _ => None,
    }
}

fn all(graph: &Graph) -> impl Iterator<Item = &Provisioner> {
    graph.modules.iter().flat_map(|node| {
        let removed = node.module.removed.iter().flat_map(|one| &one.provisioners);
        node.module.resources.iter().flat_map(|one| &one.provisioners).chain(removed)
    })
}

/// Whether a configuration has provisioners.
pub(crate) fn has_any(graph: &Graph) -> bool {
    all(graph).next().is_some()
}

/// Says which provisioners of a configuration there are not.
pub(crate) fn unknown(graph: &Graph) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for provisioner in all(graph).filter(|one| schema_of(&one.kind).is_none()) {
        let kind = provisioner.kind.as_str();
        let detail = format!("There is no provisioner type named {kind:?}.");
        let known = [LOCAL_EXEC, REMOTE_EXEC, FILE];
        let hint = match formwork_lang::nearest(kind, known) {
            Some(close) => format!("Did you mean {close:?}?"),
            None => format!("There are: {}.", known.join(", ")),
        };
        let diagnostic = Diagnostic::error("unknown-provisioner", "Invalid provisioner type", detail);
        diagnostics.push(diagnostic.at(provisioner.span).hint(hint));
    }
    diagnostics
}

/// Says which provisioners work on other machines, of which this build reaches none. A module that is called twice is
/// one text.
pub(crate) fn out_of_reach(graph: &Graph) -> Diagnostics {
    let mut places: Vec<_> = all(graph)
        .filter(|one| matches!(one.kind.as_str(), REMOTE_EXEC | FILE))
        .map(|one| one.span)
        .collect();
    places.sort();
    places.dedup();
    let error = |span| {
        let detail =
            "The provisioners remote-exec and file work over SSH, and this build of Formwork speaks none.";
        Diagnostic::error(OUT_OF_REACH, "Machines cannot be reached", detail).at(span).hint(
            "Build it with --features provider-host-ssh, or call ssh and scp in a local-exec provisioner.",
        )
    };
    places.into_iter().map(error).collect()
}

/// Checks the provisioners and connections of a block with what is known in a scope.
pub(crate) fn check(resource: &Resource, scope: &RowScope<'_, '_>) -> Diagnostics {
    let mut found = Diagnostics::new();
    for provisioner in &resource.provisioners {
        check_one(provisioner, None, scope, &mut found);
    }
    if let Some(connection) = &resource.connection {
        // Each provisioner may say the rest.
        found.extend(connection.body.decode(&CONNECTION_SCHEMA, scope).1.into_iter().filter(is_no_gap));
    }
    found
}

/// Checks one provisioner with what is known in a scope, and the connection that it shares with others.
pub(crate) fn check_one(
    provisioner: &Provisioner,
    of_resource: Option<&formwork_lang::Connection>,
    scope: &RowScope<'_, '_>,
    found: &mut Diagnostics,
) {
    let Some(schema) = schema_of(&provisioner.kind) else { return };
    let (value, diagnostics) = provisioner.body.decode(schema, scope);
    found.append(diagnostics);
    for connection in provisioner.connection.iter().chain(of_resource) {
        found.extend(connection.body.decode(&CONNECTION_SCHEMA, scope).1.into_iter().filter(is_no_gap));
    }
    let is_empty = |name: &str| {
        value.get(name).is_some_and(|given| given.unmark().0.as_str().is_some_and(ArcStr::is_empty))
    };
    if provisioner.kind == LOCAL_EXEC && is_empty("command") {
        found.push(empty_command(provisioner));
    }
}

fn is_no_gap(diagnostic: &Diagnostic) -> bool {
    diagnostic.code != "missing-argument"
}

fn empty_command(provisioner: &Provisioner) -> Diagnostic {
    let detail = "The command must be a non-empty string.";
    let diagnostic = Diagnostic::error("empty-command", "Invalid local-exec provisioner command", detail);
    let place = provisioner.body.attribute("command").map_or(provisioner.span, |one| one.expression.span());
    diagnostic.at(place).hint("Write the command, or leave the provisioner out.")
}

/// What a command is to be, and what may be told of it.
pub(crate) struct LocalExec {
    pub(crate) command: crate::LocalCommand,
    /// The command as it is written, for messages.
    pub(crate) text: String,
    /// Whether nobody is told what is run.
    pub(crate) is_quiet: bool,
    /// What stands in place of all that it says, where something in its settings is secret.
    pub(crate) suppressed: Option<&'static str>,
}

/// Evaluates a `local-exec` provisioner. With an error there is no command.
pub(crate) fn local_exec(
    provisioner: &Provisioner,
    scope: &RowScope<'_, '_>,
) -> (Option<LocalExec>, Diagnostics) {
    let (marked, mut diagnostics) = provisioner.body.decode(&LOCAL_EXEC_SCHEMA, scope);
    let (value, _) = marked.unmark_deep();
    let text_of = |name: &str| value.get(name).and_then(Value::as_str).map(ToString::to_string);
    let text = text_of("command").unwrap_or_default();
    if !diagnostics.has_errors() && text.is_empty() {
        diagnostics.push(empty_command(provisioner));
    }
    if !diagnostics.has_errors() && !value.is_wholly_known() {
        let detail = "A value in its settings is still unknown though everything it reads is done.";
        diagnostics.push(
            Diagnostic::error("unknown-command", "Invalid local-exec provisioner command", detail)
                .at(provisioner.span),
        );
    }
    if diagnostics.has_errors() {
        return (None, diagnostics);
    }
    let given: Vec<String> = value
        .get("interpreter")
        .and_then(Value::items)
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(ToString::to_string))
        .collect();
    let mut arguments =
        if given.is_empty() { ["/bin/sh", "-c"].map(ToOwned::to_owned).to_vec() } else { given };
    arguments.push(text.clone());
    let environment =
        value.get("environment").and_then(Value::entries).into_iter().flat_map(|all| all.iter());
    let environment =
        environment.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_string())));
    let suppressed = suppressed(&marked);
    let command = crate::LocalCommand {
        arguments,
        working_directory: text_of("working_dir"),
        environment: environment.collect(),
    };
    let is_quiet = value.get("quiet").and_then(Value::as_bool) == Some(true);
    (Some(LocalExec { command, text, is_quiet, suppressed }), diagnostics)
}

/// What stands in place of all that a provisioner says, where something in its settings is secret.
fn suppressed(settings: &Value) -> Option<&'static str> {
    if settings.has_mark_deep(MarkKind::Sensitive) {
        Some("(output suppressed due to sensitive value in config)")
    } else if settings.has_mark_deep(MarkKind::Ephemeral) {
        Some("(output suppressed due to ephemeral value in config)")
    } else {
        None
    }
}

/// The scope of one instance of a resource block.
pub(crate) fn instance_scope<'s, 'e>(
    graph: &Graph,
    evaluator: &'s Evaluator<'e>,
    (node, row, place): (NodeId, u32, u32),
) -> RowScope<'s, 'e> {
    let expansion = evaluator.expansion(node, row);
    let repetition = expansion.rows.get(place as usize).map(|(_, one)| one.clone());
    evaluator.scope(graph.node(node).module, row, repetition.unwrap_or_default())
}

/// The provisioners that run when an object is made.
pub(crate) fn at_creation(resource: &Resource) -> Vec<&Provisioner> {
    resource.provisioners.iter().filter(|one| one.when == ProvisionerWhen::Create).collect()
}

/// The provisioners that run before an object is removed, and the module that they stand in: those of its block, else
/// those of the `removed` block that names it.
pub(crate) fn at_removal<'g>(graph: &'g Graph, address: &Address) -> (ModuleId, Vec<&'g Provisioner>) {
    let own = crate::plan::block_of(graph, address);
    if let Some(node) = own {
        let module = graph.node(node).module;
        let provisioners = &graph.resource(node).provisioners;
        return (module, provisioners.iter().filter(|one| one.when == ProvisionerWhen::Destroy).collect());
    }
    for (id, node) in (0..).map(ModuleId).zip(&graph.modules) {
        let covering = node
            .module
            .removed
            .iter()
            .filter(|block| crate::plan::is_removed_by(block, &node.module.path, address));
        let provisioners: Vec<&Provisioner> = covering.flat_map(|block| &block.provisioners).collect();
        if !provisioners.is_empty() {
            return (id, provisioners);
        }
    }
    (ModuleId(0), Vec::new())
}

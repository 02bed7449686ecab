//! The one table of what this provider offers.

use formwork_sdk::{
    Attribute, Block, IdentityAttribute, IdentitySchema, KindSchema, NestedBlock, Nesting, Permission,
    ProviderSchema, Recovery,
};
use formwork_value::Type;
use indexmap::IndexMap;

/// One object by server-side apply.
pub(crate) const MANIFEST: &str = "kubernetes_manifest";
/// Many objects of a YAML stream.
pub(crate) const MANIFESTS: &str = "kubernetes_manifests";
/// One object, looked at.
pub(crate) const RESOURCE: &str = "kubernetes_resource";

const MANIFEST_EXAMPLE: &str = r#"terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

variable "context" {
  default = "kind-dev"
}

provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.context
}

resource "kubernetes_manifest" "quota" {
  manifest = {
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "gpus", namespace = "default" }
    spec       = { hard = { "requests.nvidia.com/gpu" = "8" } }
  }
}
"#;

const MANIFESTS_EXAMPLE: &str = r#"terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

variable "context" {
  default = "kind-dev"
}

provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.context
}

resource "kubernetes_manifests" "tenant" {
  content = <<-END
    apiVersion: v1
    kind: Namespace
    metadata:
      name: ml-vision
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: settings
      namespace: default
    data:
      team: vision
  END
}
"#;

const RESOURCE_EXAMPLE: &str = r#"terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

variable "context" {
  default = "kind-dev"
}

provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.context
}

data "kubernetes_resource" "dns" {
  api_version = "v1"
  kind        = "Namespace"
  metadata {
    name = "kube-system"
  }
}

output "cluster" {
  value = data.kubernetes_resource.dns.object.metadata.uid
}
"#;
/// A token of a service account, while a run lasts.
pub(crate) const TOKEN_REQUEST: &str = "kubernetes_token_request_v1";

/// The whole table.
pub(crate) fn provider_schema() -> ProviderSchema {
    let resources = [(MANIFEST, manifest_kind()), (MANIFESTS, manifests_kind())];
    ProviderSchema {
        configuration: configuration(),
        resources: resources.into_iter().map(|(name, kind)| (name.into(), kind)).collect(),
        data_sources: [(RESOURCE.into(), resource_kind())].into_iter().collect(),
        ephemeral_resources: [(TOKEN_REQUEST.into(), crate::token_request::schema())].into_iter().collect(),
        functions: IndexMap::new(),
    }
}

fn configuration() -> Block {
    let exec = Block::new([
        ("api_version", Attribute::required(Type::String, "Version of the credential plugin's API.")),
        ("command", Attribute::required(Type::String, "The credential plugin's program.")),
        ("args", Attribute::optional(Type::list(Type::String), "Its arguments.")),
        ("env", Attribute::optional(Type::map(Type::String), "Environment variables added for it.")),
    ]);
    Block::new([
        ("config_path", Attribute::optional(Type::String, "Path of a kubeconfig file.")),
        (
            "config_paths",
            Attribute::optional(
                Type::list(Type::String),
                "Paths of kubeconfig files; the first that says something wins.",
            ),
        ),
        ("config_context", Attribute::optional(Type::String, "The kubeconfig's context.")),
        (
            "config_context_cluster",
            Attribute::optional(Type::String, "A cluster of the kubeconfig instead of the context's."),
        ),
        (
            "config_context_auth_info",
            Attribute::optional(Type::String, "A user of the kubeconfig instead of the context's."),
        ),
        (
            "use_current_context",
            Attribute::optional(Type::Bool, "Whether the kubeconfig's current context may be used."),
        ),
        ("host", Attribute::optional(Type::String, "URL of the API server.")),
        ("token", Attribute::optional(Type::String, "Bearer token.").sensitive()),
        ("client_certificate", Attribute::optional(Type::String, "Client certificate in PEM.")),
        ("client_key", Attribute::optional(Type::String, "Client key in PEM.").sensitive()),
        (
            "cluster_ca_certificate",
            Attribute::optional(Type::String, "Certificates that sign the API server's, in PEM."),
        ),
        (
            "tls_server_name",
            Attribute::optional(Type::String, "Name that the API server's certificate must have."),
        ),
        (
            "insecure",
            Attribute::optional(Type::Bool, "Whether any certificate of the API server is accepted."),
        ),
    ])
    .with_block("exec", at_most_one(exec))
}

fn at_most_one(block: Block) -> NestedBlock {
    NestedBlock { nesting: Nesting::List, block, min_items: 0, max_items: 1 }
}

fn field_manager_block() -> NestedBlock {
    at_most_one(Block::new([
        ("name", Attribute::optional(Type::String, "Name of the field manager; `formwork` when left out.")),
        (
            "force_conflicts",
            Attribute::optional(Type::Bool, "Whether fields of other managers are taken over."),
        ),
    ]))
}

fn wait_block() -> NestedBlock {
    let condition = NestedBlock {
        nesting: Nesting::List,
        block: Block::new([
            ("type", Attribute::optional(Type::String, "Type of the condition.")),
            ("status", Attribute::optional(Type::String, "Status it must have; `True` when left out.")),
        ]),
        min_items: 0,
        max_items: 0,
    };
    at_most_one(
        Block::new([
            (
                "rollout",
                Attribute::optional(
                    Type::Bool,
                    "Waits until a Deployment, StatefulSet or DaemonSet has rolled out.",
                ),
            ),
            (
                "completed",
                Attribute::optional(Type::Bool, "Waits until a Job has completed; a failed one is an error."),
            ),
            (
                "fields",
                Attribute::optional(
                    Type::map(Type::String),
                    "Waits until fields have values: a regular expression by path, `*` for any value.",
                ),
            ),
        ])
        .with_block("condition", condition),
    )
}

fn taken_over() -> Attribute {
    Attribute::computed(
        Type::map(Type::String),
        "Fields of the manifest that other field managers own, with the manager's name; empty when all are ours.",
    )
}

fn permissions(verbs: &[&str]) -> Vec<Permission> {
    verbs.iter().map(|verb| Permission(format!("{verb} on the resource of the manifest's kind"))).collect()
}

fn manifest_kind() -> KindSchema {
    let block = Block::new([
        ("manifest", Attribute::required(Type::Dynamic, "The object as the API takes it; a Secret's values come from sensitive variables.")),
        ("object", Attribute::computed(Type::Dynamic, "The object as it is: its identity, the fields that the manifest gives, and the computed fields. Values of a Secret show as digests.").resembles("manifest")),
        ("computed_fields", Attribute::optional(Type::list(Type::String), "Paths that the server decides: read into `object`, and never drift.")),
        ("taken_over", taken_over()),
    ])
    .with_block("wait", wait_block())
    .with_block("field_manager", field_manager_block())
    .with_block("timeouts", NestedBlock::timeouts());
    let mut kind = object_kind(block, "One object of any kind, by server-side apply.");
    kind.example = MANIFEST_EXAMPLE;
    kind.import_id = "`apiVersion=apps/v1,kind=Deployment,namespace=NAMESPACE,name=NAME`.";
    kind.identity = Some(manifest_identity());
    kind
}

/// The names of upstream's.
fn manifest_identity() -> IdentitySchema {
    let (required, optional) = (IdentityAttribute::required, IdentityAttribute::optional);
    IdentitySchema::new(
        1,
        [
            ("api_version", required(&["object", "apiVersion"], "The API that the object is of.")),
            ("kind", required(&["object", "kind"], "Its kind.")),
            ("namespace", optional(&["object", "metadata", "namespace"], "Its namespace, if it is in one.")),
            ("name", required(&["object", "metadata", "name"], "Its name.")),
        ],
    )
}

fn manifests_kind() -> KindSchema {
    let block = Block::new([
        ("content", Attribute::required(Type::String, "A stream of YAML documents, one object each.")),
        (
            "objects",
            Attribute::computed(
                Type::Dynamic,
                "The objects by `apiVersion/kind/namespace/name`, each as in kubernetes_manifest.",
            ),
        ),
        ("taken_over", taken_over()),
    ])
    .with_block("field_manager", field_manager_block())
    .with_block("timeouts", NestedBlock::timeouts());
    let mut kind = object_kind(block, "The objects of a YAML stream, each by server-side apply.");
    kind.example = MANIFESTS_EXAMPLE;
    kind
}

fn object_kind(block: Block, doc: &'static str) -> KindSchema {
    let mut kind = KindSchema::new(block, doc);
    kind.recovery = Recovery::NaturalKey;
    kind.dies_with_container = true;
    kind.read_permissions = permissions(&["get", "list"]);
    kind.write_permissions = permissions(&["create", "patch", "delete"]);
    kind.time_limit_ms = 10 * 60 * 1000;
    kind
}

fn resource_kind() -> KindSchema {
    let metadata = NestedBlock {
        nesting: Nesting::List,
        block: Block::new([
            ("name", Attribute::required(Type::String, "Name of the object.")),
            (
                "namespace",
                Attribute::optional(
                    Type::String,
                    "Its namespace; `default` when the kind has namespaces and it is left out.",
                ),
            ),
        ]),
        min_items: 1,
        max_items: 1,
    };
    let block = Block::new([
        ("api_version", Attribute::required(Type::String, "Group and version: `apps/v1`.")),
        ("kind", Attribute::required(Type::String, "Kind: `Deployment`.")),
        (
            "object",
            Attribute::computed(Type::Dynamic, "The whole object. Values of a Secret show as digests."),
        ),
        (
            "sensitive_data",
            Attribute::computed(Type::map(Type::String), "A Secret's `data`, in base64 as the API gives it.")
                .sensitive(),
        ),
    ])
    .with_block("metadata", metadata);
    let mut kind = KindSchema::new(block, "One object of any kind, looked at.");
    kind.example = RESOURCE_EXAMPLE;
    kind.read_permissions = permissions(&["get", "list"]);
    kind
}

//! States in Secrets of a Kubernetes cluster, where OpenTofu and Terraform keep them.
//!
//! Invariant: no write that a stale holder could make is without a condition that the API server checks. Entries of a
//! journal are Secrets with numbered names, created only if absent, below the number of the lease; who takes over
//! creates the next number there before it reads, and gives the state's Secret another version, so that the old
//! holder's next entry and its snapshot both meet what was not there before.

mod backend;
mod connect;
mod lease;
mod names;
mod packing;
mod server;

use backend::KubernetesBackend;
use connect::Access;
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::{Backend, BackendError};
use formwork_state::storage::{Kind, LEASE_SECONDS, Setting, SettingType, Settings, Storage};
use names::Names;
use server::{Resource, Server};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Secrets of a namespace.
pub const KUBERNETES: Kind = Kind {
    name: "kubernetes",
    doc: "Secrets of a Kubernetes cluster's namespace.",
    lease: "The Lease that OpenTofu takes as its lock is ours too, so each engine waits for the other. It is replaced only where it is the version that was read, and it is overdue by the API server's own clock: a heartbeat writes the server's time, and whoever asks compares that with the time of its own answer. A lock of OpenTofu's has no end. Entries of the journal are Secrets below the number of their lease, created only if absent. Who takes over creates the next of them, and gives the state's Secret another version, before it reads: the API server then refuses the old holder's next entry and its snapshot. A state that is too large for one Secret is written to several, and the one that names them is replaced last. Another machine recovers everything.",
    permissions: "In its namespace it needs a role with the verbs get, list, create, update and delete on secrets, and get, create and update on leases of the group coordination.k8s.io.",
    example: "terraform {\n  backend \"kubernetes\" {\n    secret_suffix  = \"platform\"\n    namespace      = \"states\"\n    config_path    = \"~/.kube/config\"\n    config_context = \"management\"\n  }\n}\n",
    settings: &[
        Setting::text("secret_suffix", "The state's Secret is named tfstate-WORKSPACE-SUFFIX.").required(),
        Setting::of(SettingType::Map, "labels", "More labels for all that is kept."),
        Setting::text("namespace", "The namespace.").from(&["KUBE_NAMESPACE"]).or("default"),
        Setting::flag("in_cluster_config", "Use the service account of the pod that this runs in.")
            .from(&["KUBE_IN_CLUSTER_CONFIG"]),
        Setting::flag("load_config_file", "Changes nothing.").from(&["KUBE_LOAD_CONFIG_FILE"]).or("true"),
        Setting::text("host", "The API server's address.").from(&["KUBE_HOST"]),
        Setting::text("username", "For basic authentication.").from(&["KUBE_USER"]),
        Setting::text("password", "For basic authentication.").from(&["KUBE_PASSWORD"]).sensitive(),
        Setting::flag("insecure", "Take whatever certificate the server shows.").from(&["KUBE_INSECURE"]),
        Setting::text("client_certificate", "The certificate to show the server, in PEM.")
            .from(&["KUBE_CLIENT_CERT_DATA"]),
        Setting::text("client_key", "Its key, in PEM.").from(&["KUBE_CLIENT_KEY_DATA"]).sensitive(),
        Setting::text("cluster_ca_certificate", "Roots to hold the server's certificate against, in PEM.")
            .from(&["KUBE_CLUSTER_CA_CERT_DATA"]),
        Setting::text("config_path", "A kubeconfig.").from(&["KUBE_CONFIG_PATH"]),
        Setting::of(
            SettingType::Texts,
            "config_paths",
            "Several kubeconfigs, merged; KUBE_CONFIG_PATHS, as PATH is written, where it is left out.",
        ),
        Setting::text("config_context", "The context to use; the current one where it is left out.")
            .from(&["KUBE_CTX"]),
        Setting::text("config_context_auth_info", "Another user than the context's.")
            .from(&["KUBE_CTX_AUTH_INFO"]),
        Setting::text("config_context_cluster", "Another cluster than the context's.")
            .from(&["KUBE_CTX_CLUSTER"]),
        Setting::text("token", "A bearer token.").from(&["KUBE_TOKEN"]).sensitive(),
        Setting::of(
            SettingType::Block(EXEC),
            "exec",
            "A program that gives the credentials, by the protocol of client-go; those of the kubeconfig are left aside.",
        ),
        LEASE_SECONDS,
    ],
    configure,
};

/// What is asked for credentials.
const EXEC: &[Setting] = &[
    Setting::text("api_version", "The version of the protocol: client.authentication.k8s.io/v1 or /v1beta1.")
        .required(),
    Setting::text("command", "The program.").required(),
    Setting::of(SettingType::Texts, "args", "Its arguments."),
    Setting::of(SettingType::Map, "env", "What its environment has besides this program's.").sensitive(),
];

struct KubernetesStorage {
    server: Arc<Server>,
    suffix: String,
    labels: BTreeMap<String, String>,
    lease_duration: Duration,
}

fn invalid(name: &str, detail: String) -> Diagnostic {
    Diagnostic::error("backend-argument", "Invalid backend argument", detail)
        .attribute(name)
        .hint("See docs/backends.md for what the kubernetes backend takes.")
}

fn configure(settings: &Settings) -> Result<Arc<dyn Storage>, Diagnostic> {
    let access = Access::read(settings)?;
    let storage = KubernetesStorage {
        server: Arc::new(Server::new(access, settings.text("namespace").unwrap_or_default())),
        suffix: settings.text("secret_suffix").unwrap_or_default(),
        labels: settings.map("labels"),
        lease_duration: settings.lease_duration(),
    };
    storage.names("default").map_err(|error| invalid("secret_suffix", format!("{error}.")))?;
    Ok(Arc::new(storage))
}

impl KubernetesStorage {
    fn names(&self, workspace: &str) -> Result<Names, BackendError> {
        Names::new(workspace, &self.suffix, self.labels.clone())
    }

    fn of(&self, workspace: &str) -> Result<KubernetesBackend, BackendError> {
        Ok(KubernetesBackend::new(self.server.clone(), self.names(workspace)?, self.lease_duration))
    }
}

impl Storage for KubernetesStorage {
    fn name(&self) -> String {
        format!("kubernetes://{}/tfstate-*-{}", self.server.namespace, self.suffix)
    }

    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(self.of(workspace)?))
    }

    fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        let secrets = self.server.list(Resource::Secrets, &names::states_selector(&self.suffix))?;
        // One without a state is what a takeover left where there was none.
        Ok(secrets
            .iter()
            .filter(|secret| packing::is_state(secret))
            .filter_map(names::workspace_of)
            .collect())
    }

    fn delete(&self, workspace: &str) -> Result<(), BackendError> {
        self.of(workspace)?.delete()
    }
}

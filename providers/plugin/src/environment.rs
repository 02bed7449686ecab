//! The environment that a provider's process is given: what its own target needs, and no other secret.
//!
//! Invariant: a variable that a vendor's tools take credentials from reaches that vendor's providers, those that run
//! programs or sign requests on their users' behalf, and whoever the user names; a variable of no known vendor reaches
//! all.

use crate::handshake::COOKIE;
use std::ffi::OsString;

/// Says which variables a provider is given besides: `NAMESPACE/TYPE=NAME`, or `…=START*`, with spaces between.
pub(crate) const SETTING: &str = "FORMWORK_PROVIDER_VARIABLES";

/// Variables that are this program's own: secrets of its states and registries, its variables and its settings.
const OURS: [&str; 8] = [
    "FORMWORK_",
    "TF_VAR_",
    "TF_ENCRYPTION",
    "TF_TOKEN_",
    "TF_CLI_",
    "TF_REATTACH_PROVIDERS",
    "PLUGIN_",
    "PG_CONN_STR",
];

/// How a vendor's variables begin, and how the names of the providers begin that are of that vendor or sign in there.
struct Vendor(&'static [&'static str], &'static [&'static str]);

const VENDORS: &[Vendor] = &[
    Vendor(&["AWS_"], &["aws", "opensearch", "elasticsearch", "postgresql", "mysql", "kafka", "confluent"]),
    Vendor(&["GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCP_"], &["google", "postgresql", "mysql", "mongodbatlas"]),
    Vendor(&["ARM_", "AZURE_"], &["az", "databricks"]),
    Vendor(&["AZDO_"], &["azuredevops"]),
    Vendor(
        &["OS_"],
        &["openstack", "ovh", "opentelekomcloud", "huaweicloud", "flexibleengine", "selectel", "viettelidc"],
    ),
    Vendor(&["OVH_"], &["ovh"]),
    Vendor(&["VSPHERE_", "NSXT_", "VCD_"], &["vsphere", "nsxt", "vcd"]),
    Vendor(&["PROXMOX_VE_", "PM_"], &["proxmox"]),
    Vendor(&["NUTANIX_"], &["nutanix"]),
    Vendor(&["LIBVIRT_"], &["libvirt"]),
    Vendor(&["VAULT_", "BAO_"], &["vault", "openbao", "bao"]),
    Vendor(&["CONSUL_"], &["consul"]),
    Vendor(&["NOMAD_"], &["nomad"]),
    Vendor(&["HCP_", "TFE_"], &["hcp", "tfe"]),
    Vendor(&["KUBE_"], &["kube", "helm", "k8s", "flux", "argocd", "kustomiz", "istio"]),
    Vendor(&["HELM_"], &["helm"]),
    Vendor(&["ARGOCD_"], &["argocd"]),
    Vendor(&["RANCHER_"], &["rancher"]),
    Vendor(&["GITHUB_TOKEN", "GITHUB_APP_", "GH_TOKEN", "GH_ENTERPRISE_TOKEN"], &["github", "flux"]),
    Vendor(&["GITLAB_TOKEN", "CI_JOB_TOKEN"], &["gitlab", "flux"]),
    Vendor(&["CLOUDFLARE_", "CF_"], &["cloudflare"]),
    Vendor(&["DIGITALOCEAN_", "SPACES_"], &["digitalocean"]),
    Vendor(&["HCLOUD_", "HETZNER_"], &["hcloud", "hetzner"]),
    Vendor(&["LINODE_"], &["linode"]),
    Vendor(&["SCW_"], &["scaleway"]),
    Vendor(&["EQUINIX_", "METAL_AUTH_"], &["equinix"]),
    Vendor(&["VULTR_"], &["vultr"]),
    Vendor(&["IBMCLOUD_", "IC_", "IAAS_CLASSIC_"], &["ibm"]),
    Vendor(&["OCI_"], &["oci"]),
    Vendor(&["ALICLOUD_", "ALIBABA_CLOUD_"], &["alicloud"]),
    Vendor(&["TENCENTCLOUD_"], &["tencentcloud"]),
    Vendor(&["YC_"], &["yandex"]),
    Vendor(&["DATABRICKS_"], &["databricks"]),
    Vendor(&["SNOWFLAKE_"], &["snowflake"]),
    Vendor(&["MONGODB_ATLAS_", "MCLI_"], &["mongodbatlas"]),
    Vendor(&["CONFLUENT_", "KAFKA_"], &["confluent", "kafka"]),
    Vendor(&["DD_", "DATADOG_"], &["datadog"]),
    Vendor(&["NEW_RELIC_"], &["newrelic"]),
    Vendor(&["GRAFANA_"], &["grafana"]),
    Vendor(&["PAGERDUTY_"], &["pagerduty"]),
    Vendor(&["SENTRY_"], &["sentry"]),
    Vendor(&["OKTA_"], &["okta"]),
    Vendor(&["AUTH0_"], &["auth0"]),
    Vendor(&["KEYCLOAK_"], &["keycloak"]),
    Vendor(&["FASTLY_"], &["fastly"]),
    Vendor(&["ARTIFACTORY_", "JFROG_"], &["artifactory", "platform", "xray"]),
    Vendor(&["PGPASSWORD"], &["postgresql"]),
    Vendor(&["MYSQL_"], &["mysql"]),
    Vendor(&["RABBITMQ_"], &["rabbitmq"]),
    Vendor(&["SOPS_AGE_"], &["sops"]),
    Vendor(&["HF_TOKEN", "HUGGING_FACE_"], &["huggingface"]),
    Vendor(&["WANDB_"], &["wandb"]),
];

/// Parts of names of what is no secret: where certificates of authorities lie, and which part of the world is meant.
const HARMLESS: &[&str] = &["CA_BUNDLE", "CA_CERT", "CACERT", "REGION"];

/// The loggers of the kits that providers are made with.
const LOGGERS: [&str; 2] = ["TF_LOG_PROVIDER", "TF_LOG_SDK"];

/// Those that run programs of the user's, or sign in wherever the user says: they are given all.
const FOR_OTHERS: &[&str] = &[
    "hashicorp/kubernetes",
    "hashicorp/helm",
    "hashicorp/external",
    "hashicorp/null",
    "hashicorp/local",
    "gavinbunney/kubectl",
    "alekc/kubectl",
    "carlpett/sops",
    "getsops/sops",
];

/// What is handed on, and the names of what is not because it is another vendor's.
#[derive(Default)]
pub(crate) struct Environment {
    pub(crate) given: Vec<(OsString, OsString)>,
    pub(crate) kept_back: Vec<String>,
}

/// The environment of a provider, of `HOST/NAMESPACE/TYPE`, out of this program's.
pub(crate) fn of(provider: &str, all: Vec<(OsString, OsString)>) -> Environment {
    let setting = all.iter().find(|(name, _)| name == SETTING).map(|(_, text)| text.to_string_lossy());
    let setting = setting.unwrap_or_default().into_owned();
    let asked = asked(provider, &setting);
    let mut environment = Environment::default();
    for (name, value) in all {
        let text = name.to_string_lossy();
        if OURS.iter().any(|ours| text.starts_with(ours)) || text == COOKIE.0 {
            continue;
        }
        if is_its_own(provider, &text) || asked.iter().any(|pattern| fits(pattern, &text)) {
            environment.given.push((name, value));
        } else {
            environment.kept_back.push(text.into_owned());
        }
    }
    environment.kept_back.sort_unstable();
    set_log_levels(&mut environment.given);
    environment
}

/// What its two loggers write is as much as this program's own log is asked for. Where nobody says, they write all that
/// there is, which takes more time than all else that a provider does.
fn set_log_levels(given: &mut Vec<(OsString, OsString)>) {
    let level = said(given, "TF_LOG_PROVIDER").or_else(|| said(given, "TF_LOG"));
    let level = level.unwrap_or_else(|| "off".to_owned());
    // OpenTofu's word for everything, as JSON.
    let level = if level == "json" { "trace".to_owned() } else { level };
    for name in LOGGERS {
        if said(given, name).is_none() {
            given.retain(|(one, _)| one != name);
            given.push((name.into(), level.as_str().into()));
        }
    }
}

fn said(given: &[(OsString, OsString)], name: &str) -> Option<String> {
    let (_, text) = given.iter().find(|(one, text)| one == name && !text.is_empty())?;
    Some(text.to_string_lossy().to_ascii_lowercase())
}

fn is_its_own(provider: &str, variable: &str) -> bool {
    let short = short(provider);
    if FOR_OTHERS.contains(&short) || HARMLESS.iter().any(|part| variable.contains(part)) {
        return true;
    }
    let type_name = short.rsplit('/').next().unwrap_or(short);
    let mut owners = VENDORS
        .iter()
        .filter(|Vendor(starts, _)| starts.iter().any(|one| variable.starts_with(one)))
        .peekable();
    owners.peek().is_none()
        || owners.any(|Vendor(_, names)| names.iter().any(|name| type_name.starts_with(name)))
}

/// `NAMESPACE/TYPE`.
fn short(provider: &str) -> &str {
    provider.split_once('/').filter(|(_, rest)| rest.contains('/')).map_or(provider, |(_, rest)| rest)
}

fn asked<'a>(provider: &str, setting: &'a str) -> Vec<&'a str> {
    let entries = setting.split_whitespace().filter_map(|entry| entry.split_once('='));
    entries.filter(|(who, _)| *who == short(provider) || *who == provider).map(|(_, what)| what).collect()
}

fn fits(pattern: &str, variable: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == variable, |start| variable.starts_with(start))
}

/// What to do where a provider could not sign in and something was kept from it.
pub(crate) fn hint(provider: &str, kept_back: &[String]) -> Option<String> {
    let names = kept_back.join(", ");
    let short = short(provider);
    (!kept_back.is_empty()).then(|| {
        format!(
            "It was not given variables that are other providers': {names}. If it needs one, set {SETTING}=\"{short}=NAME\"."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(provider: &str, variables: &[&str], setting: &str) -> (Vec<String>, Vec<String>) {
        let mut all: Vec<_> =
            variables.iter().map(|name| (OsString::from(name), OsString::from("x"))).collect();
        all.push((SETTING.into(), setting.into()));
        let mut environment = of(provider, all);
        environment.given.retain(|(name, _)| !LOGGERS.iter().any(|one| name == one));
        let names = environment.given.iter().map(|(name, _)| name.to_string_lossy().into_owned());
        (names.collect(), environment.kept_back)
    }

    #[test]
    fn a_provider_is_not_given_our_own_secrets() {
        let ours = [
            "TF_ENCRYPTION",
            "FORMWORK_PASSPHRASE",
            "TF_VAR_password",
            "TF_TOKEN_example_com",
            "TF_REATTACH_PROVIDERS",
            "PLUGIN_CLIENT_CERT",
            "PG_CONN_STR",
        ];
        for provider in ["registry.opentofu.org/hashicorp/external", "registry.opentofu.org/acme/thing"] {
            assert_eq!(given(provider, &ours, ""), (vec![], vec![]), "{provider}");
            assert_eq!(given(provider, &["HOME", "TF_LOG"], "").0, ["HOME", "TF_LOG"], "{provider}");
        }
    }

    #[test]
    fn a_vendors_credentials_are_its_providers_alone() {
        let rest = ["HTTPS_PROXY", "ACME_TOKEN", "AWS_CA_BUNDLE", "AWS_REGION"];
        let all = [&["AWS_SECRET_ACCESS_KEY", "OS_PASSWORD", "VAULT_TOKEN"][..], &rest].concat();
        let of = |provider: &str, setting: &str| {
            let (given, kept_back) = given(&format!("registry.opentofu.org/{provider}"), &all, setting);
            assert_eq!(given.len() + kept_back.len(), all.len(), "{provider}");
            let given = given.into_iter().filter(|name| !rest.contains(&name.as_str()));
            given.collect::<Vec<_>>().join(" ")
        };
        for (provider, setting, expected) in [
            ("hashicorp/aws", "", "AWS_SECRET_ACCESS_KEY"),
            ("terraform-provider-openstack/openstack", "", "OS_PASSWORD"),
            ("hashicorp/vault", "", "VAULT_TOKEN"),
            ("acme/thing", "", ""),
            ("acme/kubernetes", "", ""),
            ("hashicorp/kubernetes", "", "AWS_SECRET_ACCESS_KEY OS_PASSWORD VAULT_TOKEN"),
            ("acme/thing", "acme/thing=VAULT_TOKEN", "VAULT_TOKEN"),
            ("acme/thing", "other/thing=VAULT_TOKEN acme/thing=AWS_*", "AWS_SECRET_ACCESS_KEY"),
            ("acme/thing", "acme/thing=FORMWORK_*", ""),
            ("acme/thing", "acme/thing", ""),
        ] {
            assert_eq!(of(provider, setting), expected, "{provider} with {setting:?}");
        }
    }

    #[test]
    fn a_provider_logs_as_much_as_is_asked_for() {
        for (said, expected) in [
            (vec![], "off off"),
            (vec![("TF_LOG", "")], "off off"),
            (vec![("TF_LOG", "WARN")], "warn warn"),
            (vec![("TF_LOG", "JSON")], "trace trace"),
            (vec![("TF_LOG", "debug"), ("TF_LOG_PROVIDER", "trace")], "trace trace"),
            (vec![("TF_LOG_SDK", "error")], "off error"),
        ] {
            let all = said.iter().map(|(name, text)| (OsString::from(name), OsString::from(text))).collect();
            let given = of("h.example/acme/thing", all).given;
            let level = |name: &str| {
                let found: Vec<_> = given.iter().filter(|(one, _)| one == name).collect();
                assert_eq!(found.len(), 1, "{said:?}");
                found[0].1.to_string_lossy().into_owned()
            };
            assert_eq!(LOGGERS.map(level).join(" "), expected, "{said:?}");
        }
    }

    #[test]
    fn what_is_kept_back_is_named() {
        let kept_back = given("h.example/acme/thing", &["VAULT_TOKEN", "AWS_PROFILE"], "").1;
        let hint = hint("h.example/acme/thing", &kept_back).unwrap_or_default();
        assert!(hint.contains("AWS_PROFILE, VAULT_TOKEN") && hint.contains("\"acme/thing=NAME\""), "{hint}");
        assert_eq!(super::hint("h.example/acme/thing", &[]), None);
    }
}

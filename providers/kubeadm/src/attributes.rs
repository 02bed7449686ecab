//! What nodes of all roles have in common: attributes, and what is wrong with them.

use formwork_sdk::values::{Findings, given, text};
use formwork_sdk::{Attribute, KindSchema, NestedBlock, PlanRequest, ProviderError};
use formwork_value::{Type, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const VERSION: &str = "version";
pub(crate) const DUE: &str = "certificates_due";
pub(crate) const NODE_NAME: &str = "node_name";
pub(crate) const ADVERTISED: &str = "advertise_address";
pub(crate) const RENEW_DAYS: i64 = 30;

/// What nodes have in common, the first one and all others.
pub(crate) fn node_attributes() -> [(&'static str, Attribute); 8] {
    [
        (
            "taints",
            Attribute::optional(
                taints_type(),
                "The taints that it comes with: `key`, `value`, `effect`; kubeadm's own for its role, by itself.",
            ),
        ),
        (
            "packages",
            Attribute::with_default(
                Type::Bool,
                true,
                "Whether kubeadm, kubelet and kubectl are installed by apt or dnf at `version` and held; where false, they are to be there already.",
            ),
        ),
        (
            "cri_socket",
            Attribute::optional(
                Type::String,
                "Where the container runtime is reached; found by kubeadm, by itself.",
            )
            .replaces(),
        ),
        (
            "kubelet_arguments",
            Attribute::optional(Type::map(Type::String), "Arguments of this node's kubelet.").replaces(),
        ),
        (
            "ignore_preflight_errors",
            Attribute::optional(
                Type::list(Type::String),
                "Checks of kubeadm whose errors are passed over, by name.",
            ),
        ),
        (
            "drain",
            Attribute::with_default(
                Type::Bool,
                true,
                "Whether pods leave the node, as their disruption budgets allow, before kubelet is replaced or the node removed.",
            ),
        ),
        (
            "renew_before_days",
            Attribute::with_default(
                Type::Number,
                RENEW_DAYS,
                "So long before the first certificate of a control plane on it ends, a plan has them renewed.",
            ),
        ),
        (DUE, Attribute::computed(Type::Bool, "Whether certificates are to be renewed by now.")),
    ]
}

/// A kind whose operations may be given another limit than its own.
pub(crate) fn timed(mut kind: KindSchema) -> KindSchema {
    kind.block = kind.block.with_block("timeouts", NestedBlock::timeouts());
    kind
}

pub(crate) fn taints_type() -> Type {
    let taint = [("key", Type::String), ("value", Type::String), ("effect", Type::String)];
    Type::list(Type::object_with_optional(taint, ["value"]))
}

/// What is wrong with what nodes have in common.
pub(crate) fn check_node(configuration: &Value, found: &mut Findings) {
    if let Some(version) = text(configuration, VERSION).filter(|version| numbers(version).is_none()) {
        found.refuse(VERSION, format!("{version:?} is no version of Kubernetes: write it as `1.37.2`."));
    }
    if text(configuration, ADVERTISED).is_some_and(|address| address.parse::<IpAddr>().is_err()) {
        found.refuse(ADVERTISED, "It is no IP address.");
    }
    if text(configuration, NODE_NAME).is_some_and(|name| !is_node_name(name)) {
        found.refuse(NODE_NAME, "It is no name of a node: give small letters, digits, `-` and `.`.");
    }
    for taint in given(configuration, "taints").and_then(Value::items).into_iter().flatten() {
        let effect = text(taint, "effect").unwrap_or("NoSchedule");
        if !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect) {
            found.refuse(
                "taints",
                format!(
                    "{effect:?} is no effect of a taint: give NoSchedule, PreferNoSchedule or NoExecute."
                ),
            );
        }
    }
}

/// Whether certificates are to be renewed once what is planned is done: another number may have it so at once.
pub(crate) fn due_planned(request: &PlanRequest, planned: &Value) -> Value {
    let days = |object: &Value| object.get("renew_before_days").cloned();
    if !request.prior.is_null() && days(&request.prior) != days(planned) {
        return Value::unknown(Type::Bool);
    }
    Value::from(false)
}

/// Refuses a version that no upgrade leads to.
pub(crate) fn check_step(prior: &Value, planned: &Value) -> Result<(), ProviderError> {
    let parts = |object: &Value| text(object, VERSION).and_then(numbers);
    let (Some(from), Some(to)) = (parts(prior), parts(planned)) else { return Ok(()) };
    let shown = |object: &Value| text(object, VERSION).unwrap_or_default().to_owned();
    let refused = |why: &str| {
        let words = format!("Kubernetes {} does not become {}: {why}", shown(prior), shown(planned));
        Err(ProviderError::invalid(words))
    };
    if to < from {
        return refused("kubeadm knows no way back. Keep the version, or make the cluster anew.");
    }
    if (to[0], to[1]) != (from[0], from[1]) && (to[0], to[1]) != (from[0], from[1] + 1) {
        return refused("it is done one minor version at a time. Give the next one first.");
    }
    Ok(())
}

pub(crate) fn numbers(version: &str) -> Option<[u32; 3]> {
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// The older of two versions, where either is one.
pub(crate) fn older<'a>(one: Option<&'a str>, other: Option<&'a str>) -> Option<&'a str> {
    [one, other].into_iter().flatten().min_by_key(|version| numbers(version))
}

pub(crate) fn is_node_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 253 && name.split('.').all(is_label)
}

pub(crate) fn is_label(name: &str) -> bool {
    let is_part = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-';
    !name.is_empty()
        && name.len() <= 63
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.chars().all(is_part)
}

pub(crate) fn is_endpoint(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    port.parse::<u16>().is_ok_and(|port| port != 0) && (host.parse::<IpAddr>().is_ok() || is_node_name(host))
}

/// Refuses ranges of pods and services that are none, or that meet.
pub(crate) fn check_subnets(configuration: &Value, found: &mut Findings) {
    let subnets = ["pod_subnet", "service_subnet"].map(|name| (name, text(configuration, name)));
    for (name, text) in subnets {
        if text.is_some_and(|text| Subnet::parse(text).is_none()) {
            found.refuse(name, "It is no range of addresses: write it as `10.244.0.0/16`.");
        }
    }
    if let [Some(pods), Some(services)] = subnets.map(|(_, text)| Subnet::parse(text?))
        && pods.meets(&services)
    {
        found.refuse("pod_subnet", "It has addresses in common with service_subnet: give another.");
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    first: u128,
    last: u128,
    is_v4: bool,
}

impl Subnet {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
        let (bits, width, is_v4) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32, true),
            IpAddr::V6(address) => (u128::from(address), 128, false),
        };
        let free = width - Some(length).filter(|length| *length <= width)?;
        let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        Some(Self { first: bits & !mask, last: bits | mask, is_v4 })
    }

    /// One of its addresses, counted from the first.
    pub(crate) fn address(&self, at: u32) -> IpAddr {
        let address = self.first + u128::from(at);
        match u32::try_from(address) {
            Ok(address) if self.is_v4 => Ipv4Addr::from(address).into(),
            _ => Ipv6Addr::from(address).into(),
        }
    }

    /// Whether they have an address in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.is_v4 == other.is_v4 && self.first <= other.last && other.first <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::{Subnet, is_endpoint, is_node_name, numbers};

    #[test]
    fn ranges_that_meet_are_known() {
        let table = [
            ("10.244.0.0/16", "10.96.0.0/12", false),
            ("10.96.0.0/16", "10.96.0.0/12", true),
            ("10.0.0.0/8", "10.96.0.0/12", true),
            ("0.0.0.0/0", "192.168.0.0/24", true),
            ("fd00::/48", "10.96.0.0/12", false),
            ("fd00::/48", "fd00:0:0:1::/64", true),
        ];
        for (one, other, expected) in table {
            let (one, other) = (Subnet::parse(one).unwrap(), Subnet::parse(other).unwrap());
            assert_eq!((one.meets(&other), other.meets(&one)), (expected, expected));
        }
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "x/8", "fd00::/129"] {
            assert_eq!(Subnet::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_and_versions_are_told_from_other_texts() {
        for (text, expected) in [
            ("10.0.0.1:6443", true),
            ("[fd00::1]:6443", true),
            ("api.lab:6443", true),
            ("api", false),
            ("x:0", false),
            ("a b:1", false),
        ] {
            assert_eq!(is_endpoint(text), expected, "{text}");
        }
        for (text, expected) in
            [("gpu-1", true), ("gpu-1.lab", true), ("GPU", false), ("", false), ("-a", false)]
        {
            assert_eq!(is_node_name(text), expected, "{text}");
        }
        assert!(numbers("1.37.2") < numbers("1.37.10"));
        assert_eq!((numbers("v1.37.2"), numbers("1.37")), (None, None));
    }
}

//! The provider `formwork/kubeadm`: clusters that kubeadm makes of hosts, and their nodes.
//!
//! Hosts are reached as `formwork/host` reaches them. Invariants: kubeadm itself does what kubeadm can do, phase by
//! phase; each phase is in the journal when it is over, and one that was cut off is found again on its host. Tokens and
//! keys that let a node in are made when it joins, live for minutes and are kept nowhere.

mod adoption;
mod attributes;
mod certificates;
mod change;
mod cluster;
mod configuration;
mod node;
mod node_ready;
mod preflight;
mod shell;
mod yaml;

use formwork_provider_host::HostProvider;

/// The provider.
pub fn kubeadm() -> HostProvider {
    HostProvider::of(
        "formwork/kubeadm",
        vec![Box::new(cluster::Cluster), Box::new(node::Node), Box::new(node_ready::NodeReady)],
        vec![Box::new(preflight::Preflight)],
    )
}

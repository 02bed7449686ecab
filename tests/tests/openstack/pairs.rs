//! The table of the differential test: each kind of the hosted provider, the native kind that is to do the same, and
//! where the cloud's API says what each attribute says.

/// A kind on both sides, and its object in the API.
pub(crate) struct Pair {
    /// The type in the provider that others wrote.
    pub(crate) hosted: &'static str,
    /// The type in `formwork/openstack`.
    pub(crate) native: &'static str,
    /// The service's type in the catalog.
    pub(crate) service: &'static str,
    /// The object's path there; `{attribute}` stands for an attribute of the state.
    pub(crate) path: &'static str,
    /// What is compared.
    pub(crate) fields: &'static [Field],
}

/// One attribute, and where the API has it.
pub(crate) struct Field {
    /// A JSON pointer into the object of the state, without its first `/`.
    pub(crate) attribute: &'static str,
    /// What follows the object's path, `#`, and a JSON pointer into the answer.
    pub(crate) reading: &'static str,
    /// Whether the same configuration leads to the same value twice; else the cloud chooses it.
    pub(crate) is_repeatable: bool,
}

const fn same(attribute: &'static str, reading: &'static str) -> Field {
    Field { attribute, reading, is_repeatable: true }
}

const fn chosen(attribute: &'static str, reading: &'static str) -> Field {
    Field { attribute, reading, is_repeatable: false }
}

/// The pairs.
pub(crate) const PAIRS: &[Pair] = &[
    Pair {
        hosted: "openstack_networking_network_v2",
        native: "openstack_networking_network_v2",
        service: "network",
        path: "/v2.0/networks/{id}",
        fields: &[
            same("name", "#/network/name"),
            same("description", "#/network/description"),
            same("admin_state_up", "#/network/admin_state_up"),
            same("shared", "#/network/shared"),
            same("external", "#/network/router:external"),
            same("mtu", "#/network/mtu"),
            same("port_security_enabled", "#/network/port_security_enabled"),
            same("tags", "#/network/tags"),
        ],
    },
    Pair {
        hosted: "openstack_networking_subnet_v2",
        native: "openstack_networking_subnet_v2",
        service: "network",
        path: "/v2.0/subnets/{id}",
        fields: &[
            same("name", "#/subnet/name"),
            same("network_id", "#/subnet/network_id"),
            same("cidr", "#/subnet/cidr"),
            same("ip_version", "#/subnet/ip_version"),
            same("gateway_ip", "#/subnet/gateway_ip"),
            same("enable_dhcp", "#/subnet/enable_dhcp"),
            same("dns_nameservers", "#/subnet/dns_nameservers"),
            same("allocation_pool/0/start", "#/subnet/allocation_pools/0/start"),
            same("allocation_pool/0/end", "#/subnet/allocation_pools/0/end"),
        ],
    },
    Pair {
        hosted: "openstack_networking_router_v2",
        native: "openstack_networking_router_v2",
        service: "network",
        path: "/v2.0/routers/{id}",
        fields: &[
            same("name", "#/router/name"),
            same("description", "#/router/description"),
            same("admin_state_up", "#/router/admin_state_up"),
            same("external_network_id", "#/router/external_gateway_info/network_id"),
        ],
    },
    Pair {
        hosted: "openstack_networking_router_interface_v2",
        native: "openstack_networking_router_interface_v2",
        service: "network",
        path: "/v2.0/ports/{id}",
        fields: &[
            same("router_id", "#/port/device_id"),
            same("subnet_id", "#/port/fixed_ips/0/subnet_id"),
            same("port_id", "#/port/id"),
        ],
    },
    Pair {
        hosted: "openstack_networking_secgroup_v2",
        native: "openstack_networking_secgroup_v2",
        service: "network",
        path: "/v2.0/security-groups/{id}",
        fields: &[
            same("name", "#/security_group/name"),
            same("description", "#/security_group/description"),
            same("stateful", "#/security_group/stateful"),
        ],
    },
    Pair {
        hosted: "openstack_networking_secgroup_rule_v2",
        native: "openstack_networking_secgroup_rule_v2",
        service: "network",
        path: "/v2.0/security-group-rules/{id}",
        fields: &[
            same("direction", "#/security_group_rule/direction"),
            same("ethertype", "#/security_group_rule/ethertype"),
            same("protocol", "#/security_group_rule/protocol"),
            same("port_range_min", "#/security_group_rule/port_range_min"),
            same("port_range_max", "#/security_group_rule/port_range_max"),
            same("remote_ip_prefix", "#/security_group_rule/remote_ip_prefix"),
            same("security_group_id", "#/security_group_rule/security_group_id"),
        ],
    },
    Pair {
        hosted: "openstack_networking_port_v2",
        native: "openstack_networking_port_v2",
        service: "network",
        path: "/v2.0/ports/{id}",
        fields: &[
            same("name", "#/port/name"),
            same("network_id", "#/port/network_id"),
            same("admin_state_up", "#/port/admin_state_up"),
            same("device_id", "#/port/device_id"),
            same("device_owner", "#/port/device_owner"),
            same("all_security_group_ids", "#/port/security_groups"),
            same("fixed_ip/0/ip_address", "#/port/fixed_ips/0/ip_address"),
            same("fixed_ip/0/subnet_id", "#/port/fixed_ips/0/subnet_id"),
            chosen("mac_address", "#/port/mac_address"),
        ],
    },
    Pair {
        hosted: "openstack_networking_floatingip_v2",
        native: "openstack_networking_floatingip_v2",
        service: "network",
        path: "/v2.0/floatingips/{id}",
        fields: &[
            same("port_id", "#/floatingip/port_id"),
            same("fixed_ip", "#/floatingip/fixed_ip_address"),
            same("description", "#/floatingip/description"),
            chosen("address", "#/floatingip/floating_ip_address"),
        ],
    },
    Pair {
        hosted: "openstack_compute_keypair_v2",
        native: "openstack_compute_keypair_v2",
        service: "compute",
        path: "/os-keypairs/{id}",
        fields: &[
            same("name", "#/keypair/name"),
            same("public_key", "#/keypair/public_key"),
            same("fingerprint", "#/keypair/fingerprint"),
        ],
    },
    Pair {
        hosted: "openstack_compute_flavor_v2",
        native: "openstack_compute_flavor_v2",
        service: "compute",
        path: "/flavors/{id}",
        fields: &[
            same("name", "#/flavor/name"),
            same("ram", "#/flavor/ram"),
            same("vcpus", "#/flavor/vcpus"),
            same("disk", "#/flavor/disk"),
            same("ephemeral", "#/flavor/OS-FLV-EXT-DATA:ephemeral"),
            same("is_public", "#/flavor/os-flavor-access:is_public"),
            same("extra_specs", "/os-extra_specs#/extra_specs"),
        ],
    },
    Pair {
        hosted: "openstack_images_image_v2",
        native: "openstack_images_image_v2",
        service: "image",
        path: "/v2/images/{id}",
        fields: &[
            same("name", "#/name"),
            same("container_format", "#/container_format"),
            same("disk_format", "#/disk_format"),
            same("min_disk_gb", "#/min_disk"),
            same("min_ram_mb", "#/min_ram"),
            same("protected", "#/protected"),
            same("hidden", "#/os_hidden"),
            same("visibility", "#/visibility"),
            same("checksum", "#/checksum"),
            same("size_bytes", "#/size"),
            same("properties/purpose", "#/purpose"),
        ],
    },
    Pair {
        hosted: "openstack_blockstorage_volume_v3",
        native: "openstack_blockstorage_volume_v3",
        service: "block-storage",
        path: "/volumes/{id}",
        fields: &[
            same("name", "#/volume/name"),
            same("description", "#/volume/description"),
            same("size", "#/volume/size"),
            same("volume_type", "#/volume/volume_type"),
            same("availability_zone", "#/volume/availability_zone"),
        ],
    },
    Pair {
        hosted: "openstack_compute_instance_v2",
        native: "openstack_compute_instance_v2",
        service: "compute",
        path: "/servers/{id}",
        fields: &[
            same("name", "#/server/name"),
            same("flavor_id", "#/server/flavor/id"),
            same("image_id", "#/server/image/id"),
            same("key_pair", "#/server/key_name"),
            same("all_metadata", "#/server/metadata"),
            same("availability_zone", "#/server/OS-EXT-AZ:availability_zone"),
            same("network/0/port", "/os-interface#/interfaceAttachments/0/port_id"),
            same("network/0/fixed_ip_v4", "/os-interface#/interfaceAttachments/0/fixed_ips/0/ip_address"),
            chosen("network/0/mac", "/os-interface#/interfaceAttachments/0/mac_addr"),
        ],
    },
    Pair {
        hosted: "openstack_compute_volume_attach_v2",
        native: "openstack_compute_volume_attach_v2",
        service: "compute",
        path: "/servers/{instance_id}/os-volume_attachments/{volume_id}",
        fields: &[
            same("instance_id", "#/volumeAttachment/serverId"),
            same("volume_id", "#/volumeAttachment/volumeId"),
            same("device", "#/volumeAttachment/device"),
        ],
    },
];

//! `sim_network`: a range of addresses that machines stand in. Its name is unique.

use super::Kind;
use crate::finding::{Findings, check_name, fill, text};
use crate::settings::Settings;
use crate::world::{Object, World};
use formwork_sdk::{Attribute, Block, Disruption, ErrorKind, KindSchema, Operation, ProviderError, Recovery};
use formwork_value::{Type, Value};
use std::net::Ipv4Addr;

pub(super) const NAME: &str = "sim_network";

const PREFIX_LENGTHS: std::ops::RangeInclusive<u32> = 8..=29;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

resource "sim_network" "main" {
  name = "training"
  cidr = "10.20.0.0/16"
}
"#;

pub(super) struct Network;

impl Kind for Network {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "The network's id.")),
            ("name", Attribute::required(Type::String, "Unique in the datacentre.").replaces()),
            ("cidr", Attribute::required(Type::String, "The addresses, as `10.0.0.0/16`.").replaces()),
            ("gateway", Attribute::computed(Type::String, "The first address.")),
            ("labels", Attribute::optional(Type::map(Type::String), "Words for people and tools.")),
        ]);
        let mut schema = KindSchema::new(block, "A range of addresses that machines stand in.");
        schema.example = EXAMPLE;
        schema.import_id = "The network's id.";
        schema.recovery = Recovery::NaturalKey;
        schema.disruption = Disruption::Outage;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
        if let Some(cidr) = text(configuration, "cidr")
            && parse(cidr).is_none()
        {
            let (shortest, longest) = (PREFIX_LENGTHS.start(), PREFIX_LENGTHS.end());
            found.refuse("cidr", format!("{cidr:?} is no IPv4 network with /{shortest} to /{longest}."));
        }
    }

    fn id(&self, world: &World, _attributes: &Value, _settings: &Settings, token: &str) -> String {
        world.free_id("net", token)
    }

    fn create(
        &self,
        _world: &World,
        _settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let base = base_of(planned).unwrap_or(0);
        let gateway = Ipv4Addr::from_bits(base + 1).to_string();
        Ok(fill(planned, &[("id", id.into()), ("gateway", gateway.into())]))
    }

    fn check_delete(&self, world: &World, object: &Object) -> Result<(), ProviderError> {
        match world.addresses(&object.id).map_or(0, std::collections::BTreeSet::len) {
            0 => Ok(()),
            count => Err(ProviderError::new(
                ErrorKind::Conflict,
                format!("network {} ({}) is in use by {count} machines", object.name, object.id),
            )),
        }
    }

    fn steps(
        &self,
        operation: Operation,
        _prior: Option<&Value>,
        _planned: &Value,
    ) -> &'static [&'static str] {
        match operation {
            Operation::Create => &["configuring switches"],
            Operation::Update | Operation::Delete => &[],
        }
    }
}

/// The first address and the length of the prefix.
fn parse(cidr: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr.split_once('/')?;
    let address = address.parse::<Ipv4Addr>().ok()?.to_bits();
    let length = length.parse().ok().filter(|length| PREFIX_LENGTHS.contains(length))?;
    (address.trailing_zeros() >= 32 - length).then_some((address, length))
}

/// The first address of a network's range.
pub(super) fn base_of(attributes: &Value) -> Option<u32> {
    parse(text(attributes, "cidr")?).map(|(base, _)| base)
}

/// The lowest address above all taken ones, or a free one below when they reach the end.
pub(super) fn free_address(world: &World, network: &Object) -> Result<Ipv4Addr, ProviderError> {
    const FIRST_HOST: u32 = 10;
    let range = text(&network.attributes, "cidr").and_then(|cidr| parse(cidr));
    let Some((base, length)) = range else {
        return Err(ProviderError::bug(format!("network {} has no range", network.id)));
    };
    let (first, end) = (base + FIRST_HOST.min((1 << (32 - length)) - 2), base + (1 << (32 - length)) - 1);
    let taken = world.addresses(&network.id);
    let above = taken.and_then(|taken| taken.last()).map_or(first, |last| (last + 1).max(first));
    let is_free = |address: &u32| taken.is_none_or(|taken| !taken.contains(address));
    let address = if above < end { Some(above) } else { (first..end).find(is_free) };
    address.map(Ipv4Addr::from_bits).ok_or_else(|| {
        ProviderError::new(ErrorKind::Quota, format!("network {} has no free address", network.name))
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn ranges() {
        let cases = [
            ("10.0.0.0/16", Some((0x0a00_0000, 16))),
            ("192.168.1.0/24", Some((0xc0a8_0100, 24))),
            ("10.0.0.1/16", None),
            ("10.0.0.0/30", None),
            ("10.0.0.0/7", None),
            ("10.0.0.0", None),
            ("fe80::/64", None),
            ("10.0.0.0/x", None),
        ];
        for (cidr, expected) in cases {
            assert_eq!(parse(cidr), expected, "{cidr}");
        }
    }
}

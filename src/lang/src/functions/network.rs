//! Functions on address prefixes (CIDR), IPv4 and IPv6.

use super::argument::{integer, number, text};
use super::digits::to_integer;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Type, Value};
use num_bigint::BigInt;
use std::net::{Ipv4Addr, Ipv6Addr};

const STRING: ResultType = ResultType::Fixed(Shape::String);
const PREFIX: Parameter = Parameter::new("prefix", Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "cidrcontains",
        &[
            Parameter::new("containing_prefix", Shape::String),
            Parameter::new("contained_ip_or_prefix", Shape::String),
        ],
        ResultType::Fixed(Shape::Bool),
        cidr_contains,
    )
    .nullable(),
    Function::new("cidrhost", &[PREFIX, Parameter::new("hostnum", Shape::Number)], STRING, cidr_host),
    Function::new("cidrnetmask", &[PREFIX], STRING, cidr_netmask),
    Function::new(
        "cidrsubnet",
        &[PREFIX, Parameter::new("newbits", Shape::Number), Parameter::new("netnum", Shape::Number)],
        STRING,
        cidr_subnet,
    ),
    Function::new("cidrsubnets", &[PREFIX], ResultType::Fixed(Shape::List(&Shape::String)), cidr_subnets)
        .variadic(Parameter::new("newbits", Shape::Number)),
];

/// An address: its bits at the low end, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    bits: u128,
    width: u32,
}

impl Address {
    /// Reads an address; leading zeros of IPv4 parts are decimal, as they were to OpenTofu from the first.
    fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            let address: Ipv6Addr = text.parse().ok()?;
            return Some(match address.to_ipv4_mapped() {
                Some(mapped) => Self { bits: u128::from(u32::from(mapped)), width: 32 },
                None => Self { bits: u128::from(address), width: 128 },
            });
        }
        let mut bits: u32 = 0;
        let mut count = 0;
        for part in text.split('.') {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let part: u8 = if is_number { part.trim_start_matches('0') } else { return None }
                .parse()
                .or_else(|error| if part.bytes().all(|byte| byte == b'0') { Ok(0) } else { Err(error) })
                .ok()?;
            bits = bits << 8 | u32::from(part);
            count += 1;
        }
        (count == 4).then_some(Self { bits: u128::from(bits), width: 32 })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match u32::try_from(self.bits) {
            Ok(bits) if self.width == 32 => write!(f, "{}", Ipv4Addr::from(bits)),
            _ => write!(f, "{}", Ipv6Addr::from(self.bits)),
        }
    }
}

/// A prefix: its first address and how many bits are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    start: Address,
    length: u32,
}

impl Network {
    /// Reads a prefix; bits behind it are dropped.
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address = Address::parse(address)?;
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = if is_number { length.parse().ok()? } else { return None };
        if length > address.width {
            return None;
        }
        let free = address.width - length;
        let bits = address.bits & !mask(free);
        Some(Self { start: Address { bits, ..address }, length })
    }

    fn free_bits(&self) -> u32 {
        self.start.width - self.length
    }

    fn last(&self) -> Address {
        Address { bits: self.start.bits | mask(self.free_bits()), ..self.start }
    }

    fn contains(&self, address: Address) -> bool {
        address.width == self.start.width && address.bits & !mask(self.free_bits()) == self.start.bits
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.start, self.length)
    }
}

/// So many ones at the low end.
fn mask(ones: u32) -> u128 {
    u128::MAX.checked_shr(128 - ones.min(128)).unwrap_or(0)
}

fn network(arguments: &[Value]) -> Result<Network, FunctionError> {
    let given = text(&arguments[0]);
    Network::parse(given).ok_or_else(|| {
        FunctionError::new(format!("invalid CIDR expression: invalid CIDR address: {given}"))
    })
}

/// A whole number of any size.
fn big_integer(arguments: &[Value], at: usize) -> Result<BigInt, FunctionError> {
    to_integer(&number(&arguments[at]))
        .ok_or_else(|| FunctionError::new("a whole number is required"))
}

/// The address of a host in a prefix by its number, which counts from the end when negative.
fn cidr_host(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let host = big_integer(arguments, 1)?;
    let network = network(arguments)?;
    let count = BigInt::from(1) << network.free_bits();
    let from_start = if host.sign() == num_bigint::Sign::Minus { &count + &host } else { host.clone() };
    match u128::try_from(&from_start) {
        Ok(offset) if from_start < count => {
            Ok(Value::from(Address { bits: network.start.bits | offset, ..network.start }.to_string()))
        }
        _ => {
            let message = format!("prefix of {} does not accommodate a host numbered {host}", network.length);
            Err(FunctionError::new(message))
        }
    }
}

/// The mask of an IPv4 prefix.
fn cidr_netmask(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let network = network(arguments)?;
    if network.start.width != 32 {
        let message = format!("IPv6 addresses cannot have a netmask: {}", text(&arguments[0]));
        return Err(FunctionError::new(message));
    }
    let bits = mask(32) & !mask(network.free_bits());
    Ok(Value::from(Address { bits, width: 32 }.to_string()))
}

/// A longer prefix within a prefix, by its number.
fn cidr_subnet(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let new_bits = integer(arguments, 1)?;
    let number = big_integer(arguments, 2)?;
    let network = network(arguments)?;
    let new_bits = u32::try_from(new_bits)
        .map_err(|_| FunctionError::new("must extend prefix by at least zero bits"))?;
    if new_bits > network.free_bits() {
        let message = format!("insufficient address space to extend prefix of {} by {new_bits}", network.length);
        return Err(FunctionError::new(message));
    }
    let length = network.length + new_bits;
    match u128::try_from(&number) {
        Ok(number) if number <= mask(new_bits) => {
            let shifted = number.checked_shl(network.start.width - length).unwrap_or(0);
            let start = Address { bits: network.start.bits | shifted, ..network.start };
            Ok(Value::from(Network { start, length }.to_string()))
        }
        _ => {
            let message = format!("prefix extension of {new_bits} does not accommodate a subnet numbered {number}");
            Err(FunctionError::new(message))
        }
    }
}

/// The length that a prefix has after so many more bits.
fn extended(network: &Network, arguments: &[Value], at: usize) -> Result<u32, FunctionError> {
    let more = integer(arguments, at).map_err(|error| error.at(at))?;
    if more < 1 {
        return Err(FunctionError::argument(at, "must extend prefix by at least one bit"));
    }
    let length = more.saturating_add(i64::from(network.length));
    u32::try_from(length).ok().filter(|length| *length <= network.start.width).ok_or_else(|| {
        let protocol = if network.start.width == 32 { "IPv4" } else { "IPv6" };
        let message =
            format!("would extend prefix to {length} bits, which is too long for an {protocol} address");
        FunctionError::argument(at, message)
    })
}

/// Prefixes one after the other within a prefix, each as long as asked.
fn cidr_subnets(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let network = network(arguments).map_err(|error| error.at(0))?;
    let mut previous: Option<Network> = None;
    let mut subnets = Vec::with_capacity(arguments.len() - 1);
    for at in 1..arguments.len() {
        let length = extended(&network, arguments, at)?;
        let free = network.start.width - length;
        let start = match previous {
            None => Some(network.start.bits),
            Some(previous) => {
                let next = previous.last().bits.checked_add(1);
                next.and_then(|next| next.checked_add(mask(free))).map(|next| next & !mask(free))
            }
        };
        let subnet = start
            .map(|bits| Network { start: Address { bits, ..network.start }, length })
            .filter(|subnet| network.contains(subnet.start))
            .ok_or_else(|| {
                let before = previous.map_or_else(String::new, |previous| format!(" after {previous}"));
                let message =
                    format!("not enough remaining address space for a subnet with a prefix of {length} bits{before}");
                FunctionError::argument(at, message)
            })?;
        previous = Some(subnet);
        subnets.push(Value::from(subnet.to_string()));
    }
    Ok(Value::list(Type::String, subnets))
}

/// Whether a prefix has an address, or a whole other prefix, in it.
fn cidr_contains(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let containing = network(arguments)?;
    let given = text(&arguments[1]);
    let (first, last) = match (Address::parse(given), Network::parse(given)) {
        (Some(address), _) => (address, address),
        (None, Some(contained)) => (contained.start, contained.last()),
        (None, None) => {
            return Err(FunctionError::new(format!("invalid IP address or prefix: {given}")));
        }
    };
    if first.width != containing.start.width {
        let message = format!("address family mismatch: {} vs. {given}", text(&arguments[0]));
        return Err(FunctionError::new(message));
    }
    Ok(Value::bool(containing.contains(first) && containing.contains(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_and_written() {
        for (text, expected) in [
            ("10.1.2.3/16", Some("10.1.0.0/16")),
            ("010.0.0.0/8", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("fe80::1/64", Some("fe80::/64")),
            ("::/0", Some("::/0")),
            ("10.0.0.0/33", None),
            ("10.0.0/8", None),
            ("10.0.0.256/8", None),
            ("10.0.0.0", None),
            ("10.0.0.0/+8", None),
        ] {
            assert_eq!(Network::parse(text).map(|network| network.to_string()).as_deref(), expected, "{text}");
        }
    }
}

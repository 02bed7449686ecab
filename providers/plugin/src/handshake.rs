//! The handshake: what a provider's process is told when it starts, and the one line that it answers.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Says to a provider that it is started by a host and not by hand.
pub(crate) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The version of the handshake itself.
const CORE_VERSION: &str = "1";
/// A certificate shorter than this is none: older providers leave the field empty or put words there.
const SHORTEST_CERTIFICATE: usize = 50;

/// Which version of the provider protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// 5: most providers.
    Five,
    /// 6: nested attributes.
    Six,
}

/// Where a provider listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listening {
    /// At a socket in the file system.
    Unix(String),
    /// At an address of this machine.
    Tcp(String),
}

/// What a provider answered when it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The protocol that it speaks.
    pub(crate) protocol: Protocol,
    /// Where it listens.
    pub(crate) listening: Listening,
    /// Its certificate, DER.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Reads the line; the error says what is wrong with it, as the end of a sentence about the provider.
pub(crate) fn parse(line: &str) -> Result<Handshake, String> {
    let fields: Vec<&str> = line.trim().split('|').collect();
    let [core, protocol, network, address, rest @ ..] = fields.as_slice() else {
        return Err(format!(
            "said {:?} instead of CORE|PROTOCOL|NETWORK|ADDRESS|grpc",
            shortened(line.trim())
        ));
    };
    if *core != CORE_VERSION {
        return Err(format!(
            "speaks version {:?} of the handshake, and only {CORE_VERSION} is known",
            shortened(core)
        ));
    }
    let protocol = protocol_of(protocol)?;
    let listening = listening(network, address)?;
    match rest.first() {
        Some(&"grpc") => {}
        other => {
            let said = other.copied().unwrap_or("netrpc");
            return Err(format!("speaks {:?}, and only grpc is understood", shortened(said)));
        }
    }
    let certificate = rest.get(1).filter(|text| text.len() > SHORTEST_CERTIFICATE).map(|text| {
        let decoded = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text));
        decoded.map_err(|error| format!("gave a certificate that is no base64: {error}"))
    });
    Ok(Handshake { protocol, listening, certificate: certificate.transpose()? })
}

/// The version of the provider protocol by its number.
pub(crate) fn protocol_of(text: &str) -> Result<Protocol, String> {
    match text {
        "5" => Ok(Protocol::Five),
        "6" => Ok(Protocol::Six),
        other => Err(format!(
            "speaks version {:?} of the provider protocol, and only 5 and 6 are understood",
            shortened(other)
        )),
    }
}

/// A place to connect to.
pub(crate) fn listening(network: &str, address: &str) -> Result<Listening, String> {
    match network {
        "unix" if !address.is_empty() => Ok(Listening::Unix(address.to_owned())),
        "tcp" => match address.parse::<std::net::SocketAddr>() {
            Ok(found) if found.ip().is_loopback() => Ok(Listening::Tcp(address.to_owned())),
            Ok(_) => Err(format!("listens at {:?}, which is not this machine alone", shortened(address))),
            Err(_) => Err(format!("listens at {:?}, which is no address", shortened(address))),
        },
        other => Err(format!("listens on {:?}, and only unix and tcp are known", shortened(other))),
    }
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    text.chars().filter(|character| !character.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        type Read = (Protocol, Listening, Option<usize>);
        let unix = |protocol| Ok((protocol, Listening::Unix("/run/a".into()), None));
        let certificate = "A".repeat(60);
        let cases: [(&str, Result<Read, &str>); 13] = [
            ("1|5|unix|/run/a|grpc", unix(Protocol::Five)),
            (" 1|6|unix|/run/a|grpc|\n", unix(Protocol::Six)),
            ("1|6|unix|/run/a|grpc|short", unix(Protocol::Six)),
            (
                &format!("1|6|unix|/run/a|grpc|{certificate}|true"),
                Ok((Protocol::Six, Listening::Unix("/run/a".into()), Some(45))),
            ),
            ("1|5|tcp|127.0.0.1:99|grpc", Ok((Protocol::Five, Listening::Tcp("127.0.0.1:99".into()), None))),
            ("1|5|tcp|8.8.8.8:99|grpc", Err("not this machine")),
            ("1|5|tcp|nowhere|grpc", Err("no address")),
            ("2|5|unix|/run/a|grpc", Err("of the handshake")),
            ("1|4|unix|/run/a|grpc", Err("of the provider protocol")),
            ("1|5|unix|/run/a", Err("only grpc")),
            ("1|5|unix|/run/a|netrpc", Err("only grpc")),
            ("Usage: provider", Err("instead of")),
            ("", Err("instead of")),
        ];
        for (line, expected) in cases {
            let found = parse(line);
            match expected {
                Ok((protocol, listening, length)) => {
                    let found = found.expect(line);
                    let certificate = found.certificate.map(|bytes| bytes.len());
                    assert_eq!(
                        (found.protocol, found.listening, certificate),
                        (protocol, listening, length),
                        "{line}"
                    );
                }
                Err(words) => assert!(found.clone().unwrap_err().contains(words), "{line}: {found:?}"),
            }
        }
    }
}

//! Bech32 (BIP 173), read only, of any length.

const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
/// Letters of the checksum.
const CHECKSUM: usize = 6;

/// The prefix, in small letters, and the bytes behind it.
pub(super) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    let lower = text.to_ascii_lowercase();
    if lower != text && text.to_ascii_uppercase() != text {
        return None;
    }
    let (prefix, data) = lower.rsplit_once('1')?;
    let values: Vec<u8> = data.bytes().map(value).collect::<Option<_>>()?;
    if prefix.is_empty() || values.len() < CHECKSUM || checksum(prefix, &values) != 1 {
        return None;
    }
    Some((prefix.to_owned(), bytes(&values[..values.len() - CHECKSUM])?))
}

fn value(letter: u8) -> Option<u8> {
    LETTERS.iter().position(|one| *one == letter).and_then(|at| u8::try_from(at).ok())
}

fn checksum(prefix: &str, values: &[u8]) -> u32 {
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    all.fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x1ff_ffff) << 5 ^ u32::from(value);
        let taps = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        taps.fold(shifted, |sum, (_, generator)| sum ^ generator)
    })
}

/// Groups of five bits as groups of eight; what is left over must be nothing.
fn bytes(values: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(values.len() * 5 / 8);
    let (mut held, mut bits) = (0_u16, 0);
    for value in values {
        held = (held << 5 | u16::from(*value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    let rest = held & ((1 << bits) - 1);
    (bits < 5 && rest == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn texts_of_the_proposal() {
        for (text, expected) in [
            ("A12UEL5L", Some("a")),
            ("a12uel5l", Some("a")),
            ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", Some("abcdef")),
            ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", Some("split")),
            ("A12uEL5L", None),
            ("a12uel5m", None),
            ("1pzry9x0s0muk", None),
            ("pzry9x0s0muk", None),
            ("x1b4n0q5v", None),
            ("", None),
        ] {
            assert_eq!(decode(text).map(|(prefix, _)| prefix).as_deref(), expected, "{text}");
        }
    }
}

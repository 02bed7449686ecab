//! Signing requests: AWS Signature Version 4, as the S3 API reference has it ("Authenticating Requests").

use super::credentials::Credentials;
use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// What is escaped: every byte but the unreserved ones (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is signed.
pub struct Unsigned<'a> {
    /// `GET`.
    pub method: &'a str,
    /// With its port, where that is not the usual one.
    pub host: &'a str,
    /// Not encoded, with its slash.
    pub path: &'a str,
    /// Not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Besides those that every request has; names in lower case.
    pub headers: &'a [(String, String)],
    /// All of it.
    pub body: &'a [u8],
}

/// A request's target and its headers.
pub struct Signed {
    /// Path and query, encoded.
    pub target: String,
    /// Those that were signed, but for the host, and the signature.
    pub headers: Vec<(String, String)>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Encoded as the signature wants it: all but letters, digits and `-._~`.
pub fn encoded(text: &str, keeps_slash: bool) -> String {
    const BUT_SLASHES: &AsciiSet = &RESERVED.remove(b'/');
    utf8_percent_encode(text, if keeps_slash { BUT_SLASHES } else { RESERVED }).to_string()
}

/// Signs for a moment, written as `20260102T030405Z`.
pub fn sign(unsigned: &Unsigned<'_>, credentials: &Credentials, region: &str, moment: &str) -> Signed {
    let path = encoded(unsigned.path, true);
    let mut query: Vec<String> = unsigned
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name, false), encoded(value, false)))
        .collect();
    query.sort();
    let query = query.join("&");
    let payload = sha256(unsigned.body);
    let mut headers = unsigned.headers.to_vec();
    headers.push(("host".to_owned(), unsigned.host.to_owned()));
    headers.push(("x-amz-content-sha256".to_owned(), payload.clone()));
    headers.push(("x-amz-date".to_owned(), moment.to_owned()));
    if let Some(token) = &credentials.token {
        headers.push(("x-amz-security-token".to_owned(), token.clone()));
    }
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines = headers.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name}:{}", value.trim());
        text
    });
    let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", unsigned.method);
    let day = moment.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/s3/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let first = format!("AWS4{}", credentials.secret_key).into_bytes();
    let key = [day, region, "s3", "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
        credentials.access_key
    );
    headers.retain(|(name, _)| name != "host");
    headers.push(("authorization".to_owned(), value));
    let target = if query.is_empty() { path } else { format!("{path}?{query}") };
    Signed { target, headers }
}

#[cfg(test)]
mod tests {
    use super::{Unsigned, encoded, sign};
    use crate::network::s3::Credentials;

    /// The example of the reference's page on signatures in a header: GET Object with a range.
    #[test]
    fn the_references_example_comes_out() {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let headers = [("range".to_owned(), "bytes=0-9".to_owned())];
        let unsigned = Unsigned {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            query: &[],
            headers: &headers,
            body: b"",
        };
        let signed = sign(&unsigned, &credentials, "us-east-1", "20130524T000000Z");
        let value = signed.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.clone();
        assert!(
            value.ends_with("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            "{value}"
        );
    }

    #[test]
    fn names_are_encoded_by_byte() {
        assert_eq!(encoded("env:/ä b", true), "env%3A/%C3%A4%20b");
        assert_eq!(encoded("a/b", false), "a%2Fb");
    }
}

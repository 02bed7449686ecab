//! Signing requests: AWS Signature Version 4, as the references of S3 ("Authenticating Requests") and of IAM have it.

use super::Credentials;
use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// What is escaped: every byte but the unreserved ones (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is signed.
pub struct Unsigned<'a> {
    /// `s3`.
    pub service: &'a str,
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

/// What AWS's tools name files after.
pub(super) fn sha1(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Encoded as the signature wants it: all but letters, digits and `-._~`.
pub fn encoded(text: &str, keeps_slash: bool) -> String {
    const BUT_SLASHES: &AsciiSet = &RESERVED.remove(b'/');
    utf8_percent_encode(text, if keeps_slash { BUT_SLASHES } else { RESERVED }).to_string()
}

fn canonical_query(query: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name, false), encoded(value, false));
    let mut pairs: Vec<String> = query.iter().map(pair).collect();
    pairs.sort();
    pairs.join("&")
}

fn joined(path: String, query: &str) -> String {
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// The target of a request that nobody signs.
pub fn unsigned_target(path: &str, query: &[(&str, &str)]) -> String {
    joined(encoded(path, true), &canonical_query(query))
}

/// Signs for a moment, written as `20260102T030405Z`.
pub fn sign(unsigned: &Unsigned<'_>, credentials: &Credentials, region: &str, moment: &str) -> Signed {
    let (path, query) = (encoded(unsigned.path, true), canonical_query(unsigned.query));
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
    let scope = format!("{day}/{region}/{}/aws4_request", unsigned.service);
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let first = format!("AWS4{}", credentials.secret_key).into_bytes();
    let key = [day, region, unsigned.service, "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
        credentials.access_key
    );
    headers.retain(|(name, _)| name != "host");
    headers.push(("authorization".to_owned(), value));
    Signed { target: joined(path, &query), headers }
}

#[cfg(test)]
mod tests {
    use super::{Unsigned, encoded, sign};
    use crate::network::aws::Credentials;

    /// The example of the reference's page on signatures in a header: GET Object with a range.
    #[test]
    fn the_references_example_comes_out() {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
            ends: None,
        };
        let headers = [("range".to_owned(), "bytes=0-9".to_owned())];
        let unsigned = Unsigned {
            service: "s3",
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

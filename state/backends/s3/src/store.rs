//! Objects of a bucket: the five requests that a state is made of.
//!
//! Invariant: a write that must not meet another's carries its condition in the request.

use formwork_state::backend::BackendError;
use formwork_state::network::aws::{Keys, Unsigned, sign};
use formwork_state::network::http::{Answer, HttpClient, Question};
use formwork_state::network::s3::{elements, list};
use formwork_state::network::{Network, pause};
use formwork_state::storage::Surroundings;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where the bucket is, and how it is asked.
pub(crate) struct Store {
    pub(crate) network: Network,
    pub(crate) client: HttpClient,
    pub(crate) keys: Keys,
    pub(crate) region: String,
    /// Scheme and host: `https://s3.eu-central-1.amazonaws.com`.
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    /// Whether the bucket stands in the path and not in the host.
    pub(crate) is_path_style: bool,
    pub(crate) retries: u32,
    /// Headers of each object that is written.
    pub(crate) write_headers: Vec<(String, String)>,
    pub(crate) surroundings: Surroundings,
    /// Whether the store wants a version in a condition without its quotes: found out by trying.
    pub(crate) is_bare: AtomicBool,
}

/// An object with what tells it from another version of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: String,
    /// How old it is by the store's own clock.
    pub(crate) age: Option<Duration>,
}

/// What must hold for a write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    /// There is no such object.
    Absent,
    /// It is this version.
    Is(&'a str),
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// It stands, as this version.
    Done(String),
    /// The condition did not hold; whether an earlier try, whose answer was lost, may have done it.
    Refused { was_tried: bool },
}

impl Store {
    fn host(&self) -> (String, String) {
        let (scheme, host) = self.endpoint.split_once("://").unwrap_or(("https", &self.endpoint));
        let host = host.trim_end_matches('/');
        if self.is_path_style {
            (format!("{scheme}://{host}"), host.to_owned())
        } else {
            let host = format!("{}.{host}", self.bucket);
            (format!("{scheme}://{host}"), host)
        }
    }

    /// Asks until there is an answer that is no fault of the store's; whether it was asked more than once.
    fn ask(
        &self,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<(Answer, bool), BackendError> {
        let (base, host) = self.host();
        let path = if self.is_path_style { format!("/{}/{key}", self.bucket) } else { format!("/{key}") };
        let keys = self.keys.current().map_err(BackendError::Failed)?;
        self.network.wait(async {
            let mut wait = Duration::from_millis(200);
            let mut tries = 0;
            loop {
                let unsigned =
                    Unsigned { service: "s3", method, host: &host, path: &path, query, headers, body };
                let moment = (self.surroundings.now)();
                let signed = sign(&unsigned, &keys, &self.region, &moment);
                let question = Question {
                    method: method.to_owned(),
                    address: format!("{base}{}", signed.target),
                    headers: signed.headers,
                    body: body.to_vec(),
                };
                let answered = self.client.ask(&question).await;
                tries += 1;
                match answered {
                    // 409: another conditional write was under way.
                    Ok(answer) if answer.status < 500 && answer.status != 409 => {
                        return Ok((answer, tries > 1));
                    }
                    Ok(answer) if tries > self.retries => return Err(refused(method, key, &answer)),
                    Err(error) if tries > self.retries => {
                        return Err(BackendError::Failed(format!("{method} {key}: {error}")));
                    }
                    _ => pause(wait).await,
                }
                wait *= 2;
            }
        })
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Object>, BackendError> {
        let (answer, _) = self.ask("GET", key, &[], &[], b"")?;
        match answer.status {
            200 => Ok(Some(Object {
                etag: answer.header("etag").unwrap_or_default().to_owned(),
                age: age(&answer),
                body: answer.body,
            })),
            404 if !is_about_the_bucket(&answer) => Ok(None),
            _ => Err(refused("GET", key, &answer)),
        }
    }

    /// Writes an object where the condition holds.
    pub(crate) fn put(
        &self,
        key: &str,
        body: &[u8],
        condition: Condition<'_>,
    ) -> Result<Written, BackendError> {
        let Condition::Is(etag) = condition else {
            return self.put_if(key, body, ("if-none-match", "*"));
        };
        let bare = etag.trim_matches('"');
        if self.is_bare.load(Ordering::Relaxed) {
            return self.put_if(key, body, ("if-match", bare));
        }
        let written = self.put_if(key, body, ("if-match", etag))?;
        // Ceph's gateway compares a version as it is written, with its quotes, to what it keeps without.
        let is_misread = matches!(written, Written::Refused { was_tried: false })
            && bare != etag
            && self.get(key)?.is_some_and(|object| object.etag == etag);
        if !is_misread {
            return Ok(written);
        }
        let written = self.put_if(key, body, ("if-match", bare))?;
        self.is_bare.fetch_or(matches!(written, Written::Done(_)), Ordering::Relaxed);
        Ok(written)
    }

    fn put_if(&self, key: &str, body: &[u8], condition: (&str, &str)) -> Result<Written, BackendError> {
        let mut headers = self.write_headers.clone();
        headers.push((condition.0.to_owned(), condition.1.to_owned()));
        let (answer, was_tried) = self.ask("PUT", key, &[], &headers, body)?;
        match answer.status {
            200..300 => Ok(Written::Done(answer.header("etag").unwrap_or_default().to_owned())),
            // An object that is gone is not the version that was expected.
            404 | 412 if !is_about_the_bucket(&answer) => Ok(Written::Refused { was_tried }),
            _ => Err(refused("PUT", key, &answer)),
        }
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), BackendError> {
        let (answer, _) = self.ask("DELETE", key, &[], &[], b"")?;
        if answer.is_good() || answer.status == 404 { Ok(()) } else { Err(refused("DELETE", key, &answer)) }
    }

    /// Names of all objects that begin so, in order.
    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<String>, BackendError> {
        list(prefix, usize::MAX, |query| {
            let (answer, _) = self.ask("GET", "", query, &[], b"")?;
            if answer.status == 200 { Ok(answer.body) } else { Err(refused("LIST", prefix, &answer)) }
        })
    }
}

fn is_about_the_bucket(answer: &Answer) -> bool {
    elements(&String::from_utf8_lossy(&answer.body), "Code").next() == Some("NoSuchBucket")
}

/// How old an object is: both moments are the store's.
fn age(answer: &Answer) -> Option<Duration> {
    let moment = |name: &str| {
        let text = answer.header(name)?;
        jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second())
    };
    let seconds = moment("date")? - moment("last-modified")?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

fn refused(method: &str, key: &str, answer: &Answer) -> BackendError {
    let text = String::from_utf8_lossy(&answer.body);
    let code = elements(&text, "Code").next().unwrap_or_default();
    let message = elements(&text, "Message").next().unwrap_or_default();
    let words = [code, message].iter().filter(|one| !one.is_empty()).copied().collect::<Vec<_>>().join(": ");
    let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
    BackendError::Failed(format!("{method} {key}: the store answered {}{words}", answer.status))
}

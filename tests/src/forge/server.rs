//! What jobs call by HTTP on loopback: a store of bodies by path, in which notes of a merge request are a list.

use crate::http::{HttpRequest, answer_http};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

const PACKAGES: &str = "/api/v4/projects/3/packages/generic/formwork-plan/";
const FILE: &str = "/plan.encrypted";

type Bodies = BTreeMap<String, Vec<u8>>;

/// The server; its thread ends with the process.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    bodies: Arc<Mutex<Bodies>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback");
        let port = listener.local_addr().expect("its address").port();
        let bodies = Arc::new(Mutex::new(Bodies::new()));
        let shared = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Each connection has one request; whoever has gone does not hear the answer.
                let _ = answer(&stream, &shared);
            }
        });
        Self { port, bodies }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn body(&self, path: &str) -> String {
        let bodies = self.bodies.lock().unwrap();
        bodies.get(path).map_or_else(String::new, |body| String::from_utf8_lossy(body).into_owned())
    }

    pub(super) fn set(&self, path: &str, body: &[u8]) {
        self.bodies.lock().unwrap().insert(path.to_owned(), body.to_owned());
    }

    /// Writes the packages into files, so that a test can look at them and change them.
    pub(super) fn keep_packages(&self, folder: &Path) {
        for (path, body) in self.bodies.lock().unwrap().iter() {
            if let Some(tree) = path.strip_prefix(PACKAGES) {
                std::fs::write(folder.join(tree.trim_end_matches(FILE)), body).unwrap();
            }
        }
    }

    /// Takes the packages from those files.
    pub(super) fn take_packages(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let tree = entry.file_name().to_string_lossy().into_owned();
            self.set(&format!("{PACKAGES}{tree}{FILE}"), &std::fs::read(entry.path()).unwrap());
        }
    }
}

fn answer(stream: &TcpStream, bodies: &Mutex<Bodies>) -> Option<()> {
    let request = HttpRequest::read(stream)?;
    let token = request.header("private-token").or_else(|| request.header("job-token"));
    let (status, said) = if request.path.starts_with("/api/") && token.is_none() {
        ("401 Unauthorized", Vec::new())
    } else {
        handled(&request.method, &request.path, request.body, &mut bodies.lock().unwrap())
    };
    answer_http(stream, status, &said)
}

fn handled(method: &str, path: &str, body: Vec<u8>, bodies: &mut Bodies) -> (&'static str, Vec<u8>) {
    if let Some((notes, id)) = path.split_once("/notes").filter(|_| method != "GET") {
        let all = bodies.entry(format!("{notes}/notes")).or_insert_with(|| b"[]".to_vec());
        let mut list: Vec<Json> = serde_json::from_slice(all).unwrap_or_default();
        let text = form_body(&body);
        match list.iter_mut().find(|one| format!("/{}", one["id"]) == id) {
            Some(note) => note["body"] = json!(text),
            None => list
                .push(json!({ "id": 100 + list.len(), "author": { "username": "formwork" }, "body": text })),
        }
        *all = json!(list).to_string().into_bytes();
        return ("200 OK", Vec::new());
    }
    if method != "GET" {
        bodies.insert(path.to_owned(), body);
        return ("200 OK", Vec::new());
    }
    match bodies.get(path) {
        Some(body) => ("200 OK", body.clone()),
        // A list of notes or merge requests that is empty is a list still.
        None if path.ends_with("/notes") || path.ends_with("/merge_requests") => ("200 OK", b"[]".to_vec()),
        None => ("404 Not Found", Vec::new()),
    }
}

/// The field `body` of a form.
fn form_body(form: &[u8]) -> String {
    let text = String::from_utf8_lossy(form);
    let encoded = text.strip_prefix("body=").expect("the field body").as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < encoded.len() {
        let hex = (encoded[at] == b'%').then(|| std::str::from_utf8(&encoded[at + 1..at + 3]).ok()).flatten();
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(if encoded[at] == b'+' { b' ' } else { encoded[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

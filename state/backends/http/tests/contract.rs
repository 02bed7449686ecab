//! The contract, on a small server of the test's own.
#![expect(clippy::unwrap_used, reason = "a test whose server does not answer cannot go on")]

use formwork_backend_http::HTTP;
use formwork_state::backend::{BackendError, Fence, Holder, conformance};
use formwork_state::storage::{Storage, Surroundings};
use formwork_value::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What the server keeps.
#[derive(Default)]
struct Kept {
    bodies: BTreeMap<String, Vec<u8>>,
    lock: Option<Vec<u8>>,
    /// Requests as method and address.
    seen: Vec<String>,
    /// Answers to be lost, after the request was done.
    lose: usize,
}

type Shared = Arc<Mutex<Kept>>;

/// A server that keeps a body for each path, and one lock.
fn server() -> (String, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let kept = Shared::default();
    let shared = kept.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, shared) = (stream.unwrap(), shared.clone());
            std::thread::spawn(move || while answer(&stream, &shared).is_some() {});
        }
    });
    (address, kept)
}

fn answer(mut stream: &TcpStream, kept: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?.to_owned();
    let mut kept = kept.lock().unwrap();
    kept.seen.push(format!("{method} {target}"));
    let (status, body) = match method {
        "GET" => kept.bodies.get(&path).map_or((404, Vec::new()), |body| (200, body.clone())),
        "POST" => {
            kept.bodies.insert(path, body);
            (200, Vec::new())
        }
        "DELETE" => {
            kept.bodies.remove(&path);
            (200, Vec::new())
        }
        "LOCK" if kept.lock.is_some() => (423, kept.lock.clone().unwrap_or_default()),
        "LOCK" => {
            kept.lock = Some(body);
            (200, Vec::new())
        }
        "UNLOCK" => {
            kept.lock = None;
            (200, Vec::new())
        }
        _ => (405, Vec::new()),
    };
    if kept.lose > 0 {
        kept.lose -= 1;
        return None;
    }
    drop(kept);
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).ok()
}

fn storage(address: &str, folder: &Path, with_journal: bool) -> Arc<dyn Storage> {
    let mut settings: Vec<(&str, String)> = vec![
        ("address", format!("{address}/state")),
        ("lock_address", format!("{address}/state")),
        ("unlock_address", format!("{address}/state")),
        ("retry_wait_min", "0".to_owned()),
    ];
    if with_journal {
        settings.push(("journal_address", format!("{address}/journal")));
    }
    let given = settings.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let folder = folder.display().to_string();
    let environment = move |name: &str| (name == "TF_DATA_DIR").then(|| folder.clone());
    let surroundings = Surroundings { environment: Arc::new(environment), ..Surroundings::none() };
    HTTP.storage(&Value::object(given), &surroundings).ok().unwrap()
}

fn holder() -> Holder {
    Holder {
        id: "one".to_owned(),
        pid: 7,
        host: "host".to_owned(),
        user: "ada".to_owned(),
        operation: "apply".to_owned(),
        command: "formwork apply".to_owned(),
        since: "2026-01-02T03:04:05Z".to_owned(),
    }
}

#[test]
fn it_keeps_the_contract_but_for_the_fence() {
    for with_journal in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (address, kept) = server();
        let handle = || storage(&address, folder.path(), with_journal).backend("default").unwrap();
        conformance::check(&handle(), &handle(), &|| ()).unwrap();
        assert!(kept.lock().unwrap().seen.iter().any(|one| one.starts_with("POST /state?ID=id-of-")));
    }
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let (address, kept) = server();
    let backend = storage(&address, folder.path(), true).backend("default").unwrap();
    let lose = || kept.lock().unwrap().lose = 1;
    lose();
    let fence = backend.lease(&holder(), 0).unwrap();
    lose();
    backend.append(fence, 0, b"one").unwrap();
    lose();
    backend.snapshot(fence, "", b"{}").unwrap();
    let loaded = backend.load().unwrap();
    assert_eq!((loaded.journal.as_slice(), loaded.next_sequence), (&b"one"[..], 1));
    assert_eq!(loaded.snapshot.as_deref(), Some(&b"{}"[..]));
    kept.lock().unwrap().lose = 100;
    assert!(matches!(backend.append(fence, 1, b"two"), Err(BackendError::Failed(_))));
}

#[test]
fn a_lock_that_was_left_behind_is_broken_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let (address, kept) = server();
    let storage = storage(&address, folder.path(), false);
    let theirs = r#"{"ID":"abc","Operation":"OperationTypeApply","Info":"","Who":"ada@host","Version":"1.12.6","Created":"2026-01-02T03:04:05Z","Path":""}"#;
    kept.lock().unwrap().lock = Some(theirs.as_bytes().to_vec());
    let backend = storage.backend("default").unwrap();
    let Err(BackendError::Held(Some(other))) = backend.lease(&holder(), 0) else { panic!("it is held") };
    assert_eq!((other.id.as_str(), other.user.as_str(), other.host.as_str()), ("abc", "ada", "host"));
    assert!(matches!(backend.break_lease("other"), Err(BackendError::NotHeld(Some(_)))));
    backend.break_lease("abc").unwrap();
    assert!(backend.lease(&holder(), 0).is_ok());
    assert!(storage.backend("dev").is_err() && storage.workspaces().is_err(), "one address has one state");
    assert!(!storage.warnings().is_empty(), "the journal is on this machine, and that is said");
}

#[test]
fn without_a_lock_address_nothing_is_locked() {
    let (address, kept) = server();
    let given = Value::object(vec![("address".into(), format!("{address}/state").into())]);
    let storage = HTTP.storage(&given, &Surroundings::none()).ok().unwrap();
    let backend = storage.backend("default").unwrap();
    let fence = backend.lease(&holder(), 0).unwrap();
    assert!(fence > Fence::UNLOCKED);
    backend.release(fence);
    assert!(kept.lock().unwrap().seen.is_empty());
}

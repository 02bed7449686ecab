//! Providers from servers on loopback: a registry and a network mirror, right and wrong in every way that is known.
#![expect(clippy::unwrap_used, reason = "a test without its servers cannot go on")]

mod packed;

use crate::packed::archive;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use formwork_install::{
    Event, Installer, LockFile, Options, Settings, Wanted, executable, packages, platform,
};
use formwork_lang::VersionConstraint;
use formwork_state::ProviderAddress;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const ADDRESS: &str = "reg.test/acme/thing";
const TOKEN: &str = "hunter2";

/// Answers by path; what is not there is not found.
type Answers = BTreeMap<String, Vec<u8>>;

/// Paths, each with the token that was given.
type Asked = Vec<(String, Option<String>)>;

struct Server {
    address: String,
    answers: Arc<Mutex<Answers>>,
    /// Paths asked for, with the token given.
    asked: Arc<Mutex<Asked>>,
    /// How many questions are answered with an error that passes.
    stumbles: Arc<AtomicU32>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (answers, asked) = (Arc::<Mutex<Answers>>::default(), Arc::<Mutex<Asked>>::default());
        let (known, told) = (answers.clone(), asked.clone());
        let stumbles = Arc::<AtomicU32>::default();
        let stumbling = stumbles.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                let path = first.split(' ').nth(1).unwrap().to_owned();
                let headers: Vec<String> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let token = headers
                    .iter()
                    .find_map(|line| line.strip_prefix("authorization: Bearer ").map(ToOwned::to_owned));
                told.lock().unwrap().push((path.clone(), token));
                let is_stumbling = stumbling.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
                let body = known.lock().unwrap().get(&path).filter(|_| !is_stumbling).cloned();
                let status = match &body {
                    Some(_) => "200 OK",
                    None if is_stumbling => "503 Service Unavailable",
                    None => "404 Not Found",
                };
                let body = body.unwrap_or_default();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { address, answers, asked, stumbles }
    }

    fn settings(&self, installation: &str) -> Settings {
        let text = format!(
            "host \"reg.test\" {{ services = {{ \"providers.v1\" = \"{}/p\" }} }}\ncredentials \"reg.test\" {{ token = \"{TOKEN}\" }}\n{}",
            self.address,
            installation.replace("SERVER", &self.address)
        );
        Settings::parse(&text, "test").unwrap()
    }
}

fn program() -> Vec<u8> {
    archive(&[("terraform-provider-thing_v1.0.0", "#!/bin/sh\n"), ("README.md", "a provider")])
}

fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A key in the form of `OpenPGP`, and its signature of a text.
fn signed(seed: u8, text: &[u8]) -> (String, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let packet = |tag: u8, body: &[u8]| {
        [&[0xc0 | tag, 255], &u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
    };
    let curve = [9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
    let key = [&[4, 0, 0, 0, 0, 22], &curve[..], &[1, 7, 0x40], pair.public_key().as_ref()].concat();
    let hashed = [4, 0, 22, 8, 0, 0];
    let whole = [text, &hashed, &[4, 0xff, 0, 0, 0, 6]].concat();
    let made = pair.sign(digest::digest(&digest::SHA256, &whole).as_ref());
    let number = |bytes: &[u8]| [&[1, 0], bytes].concat();
    let (r, s) = made.as_ref().split_at(32);
    let signature = [&hashed[..], &[0, 0, 0, 0], &number(r), &number(s)].concat();
    let armored = format!(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}\n-----END PGP PUBLIC KEY BLOCK-----\n",
        base64::engine::general_purpose::STANDARD.encode(packet(6, &key))
    );
    (armored, packet(2, &signature))
}

/// What a registry says of one version, whose archive is this.
fn registry(version: &str, archive: &[u8]) -> Answers {
    let (name, base) = (
        format!("thing_{version}.zip"),
        format!("/p/acme/thing/{version}/download/{}", platform().replace('_', "/")),
    );
    let sums = format!("{}  {name}\n{:064}  other.zip\n", sha256(archive), 7);
    let (key, signature) = signed(1, sums.as_bytes());
    let package = serde_json::json!({
        "protocols": ["5.0"], "filename": name, "download_url": format!("/files/{name}"), "shasum": sha256(archive),
        "shasums_url": "/files/SUMS", "shasums_signature_url": "/files/SUMS.sig",
        "signing_keys": { "gpg_public_keys": [{ "key_id": "x", "ascii_armor": key }] },
    });
    let versions = serde_json::json!({ "versions": [{ "version": version }, { "version": "0.1.0" }, { "version": "9.0.0-rc1" }] });
    Answers::from([
        ("/p/acme/thing/versions".to_owned(), versions.to_string().into_bytes()),
        (base, package.to_string().into_bytes()),
        (format!("/files/{name}"), archive.to_vec()),
        ("/files/SUMS".to_owned(), sums.into_bytes()),
        ("/files/SUMS.sig".to_owned(), signature),
    ])
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn install(
    settings: &Settings,
    folder: &Path,
    lock: &LockFile,
    constraint: &str,
) -> (Result<LockFile, String>, String) {
    let wanted = Wanted::from([(
        ProviderAddress::parse(ADDRESS).unwrap(),
        VersionConstraint::parse(constraint).unwrap_or_default(),
    )]);
    let told = std::cell::RefCell::new(String::new());
    let tell = |event: &Event| {
        if !matches!(event, Event::Received(..)) {
            let _ = writeln!(told.borrow_mut(), "{event}");
        }
    };
    let installer = Installer::new(settings, nothing, folder, &Options::default(), &tell);
    let (lock, failed) = installer.install(&wanted, lock, false);
    let result =
        failed.into_values().next().map_or(Ok(lock), |one| Err(format!("{}: {}", one.summary, one.detail)));
    (result, told.into_inner())
}

/// What is left of an attempt: no package, and nothing half made.
fn is_clean(folder: &Path) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() && !entry.file_name().to_string_lossy().starts_with(".incomplete") {
                folders.push(entry.path());
            } else {
                return false;
            }
        }
    }
    true
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

const DIRECT: &str = "provider_installation { direct {} }";

#[test]
fn a_signed_package_of_a_registry_is_installed_and_locked() {
    let server = Server::start();
    *server.answers.lock().unwrap() = registry("1.2.0", &program());
    let (settings, data) = (server.settings(DIRECT), folder());
    let (lock, told) = install(&settings, data.path(), &LockFile::default(), "~> 1.0");
    let lock = lock.unwrap();
    let address = ProviderAddress::parse(ADDRESS).unwrap();
    let locked = &lock.providers[&address];
    assert_eq!(
        (locked.version.to_string(), locked.constraints.to_string()),
        ("1.2.0".into(), "~> 1.0".into())
    );
    let kinds: Vec<&str> = locked.hashes.iter().map(|hash| &hash[..3]).collect();
    assert_eq!(kinds, ["h1:", "zh:", "zh:"]);
    assert!(told.contains("- Finding reg.test/acme/thing versions matching \"~> 1.0\"...\n- Installing reg.test/acme/thing v1.2.0...\n- Installed reg.test/acme/thing v1.2.0 (signed, key ID "), "{told}");
    let package = packages(data.path()).join(format!("{ADDRESS}/1.2.0/{}", platform()));
    assert!(executable(&package, &address).is_some());
    // A second time nothing is asked for; what was changed in the meantime is fetched again.
    let asked = server.asked.lock().unwrap().len();
    let (again, told) = install(&settings, data.path(), &lock, "~> 1.0");
    assert_eq!(again.unwrap(), lock);
    assert!(told.contains("- Using previously-installed reg.test/acme/thing v1.2.0"), "{told}");
    assert_eq!(server.asked.lock().unwrap().len(), asked);
    std::fs::write(package.join("README.md"), "changed").unwrap();
    let (again, told) = install(&settings, data.path(), &lock, "~> 1.0");
    assert_eq!(again.unwrap(), lock);
    assert!(told.contains("- Installed"), "{told}");
}

type Change = fn(&mut Answers);

/// What is wrong, how it comes about, and what is said.
const FAULTS: &[(&str, Change, &str)] = &[
    (
        "no versions",
        |answers| drop(answers.remove("/p/acme/thing/versions")),
        "was not found in any of the search",
    ),
    (
        "no JSON",
        |answers| drop(answers.insert("/p/acme/thing/versions".into(), b"<html>".into())),
        "answers no JSON",
    ),
    (
        "an archive of another",
        |answers| drop(answers.insert("/files/thing_1.2.0.zip".into(), archive(&[("x", "y")]))),
        "has incorrect checksum",
    ),
    (
        "half an archive",
        |answers| {
            let bytes = answers.get_mut("/files/thing_1.2.0.zip").unwrap();
            bytes.truncate(bytes.len() / 2);
        },
        "has incorrect checksum",
    ),
    ("no archive", |answers| drop(answers.remove("/files/thing_1.2.0.zip")), "404"),
    (
        "sums of another",
        |answers| {
            let sums = format!("{:064}  thing_1.2.0.zip\n", 3);
            answers.insert("/files/SUMS".into(), sums.into_bytes());
        },
        "do not list thing_1.2.0.zip so",
    ),
    (
        "sums that nobody signed",
        |answers| answers.get_mut("/files/SUMS").unwrap().extend(b"# more\n"),
        "authentication signature from unknown issuer",
    ),
    (
        "a signature by another",
        |answers| {
            let made = signed(2, &answers["/files/SUMS"]).1;
            answers.insert("/files/SUMS.sig".into(), made);
        },
        "authentication signature from unknown issuer",
    ),
    ("no signature", |answers| drop(answers.remove("/files/SUMS.sig")), "404"),
    (
        "out of its folder",
        |answers| *answers = registry("1.2.0", &archive(&[("../../x", "y")])),
        "outside its folder",
    ),
    ("no program", |answers| *answers = registry("1.2.0", &archive(&[("x", "y")])), "no program whose name"),
    (
        "a right archive cut off",
        |answers| {
            let mut half = program();
            half.truncate(half.len() / 2);
            *answers = registry("1.2.0", &half);
        },
        "no whole zip",
    ),
];

#[test]
fn what_is_wrong_with_a_registry_is_found_and_leaves_nothing() {
    for (name, change, said) in FAULTS {
        let (server, data) = (Server::start(), folder());
        let mut answers = registry("1.2.0", &program());
        change(&mut answers);
        *server.answers.lock().unwrap() = answers;
        let (result, _) = install(&server.settings(DIRECT), data.path(), &LockFile::default(), "");
        let error = result.unwrap_err();
        assert!(error.contains(said), "{name}: {error}");
        assert!(!error.contains(TOKEN), "{name}");
        assert!(is_clean(data.path()), "{name}");
    }
}

#[test]
fn what_passes_is_asked_for_again_a_few_times() {
    for (stumbles, said) in [(2, ""), (9, "answers 503 Service Unavailable, at the last of 4 attempts")] {
        let (server, data) = (Server::start(), folder());
        *server.answers.lock().unwrap() = registry("1.2.0", &program());
        server.stumbles.store(stumbles, SeqCst);
        let (result, _) = install(&server.settings(DIRECT), data.path(), &LockFile::default(), "");
        match result {
            Ok(_) => assert!(said.is_empty(), "{stumbles} stumbles"),
            Err(error) => assert!(!said.is_empty() && error.contains(said), "{stumbles} stumbles: {error}"),
        }
    }
}

#[test]
fn a_token_goes_to_its_own_host_alone() {
    let (server, other, data) = (Server::start(), Server::start(), folder());
    let mut answers = registry("1.2.0", &program());
    *other.answers.lock().unwrap() = answers.clone();
    // The registry names files on another server.
    for body in answers.values_mut() {
        if let Ok(text) = std::str::from_utf8(body) {
            *body = text.replace("\"/files/", &format!("\"{}/files/", other.address)).into_bytes();
        }
    }
    *server.answers.lock().unwrap() = answers;
    let settings = server.settings(DIRECT);
    install(&settings, data.path(), &LockFile::default(), "").0.unwrap();
    assert!(server.asked.lock().unwrap().iter().all(|(_, token)| token.as_deref() == Some(TOKEN)));
    let asked = other.asked.lock().unwrap();
    assert!(!asked.is_empty() && asked.iter().all(|(_, token)| token.is_none()), "{asked:?}");
}

#[test]
fn mirrors_and_folders_are_held_against_the_lock_file() {
    let server = Server::start();
    let bytes = program();
    let sum = format!("zh:{}", sha256(&bytes));
    let describe = |hash: &str| {
        serde_json::json!({ "archives": { platform(): { "url": "thing.zip", "hashes": [hash] } } })
            .to_string()
            .into_bytes()
    };
    let base = format!("/m/{ADDRESS}");
    *server.answers.lock().unwrap() = Answers::from([
        (format!("{base}/index.json"), br#"{"versions":{"1.0.0":{},"2.0.0":{}}}"#.to_vec()),
        (format!("{base}/1.0.0.json"), describe(&sum)),
        (format!("{base}/2.0.0.json"), describe(&format!("zh:{:064}", 1))),
        (format!("{base}/thing.zip"), bytes.clone()),
    ]);
    let mirror = server.settings("provider_installation { network_mirror { url = \"SERVER/m\" } }");
    let data = folder();
    let (wrong, _) = install(&mirror, data.path(), &LockFile::default(), "");
    assert!(wrong.unwrap_err().contains("none of the checksums that the mirror gives"));
    assert!(is_clean(data.path()));
    let (lock, told) = install(&mirror, data.path(), &LockFile::default(), "< 2.0.0");
    let lock = lock.unwrap();
    assert!(told.contains("v1.0.0 (verified checksum)"), "{told}");

    // The same package in a folder, packed: it is the one that is locked.
    let packed = folder();
    let place = packed.path().join(ADDRESS);
    std::fs::create_dir_all(&place).unwrap();
    let file = place.join(format!("terraform-provider-thing_1.0.0_{}.zip", platform()));
    std::fs::write(&file, &bytes).unwrap();
    let text =
        format!("provider_installation {{ filesystem_mirror {{ path = \"{}\" }} }}", packed.path().display());
    let settings = Settings::parse(&text, "test").unwrap();
    let data = folder();
    let (again, told) = install(&settings, data.path(), &lock, "< 2.0.0");
    assert_eq!(again.unwrap(), lock);
    assert!(told.contains("- Reusing previous version") && told.contains("(unauthenticated)"), "{told}");

    // Another package of that version is not.
    std::fs::write(&file, archive(&[("terraform-provider-thing_v1.0.0", "other")])).unwrap();
    let data = folder();
    let (error, _) = install(&settings, data.path(), &lock, "< 2.0.0");
    assert!(error.unwrap_err().contains("doesn't match any of the checksums previously recorded"));
    assert!(is_clean(data.path()));
    let (error, _) = install(&settings, data.path(), &lock, ">= 2.0.0");
    assert!(error.unwrap_err().contains("does not match configured version constraint >= 2.0.0"));
}

#[test]
fn many_at_once_share_a_cache() {
    let server = Server::start();
    *server.answers.lock().unwrap() = registry("1.2.0", &program());
    let cache = folder();
    let settings = server.settings(&format!("plugin_cache_dir = \"{}\"\n{DIRECT}", cache.path().display()));
    let first = install(&settings, folder().path(), &LockFile::default(), "").0.unwrap();
    std::fs::remove_dir_all(cache.path().join("reg.test")).unwrap();
    server.asked.lock().unwrap().clear();
    let told: Vec<String> = std::thread::scope(|scope| {
        let run = || {
            let data = folder();
            let (lock, told) = install(&settings, data.path(), &first, "");
            assert_eq!(lock.unwrap(), first);
            let package = packages(data.path()).join(format!("{ADDRESS}/1.2.0/{}", platform()));
            assert!(package.is_symlink() && package.join("README.md").is_file());
            told
        };
        let started: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        told.iter().filter(|told| told.contains("from the shared cache directory")).count(),
        5,
        "{told:?}"
    );
    let downloads =
        server.asked.lock().unwrap().iter().filter(|(path, _)| path.contains("/files/thing_")).count();
    assert_eq!(downloads, 1);
}

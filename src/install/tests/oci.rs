//! Packages of an OCI registry on loopback that wants to know who one is, and programs that know it.
#![expect(clippy::unwrap_used, reason = "a test without its server cannot go on")]

mod packed;

use crate::packed::archive;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_install::{Event, Installer, LockFile, Modules, Options, Settings, Wanted, packages, platform};
use formwork_lang::{ModuleAddress, ModuleRequest, VersionConstraint};
use formwork_state::ProviderAddress;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const ADDRESS: &str = "reg.test/acme/thing";
const ZIP: &str = "archive/zip";
/// What the server wants to be told: `user:hunter2` where it hands tokens out, the token everywhere else.
const PASSWORD: &str = "hunter2";
const TOKEN: &str = "granted-to-this-run";

/// Answers by path.
type Answers = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

struct Registry {
    host: String,
    answers: Answers,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let answers = Answers::default();
        let (known, name) = (answers.clone(), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                let path = first.split(' ').nth(1).unwrap().to_owned();
                let headers: Vec<String> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let said = headers.iter().find_map(|line| line.strip_prefix("authorization: "));
                let (status, body) = answer(&known, &path, said);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\nWWW-Authenticate: Bearer realm=\"http://{name}/token\",service=\"lab\",scope=\"repository:x:pull\"\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { host, answers }
    }

    fn put(&self, path: &str, body: Vec<u8>) {
        self.answers.lock().unwrap().insert(path.to_owned(), body);
    }

    /// Holds a document under its digest, and a tag where one is given; what an index says of it.
    fn manifest(&self, repository: &str, tag: Option<&str>, document: &Json) -> String {
        let body = document.to_string().into_bytes();
        let digest = format!("sha256:{}", sum(&body));
        for reference in tag.into_iter().chain([digest.as_str()]) {
            self.put(&format!("/v2/{repository}/manifests/{reference}"), body.clone());
        }
        digest
    }

    /// A package and its manifest.
    fn package(&self, repository: &str, tag: Option<&str>, kind: &str, archive: &[u8]) -> String {
        let digest = format!("sha256:{}", sum(archive));
        self.put(&format!("/v2/{repository}/blobs/{digest}"), archive.to_vec());
        let layer = json!({ "mediaType": ZIP, "digest": digest, "size": archive.len() });
        self.manifest(repository, tag, &json!({ "artifactType": kind, "layers": [layer] }))
    }

    fn settings(&self, text: &str) -> Settings {
        Settings::parse(&text.replace("HOST", &self.host), "test").unwrap()
    }
}

fn answer(known: &Answers, path: &str, said: Option<&str>) -> (&'static str, Vec<u8>) {
    let basic = format!("Basic {}", STANDARD.encode(format!("user:{PASSWORD}")));
    if path.starts_with("/token?") {
        assert!(path.contains("service=lab") && path.contains("scope=repository:x:pull"), "{path}");
        let granted = json!({ "token": TOKEN }).to_string().into_bytes();
        return if said == Some(&basic) { ("200 OK", granted) } else { ("401 Unauthorized", Vec::new()) };
    }
    if said != Some(&format!("Bearer {TOKEN}")) {
        return ("401 Unauthorized", Vec::new());
    }
    known.lock().unwrap().get(path).map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body.clone()))
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn nothing(_: &str) -> Option<String> {
    None
}

/// The folder of a module, or why there is none.
fn module(settings: &Settings, source: &str, data: &Path) -> Result<String, String> {
    let address = ModuleAddress::parse(source).unwrap();
    let mut modules = Modules::new(settings.clone(), nothing, data, false, |_| {}, String::new);
    let request = ModuleRequest { key: "net", address: &address, version: &VersionConstraint::default() };
    modules.install(&request).map_err(|error| error.detail.clone())
}

const KNOWN: &str = "oci_credentials \"HOST\" {\n  username = \"user\"\n  password = \"hunter2\"\n}\n";

#[test]
fn a_module_is_one_layer_of_a_repository() {
    let registry = Registry::start();
    let bytes = archive(&[("main.tf", "# top"), ("inner/main.tf", "# inner")]);
    let kind = "application/vnd.opentofu.modulepkg";
    let digest = registry.package("net/vpc", Some("1.0.0"), kind, &bytes);
    registry.package("net/vpc", Some("latest"), "application/vnd.other", &bytes);
    let host = &registry.host;
    let settings = registry.settings(KNOWN);
    let data = tempfile::tempdir().unwrap();
    let dir = module(&settings, &format!("oci://{host}/net/vpc//inner?tag=1.0.0"), data.path()).unwrap();
    assert_eq!(std::fs::read_to_string(Path::new(&dir).join("main.tf")).unwrap(), "# inner");
    let by_digest = format!("oci://{host}/net/vpc?digest={digest}");
    let data = tempfile::tempdir().unwrap();
    let dir = module(&settings, &by_digest, data.path()).unwrap();
    assert_eq!(std::fs::read_to_string(Path::new(&dir).join("main.tf")).unwrap(), "# top");

    let other = format!("sha256:{}", "0".repeat(64));
    registry.put(&format!("/v2/net/vpc/manifests/{other}"), b"{}".to_vec());
    let unknown = registry.settings("oci_default_credentials {\n  discover_ambient_credentials = false\n}\n");
    let wrong = registry.settings(&KNOWN.replace(PASSWORD, "swordfish"));
    for (settings, source, said) in [
        (&settings, format!("oci://{host}/net/vpc"), "is application/vnd.other, and not"),
        (&settings, format!("oci://{host}/net/vpc?tag=2.0.0"), "404"),
        (&settings, format!("oci://{host}/net/vpc?digest={other}"), "incorrect checksum"),
        (&settings, format!("oci://{host}/Net/Vpc"), "no repository"),
        (&settings, format!("oci://{host}/net/vpc?ref=1"), "?tag=NAME"),
        (&unknown, format!("oci://{host}/net/vpc"), "wants to know who one is"),
        (&wrong, format!("oci://{host}/net/vpc"), "wants to know who one is"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let error = module(settings, &source, data.path()).unwrap_err();
        assert!(error.contains(said), "{source}: {error}");
        assert!(!error.contains("swordfish") && !error.contains(PASSWORD), "{error}");
        assert!(!data.path().join("modules/net").exists(), "{source}");
    }
}

#[test]
fn a_provider_is_an_index_with_a_package_for_each_platform() {
    let registry = Registry::start();
    let bytes = archive(&[("terraform-provider-thing_v1.2.0", "#!/bin/sh\n")]);
    let kind = "application/vnd.opentofu.provider";
    let target = format!("{kind}-target");
    let digest = registry.package("p/acme/thing", None, &target, &bytes);
    let own = platform();
    let (os, architecture) = own.split_once('_').unwrap();
    let listed = |digest: &str, os: &str| json!({ "digest": digest, "artifactType": target, "platform": { "os": os, "architecture": architecture } });
    let index =
        json!({ "artifactType": kind, "manifests": [listed("sha256:0", "plan9"), listed(&digest, os)] });
    registry.manifest("p/acme/thing", Some("1.2.0_lab"), &index);
    let foreign = json!({ "artifactType": kind, "manifests": [listed(&digest, "plan9")] });
    registry.manifest("p/acme/thing", Some("2.0.0"), &foreign);
    registry.put(
        "/v2/p/acme/thing/tags/list?n=1000",
        br#"{"name":"p/acme/thing","tags":["latest","1.2.0_lab","2.0.0"]}"#.to_vec(),
    );
    let mirror = "provider_installation {\n  oci_mirror {\n    repository_template = \"HOST/p/${namespace}/${type}\"\n    include = [\"reg.test/*/*\"]\n  }\n}\n";
    let settings = registry.settings(&format!("{KNOWN}{mirror}"));
    let install = |constraint: &str, data: &Path| {
        let version = VersionConstraint::parse(constraint).unwrap_or_default();
        let wanted = Wanted::from([(ProviderAddress::parse(ADDRESS).unwrap(), version)]);
        let told = std::cell::RefCell::new(String::new());
        let tell = |event: &Event| {
            let _ = writeln!(told.borrow_mut(), "{event}");
        };
        let installer = Installer::new(&settings, nothing, data, &Options::default(), &tell);
        let (lock, failed) = installer.install(&wanted, &LockFile::default(), false);
        let result = failed.into_values().next().map_or(Ok(lock), |one| Err(one.detail.clone()));
        (result, told.into_inner())
    };
    let data = tempfile::tempdir().unwrap();
    let (lock, told) = install("< 2.0.0", data.path());
    let lock = lock.unwrap();
    let locked = &lock.providers[&ProviderAddress::parse(ADDRESS).unwrap()];
    assert!(told.contains("v1.2.0+lab (verified checksum)"), "{told}");
    assert!(locked.hashes.contains(&format!("zh:{}", sum(&bytes))), "{locked:?}");
    assert!(packages(data.path()).join(ADDRESS).is_dir());
    let data = tempfile::tempdir().unwrap();
    let (error, _) = install(">= 2.0.0", data.path());
    assert!(error.unwrap_err().contains("there is no package of it for"));

    // What the registry gives for a digest must have it.
    registry.put(&format!("/v2/p/acme/thing/blobs/sha256:{}", sum(&bytes)), archive(&[("x", "y")]));
    let data = tempfile::tempdir().unwrap();
    let (error, _) = install("< 2.0.0", data.path());
    assert!(error.unwrap_err().contains("incorrect checksum"));
}

/// A program of this user.
fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The folder that the variables of this test's processes name.
static HOME: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();

fn home() -> &'static Path {
    HOME.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

fn of_home(name: &str) -> Option<String> {
    let path = |below: &str| Some(home().join(below).display().to_string());
    match name {
        "HOME" => path(""),
        "PATH" => Some(format!("{}:/usr/bin:/bin", home().join("bin").display())),
        _ => None,
    }
}

#[test]
fn programs_say_who_one_is() {
    let plugins = home().join(".terraform.d/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    program(
        &plugins,
        "terraform-credentials-vault",
        "#!/bin/sh\n[ \"$1 $2\" = \"--area lab\" ] || exit 9\n[ \"$3\" = get ] || exit 8\ncase $4 in\na.test) echo '{\"token\":\"hunter2\"}' ;;\nb.test) echo '{}' ;;\nc.test) echo 'no such area' >&2; exit 3 ;;\n*) echo nothing ;;\nesac\n",
    );
    let text = "credentials_helper \"vault\" {\n  args = [\"--area\", \"lab\"]\n}\n";
    let settings = Settings::parse(text, "test").unwrap();
    assert_eq!(settings.token("a.test", of_home), Ok(Some("hunter2".to_owned())));
    assert_eq!(settings.token("b.test", of_home), Ok(None));
    for (host, said) in [("c.test", "no such area"), ("d.test", "no JSON object")] {
        let error = settings.token(host, of_home).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let absent = Settings::parse("credentials_helper \"absent\" {}", "test").unwrap();
    let error = absent.token("a.test", of_home).unwrap_err();
    assert!(error.contains("terraform-credentials-absent is in none"), "{error}");
}

#[test]
fn what_container_programs_keep_is_used() {
    let registry = Registry::start();
    let bytes = archive(&[("main.tf", "")]);
    registry.package("a/b", Some("latest"), "application/vnd.opentofu.modulepkg", &bytes);
    let folder = tempfile::tempdir().unwrap();
    let auth = STANDARD.encode(format!("user:{PASSWORD}"));
    let wrong = STANDARD.encode("user:x");
    let host = &registry.host;
    let kept = |document: Json| {
        let path = folder.path().join("config.json");
        std::fs::write(&path, document.to_string()).unwrap();
        let text =
            format!("oci_default_credentials {{ docker_style_config_files = [\"{}\"] }}", path.display());
        let settings = Settings::parse(&text, "test").unwrap();
        let data = tempfile::tempdir().unwrap();
        module(&settings, &format!("oci://{host}/a/b"), data.path())
    };
    for (document, is_right) in [
        (json!({ "auths": { host.as_str(): { "auth": auth } } }), true),
        (json!({ "auths": { format!("https://{host}/v1/"): { "auth": auth } } }), true),
        (
            json!({ "auths": { host.as_str(): { "auth": wrong }, format!("{host}/a"): { "auth": auth } } }),
            true,
        ),
        (json!({ "auths": { format!("{host}/other"): { "auth": auth } } }), false),
        (json!({ "auths": { host.as_str(): { "auth": "?" } } }), false),
        (json!({ "auths": {} }), false),
    ] {
        let found = kept(document.clone());
        assert_eq!(found.is_ok(), is_right, "{document}: {found:?}");
    }
}

//! Every kind through the conformance kit, and what is made read by `openssl` and `ssh-keygen`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use formwork_provider_tls::tls;
use formwork_sdk::conformance::{Sample, Subject, create, run};
use formwork_sdk::{Connection, PlanRequest, Provider, Request, Response};
use formwork_value::{Path, Type, Value};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// 2030-01-01, a moment that stands still.
const START: i64 = 1_893_456_000;
const HOUR: i64 = 3600;

fn provider() -> Arc<dyn Provider> {
    Arc::new(tls(|| START))
}

fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes.map(|(name, value)| (name.into(), value)).to_vec())
}

fn list(texts: &[&str]) -> Value {
    Value::list(Type::String, texts.iter().map(|text| Value::from(*text)).collect())
}

fn with(value: &Value, name: &str, replaced: Value) -> Value {
    let entries = value.entries().unwrap().iter().filter(|(key, _)| key.as_str() != name);
    let mut entries: Vec<_> = entries.map(|(key, value)| (key.clone(), value.clone())).collect();
    entries.push((name.into(), replaced));
    Value::object(entries)
}

fn string(object: &Value, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} is no text")).to_string()
}

fn path(name: &str) -> Path {
    Path::root().attribute(name)
}

async fn made(kind: &str, configuration: &Value) -> Value {
    create(&provider(), &object([]), kind, configuration).await.unwrap()
}

fn key_of(algorithm: &str, curve: Option<&str>) -> Value {
    let curve = curve.map_or(Value::null(Type::String), Value::from);
    object([("algorithm", algorithm.into()), ("ecdsa_curve", curve)])
}

fn subject(name: &str) -> Value {
    let none = || Value::null(Type::String);
    Value::tuple(vec![object([
        ("locality", none()),
        ("organizational_unit", none()),
        ("postal_code", none()),
        ("province", none()),
        ("serial_number", none()),
        ("common_name", name.into()),
        ("organization", "Example & Sœurs".into()),
        ("country", "FR".into()),
        ("street_address", list(&["1 Rue A", "2e étage"])),
    ])])
}

fn certificate(key: &str) -> Value {
    object([
        ("private_key_pem", key.into()),
        ("validity_period_hours", 48.into()),
        ("allowed_uses", list(&["cert_signing", "digital_signature", "server_auth", "client_auth"])),
        ("is_ca_certificate", true.into()),
        ("dns_names", list(&["a.example.com"])),
        ("ip_addresses", list(&["10.0.0.1", "fd00::1"])),
        ("uris", list(&["spiffe://example.com/a"])),
        ("subject", subject("Authority")),
    ])
}

/// The algorithms and curves, all of them.
const KEYS: [(&str, Option<&str>); 5] = [
    ("RSA", None),
    ("ECDSA", Some("P256")),
    ("ECDSA", Some("P384")),
    ("ECDSA", Some("P521")),
    ("ED25519", None),
];

#[tokio::test]
async fn every_kind_conforms() {
    let key = string(&made("tls_private_key", &key_of("ED25519", None)).await, "private_key_pem");
    let authority = made("tls_self_signed_cert", &certificate(&key)).await;
    let request = object([("private_key_pem", key.as_str().into()), ("subject", subject("a"))]);
    let asked = made("tls_cert_request", &request).await;
    let signed = object([
        ("cert_request_pem", string(&asked, "cert_request_pem").into()),
        ("ca_cert_pem", string(&authority, "cert_pem").into()),
        ("ca_private_key_pem", key.as_str().into()),
        ("validity_period_hours", 24.into()),
        ("allowed_uses", list(&["server_auth"])),
    ]);
    let other = string(&made("tls_private_key", &key_of("ECDSA", None)).await, "private_key_pem");
    let certificate = certificate(&key);
    let samples = vec![
        Sample::new("tls_private_key", key_of("ECDSA", None))
            .bad(key_of("DSA", None), path("algorithm"))
            .bad(key_of("ECDSA", Some("P224")), path("ecdsa_curve"))
            .bad(object([("algorithm", "RSA".into()), ("rsa_bits", 512.into())]), path("rsa_bits")),
        Sample::new("tls_self_signed_cert", certificate.clone())
            .update(with(&certificate, "early_renewal_hours", 2.into()))
            .bad(with(&certificate, "private_key_pem", "no key".into()), path("private_key_pem"))
            .bad(with(&certificate, "allowed_uses", list(&["everything"])), path("allowed_uses"))
            .bad(with(&certificate, "ip_addresses", list(&["10.0.0.0/8"])), path("ip_addresses")),
        Sample::new("tls_cert_request", request.clone())
            .bad(with(&request, "dns_names", list(&["größe.example"])), path("dns_names")),
        Sample::new("tls_locally_signed_cert", signed.clone())
            .update(with(&signed, "early_renewal_hours", 2.into()))
            .bad(with(&signed, "ca_private_key_pem", other.into()), path("ca_private_key_pem"))
            .bad(with(&signed, "ca_cert_pem", "no certificate".into()), path("ca_cert_pem"))
            .bad(with(&signed, "cert_request_pem", "no request".into()), path("cert_request_pem")),
    ];
    let samples: Vec<Sample> = samples.into_iter().map(Sample::is_only_a_value).collect();
    let report = run(&Subject { open: &provider, configuration: object([]), samples }).await;
    assert!(report.is_conforming(), "{report}");
    let kinds: BTreeSet<&str> = report.checks.iter().map(|check| check.kind.as_str()).collect();
    assert_eq!(kinds.len(), provider().schema().resources.len(), "{kinds:?}");
}

/// A folder of files that only their owner reads.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(self.0.path().join(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn says(&self, line: &str) -> String {
        let mut words = line.split(' ');
        let output =
            Command::new(words.next().unwrap()).args(words).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[tokio::test]
async fn keys_are_read_by_others() {
    for (algorithm, curve) in KEYS {
        let key = made("tls_private_key", &key_of(algorithm, curve)).await;
        let folder = Folder::new();
        for form in ["private_key_pem", "private_key_openssh", "private_key_pem_pkcs8", "public_key_openssh"]
        {
            folder.write(form, &string(&key, form));
        }
        let public = string(&key, "public_key_pem");
        for form in ["private_key_pem", "private_key_pem_pkcs8"] {
            folder.says(&format!("openssl pkey -in {form} -check -noout"));
            let said = folder.says(&format!("openssl pkey -in {form} -pubout"));
            assert_eq!(said, public.trim(), "{algorithm} {curve:?} {form}");
        }
        let line = string(&key, "public_key_openssh");
        assert_eq!(folder.says("ssh-keygen -y -f private_key_openssh"), line.trim());
        let fingerprints =
            [("sha256", "public_key_fingerprint_sha256", ""), ("md5", "public_key_fingerprint_md5", "MD5:")];
        for (hash, attribute, before) in fingerprints {
            let said = folder.says(&format!("ssh-keygen -l -E {hash} -f public_key_openssh"));
            let expected = format!("{before}{}", string(&key, attribute));
            assert!(said.contains(&expected), "{said} has no {expected}");
        }
        reads_keys_of_others(&folder, &line, &key).await;
    }
}

/// The data source gives the same of our own forms and of what `ssh-keygen` writes.
async fn reads_keys_of_others(folder: &Folder, line: &str, key: &Value) {
    let connection: Arc<dyn Connection> = tls(|| START).configure(object([])).await.unwrap();
    let pem = |text: String| (text, "private_key_pem", "private_key_openssh");
    let openssh = |text: String| (text, "private_key_openssh", "private_key_pem");
    // Read and written again by OpenSSH, with lines of its own length.
    folder.write("again", &string(key, "private_key_openssh"));
    folder.says("ssh-keygen -q -p -P  -N  -f again");
    let again = std::fs::read_to_string(folder.0.path().join("again")).unwrap();
    let forms = [
        pem(string(key, "private_key_pem")),
        pem(string(key, "private_key_pem_pkcs8")),
        openssh(string(key, "private_key_openssh")),
        openssh(again),
    ];
    for (text, given, left_out) in forms {
        let schema = provider().schema();
        let names = schema.data_sources["tls_public_key"].block.attributes.keys();
        let configuration = names.map(|name| {
            let value = if name.as_str() == given { text.as_str().into() } else { Value::null(Type::String) };
            (name.clone(), value)
        });
        let configuration = Value::object(configuration.collect());
        assert!(!provider().validate_resource("tls_public_key", &configuration).has_errors());
        let both = with(&configuration, left_out, text.as_str().into());
        assert!(provider().validate_resource("tls_public_key", &both).has_errors());
        let request =
            Request::ReadData { kind: "tls_public_key".to_owned(), configurations: vec![configuration] };
        let Response::Data(mut found) = connection.call(request).await else { panic!("it is not read") };
        let found = found.remove(0).unwrap();
        assert_eq!(string(&found, "public_key_openssh"), line, "{given}");
        assert_eq!(string(&found, "id"), string(key, "id"));
    }
}

#[tokio::test]
async fn certificates_are_verified_by_openssl() {
    for (algorithm, curve) in KEYS {
        let folder = Folder::new();
        let key = string(&made("tls_private_key", &key_of(algorithm, curve)).await, "private_key_pem");
        let authority = made("tls_self_signed_cert", &certificate(&key)).await;
        folder.write("authority", &string(&authority, "cert_pem"));
        let text = folder.says("openssl x509 -in authority -noout -text -nameopt utf8,sep_comma_plus");
        for part in [
            "Issuer: C=FR,O=Example & Sœurs,",
            "CN=Authority",
            "CA:TRUE",
            "Certificate Sign",
            "Digital Signature",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            "DNS:a.example.com",
            "IP Address:10.0.0.1",
            "IP Address:FD00:0:0:0:0:0:0:1",
            "URI:spiffe://example.com/a",
            "X509v3 Subject Key Identifier",
            "Not Before: Jan  1 00:00:00 2030 GMT",
            "Not After : Jan  3 00:00:00 2030 GMT",
        ] {
            assert!(text.contains(part), "{algorithm}: {part:?} is not in:\n{text}");
        }
        assert_eq!(string(&authority, "validity_end_time"), "2030-01-03T00:00:00Z");
        let at = START + HOUR;
        folder.says(&format!("openssl verify -attime {at} -check_ss_sig -CAfile authority authority"));

        // A request with another key, answered by the authority.
        let server = string(&made("tls_private_key", &key_of("ECDSA", None)).await, "private_key_pem");
        let request = object([
            ("private_key_pem", server.as_str().into()),
            ("subject", subject("server")),
            ("dns_names", list(&["b.example.com"])),
        ]);
        let asked = made("tls_cert_request", &request).await;
        folder.write("request", &string(&asked, "cert_request_pem"));
        folder.says("openssl req -in request -verify -noout");
        let signed = object([
            ("cert_request_pem", string(&asked, "cert_request_pem").into()),
            ("ca_cert_pem", string(&authority, "cert_pem").into()),
            ("ca_private_key_pem", key.as_str().into()),
            ("validity_period_hours", 24.into()),
            ("allowed_uses", list(&["digital_signature", "server_auth"])),
        ]);
        let signed = made("tls_locally_signed_cert", &signed).await;
        folder.write("server", &string(&signed, "cert_pem"));
        let verified = format!(
            "openssl verify -attime {at} -CAfile authority -verify_hostname b.example.com -x509_strict"
        );
        folder.says(&format!("{verified} -purpose sslserver server"));
        let text = folder.says("openssl x509 -in server -noout -text");
        assert!(text.contains("CA:FALSE") && text.contains("X509v3 Authority Key Identifier"), "{text}");
        let serial = folder.says("openssl x509 -in server -noout -serial");
        let number = u128::from_str_radix(serial.trim_start_matches("serial="), 16).unwrap();
        assert_eq!(number.to_string(), string(&signed, "id"));
    }
}

#[tokio::test]
async fn requests_of_others_are_answered() {
    let folder = Folder::new();
    let key = string(&made("tls_private_key", &key_of("ED25519", None)).await, "private_key_pem");
    let authority = made("tls_self_signed_cert", &certificate(&key)).await;
    folder.write("authority", &string(&authority, "cert_pem"));
    folder.says("openssl req -new -newkey rsa:2048 -nodes -keyout key -out request -subj /CN=other -addext subjectAltName=DNS:other.example.com");
    let request = std::fs::read_to_string(folder.0.path().join("request")).unwrap();
    let signed = object([
        ("cert_request_pem", request.into()),
        ("ca_cert_pem", string(&authority, "cert_pem").into()),
        ("ca_private_key_pem", key.as_str().into()),
        ("validity_period_hours", 24.into()),
        ("allowed_uses", list(&["server_auth"])),
    ]);
    folder.write("other", &string(&made("tls_locally_signed_cert", &signed).await, "cert_pem"));
    let at = START + HOUR;
    folder.says(&format!(
        "openssl verify -attime {at} -CAfile authority -verify_hostname other.example.com other"
    ));
}

#[tokio::test]
async fn a_certificate_is_made_anew_when_its_time_has_come() {
    let key = string(&made("tls_private_key", &key_of("ED25519", None)).await, "private_key_pem");
    let prior =
        made("tls_self_signed_cert", &with(&certificate(&key), "early_renewal_hours", 8.into())).await;
    let at: [(fn() -> i64, bool); 3] =
        [(|| START, false), (|| START + 40 * HOUR - 1, false), (|| START + 40 * HOUR, true)];
    for (clock, is_replaced) in at {
        let connection: Arc<dyn Connection> = tls(clock).configure(object([])).await.unwrap();
        let request = PlanRequest {
            kind: "tls_self_signed_cert".to_owned(),
            prior: prior.clone(),
            proposed: prior.clone(),
            configuration: prior.clone(),
            private: Vec::new(),
            owner: String::new(),
            identity: None,
        };
        let Response::Planned(Ok(planned)) = connection.call(Request::Plan(Box::new(request))).await else {
            panic!("it is not planned");
        };
        assert_eq!(
            planned.requires_replace,
            if is_replaced { vec![path("ready_for_renewal")] } else { vec![] }
        );
        assert_eq!(planned.planned == prior, !is_replaced);
    }
}

#[tokio::test]
async fn an_ephemeral_key_is_made_anew() {
    let connection: Arc<dyn Connection> = tls(|| START).configure(object([])).await.unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let configuration = object([("algorithm", "ED25519".into())]);
        let request = Request::OpenEphemeral { kind: "tls_private_key".to_owned(), configuration };
        let Response::Opened(Ok((opened, private, _))) = connection.call(request).await else {
            panic!("it is not opened");
        };
        assert!(private.is_empty());
        seen.insert(string(&opened, "private_key_pem"));
    }
    assert_eq!(seen.len(), 2);
}

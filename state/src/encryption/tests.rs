use super::*;
use crate::storage::Surroundings;
use formwork_value::Value;
use std::sync::Arc;

const PASSPHRASE: &str = "correct horse battery staple";

fn object(entries: &[(&str, Value)]) -> Value {
    Value::object(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

/// A key provider named `main`; cheap where nothing else is said.
fn provider(kind: &str, arguments: &[(&str, Value)]) -> Result<Arc<KeyProvider>, String> {
    let made = settings::key_provider(
        kind,
        format!("key_provider.{kind}.main"),
        &object(arguments),
        None,
        &Surroundings::none(),
    );
    made.map(Arc::new).map_err(|found| found.into_iter().map(|one| one.detail.clone()).collect())
}

fn method(kind: &str, arguments: &[(&str, Value)], keys: Option<Arc<KeyProvider>>) -> Result<Method, String> {
    let made = settings::method(kind, &object(arguments), keys, &Surroundings::none());
    made.map_err(|found| found.into_iter().map(|one| one.detail.clone()).collect())
}

fn passphrase(text: &str) -> (&'static str, Value) {
    ("passphrase", text.into())
}

fn argon2(text: &str) -> Arc<KeyProvider> {
    provider("argon2", &[passphrase(text), ("memory_kib", Value::from(64)), ("iterations", Value::from(1))])
        .unwrap()
}

fn aes(keys: Arc<KeyProvider>) -> Method {
    method("aes_gcm", &[], Some(keys)).unwrap()
}

fn code(result: Result<Opened<'_>, Diagnostic>) -> String {
    result.map_or_else(|diagnostic| diagnostic.code.clone(), |_| "opened".to_owned())
}

/// The two were made by a program of Python's `cryptography` and `hashlib` after OpenTofu's published form.
#[test]
fn a_state_that_opentofu_encrypted_is_read() {
    let plain = include_bytes!("fixtures/pbkdf2.json").as_slice();
    let additional = include_bytes!("fixtures/pbkdf2_aad.json").as_slice();
    let keys = provider("pbkdf2", &[passphrase(PASSPHRASE)]).unwrap();
    let aad = Value::tuple([1, 2, 3].map(Value::from).to_vec());
    let with_aad = || method("aes_gcm", &[("aad", aad.clone())], Some(keys.clone())).unwrap();
    for (file, method, is_read) in [
        (plain, aes(keys.clone()), true),
        (additional, with_aad(), true),
        (plain, with_aad(), false),
        (additional, aes(keys.clone()), false),
        (plain, aes(provider("pbkdf2", &[passphrase("another passphrase!")]).unwrap()), false),
    ] {
        let encryption = Encryption::new(vec![method]);
        let opened = encryption.open("state", file);
        assert_eq!(opened.is_ok(), is_read, "{:?}", opened.map(|opened| opened.bytes.len()));
        if let Ok(opened) = encryption.open("state", file) {
            let text = String::from_utf8_lossy(&opened.bytes).into_owned();
            assert!(text.contains("hunter2") && opened.is_current, "{text}");
            // What is written is of the same form, under the same names.
            let sealed: serde_json::Value =
                serde_json::from_slice(&encryption.seal(&opened.bytes, Label::default()).unwrap()).unwrap();
            assert!(sealed["meta"]["key_provider.pbkdf2.main"].is_string(), "{sealed}");
            assert_eq!(sealed["encryption_version"], "v0");
        }
    }
}

#[test]
fn each_method_reads_what_it_wrote_and_shows_nothing_of_it() {
    let identity = "AGE-SECRET-KEY-1PMVXESYNRE6S9EAUGEG026GRXXFUN7FV74AFQMC3N6UCVUTDL4JSQ6U55R";
    let recipient = "age1ud9cp5eu2ywyds93rn6vq3qm22a8q3a9ef34tklalevs2zvdvqrqqef8zl";
    let texts = |text: &str| Value::tuple(vec![Value::from(text)]);
    let age = [("recipients", texts(recipient)), ("identities", texts(identity))];
    let short =
        [passphrase(PASSPHRASE), ("iterations", Value::from(200_000)), ("key_length", Value::from(16))];
    for (name, method) in [
        ("argon2", aes(argon2(PASSPHRASE))),
        ("pbkdf2", aes(provider("pbkdf2", &short).unwrap())),
        ("age", method("age", &age, None).unwrap()),
    ] {
        let encryption = Encryption::new(vec![method]);
        let label = Label { serial: Some(3), lineage: Some("l".to_owned()) };
        let sealed = encryption.seal(b"{\"secret\": \"hunter2\"}", label).unwrap();
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(
            !text.contains("hunter2") && is_sealed(&sealed) && text.contains("\"serial\":3"),
            "{name}: {text}"
        );
        let opened = encryption.open("state", &sealed).unwrap();
        assert_eq!(opened.bytes.as_ref(), b"{\"secret\": \"hunter2\"}", "{name}");
        let again = encryption.seal(b"{\"secret\": \"hunter2\"}", Label::default()).unwrap();
        assert_ne!(sealed, again, "{name}: never the same twice");
    }
}

#[test]
fn fallbacks_read_what_was_written_before() {
    let (old, new) = (|| aes(argon2("the passphrase of before")), || aes(argon2(PASSPHRASE)));
    let sealed = |method| Encryption::new(vec![method]).seal(b"{}", Label::default()).unwrap().into_owned();
    let (of_old, of_new) = (sealed(old()), sealed(new()));
    for (name, methods, bytes, expected) in [
        ("rotated", vec![new(), old()], &of_old, Ok(false)),
        ("of today", vec![new(), old()], &of_new, Ok(true)),
        ("the old one is gone", vec![new()], &of_old, Err("decryption-failed")),
        ("nothing is configured", vec![], &of_old, Err("encryption-unconfigured")),
        ("given up", vec![Method::Unencrypted, old()], &of_old, Ok(false)),
        ("not encrypted yet", vec![new(), Method::Unencrypted], &b"{}".to_vec(), Ok(false)),
        ("not encrypted, and it should be", vec![new()], &b"{}".to_vec(), Err("not-encrypted")),
        ("never encrypted", vec![], &b"{}".to_vec(), Ok(true)),
    ] {
        let encryption = Encryption::new(methods);
        let found = encryption.open("state", bytes).map(|opened| opened.is_current);
        assert_eq!(
            found.map_err(|diagnostic| diagnostic.code.clone()),
            expected.map_err(str::to_owned),
            "{name}"
        );
    }
}

#[test]
fn damaged_envelopes_are_refused() {
    let encryption = Encryption::new(vec![aes(argon2(PASSPHRASE))]);
    let sealed = encryption.seal(b"{}", Label::default()).unwrap().into_owned();
    let envelope: serde_json::Value = serde_json::from_slice(&sealed).unwrap();
    let with = |name: &str, value: serde_json::Value| {
        let mut changed = envelope.clone();
        changed[name] = value;
        changed.to_string().into_bytes()
    };
    for (name, bytes) in [
        ("another form", with("encryption_version", "v9".into())),
        ("no base64", with("encrypted_data", "?".into())),
        ("too short", with("encrypted_data", "AAAA".into())),
        ("no notes", with("meta", serde_json::json!({}))),
        (
            "notes that ask for too much",
            with(
                "meta",
                serde_json::json!({"key_provider.argon2.main": {"salt": "AAAAAAAAAAA=", "memory_kib": 4_000_000_000_u32,
                    "iterations": 1, "parallelism": 1, "key_length": 32}}),
            ),
        ),
    ] {
        assert_eq!(code(encryption.open("state", &bytes)), "decryption-failed", "{name}");
    }
}

#[test]
fn programs_give_keys_and_encrypt_by_opentofus_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Value::tuple(vec![Value::from("sh"), Value::string(path.to_string_lossy().as_ref())])
    };
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let gives = script(
        "key.sh",
        &format!(
            "echo '{{\"magic\":\"OpenTofu-External-Key-Provider\",\"version\":1}}'\nread -r input\ncase \"$input\" in\n  null) echo '{{\"keys\":{{\"encryption_key\":\"{key}\"}},\"meta\":{{\"external_data\":{{\"id\":7}}}}}}' ;;\n  *'\"id\":7'*) echo '{{\"keys\":{{\"encryption_key\":\"{key}\",\"decryption_key\":\"{key}\"}}}}' ;;\n  *) exit 3 ;;\nesac\n"
        ),
    );
    // Turns the payload's letters round: no cipher, but nobody reads it by chance.
    let turns = script(
        "turn.sh",
        "echo '{\"magic\":\"OpenTofu-External-Encryption-Method\",\"version\":1}'\nsed 's/.*\"payload\":\"\\([^\"]*\\)\".*/\\1/' | base64 -d | tr 'a-z' 'b-za' > \"$0.out\"\necho \"{\\\"payload\\\":\\\"$(base64 -w0 < \"$0.out\")\\\"}\"\n",
    );
    let back = script(
        "back.sh",
        "echo '{\"magic\":\"OpenTofu-External-Encryption-Method\",\"version\":1}'\nsed 's/.*\"payload\":\"\\([^\"]*\\)\".*/\\1/' | base64 -d | tr 'b-za' 'a-z' > \"$0.out\"\necho \"{\\\"payload\\\":\\\"$(base64 -w0 < \"$0.out\")\\\"}\"\n",
    );
    let mute = script("mute.sh", "echo '{}'\n");
    let keys = |command: &Value| provider("external", &[("command", command.clone())]).unwrap();
    let external = |back: &Value| {
        let arguments = [("encrypt_command", turns.clone()), ("decrypt_command", back.clone())];
        method("external", &arguments, None).unwrap()
    };
    for (name, make, expected) in [
        ("a key", Box::new(|| aes(keys(&gives))) as Box<dyn Fn() -> Method>, Ok(b"hunter".to_vec())),
        ("a method", Box::new(|| external(&back)), Ok(b"hunter".to_vec())),
        ("another method", Box::new(|| external(&turns)), Ok(b"jwpvgt".to_vec())),
        ("one that says nothing", Box::new(|| aes(keys(&mute))), Err("encryption-failed")),
    ] {
        let sealed = Encryption::new(vec![make()]).seal(b"hunter", Label::default()).map(Cow::into_owned);
        // A process of its own reads: nothing is known from before.
        let opened = sealed.and_then(|sealed| {
            Encryption::new(vec![make()]).open("state", &sealed).map(|opened| opened.bytes.into_owned())
        });
        assert_eq!(opened.map_err(|one| one.code.clone()), expected.map_err(str::to_owned), "{name}");
    }
}

#[test]
fn settings_are_refused_in_words() {
    let long = passphrase(PASSPHRASE);
    for (kind, arguments, part) in [
        ("pbkdf2", vec![passphrase("short")], "too short"),
        ("pbkdf2", vec![], "passphrase"),
        ("pbkdf2", vec![long.clone(), ("iterations", Value::from(1000))], "200000"),
        ("pbkdf2", vec![long.clone(), ("hash_function", "md5".into())], "sha256 or sha512"),
        ("pbkdf2", vec![long.clone(), ("pasphrase", "x".into())], "not expected"),
        ("argon2", vec![long.clone(), ("memory_kib", Value::from(4))], "memory_kib"),
        ("external", vec![], "\"command\" is required"),
        ("aws_kms", vec![], "no key_provider"),
    ] {
        let found = provider(kind, &arguments).err().unwrap_or_default();
        assert!(found.contains(part) && !found.contains("short passphrase"), "{kind}: {found}");
    }
    for (kind, arguments, part) in [
        ("aes_gcm", vec![], "needs a key provider"),
        ("age", vec![("recipients", Value::tuple(vec!["age1x".into()]))], "no X25519 public key"),
        ("age", vec![("recipients", Value::tuple(vec![]))], "At least one"),
        ("aes", vec![], "no method"),
    ] {
        let found = method(kind, &arguments, None).err().unwrap_or_default();
        assert!(found.contains(part), "{kind}: {found}");
    }
}

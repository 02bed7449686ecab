use super::*;
use crate::backend::MemoryBackend;
use crate::encryption::{Derivation, KeyProvider, KeySource, Method, Passphrase};

fn method(passphrase: &str) -> Method {
    let derivation =
        Derivation::Argon2 { key_length: 32, memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 16 };
    let source = KeySource::Passphrase(Passphrase::Text(passphrase.to_owned()), derivation);
    Method::AesGcm {
        keys: Arc::new(KeyProvider::new("key_provider.argon2.k", source)),
        additional: Vec::new(),
    }
}

fn sealed(inner: &Arc<dyn Backend>, methods: Vec<Method>) -> SealedBackend {
    SealedBackend::new(inner.clone(), Arc::new(Encryption::new(methods)))
}

fn loaded(backend: &dyn Backend) -> Result<Loaded, String> {
    backend.load().map_err(|error| error.to_string())
}

#[test]
fn a_journal_holds_nothing_in_clear_and_keeps_its_order() {
    let inner: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    let one = sealed(&inner, vec![method("passphrase one")]);
    let fence = one.lease(&Holder::default(), 0).unwrap();
    let entry = |text: &str| {
        let mut bytes = Vec::new();
        line::write(&mut bytes, 0, text.as_bytes());
        bytes
    };
    let (first, second) = (entry("hunter2"), entry("hunter3"));
    one.append(fence, 0, &first).unwrap();
    one.append(fence, 1, &second).unwrap();
    assert_eq!(loaded(&one).unwrap().journal, [first.clone(), second].concat());
    let raw = inner.load().unwrap().journal;
    assert!(!String::from_utf8_lossy(&raw).contains("hunter"));
    // Whoever has another key, or none, reads nothing.
    assert!(loaded(&sealed(&inner, vec![method("passphrase two")])).is_err());
    // Entries changed about.
    let lines: Vec<&[u8]> = raw.split_inclusive(|byte| *byte == b'\n').collect();
    let other: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    let fence = other.lease(&Holder::default(), 0).unwrap();
    other.append(fence, 0, lines[1]).unwrap();
    other.append(fence, 1, lines[0]).unwrap();
    let found = loaded(&sealed(&other, vec![method("passphrase one")])).unwrap_err();
    assert!(found.contains("entry 1 is not the one"), "{found}");
}

#[test]
fn a_journal_begun_in_clear_is_gone_on_with_sealed() {
    let inner: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    let fence = inner.lease(&Holder::default(), 0).unwrap();
    let mut clear = Vec::new();
    line::write(&mut clear, 0, b"one");
    line::write(&mut clear, 0, b"two");
    inner.append(fence, 0, &clear).unwrap();
    let both = sealed(&inner, vec![method("passphrase one"), Method::Unencrypted]);
    assert_eq!(loaded(&both).unwrap().journal, clear);
    let mut more = Vec::new();
    line::write(&mut more, 0, b"three");
    both.append(fence, 1, &more).unwrap();
    assert_eq!(loaded(&both).unwrap().journal, [clear, more].concat());
}

#[test]
fn a_snapshot_is_replaced_by_whoever_read_it_and_rotated() {
    let inner: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    let one = sealed(&inner, vec![method("passphrase one")]);
    let fence = one.lease(&Holder::default(), 0).unwrap();
    let text = br#"{"version":4,"serial":5,"lineage":"l","secret":"hunter2"}"#;
    one.snapshot(fence, "", text).unwrap();
    let raw = inner.load().unwrap().snapshot.unwrap();
    let envelope: serde_json::Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!((&envelope["serial"], &envelope["lineage"]), (&5.into(), &"l".into()));
    assert!(matches!(one.snapshot(fence, "another", text), Err(BackendError::Moved)));
    let rotated = sealed(&inner, vec![method("passphrase two"), method("passphrase one")]);
    let found = loaded(&rotated).unwrap().snapshot.unwrap();
    assert!(rotated.is_outdated() && found == text);
    rotated.snapshot(fence, &digest(text), text).unwrap();
    assert!(!rotated.is_outdated());
    assert_eq!(loaded(&sealed(&inner, vec![method("passphrase two")])).unwrap().snapshot.unwrap(), text);
    // The one who read it before has been overtaken.
    assert!(one.snapshot(fence, &digest(text), text).is_err());
}

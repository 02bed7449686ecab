use super::{faults, opened, text, words};
use formwork_value::Value;

const KIND: &str = "secret_file";

#[tokio::test]
async fn a_file_is_given_as_text_and_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for (bytes, content, encoded) in [
        (b"hunter2\n".as_slice(), Some("hunter2\n"), "aHVudGVyMgo="),
        (b"", Some(""), ""),
        (b"\xff\x00", None, "/wA="),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let found = opened(KIND, &[("path", path.to_str().unwrap().into())]).await.unwrap();
        assert_eq!(text(&found, "content").as_deref(), content);
        assert_eq!(text(&found, "content_base64").as_deref(), Some(encoded));
    }
}

#[tokio::test]
async fn what_is_no_file_or_too_large_is_refused_at_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b'x'; (1 << 20) + 1]).unwrap();
    let missing = folder.path().join("missing");
    for (path, part) in [
        (large.to_str().unwrap(), "larger than 1048576 bytes"),
        (missing.to_str().unwrap(), "cannot be read"),
        (folder.path().to_str().unwrap(), "no regular file"),
        ("/dev/zero", "no regular file"),
    ] {
        let error = words(&opened(KIND, &[("path", path.into())]).await.unwrap_err());
        assert!(error.contains(part) && error.contains(path) && error.contains("at .path"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "x").unwrap();
    let given: Value = path.to_str().unwrap().into();
    for (mode, expected) in [(0o600, vec![]), (0o640, vec![]), (0o644, vec![".path"])] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(faults(KIND, &[("path", given.clone())]), expected, "{mode:o}");
    }
    assert_eq!(faults(KIND, &[("path", "".into())]), [".path"]);
    assert_eq!(faults(KIND, &[("path", Value::unknown(formwork_value::Type::String))]), Vec::<String>::new());
}

//! Archives of packages, made as the tests want them.

use std::io::{Read as _, Seek as _, Write as _};
use zip::write::SimpleFileOptions;

pub(crate) fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(tempfile::tempfile().unwrap());
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    let mut file = writer.finish().unwrap();
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

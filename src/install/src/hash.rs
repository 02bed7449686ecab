//! Hashes of packages, as lock files have them: `h1:` of what is in a package, `zh:` of its archive.
//!
//! `h1:` is the directory hash of Go's modules: SHA-256 over the sorted lines "SHA-256 of the file, two blanks, path".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

/// Files that a package may have.
const FILES_LIMIT: usize = 100_000;

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(mut from: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            length => digest.update(&piece[..length]),
        }
    }
}

/// `zh:` of an archive.
pub fn of_archive(path: &Path) -> io::Result<String> {
    Ok(format!("zh:{}", sha256(std::fs::File::open(path)?)?))
}

/// `h1:` of a folder.
pub fn of_folder(folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    // A package in the working directory may be a link to where it is.
    list(&folder.canonicalize()?, "", &mut files)?;
    let sums = files.into_iter().map(|(name, path)| Ok((name, sha256(std::fs::File::open(path)?)?)));
    Ok(of_sums(sums.collect::<io::Result<Vec<_>>>()?))
}

/// `h1:` of files by name and SHA-256.
pub(crate) fn of_sums(mut sums: Vec<(String, String)>) -> String {
    sums.sort();
    let mut digest = Sha256::new();
    for (name, sum) in sums {
        digest.update(format!("{sum}  {name}\n"));
    }
    format!("h1:{}", STANDARD.encode(digest.finalize()))
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<(String, std::path::PathBuf)>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|_| io::Error::other("a file's name is no text"))?;
        let (name, path) = (format!("{prefix}{name}"), entry.path());
        if entry.file_type()?.is_dir() {
            list(&path, &format!("{name}/"), files)?;
        } else {
            files.push((name, path));
        }
        if files.len() > FILES_LIMIT {
            return Err(io::Error::other("it has too many files"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `Hash1` of golang.org/x/mod's dirhash by hand: sha256sum over the lines of sha256sum.
    #[test]
    fn a_folder_hashes_as_in_go() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("a.txt"), "hello\n").unwrap();
        std::fs::write(folder.path().join("b/c"), "").unwrap();
        assert_eq!(of_folder(folder.path()).unwrap(), EXPECTED);
    }

    const EXPECTED: &str = "h1:mi1Ob8jG/o+1Leh3AZgWde+PcAENd0l9CkPhP1pNluA=";
}

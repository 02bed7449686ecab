//! Unpacking what others packed: zip and tar, plain or compressed with gzip.
//!
//! Invariant: nothing is written outside the folder given, nothing but plain files and folders is made, and what comes
//! out is bounded, whatever the archive claims.

use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// What may come out of one archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Files and folders.
    pub(crate) entries: usize,
    /// Bytes, of all together.
    pub(crate) bytes: u64,
}

/// The largest providers have some 900 MB in a few files; modules have many small ones.
pub(crate) const LIMITS: Limits = Limits { entries: 100_000, bytes: 4 << 30 };

/// Unpacks an archive of either form into a folder. An error says what is wrong with it.
pub(crate) fn unpack(archive: &mut File, into: &Path, limits: Limits) -> Result<(), String> {
    let mut start = [0; 262];
    let length = read_start(archive, &mut start).map_err(|error| error.to_string())?;
    let start = &start[..length];
    if start.starts_with(b"PK") {
        unpack_zip(archive, into, limits)
    } else if start.starts_with(&[0x1f, 0x8b]) {
        unpack_tar(GzDecoder::new(archive), into, limits)
    } else if start.get(257..262) == Some(b"ustar") {
        unpack_tar(archive, into, limits)
    } else {
        Err("it is neither a zip nor a tar archive, plain or with gzip".to_owned())
    }
}

fn read_start(archive: &mut File, start: &mut [u8]) -> io::Result<usize> {
    archive.seek(SeekFrom::Start(0))?;
    let mut length = 0;
    while length < start.len() {
        match archive.read(&mut start[length..])? {
            0 => break,
            more => length += more,
        }
    }
    archive.seek(SeekFrom::Start(0))?;
    Ok(length)
}

/// Unpacks a zip archive.
pub(crate) fn unpack_zip(archive: &mut File, into: &Path, limits: Limits) -> Result<(), String> {
    let mut archive =
        zip::ZipArchive::new(archive).map_err(|error| format!("it is no whole zip archive: {error}"))?;
    let mut budget = Budget(limits);
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|error| error.to_string())?;
        let name = entry.name().map_err(|error| error.to_string())?.into_owned();
        let target = budget.place(into, &name)?;
        if entry.is_symlink() {
            return Err(format!("\"{name}\" in it is a link, which may lead anywhere"));
        }
        if entry.is_dir() {
            fs::create_dir_all(&target).map_err(|error| error.to_string())?;
            continue;
        }
        let mode = entry.unix_mode();
        budget.write(&mut entry, &target, mode).map_err(|error| format!("\"{name}\" in it: {error}"))?;
    }
    Ok(())
}

fn unpack_tar(from: impl Read, into: &Path, limits: Limits) -> Result<(), String> {
    let mut archive = tar::Archive::new(from);
    let mut budget = Budget(limits);
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| format!("it is no whole tar archive: {error}"))?;
        let kind = entry.header().entry_type();
        if matches!(kind, tar::EntryType::XGlobalHeader | tar::EntryType::XHeader) {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let target = budget.place(into, &name)?;
        if kind.is_dir() {
            fs::create_dir_all(&target).map_err(|error| error.to_string())?;
        } else if kind.is_file() {
            let mode = entry.header().mode().ok();
            budget.write(&mut entry, &target, mode).map_err(|error| format!("\"{name}\" in it: {error}"))?;
        } else {
            return Err(format!("\"{name}\" in it is neither a file nor a folder"));
        }
    }
    Ok(())
}

/// What may still come out.
struct Budget(Limits);

impl Budget {
    /// Where an entry goes, which is below the folder.
    fn place(&mut self, into: &Path, name: &str) -> Result<PathBuf, String> {
        self.0.entries = self.0.entries.checked_sub(1).ok_or("it holds too many files")?;
        // On other systems a backslash parts folders.
        let is_plain = !name.contains(['\\', '\0'])
            && !name.is_empty()
            && Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_plain {
            return Err(format!("\"{}\" in it would lie outside its folder", name.escape_default()));
        }
        let mut target = into.to_owned();
        target.extend(Path::new(name).components().filter(|part| matches!(part, Component::Normal(_))));
        Ok(target)
    }

    fn write(&mut self, from: &mut impl Read, target: &Path, mode: Option<u32>) -> io::Result<()> {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::create(target)?;
        let written = io::copy(&mut from.take(self.0.bytes.saturating_add(1)), &mut file)?;
        self.0.bytes = self
            .0
            .bytes
            .checked_sub(written)
            .ok_or_else(|| io::Error::other("more comes out of it than is allowed"))?;
        permit(&file, mode.is_some_and(|mode| mode & 0o100 != 0))
    }
}

/// Of what the packer allowed only running it is kept.
fn permit(file: &File, may_run: bool) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(if may_run { 0o755 } else { 0o644 }))?;
    }
    #[cfg(not(unix))]
    let _ = (file, may_run);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::write::SimpleFileOptions;

    const SMALL: Limits = Limits { entries: 4, bytes: 1000 };

    fn zip_of(entries: &[(&str, &[u8])]) -> File {
        let mut writer = zip::ZipWriter::new(tempfile::tempfile().unwrap());
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn tar_of(entries: &[(&str, &[u8])]) -> File {
        let mut packed =
            flate2::write::GzEncoder::new(tempfile::tempfile().unwrap(), flate2::Compression::fast());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            // As a hostile packer would, past the library's own check.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            packed.write_all(header.as_bytes()).unwrap();
            packed.write_all(content).unwrap();
            packed.write_all(&vec![0; (512 - content.len() % 512) % 512]).unwrap();
        }
        packed.write_all(&[0; 1024]).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn plain_archives_are_unpacked() {
        for mut archive in
            [zip_of(&[("a/b.tf", b"x"), ("c", b"")]), tar_of(&[("./a/b.tf", b"x"), ("c", b"")])]
        {
            let folder = tempfile::tempdir().unwrap();
            unpack(&mut archive, folder.path(), SMALL).unwrap();
            assert_eq!(fs::read(folder.path().join("a/b.tf")).unwrap(), b"x");
            assert!(folder.path().join("c").is_file());
        }
    }

    #[test]
    fn hostile_archives_get_nowhere() {
        let bomb = vec![0; 100_000];
        let cases: &[(&str, &[u8], &str)] = &[
            ("../x", b"x", "outside its folder"),
            ("a/../../x", b"x", "outside its folder"),
            ("/tmp/x", b"x", "outside its folder"),
            ("a\\..\\x", b"x", "outside its folder"),
            ("big", &bomb, "more comes out"),
        ];
        for (name, content, said) in cases {
            for mut archive in [zip_of(&[(name, content)]), tar_of(&[(name, content)])] {
                let around = tempfile::tempdir().unwrap();
                let folder = around.path().join("in");
                fs::create_dir(&folder).unwrap();
                let error = unpack(&mut archive, &folder, SMALL).unwrap_err();
                assert!(error.contains(said), "{name}: {error}");
                assert_eq!(fs::read_dir(around.path()).unwrap().count(), 1, "{name}");
            }
        }
    }

    #[test]
    fn many_files_links_and_halves_are_refused() {
        let names: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let mut linked = zip::ZipWriter::new(tempfile::tempfile().unwrap());
        linked.add_symlink("a", "/etc", SimpleFileOptions::default()).unwrap();
        let half = |whole: File| {
            whole.set_len(whole.metadata().unwrap().len() / 2).unwrap();
            whole
        };
        let mut other = tempfile::tempfile().unwrap();
        other.write_all(b"hello").unwrap();
        for (mut archive, said) in [
            (zip_of(&many), "too many"),
            (tar_of(&many), "too many"),
            (linked.finish().unwrap(), "a link"),
            (half(zip_of(&[("a", b"some content"), ("b", b"more")])), "no whole zip"),
            (half(tar_of(&[("a", &[7; 900])])), ""),
            (other, "neither a zip nor a tar"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let error = unpack(&mut archive, folder.path(), SMALL).unwrap_err();
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}

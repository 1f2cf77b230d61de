//! The per-install salt: 32 random bytes under which identities are hashed (BEHAVIOUR 1). Kept in
//! the storage directory, readable by its owner only; per process where nothing is kept.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The salt of this install: as stored in `directory`, made there on the first start.
///
/// # Errors
/// When the directory or the file cannot be made or read, or the file is no salt.
pub fn load(directory: Option<&Path>) -> io::Result<[u8; SALT_BYTES]> {
    let Some(directory) = directory else { return fresh() };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let path = directory.join(FILE);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let salt = fresh()?;
    // Written aside and linked into place: a second gateway that starts at the same time, or a
    // crash half way, leaves one whole salt.
    let aside = directory.join(format!("{FILE}.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&salt)?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, &path);
    fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(salt),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<[u8; SALT_BYTES]> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    let mut salt = [0; SALT_BYTES];
    file.read_exact(&mut salt)?;
    Ok(salt)
}

fn fresh() -> io::Result<[u8; SALT_BYTES]> {
    let mut salt = [0; SALT_BYTES];
    let mut filled = 0;
    while let Some(rest) = salt.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(salt)
}

/// Length of the salt.
pub const SALT_BYTES: usize = 32;
const FILE: &str = "salt";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn a_salt_is_made_once_and_for_its_owner_only() {
        let folder = folder("salt-once");
        let first = load(Some(&folder.join("deep"))).unwrap();
        assert_eq!(load(Some(&folder.join("deep"))).unwrap(), first);
        let mode = fs::metadata(folder.join("deep/salt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.join("deep")).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_too_short_to_be_a_salt_is_refused() {
        let folder = folder("salt-short");
        fs::create_dir_all(&folder).unwrap();
        let short = OpenOptions::new().create_new(true).write(true).open(folder.join(FILE));
        short.unwrap().write_all(b"short").unwrap();
        assert!(load(Some(&folder)).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_storage_every_process_has_its_own() {
        assert_ne!(load(None).unwrap(), load(None).unwrap());
    }
}

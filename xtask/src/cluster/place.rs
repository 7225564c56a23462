//! Where a private cluster lives and which user runs its server.
//!
//! `PostgreSQL` refuses to run as root, so root runs it as `postgres` or `nobody`. That user must be able to
//! reach the folder: under a home that is closed to others the cluster moves to `/var/tmp`.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;

/// A socket's path may hold 107 bytes; `PostgreSQL` adds `/.s.PGSQL.65535.lock`.
const SOCKET_FOLDER_BYTES_MAX: usize = 85;

/// The user that runs the server, when it is not the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerUser {
    uid: u32,
    gid: u32,
}

/// The folders of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `PostgreSQL`'s data.
    pub(crate) data: PathBuf,
    /// The folder of its socket.
    pub(crate) socket: PathBuf,
    /// Passwords and port, readable by the caller only.
    pub(crate) secrets: PathBuf,
    user: Option<ServerUser>,
}

impl Place {
    /// The cluster `name` of this checkout.
    ///
    /// # Errors
    /// When no folder can be given to the user that runs the server.
    pub(crate) fn of(checkout: &Checkout, name: &str) -> Result<Self> {
        let user = server_user()?;
        let base = base_folder(checkout, user)?;
        let near = base.join(format!("{name}-socket"));
        let socket = if near.as_os_str().len() <= SOCKET_FOLDER_BYTES_MAX {
            near
        } else {
            let uid = rustix::process::geteuid().as_raw();
            PathBuf::from(format!("/tmp/samsat-{}-{uid}-{name}", checkout.name()))
        };
        let secrets = checkout.state.join(format!("{name}.secrets.json"));
        Ok(Self { data: base.join(name), socket, secrets, user })
    }

    /// Makes a folder that belongs to the user that runs the server, and to nobody else.
    ///
    /// # Errors
    /// When it cannot be made, or when somebody else made it.
    pub(crate) fn make_folder(&self, path: &Path) -> Result<()> {
        make_owned(path, self.user)
    }

    /// Gives a file to the user that runs the server.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        let Some(user) = self.user else { return Ok(()) };
        chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("cannot give away {}", path.display()))
    }

    /// A command that runs as the user of the server, with nothing of the caller's `PostgreSQL` settings.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        without_pg_settings(&mut command);
        command.current_dir(&self.data).stdin(Stdio::null());
        if let Some(user) = self.user {
            // The standard library drops root's other groups with the user id.
            command.gid(user.gid).uid(user.uid);
        }
        command
    }
}

/// Takes away `PGHOST`, `PGDATABASE`, … so that no command reaches another server by accident.
pub(crate) fn without_pg_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
}

fn server_user() -> Result<Option<ServerUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let found = ["postgres", "nobody"].iter().find_map(|name| user_named(&users, name));
    Ok(Some(found.context("PostgreSQL does not run as root, and there is no user postgres or nobody")?))
}

fn user_named(users: &str, name: &str) -> Option<ServerUser> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(ServerUser { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

fn base_folder(checkout: &Checkout, user: Option<ServerUser>) -> Result<PathBuf> {
    let Some(user) = user else { return Ok(checkout.state.clone()) };
    if can_reach(&checkout.state, user) && can_be_given(&checkout.state, user) {
        return Ok(checkout.state.clone());
    }
    let uid = rustix::process::geteuid().as_raw();
    let base = PathBuf::from(format!("/var/tmp/samsat-{}-{uid}", checkout.name()));
    // The base stays root's: only the folders in it belong to the server.
    make_owned(&base, None)?;
    fs::set_permissions(&base, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    Ok(base)
}

/// Some mounted file systems keep every file with its first owner.
fn can_be_given(folder: &Path, user: ServerUser) -> bool {
    let probe = folder.join(format!("owner-probe-{}", std::process::id()));
    let given = fs::write(&probe, []).is_ok() && chown(&probe, Some(user.uid), Some(user.gid)).is_ok();
    let _ = fs::remove_file(&probe);
    given
}

fn make_owned(path: &Path, user: Option<ServerUser>) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            if let Some(user) = user {
                chown(path, Some(user.uid), Some(user.gid))
                    .with_context(|| format!("cannot give away {}", path.display()))?;
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
    let owner = user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
    let found = fs::symlink_metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    // Folders under /tmp have names that others can guess and make first.
    if !found.is_dir() || found.uid() != owner {
        bail!("{} belongs to somebody else; remove it", path.display());
    }
    Ok(())
}

/// Whether `user` may pass through every folder on the way.
fn can_reach(path: &Path, user: ServerUser) -> bool {
    path.ancestors().all(|folder| {
        fs::metadata(folder).is_ok_and(|found| may_pass(found.mode(), found.uid(), found.gid(), user))
    })
}

fn may_pass(mode: u32, uid: u32, gid: u32, user: ServerUser) -> bool {
    let bit = if uid == user.uid {
        0o100
    } else if gid == user.gid {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: ServerUser = ServerUser { uid: 101, gid: 104 };

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgresql:x:7:7::/:\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(user_named(users, "postgres"), Some(USER));
        assert_eq!(user_named(users, "nobody"), None);
    }

    #[test]
    fn a_closed_home_is_not_passed() {
        assert!(!may_pass(0o700, 0, 0, USER));
        assert!(may_pass(0o711, 0, 0, USER));
        assert!(may_pass(0o700, 101, 0, USER));
        assert!(may_pass(0o710, 0, 104, USER));
        assert!(!may_pass(0o701, 0, 104, USER));
    }
}

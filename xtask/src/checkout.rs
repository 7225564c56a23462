//! This checkout: where its sources, its git-ignored folder and cargo's programs are.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::Proc;

/// The folders of one clone of the project.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    /// Where the workspace's `Cargo.toml` is.
    pub(crate) root: PathBuf,
    /// The git-ignored folder that holds everything these commands leave behind.
    pub(crate) state: PathBuf,
}

/// The programs that the stack runs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) gateway: PathBuf,
    pub(crate) mock: PathBuf,
}

impl Checkout {
    /// The checkout that cargo runs this program for.
    ///
    /// # Errors
    /// When the folder for state cannot be made.
    pub(crate) fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("the package xtask stands in no workspace")?;
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        let state = root.join(".samsat");
        if !state.is_dir() {
            DirBuilder::new()
                .mode(0o755)
                .recursive(true)
                .create(&state)
                .with_context(|| format!("cannot make {}", state.display()))?;
            // The user that runs the server must be able to pass through, whatever the umask says.
            fs::set_permissions(&state, Permissions::from_mode(0o755))?;
        }
        Ok(Self { root, state })
    }

    /// A short name that differs from that of every other checkout on this machine.
    pub(crate) fn name(&self) -> String {
        format!("{:016x}", fnv1a(self.root.as_os_str().as_encoded_bytes()))
    }

    /// `cargo` as the caller's, run in this checkout.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root).stdin(Stdio::null());
        without_cargo_settings(&mut cargo);
        cargo
    }

    /// Builds every program of the workspace and says where they are.
    ///
    /// # Errors
    /// When cargo fails; it has said why.
    pub(crate) async fn build(&self, release: bool) -> Result<Programs> {
        let mut cargo = self.cargo();
        cargo.args(["build", "--workspace", "--bins"]);
        if release {
            cargo.arg("--release");
        }
        // Standard output is for results: cargo writes its progress to standard error.
        let status = Proc::spawn("cargo build", &mut cargo)?.wait().await?;
        if !status.success() {
            bail!("`cargo build` failed ({status})");
        }
        let folder = self.target_folder()?.join(if release { "release" } else { "debug" });
        Ok(Programs { gateway: folder.join("samsat-gateway"), mock: folder.join("mock-bapenda") })
    }

    fn target_folder(&self) -> Result<PathBuf> {
        let output = self
            .cargo()
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .output()
            .context("cannot run cargo metadata")?;
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
        let folder =
            metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
        Ok(PathBuf::from(folder))
    }
}

/// Takes away what `cargo run` set for this program: some build scripts would run again because of it.
pub(crate) fn without_cargo_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Random lower-case hexadecimal digits, two for each byte.
///
/// # Errors
/// When the machine has no randomness to give.
pub(crate) fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut buffer))
        .context("cannot read /dev/urandom")?;
    let mut digits = String::with_capacity(2 * bytes);
    for byte in buffer {
        write!(digits, "{byte:02x}")?;
    }
    Ok(digits)
}

/// Writes a whole file that only its owner can read, so that readers see the old or the new, never a part.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let write = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// FNV-1a: the same on every run and machine, which the standard hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_checkouts_have_two_names() {
        let one = Checkout { root: "/srv/one".into(), state: "/srv/one/.samsat".into() };
        let two = Checkout { root: "/srv/two".into(), state: "/srv/two/.samsat".into() };
        assert_ne!(one.name(), two.name());
        assert_eq!(one.name(), one.clone().name());
    }

    #[test]
    fn random_text_is_hexadecimal_of_the_length_asked_for() {
        let text = random_hex(16).unwrap();
        assert_eq!(text.len(), 32);
        assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

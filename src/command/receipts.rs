//! `receipt verify` and `receipt keygen`: neither needs a database.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::paper::picture;
use samsat_gateway::receipt::{self, SigningKey, VerifyingKey};

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Check a receipt offline: a picture of it (PNG, JPEG), its PDF, its JSON or the payload itself; `-` for standard input.
    Verify {
        file: PathBuf,
        /// The public key, SPKI PEM: a file or the text itself. Without it, that of the configuration.
        // A PEM begins with hyphens.
        #[arg(long, allow_hyphen_values = true)]
        key: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Make the key pair that signs receipts: receipt.key.pem and receipt.pub.pem.
    Keygen {
        /// Folder to write to; nothing there is overwritten.
        #[arg(long)]
        out: PathBuf,
    },
}

pub(super) fn run(command: ReceiptCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReceiptCommand::Verify { file, key, json } => verify(&file, key.as_deref(), json),
        ReceiptCommand::Keygen { out } => keygen(&out),
    }
}

fn verify(file: &Path, key: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let key = match key {
        Some(pem) if pem.contains("-----BEGIN") => VerifyingKey::from_pem(pem)?,
        Some(path) => VerifyingKey::from_pem(&fs::read_to_string(path).with_context(|| path.to_owned())?)?,
        None => SigningKey::from_file(&super::config()?.receipt.signing_key_file)?.public(),
    };
    let bytes = read(file).with_context(|| file.display().to_string())?;
    match payload_of(bytes).and_then(|payload| Ok(receipt::verify(&payload, &key)?)) {
        Ok(facts) => {
            super::print(json, &serde_json::json!({"valid": true, "receipt": facts}))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if json {
                super::print(true, &serde_json::json!({"valid": false}))?;
            }
            Err(error)
        }
    }
}

/// The whole of a file or of standard input, and no more than a picture may have.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![];
    let most = u64::try_from(picture::FILE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        fs::File::open(file)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The payload itself, the member `payload` of a receipt's JSON, the QR of a picture, or what a PDF of ours carries.
fn payload_of(bytes: Vec<u8>) -> anyhow::Result<String> {
    if picture::is_one(&bytes) {
        return Ok(picture::payload(&bytes)?);
    }
    let text = String::from_utf8(bytes).context("neither a receipt's text nor a picture that can be read")?;
    let from_json = serde_json::from_str::<serde_json::Value>(&text).ok();
    let member = from_json.and_then(|json| json.get("payload")?.as_str().map(str::to_owned));
    Ok(member.unwrap_or_else(|| text.trim().to_owned()))
}

fn keygen(out: &Path) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(out)?;
    let (key, pem) = SigningKey::generate()?;
    let private = out.join("receipt.key.pem");
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&private)
        .with_context(|| private.display().to_string())?
        .write_all(pem.as_bytes())?;
    fs::write(out.join("receipt.pub.pem"), key.public().to_pem())?;
    Ok(ExitCode::SUCCESS)
}

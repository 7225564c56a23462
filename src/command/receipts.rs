//! `receipt verify` and `receipt keygen`: neither needs a database.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use samsat_gateway::paper::picture;
use samsat_gateway::receipt::{self, Facts, SigningKey, VerifyingKey};
use serde_json::{Value, json};

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
    let checked = payload_of(bytes).and_then(|(payload, envelope)| {
        let facts = receipt::verify(&payload, &key)?;
        Ok((differs(envelope.as_ref(), &facts, &payload)?, facts))
    });
    match checked {
        Ok((differs, facts)) if differs.is_empty() => {
            super::print(json, &json!({"valid": true, "receipt": facts}))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok((differs, facts)) => {
            // What is signed holds, and is what is printed; the rest of the file is not what was signed.
            super::print(json, &json!({"valid": true, "receipt": facts, "envelope_differs": differs}))?;
            anyhow::bail!(
                "ENVELOPE_DIFFERS: the file says otherwise than what is signed: {}",
                differs.join(", ")
            )
        }
        Err(error) => {
            if json {
                super::print(true, &json!({"valid": false}))?;
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
/// Of a JSON also the whole, which the signature does not cover.
fn payload_of(bytes: Vec<u8>) -> anyhow::Result<(String, Option<Value>)> {
    if picture::is_one(&bytes) {
        return Ok((picture::payload(&bytes)?, None));
    }
    let text = String::from_utf8(bytes).context("neither a receipt's text nor a picture that can be read")?;
    let envelope = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
    let member = envelope.as_ref().and_then(|json| json.get("payload")?.as_str());
    let payload = receipt::pasted(member.unwrap_or(&text)).to_owned();
    Ok((payload, envelope))
}

/// Members of a receipt's JSON that contradict what is signed; absent ones say nothing.
fn differs(envelope: Option<&Value>, facts: &Facts, payload: &str) -> anyhow::Result<Vec<&'static str>> {
    let Some(envelope) = envelope else { return Ok(vec![]) };
    let signature = payload.rsplit_once('.').map(|(_, signature)| signature);
    let signed = [
        ("facts", serde_json::to_value(facts)?),
        ("receipt_no", json!(facts.receipt_no)),
        ("kind", json!(facts.kind)),
        ("signature", json!(signature)),
    ];
    let differs = |(name, signed): (&'static str, Value)| {
        envelope.get(name).is_some_and(|said| *said != signed).then_some(name)
    };
    let mut names: Vec<_> = signed.into_iter().filter_map(differs).collect();
    if envelope.get("lines").is_some_and(|lines| !adds_up(lines, facts)) {
        names.push("lines");
    }
    Ok(names)
}

/// The lines of each authority come to what is signed for it; lines of nobody else stand there.
fn adds_up(lines: &Value, facts: &Facts) -> bool {
    let rupiah = |line: &Value, name: &str| line.get(name).and_then(Value::as_i64);
    let mut sums = BTreeMap::new();
    for line in lines.as_array().into_iter().flatten() {
        let authority = line.get("authority").and_then(Value::as_str);
        let (Some(authority), Some(principal), Some(penalty)) =
            (authority, rupiah(line, "principal"), rupiah(line, "penalty"))
        else {
            return false;
        };
        let sum: &mut i64 = sums.entry(authority).or_default();
        let Some(more) = sum.checked_add(principal).and_then(|sum| sum.checked_add(penalty)) else {
            return false;
        };
        *sum = more;
    }
    let signed: BTreeMap<&str, i64> =
        facts.legs.iter().map(|leg| (leg.authority.as_str(), leg.amount.get())).collect();
    lines.is_array() && sums == signed
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

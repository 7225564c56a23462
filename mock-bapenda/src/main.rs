//! `mock-bapenda`: the authorities as a program of their own.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use mock_bapenda::{Options, start, try_generate_keys, vehicles_today};
use serde_json::json;

#[derive(Parser)]
#[command(version, about = "Bapenda and Jasa Raharja as the protocol describes them, with faults on request")]
struct Command {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Serve both authorities until interrupted.
    Serve(Serve),
    /// Write new key pairs of both authorities as PEM files.
    Keys {
        /// The folder to write into.
        #[arg(long)]
        out: PathBuf,
    },
    /// Print vehicles by case, as they stand today, as a JSON array.
    Vehicles {
        #[arg(long)]
        seed: u64,
        /// How many of case PAYABLE.
        #[arg(long, default_value_t = 5000)]
        payable: usize,
        /// How many of every other case.
        #[arg(long, default_value_t = 20)]
        each: usize,
    },
}

#[derive(Args)]
struct Serve {
    /// Address and port of Bapenda; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bapenda_listen: SocketAddr,
    /// Address and port of Jasa Raharja; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    jasa_raharja_listen: SocketAddr,
    /// The folder of journal and settlement files.
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder that `keys` wrote.
    #[arg(long)]
    keys: PathBuf,
    #[arg(long)]
    partner_id: String,
    /// A file with the partner's secret; blank space around it does not count.
    #[arg(long)]
    secret_file: PathBuf,
    /// Accept fault rules and a moved clock.
    #[arg(long)]
    allow_faults: bool,
    /// Written once both authorities listen: JSON with their addresses.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let done = match command.order {
        Order::Serve(serve) => serve_until_told(serve).await,
        Order::Keys { out } => write_keys(&out),
        Order::Vehicles { seed, payable, each } => print_vehicles(seed, payable, each),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "mock-bapenda: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve_until_told(serve: Serve) -> io::Result<()> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    };
    let options = Options {
        seed: serve.seed,
        data_dir: serve.data,
        partner_id: serve.partner_id,
        secret: read(&serve.secret_file)?.trim().to_owned(),
        bapenda_key_pem: read(&serve.keys.join("bapenda.key.pem"))?,
        jasa_raharja_key_pem: read(&serve.keys.join("jasa-raharja.key.pem"))?,
        allow_faults: serve.allow_faults,
        bapenda_listen: serve.bapenda_listen,
        jasa_raharja_listen: serve.jasa_raharja_listen,
    };
    let mock = start(options).await?;
    let ready = json!({
        "bapenda_url": mock.bapenda_url(),
        "jasa_raharja_url": mock.jasa_raharja_url(),
        "pid": std::process::id(),
    });
    if let Some(path) = &serve.ready_file {
        write_whole(path, ready.to_string().as_bytes())?;
    }
    writeln!(io::stderr(), "mock-bapenda serves {ready}")?;
    told_to_stop().await?;
    mock.stop().await;
    Ok(())
}

async fn told_to_stop() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

fn write_keys(out: &Path) -> io::Result<()> {
    let keys = try_generate_keys()?;
    std::fs::create_dir_all(out)?;
    write_secret(&out.join("bapenda.key.pem"), keys.bapenda_private_pem.as_bytes())?;
    write_whole(&out.join("bapenda.pub.pem"), keys.bapenda_public_pem.as_bytes())?;
    write_secret(&out.join("jasa-raharja.key.pem"), keys.jasa_raharja_private_pem.as_bytes())?;
    write_whole(&out.join("jasa-raharja.pub.pem"), keys.jasa_raharja_public_pem.as_bytes())
}

fn print_vehicles(seed: u64, payable: usize, each: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &vehicles_today(seed, payable, each))?;
    out.write_all(b"\n")
}

/// Only the owner may read it.
fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    std::fs::rename(&draft, path)
}

/// A reader sees the whole file or none.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, content)?;
    std::fs::rename(&draft, path)
}

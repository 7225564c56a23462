//! The project's own commands: `cargo demo`, `cargo xtask test`, `cargo xtask with … -- CMD`.
//!
//! Everything they need is set up in a git-ignored folder of this checkout and taken down again.
//! They never touch a `PostgreSQL` server, a port or a file that belongs to anything else.

mod bench;
mod browser;
mod checkout;
mod cluster;
mod debian;
mod demo;
mod out;
mod process;
mod runs;
mod screenshots;
mod signals;
mod sqlx;
mod stack;
mod test;
mod with;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::signals::Interrupted;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Sets the project up, runs it, tests it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One business day with faults, closed by a night; then serves until Ctrl-C
    Demo(demo::Options),
    /// Formatting, lints and every test of the workspace against a private cluster
    Test {
        /// Arguments for `cargo test`, such as a part of a test's name
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Starts the stack, runs CMD with its addresses in the environment, stops the stack
    With(with::Options),
    /// How fast it is on this machine, beside plain SQL on the same cluster
    Bench(bench::Options),
    /// Draws the documentation's pictures anew, from the pages in a browser
    Screenshots(screenshots::Options),
    /// Renews .sqlx, the queries as checked against a database
    Sqlx,
    /// The private cluster of this checkout
    #[command(subcommand)]
    Cluster(cluster::Command),
}

#[tokio::main]
async fn main() -> ExitCode {
    let work = async {
        match Cli::parse().command {
            Command::Demo(options) => demo::run(options).await,
            Command::Test { arguments } => test::run(&arguments).await,
            Command::With(options) => with::run(options).await,
            Command::Bench(options) => bench::run(options).await,
            Command::Screenshots(options) => screenshots::run(options).await,
            Command::Sqlx => sqlx::run().await,
            Command::Cluster(command) => cluster::run(command).await,
        }
    };
    let result = match signals::until_interrupted(work).await {
        Ok(result) => result,
        Err(error) => Err(error),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
                out::note(&format!("stopped by {interrupted}"));
                return interrupted.exit_code();
            }
            out::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

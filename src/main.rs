//! The gateway's commands. Results on standard output, logs on standard error; exit status 0 done, 1 refused or a check
//! failed, 2 wrong use.

mod command;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = command::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return command::failed(&error.into()),
    };
    match runtime.block_on(command::run(cli)) {
        Ok(code) => code,
        Err(error) => command::failed(&error),
    }
}

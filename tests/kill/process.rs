//! A program of ours as a child: its log in a file, killed with its test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take to come up or to die.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// The gateway under test.
pub fn gateway_program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_samsat-gateway"))
}

/// The mock: where `xtask` says, else beside the gateway.
pub fn mock_program() -> PathBuf {
    let beside = || gateway_program().with_file_name("mock-bapenda");
    let program = std::env::var_os("SAMSAT_TEST_MOCK").map_or_else(beside, PathBuf::from);
    assert!(
        program.is_file(),
        "{} is missing: build it with `cargo build --package mock-bapenda`, or run the tests with `cargo xtask test`",
        program.display()
    );
    program
}

/// Looks again and again until something is there.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {} s", PATIENCE.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}

/// A running child; `kill -9` when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub log: PathBuf,
}

impl Process {
    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let file = || File::options().create(true).append(true).open(log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file())
            .stderr(file())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ended by itself?
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// `kill -9`; it is gone when this returns.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// `kill -TERM`.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().expect("kill runs");
        assert!(sent.success(), "kill -TERM {}", self.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a program to its end without blocking others.
pub async fn finish(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    })
    .await
    .expect("a child that ends")
}

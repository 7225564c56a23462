//! What `/proc` tells of a server: signals go only to a process that proves to be ours.

use std::fs;
use std::path::Path;

/// Whether the process that `postmaster.pid` names was started as the server of `data`.
pub(super) fn is_server_of(lock: &str, data: &Path) -> bool {
    let Some(id) = lock.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return false };
    if !Path::new("/proc/self").exists() {
        return true;
    }
    // Its arguments are open to everyone, its working folder only to its own user.
    let arguments = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == data.as_os_str().as_encoded_bytes())
}

/// Whether any process works in `data`, as servers and their children do.
pub(super) fn works_in(data: &Path) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::read_link(process.path().join("cwd")).ok())
        .any(|folder| folder == data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_of_another_process_is_not_our_server() {
        let own = format!("{}\n/somewhere\n", std::process::id());
        assert!(!is_server_of(&own, Path::new("/nonexistent/data")));
        assert!(!is_server_of("not a number\n", Path::new("/nonexistent/data")));
        let program = std::env::args().next().unwrap();
        assert!(is_server_of(&own, Path::new(&program)));
    }
}

//! The browser that the journeys are played in: found, else Debian's package, else done without.

use std::path::Path;

use crate::debian::{Debian, on_path};
use crate::out;

/// Where Debian puts it, and what it is called elsewhere; `tests/browser/chromium.rs` looks in the same places.
const DEBIAN: &str = "/usr/lib/chromium/chromium";
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Whether there is one, after trying to install it. The lack of one is said, and is no error here.
pub(crate) fn found_or_installed() -> bool {
    if is_there() {
        return true;
    }
    if let Some(debian) = Debian::find() {
        out::note("Chromium is not installed: installing Debian's package");
        match debian.install(&["chromium"]) {
            Ok(true) if is_there() => return true,
            Ok(_) => out::note("apt-get could not install Chromium"),
            Err(error) => out::note(&format!("Chromium was not installed: {error:#}")),
        }
    }
    false
}

/// Said before the tests and after them.
pub(crate) const LACKING: &str = "!!! BROWSER JOURNEYS ARE SKIPPED: there is no Chromium. Install Debian's package chromium, \
    or name the program in SAMSAT_TEST_CHROMIUM; SAMSAT_TEST_BROWSER=required makes this a failure !!!";

fn is_there() -> bool {
    match std::env::var_os("SAMSAT_TEST_CHROMIUM") {
        Some(named) => Path::new(&named).is_file(),
        None => Path::new(DEBIAN).is_file() || NAMES.into_iter().any(on_path),
    }
}

//! `cargo xtask screenshots`: the pictures of the documentation, drawn anew from the pages as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::browser;
use crate::checkout::Checkout;
use crate::out;
use crate::process::Proc;
use crate::test;
use crate::with::code_of;

/// The pictures that the documentation shows, without their ending.
const SHOWN: [&str; 9] = [
    "tagihan-hp",
    "konfirmasi-pc-gelap",
    "lunas-hp",
    "dipastikan-hp",
    "konfirmasi-terputus-hp-gelap",
    "loket-terbuka-pc",
    "bukti-lunas-hp",
    "bukti-titip-hp",
    "periksa-sah-hp-gelap",
];

/// `[--all FOLDER]`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Every page on a phone and a PC, light and dark, into this folder too
    #[arg(long, value_name = "FOLDER")]
    all: Option<PathBuf>,
}

/// Plays the journeys that show every page and puts the documentation's pictures into `docs/img`.
///
/// # Errors
/// When there is no browser, a journey fails, or a folder cannot be written.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    if !browser::found_or_installed() {
        bail!("{}", browser::LACKING);
    }
    let checkout = Checkout::find()?;
    let ground = test::Ground::up(&checkout).await?;
    let drawn = ground.run.folder.join("screenshots");
    fs::create_dir_all(&drawn).with_context(|| format!("cannot make {}", drawn.display()))?;
    let mut journeys = ground.cargo(&checkout);
    journeys
        .args(["test", "--test", "browser", "--", "looks::"])
        .env("SAMSAT_SCREENSHOTS", &drawn)
        .env("SAMSAT_TEST_BROWSER", "required");
    let status = Proc::foreground("journeys", &mut journeys)?.recorded(&ground.run.folder)?.wait().await?;
    if !status.success() {
        return Ok(code_of(status));
    }
    let shown = checkout.root.join("docs/img");
    for name in SHOWN {
        copy(&drawn, &shown, &format!("{name}.png"))?;
    }
    out::note(&format!("{} pictures in {}", SHOWN.len(), shown.display()));
    if let Some(all) = options.all {
        fs::create_dir_all(&all).with_context(|| format!("cannot make {}", all.display()))?;
        for entry in fs::read_dir(&drawn).with_context(|| format!("cannot read {}", drawn.display()))? {
            copy(&drawn, &all, &entry?.file_name().to_string_lossy())?;
        }
        out::note(&format!("every page in {}", all.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn copy(from: &Path, to: &Path, name: &str) -> Result<()> {
    fs::copy(from.join(name), to.join(name)).with_context(|| format!("cannot copy {name}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names behind `img/` in a text.
    fn named(text: &str) -> impl Iterator<Item = String> + '_ {
        text.split("img/").skip(1).filter_map(|rest| Some(rest.split_once(".png")?.0.to_owned()))
    }

    #[test]
    fn the_documentation_shows_what_is_drawn_and_nothing_else_lies_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut told = BTreeSet::new();
        for page in ["README.md", "docs/counter.md"] {
            told.extend(named(&fs::read_to_string(root.join(page)).unwrap()));
        }
        let shown: BTreeSet<String> = SHOWN.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(told, shown);
        let mut there = BTreeSet::new();
        for entry in fs::read_dir(root.join("docs/img")).unwrap() {
            there.insert(entry.unwrap().file_name().to_string_lossy().trim_end_matches(".png").to_owned());
        }
        assert_eq!(there, shown);
    }
}

//! The public check as a browser runs it: its own signature check and ours, on a link that an outlet gave away.
//!
//! A browser that only prints the page it ends with is enough here. Without one these tests say so and prove nothing.

use std::path::PathBuf;
use std::process::Command;

use crate::support::World;

fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!(
            "NO BROWSER: the check of receipts was not tried in one; install chromium to have it tried"
        );
    }
    found
}

/// The page that a browser ends with.
async fn page(browser: PathBuf, url: String) -> String {
    let profile = std::env::temp_dir().join(format!("samsat-check-{}", uuid::Uuid::now_v7()));
    let home = profile.clone();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--virtual-time-budget=15000",
            ])
            // A name that is not this machine's own: there a browser has no signatures of its own over plain HTTP.
            .arg("--host-resolver-rules=MAP samsat.test 127.0.0.1")
            .arg(format!("--user-data-dir={}", home.display()))
            .args(["--dump-dom", &url])
            .output()
    });
    let output = output.await.unwrap().expect("a browser that starts");
    let _ = std::fs::remove_dir_all(profile);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_browser_checks_a_link_by_itself_with_its_own_signatures_and_with_ours() {
    let Some(browser) = browser() else { return };
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let number = paid.body["receipt_no"].as_str().unwrap();
    let receipt = world.agent().get(&format!("/v1/receipts/{number}")).await;
    let payload = receipt.body["payload"].as_str().unwrap().to_owned();
    let mut altered = payload.clone().into_bytes();
    altered[60] = if altered[60] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let port = world.agent().base.rsplit(':').next().unwrap();
    let at =
        |host: &str, payload: &str| page(browser.clone(), format!("http://{host}:{port}/verify#{payload}"));
    let (own, ours, forged, forged_ours) = tokio::join!(
        at("127.0.0.1", &payload),
        at("samsat.test", &payload),
        at("127.0.0.1", &altered),
        at("samsat.test", &altered),
    );
    for genuine in [own, ours] {
        assert!(genuine.contains("data-putusan=\"LUNAS-PAID\""), "{genuine}");
        for shown in [number, quote.body["vehicle"]["plate"].as_str().unwrap(), "BUKTI LUNAS"] {
            assert!(genuine.contains(&format!("<dd>{shown}</dd>")), "{shown}: {genuine}");
        }
    }
    for forged in [forged, forged_ours] {
        assert!(forged.contains("data-putusan=\"TIDAK-SAH\"") && !forged.contains("<dd>"), "{forged}");
    }
}

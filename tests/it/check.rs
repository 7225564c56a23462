//! The public check as a browser runs it: its own signature check and ours, on a link that an outlet gave away.
//!
//! A browser that only prints the page it ends with is enough here. Without one these tests say so and prove nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
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

/// What a device still has of the page when the gateway is gone: the page and its files, and no answer to anything else.
/// Its port; it goes on until the test's process ends.
fn remembered(files: BTreeMap<&'static str, (String, String, String)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut asked = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                asked.push_str(&line);
                line.clear();
            }
            let mut words = asked.split(' ');
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            // Hanging up is what a dead line looks like.
            let Some((kind, policy, body)) = files.get(path).filter(|_| method == "GET") else { continue };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Security-Policy: {policy}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    port
}

#[tokio::test]
async fn without_a_gateway_the_signature_is_checked_and_the_page_says_what_was_not() {
    let Some(browser) = browser() else { return };
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let lunas = world.agent().pays(&quote).await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    let titip = world.agent().pays(&quote).await;
    let mut payloads = vec![];
    for payment in [lunas, titip] {
        let seen = world.agent().reads(&payment.id()).await;
        let number = seen.body["receipt_no"].as_str().unwrap();
        let receipt = world.agent().get(&format!("/v1/receipts/{number}")).await;
        payloads.push(receipt.body["payload"].as_str().unwrap().to_owned());
    }
    let mut files = BTreeMap::new();
    for path in
        ["/verify", "/assets/style.css", "/assets/verify.js", "/assets/ed25519.js", "/assets/icon.svg"]
    {
        let answer = world.agent().get(path).await;
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        files.insert(path, (header("content-type"), header("content-security-policy"), answer.text.clone()));
    }
    let port = remembered(files);
    let at = |payload: &str| page(browser.clone(), format!("http://127.0.0.1:{port}/verify#{payload}"));
    let (lunas, titip) = tokio::join!(at(&payloads[0]), at(&payloads[1]));
    for (kind, shown) in [("LUNAS", lunas), ("TITIP", titip)] {
        assert!(shown.contains(&format!("data-putusan=\"{kind}-ASLI tanpa-jaringan\"")), "{shown}");
        assert!(shown.contains(&format!("<dd>BUKTI {kind}</dd>")), "{shown}");
        let result = shown.split("id=\"hasil\"").nth(1).unwrap().split("</section>").next().unwrap();
        assert!(result.contains("status pembatalan belum diperiksa"), "{result}");
    }
}

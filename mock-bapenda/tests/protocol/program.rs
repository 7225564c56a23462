//! The program: its commands, and what a kill leaves.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::client::{PARTNER, SECRET, folder, in_seconds, now, signature, today, uuid};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mock-bapenda"))
}

/// Starts the program and waits for the line that says it serves.
fn serve(folder: &Path) -> (Child, BufReader<std::process::ChildStderr>, Value) {
    let mut child = program()
        .arg("serve")
        .args(["--partner-id", PARTNER, "--seed", "3"])
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--keys")
        .arg(folder.join("keys"))
        .arg("--secret-file")
        .arg(folder.join("secret"))
        .arg("--ready-file")
        .arg(folder.join("ready.json"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe stays open with the program: it may have more to say.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("serves"), "{line}");
    let ready = serde_json::from_slice(&std::fs::read(folder.join("ready.json")).unwrap()).unwrap();
    (child, said, ready)
}

async fn send(
    http: &reqwest::Client,
    ready: &Value,
    (method, path): (&str, &str),
    body: &str,
) -> (u16, Value) {
    let timestamp = now().to_rfc3339();
    let response = http
        .request(method.parse().unwrap(), format!("{}{path}", ready["bapenda_url"].as_str().unwrap()))
        .header("X-Partner-Id", PARTNER)
        .header("X-Timestamp", &timestamp)
        .header("X-Signature", signature(method, path, body, &timestamp))
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn what_the_program_answered_as_booked_survives_kill_9() {
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    assert!(program().arg("keys").arg("--out").arg(folder.join("keys")).status().unwrap().success());
    let listed =
        program().args(["vehicles", "--seed", "3", "--payable", "25", "--each", "2"]).output().unwrap();
    let vehicles: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(vehicles.len(), 25 + 15 * 2);

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut child, said, ready) = serve(&folder);
    let mut booked = Vec::new();
    for vehicle in vehicles.iter().filter(|vehicle| vehicle["case"] == "PAYABLE") {
        let question = json!({
            "reference": uuid(), "plate": vehicle["plate"], "chassis_last5": vehicle["chassis_last5"],
        });
        let (_, bill) = send(&http, &ready, ("POST", "/bapenda/v1/inquiries"), &question.to_string()).await;
        let order = json!({
            "reference": uuid(), "bill_id": bill["bill_id"], "amount": bill["total"], "agent_code": "PSN-1",
            "taken_at": now().to_rfc3339(), "not_after": in_seconds(60),
        });
        let (status, booking) =
            send(&http, &ready, ("POST", "/bapenda/v1/payments"), &order.to_string()).await;
        assert_eq!(status, 200, "{booking}");
        booked.push(booking);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(said);

    let (mut child, said, ready) = serve(&folder);
    for booking in &booked {
        let path = format!("/bapenda/v1/payments/{}", booking["reference"].as_str().unwrap());
        assert_eq!(send(&http, &ready, ("GET", &path), "").await, (200, booking.clone()));
    }
    let close = format!("/mock/days/{}/close", today());
    let rules = json!({ "rules": [] }).to_string();
    assert_eq!(send(&http, &ready, ("PUT", "/mock/faults"), &rules).await.0, 403);
    assert_eq!(send(&http, &ready, ("POST", &close), "{\"host\":\"BAPENDA\"}").await.0, 200);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(said);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrong_start_says_why_and_fails() {
    let output = program()
        .args([
            "serve",
            "--data",
            "/nowhere",
            "--keys",
            "/nowhere",
            "--partner-id",
            "P",
            "--secret-file",
            "/nowhere",
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nowhere"));
}

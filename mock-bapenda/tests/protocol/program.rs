//! The program: its commands, and what a kill or a full disk leaves.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

use crate::client::{PARTNER, SECRET, folder, in_seconds, now, signature, today, uuid};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mock-bapenda");

/// A running program; its standard error stays open as long as it may have something to say.
struct Running {
    child: Child,
    _said: BufReader<ChildStderr>,
    ready: Value,
    http: reqwest::Client,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails must not leave its program behind, which would hold the test run's output open.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with keys, a secret, and room for the book.
fn prepared() -> PathBuf {
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    assert!(
        Command::new(PROGRAM).arg("keys").arg("--out").arg(folder.join("keys")).status().unwrap().success()
    );
    folder
}

impl Running {
    /// Starts the program, in a shell that first does as `limits` says, and waits for the line that it serves.
    fn start(folder: &Path, limits: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limits} exec \"$0\" \"$@\""), PROGRAM])
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
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("serves"), "{line}");
        let ready = serde_json::from_slice(&std::fs::read(folder.join("ready.json")).unwrap()).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, _said: said, ready, http }
    }

    /// `kill -9`.
    fn kill(self) {
        drop(self);
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let timestamp = now().to_rfc3339();
        let url = format!("{}{path}", self.ready["bapenda_url"].as_str().unwrap());
        let response = self
            .http
            .request(method.parse().unwrap(), url)
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

    /// Asks for a vehicle's bill and pays it.
    async fn pay(&self, vehicle: &Value) -> (u16, Value) {
        let question = json!({
            "reference": uuid(), "plate": vehicle["plate"], "chassis_last5": vehicle["chassis_last5"],
        });
        let (_, bill) = self.send("POST", "/bapenda/v1/inquiries", &question.to_string()).await;
        let order = json!({
            "reference": uuid(), "bill_id": bill["bill_id"], "amount": bill["total"], "agent_code": "PSN-1",
            "taken_at": now().to_rfc3339(), "not_after": in_seconds(60),
        });
        self.send("POST", "/bapenda/v1/payments", &order.to_string()).await
    }

    async fn still_books(&self, booked: &[Value]) {
        for booking in booked {
            let path = format!("/bapenda/v1/payments/{}", booking["reference"].as_str().unwrap());
            assert_eq!(self.send("GET", &path, "").await, (200, booking.clone()));
        }
    }
}

fn payable_vehicles(count: usize) -> Vec<Value> {
    let listed = Command::new(PROGRAM)
        .args(["vehicles", "--seed", "3", "--payable", &count.to_string(), "--each", "2"])
        .output()
        .unwrap();
    let vehicles: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(vehicles.len(), count + 15 * 2);
    vehicles.into_iter().filter(|vehicle| vehicle["case"] == "PAYABLE").collect()
}

#[tokio::test]
async fn what_the_program_answered_as_booked_survives_kill_9() {
    let folder = prepared();
    let running = Running::start(&folder, "");
    let mut booked = Vec::new();
    for vehicle in payable_vehicles(25) {
        let (status, booking) = running.pay(&vehicle).await;
        assert_eq!(status, 200, "{booking}");
        booked.push(booking);
    }
    running.kill();
    let running = Running::start(&folder, "");
    running.still_books(&booked).await;
    let close = format!("/mock/days/{}/close", today());
    assert_eq!(running.send("PUT", "/mock/faults", "{\"rules\":[]}").await.0, 403);
    assert_eq!(running.send("POST", &close, "{\"host\":\"BAPENDA\"}").await.0, 200);
    running.kill();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_the_disk_did_not_take_is_not_answered_as_booked() {
    let folder = prepared();
    // Files may grow to a few kilobytes; a write beyond fails instead of ending the program.
    let running = Running::start(&folder, "trap '' XFSZ; ulimit -f 16;");
    let mut booked = Vec::new();
    let mut refused = 0;
    for vehicle in payable_vehicles(80) {
        match running.pay(&vehicle).await {
            (200, booking) => booked.push(booking),
            (status, _) => {
                assert_eq!(status, 500);
                refused += 1;
            }
        }
    }
    assert!(booked.len() > 5 && refused > 5, "{} booked, {refused} refused", booked.len());
    running.kill();
    let running = Running::start(&folder, "");
    running.still_books(&booked).await;
    let shown = running.send("GET", "/mock/book", "").await.1;
    assert_eq!(shown["BAPENDA"].as_object().unwrap().len(), booked.len());
    running.kill();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrong_start_says_why_and_fails() {
    let output = Command::new(PROGRAM)
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

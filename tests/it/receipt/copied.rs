//! `receipt verify` on what people copy, and on a receipt's JSON that says otherwise than what is signed in it.

use serde_json::{Value, json};

use super::{command, payload_of, receipt_of};
use crate::support::World;

#[tokio::test]
async fn the_command_takes_what_people_copy_and_says_when_the_file_contradicts_what_is_signed() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let receipt = receipt_of(world.agent(), &paid).await;
    let folder = std::env::temp_dir().join(format!("samsat-copied-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let key = write("key.pem", &world.app.public_key.to_pem());
    let payload = payload_of(&receipt);
    world.fault("BAPENDA", "payment", "reset_before");
    let open = world.agent().pays(&world.agent().looks_up(&world.vehicle()).await).await;
    let titip = receipt_of(world.agent(), &open).await;
    assert_eq!(titip.body["kind"], "TITIP");
    let file = write("titip.json", &titip.text);
    assert_eq!(command(&["receipt", "verify", &file, "--key", &key]).status.code(), Some(0));
    for (text, status) in [
        (format!("https://samsat.example/verify#{payload}\n"), 0),
        (format!(" \"{payload}\"\r\n"), 0),
        (format!("{payload} {payload}"), 1),
        (format!("bukti: {payload}"), 1),
    ] {
        let output = command(&["receipt", "verify", &write("copied.txt", &text), "--key", &key]);
        assert_eq!(output.status.code(), Some(status), "{text}");
    }
    for (member, otherwise) in [
        ("facts", json!({"amount": 1})),
        ("receipt_no", json!("PSN-0001-L26-999999")),
        ("kind", json!("TITIP")),
        ("lines", json!([])),
        ("signature", json!("x")),
    ] {
        let mut envelope = receipt.body.clone();
        envelope[member] = otherwise;
        let file = write("otherwise.json", &envelope.to_string());
        let output = command(&["receipt", "verify", &file, "--key", &key, "--json"]);
        assert_eq!(output.status.code(), Some(1), "{member}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("ENVELOPE_DIFFERS"), "{member}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&said["receipt"]["amount"], &said["envelope_differs"]),
            (&json!(quote.total), &json!([member]))
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

//! `agent limit` and `topup`: what Bapenda's people say about an outlet, by command.

use samsat_gateway::agents::Role;
use serde_json::{Value, json};

use crate::counter::commands::Shell;
use crate::support::World;

#[tokio::test]
async fn caps_are_set_and_lifted_by_command_and_each_change_is_noted() {
    let world = World::new().await;
    let (shell, code) = (Shell::of(&world), world.agents[0].code.clone());
    let limit = async |words: &[&str]| {
        let all: Vec<&str> = ["agent", "limit", &code].iter().chain(words).copied().collect();
        shell.runs(&all, "").await
    };
    let none = json!({"agent_code": code, "daily": null, "open": null});
    assert_eq!(limit(&[]).await.1, none, "no caps by default");
    let (status, set, error) = limit(&["--daily", "1000000", "--open", "400000"]).await;
    assert_eq!(
        (status, set),
        (0, json!({"agent_code": code, "daily": 1_000_000, "open": 400_000})),
        "{error}"
    );
    assert_eq!(limit(&["--open", "none"]).await.1["daily"], 1_000_000, "what is not named stays");
    for wrong in ["0", "-5", "banyak", "9999999999999999"] {
        assert_eq!(limit(&["--daily", wrong]).await.0, 2, "{wrong}");
    }
    assert_eq!(shell.runs(&["agent", "limit", "PSN-9999"], "").await.0, 1);
    let noted = "SELECT count(*) FROM audit_event WHERE actor = 'shell' AND action = 'set caps'";
    assert_eq!(world.count(noted).await, 2);
    world.verified().await;
}

#[tokio::test]
async fn a_request_is_seen_proposed_approved_or_declined_by_command() {
    let world = World::new().await;
    let shell = Shell::of(&world);
    let supervisor = world.staff(0, "ani", Role::Penyelia).await;
    let asked = world.asks_topup(&supervisor, 2_500_000).await.to_string();
    let (_, listed, error) = shell.runs(&["topup", "list"], "").await;
    assert_eq!(listed[0]["request_id"], Value::from(asked.clone()), "{error}");
    let file = std::env::temp_dir().join(format!("bukti-{}.png", uuid::Uuid::now_v7().simple()));
    let file = file.display().to_string();
    let (_, shown, error) = shell.runs(&["topup", "show", &asked, "--proof", &file], "").await;
    assert_eq!((&shown["amount"], &shown["state"]), (&json!(2_500_000), &json!("waiting")), "{error}");
    assert_eq!((&shown["requested_by"], &shown["media"]), (&json!("ani"), &json!("image/png")));
    assert!(std::fs::read(&file).unwrap().starts_with(b"\x89PNG"));
    std::fs::remove_file(&file).unwrap();
    let (status, _, error) = shell.runs(&["topup", "propose", &asked, "--by", "auditor.uji"], "").await;
    assert!(status == 1 && error.contains("FORBIDDEN"), "{error}");
    let (_, proposed, error) = shell.runs(&["topup", "propose", &asked, "--by", "bapenda.uji"], "").await;
    let proposal = proposed["proposal_id"].as_str().unwrap_or_else(|| panic!("{error}")).to_owned();
    let (status, _, error) = shell.runs(&["approve", &proposal, "--by", "bapenda.uji"], "").await;
    assert!(status == 1 && error.contains("SAME_PERSON"), "{error}");
    assert_eq!(shell.runs(&["approve", &proposal, "--by", "admin.uji"], "").await.0, 0);
    assert_eq!(shell.runs(&["topup", "list"], "").await.1, json!([]));
    let (_, all, _) = shell.runs(&["topup", "list", "--all"], "").await;
    assert_eq!((&all[0]["state"], &all[0]["approved_by"]), (&json!("approved"), &json!("admin.uji")));
    let other = world.asks_topup(&supervisor, 100_000).await.to_string();
    let decline = ["topup", "decline", &other, "--reason", "tidak ada di rekening", "--by", "bapenda.uji"];
    assert_eq!(shell.runs(&decline, "").await.1["state"], "declined");
    let (status, _, error) = shell.runs(&decline, "").await;
    assert!(status == 1 && error.contains("ANSWERED"), "{error}");
    world.verified().await;
}

#[tokio::test]
async fn an_approved_reversal_that_bapenda_refuses_fails_the_command_and_says_so() {
    let world = World::new().await;
    let shell = Shell::of(&world);
    let paid = world.agent().pays(&world.agent().looks_up(&world.vehicle()).await).await;
    let (one, other) = (world.people.0.username.clone(), world.people.1.username.clone());
    let propose = ["propose", "reversal", &paid.id(), "--reason", "WRONG_VEHICLE", "--by", &one];
    let (status, proposed, error) = shell.runs(&propose, "").await;
    assert_eq!(status, 0, "{error}");
    world.fault("BAPENDA", "reversal", "refuse:NOT_REVERSIBLE");
    let id = proposed["proposal_id"].as_str().unwrap().to_owned();
    let (status, result, error) = shell.runs(&["approve", &id, "--by", &other], "").await;
    assert_eq!((status, &result["payment"]["state"]), (1, &json!("confirmed")), "{error}");
    assert!(error.contains("REVERSAL_REFUSED"), "{error}");
    world.verified().await;
}

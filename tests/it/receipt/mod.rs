//! Receipts: numbered without gaps, checkable by anyone who holds one, silent to everyone else.

mod copied;

use std::collections::BTreeMap;
use std::process::{Command, Output};

use reqwest::{Method, StatusCode};
use samsat_gateway::receipt::{self, Facts, SigningKey};
use serde_json::{Value, json};

use crate::support::{Answer, Client, World};

async fn receipt_of(agent: &Client, payment: &Answer) -> Answer {
    let number = agent.reads(&payment.id()).await.body["receipt_no"].as_str().expect("a receipt").to_owned();
    let answer = agent.get(&format!("/v1/receipts/{number}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer
}

fn payload_of(receipt: &Answer) -> String {
    receipt.body["payload"].as_str().expect("a payload").to_owned()
}

/// What anyone is told of a payload, without a credential.
async fn checked(world: &World, payload: &str) -> Value {
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/receipts/verify", world.agent().base);
    let answer = request.post(url).header("content-type", "application/json");
    let answer = answer.body(json!({"payload": payload}).to_string()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn worth(world: &World, payload: &str) -> (bool, String) {
    let answer = checked(world, payload).await;
    assert_eq!(
        answer["valid"].as_bool().unwrap(),
        answer["receipt"].is_object(),
        "content only with a signature"
    );
    (answer["valid"].as_bool().unwrap(), answer["status"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn numbers_have_no_gap_however_many_are_issued_at_once_at_two_gateways() {
    let world = World::new().await;
    let (_app, sister, base) = world.sister().await;
    world.faults(json!([
        {"host": "BAPENDA", "operation": "payment", "nth": [3, 7, 11], "fault": "refuse:BILL_EXPIRED"},
        {"host": "BAPENDA", "operation": "payment", "nth": [5, 9, 16], "fault": "reset_after_booking"},
    ]));
    let mut tasks = vec![];
    for n in 0..24 {
        let mut agent = world.agents[n % 2].clone();
        if n % 3 == 0 {
            agent.base.clone_from(&base);
        }
        let vehicle = world.vehicle();
        tasks.push(tokio::spawn(async move {
            let quote = agent.looks_up(&vehicle).await;
            agent.pays(&quote).await
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    let rows: Vec<(uuid::Uuid, String, i16, i64, i64, i64)> = sqlx::query_as(
        "SELECT r.agent_id, r.kind, r.year, min(n), max(n), count(*) FROM receipt r GROUP BY 1, 2, 3",
    )
    .fetch_all(&mut world.admin_connection().await)
    .await
    .unwrap();
    let mut kinds: BTreeMap<String, i64> = BTreeMap::new();
    for (_, kind, _, first, last, count) in rows {
        assert_eq!((first, last), (1, count), "{kind}");
        *kinds.entry(kind).or_default() += count;
    }
    assert_eq!(kinds, BTreeMap::from([("LUNAS".to_owned(), 21), ("TITIP".to_owned(), 3)]));
    sister.stop().await;
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_bukti_lunas_says_paid_and_carries_everything_that_was_paid() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let receipt = receipt_of(world.agent(), &paid).await;
    assert_eq!((&receipt.body["kind"], &receipt.body["status"]), (&json!("LUNAS"), &json!("PAID")));
    let sum: i64 = receipt.body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["principal"].as_i64().unwrap() + l["penalty"].as_i64().unwrap())
        .sum();
    assert_eq!(json!(sum), quote.body["tax_total"]);
    let payload = payload_of(&receipt);
    assert!(payload.starts_with("SOPOP1."));
    assert_eq!(payload.rsplit('.').next().unwrap(), receipt.body["signature"].as_str().unwrap());
    let facts: Facts = receipt::verify(&payload, &world.app.public_key).unwrap();
    let numbers: Vec<_> = facts.legs.iter().map(|leg| leg.number.clone().unwrap()).collect();
    assert_eq!(json!(numbers), json!([paid.body["ntpd"], paid.body["certificate_no"]]));
    assert_eq!(facts.amount.get(), quote.total);
    assert_eq!(worth(&world, &payload).await, (true, "PAID".to_owned()));
    let link = receipt_of(world.agent(), &paid).await.body["link"].as_str().unwrap().to_owned();
    for copied in [format!(" {payload}\n"), link.clone(), format!("\"{payload}\"\n"), format!("“{link}”")]
    {
        assert_eq!(worth(&world, &copied).await, (true, "PAID".to_owned()), "as people paste: {copied}");
    }
}

#[tokio::test]
async fn a_bukti_titip_says_open_then_not_paid_when_the_payment_is_refused() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    let open = world.agent().pays(&quote).await;
    assert_eq!(open.state(), "in_doubt");
    let titip = receipt_of(world.agent(), &open).await;
    assert_eq!((&titip.body["kind"], &titip.body["status"]), (&json!("TITIP"), &json!("OPEN")));
    let payload = payload_of(&titip);
    assert_eq!(worth(&world, &payload).await, (true, "OPEN".to_owned()));
    world.hosts_later(10);
    world.agent().cancels(&open.id()).await;
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&open.id()).await.state(), "refused");
    assert_eq!(worth(&world, &payload).await, (true, "NOT_PAID".to_owned()));
    world.verified().await;
}

#[tokio::test]
async fn a_receipt_is_open_while_a_reversal_is_under_way_and_revoked_after_it() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let payload = payload_of(&receipt_of(world.agent(), &paid).await);
    world.fault("BAPENDA", "reversal", "reset_before");
    world.take_back(&paid.id()).await;
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "reversing");
    assert_eq!(worth(&world, &payload).await, (true, "OPEN".to_owned()));
    world.no_faults();
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "reversed");
    assert_eq!(worth(&world, &payload).await, (true, "REVOKED".to_owned()));
    let page = printed(world.agent(), &paid).await;
    assert!(page.text.contains("DIBATALKAN"));
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn what_our_key_signed_but_our_books_do_not_have_is_unknown() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let facts =
        receipt::verify(&payload_of(&receipt_of(world.agent(), &paid).await), &world.app.public_key).unwrap();
    let key = SigningKey::from_file(&world.config.receipt.signing_key_file).unwrap();
    let stray = Facts { receipt_no: "PSN-0000-L26-999999".to_owned(), ..facts.clone() };
    assert_eq!(worth(&world, &stray.sign(&key)).await, (true, "UNKNOWN".to_owned()));
    let forged = Facts { plate: "L1XX".to_owned(), ..facts };
    assert_eq!(
        worth(&world, &forged.sign(&key)).await,
        (true, "UNKNOWN".to_owned()),
        "a number with other content"
    );
}

#[tokio::test]
async fn a_receipt_that_was_tampered_with_is_not_valid_and_tells_nothing() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let receipt = receipt_of(world.agent(), &paid).await;
    let payload = payload_of(&receipt);
    let (_, stranger) = (0, SigningKey::generate().unwrap().0);
    let facts = receipt::verify(&payload, &world.app.public_key).unwrap();
    let mut forgeries = vec![
        facts.sign(&stranger),
        payload.replace("SOPOP1", "SOPOP2"),
        payload.trim_end_matches(char::is_alphanumeric).to_owned(),
        receipt.body["receipt_no"].as_str().unwrap().to_owned(),
        "x".repeat(5_000),
        String::new(),
    ];
    for place in (0..payload.len()).step_by(97) {
        let mut bytes = payload.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        forgeries.push(String::from_utf8(bytes).unwrap());
    }
    for forgery in forgeries {
        assert_eq!(worth(&world, &forgery).await, (false, "UNKNOWN".to_owned()), "{forgery}");
        let page = posted(&world, &forgery).await;
        assert!(page.contains("TIDAK SAH") && !page.contains(&facts.plate), "{page}");
    }
}

async fn posted(world: &World, payload: &str) -> String {
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = payload.bytes().fold(String::new(), |form, b| form + &format!("%{b:02X}"));
    let request = request.post(format!("{}/verify", world.agent().base));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("payload={form}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn the_public_page_knows_a_payload_but_no_numbers_and_runs_nothing() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let receipt = receipt_of(world.agent(), &paid).await;
    let page = posted(&world, &payload_of(&receipt)).await;
    let number = receipt.body["receipt_no"].as_str().unwrap();
    assert!(page.contains("lang=\"id\"") && page.contains("LUNAS") && page.contains(number), "{page}");
    let walked = world.agent().get(&format!("/verify/{number}")).await;
    let absent = world.agent().get("/verify/PSN-9999-L26-000001").await;
    assert_eq!((walked.status, &walked.text), (absent.status, &absent.text), "numbers cannot be walked");
    for copied in
        [format!("“{}”", receipt.body["link"].as_str().unwrap()), payload_of(&receipt).replace('.', ".\r\n ")]
    {
        let page = posted(&world, &copied).await;
        assert!(
            page.contains("LUNAS") && page.contains(number) && !page.contains("TIDAK SAH\""),
            "{copied}: {page}"
        );
    }
    let page = posted(&world, "<script>alert(1)</script>\"'").await;
    assert!(!page.contains("<script>") && page.contains("alert(1)"), "{page}");
}

async fn printed(agent: &Client, payment: &Answer) -> Answer {
    let number = agent.reads(&payment.id()).await.body["receipt_no"].as_str().expect("a receipt").to_owned();
    agent.send(Method::GET, &format!("/v1/receipts/{number}"), &[("accept", "text/html")], None).await
}

#[tokio::test]
async fn each_printed_copy_has_its_number_and_reading_counts_none() {
    let world = World::new().await;
    let vehicle = world.vehicle();
    let quote = world.agent().looks_up(&vehicle).await;
    let paid = world.agent().pays(&quote).await;
    assert_eq!(receipt_of(world.agent(), &paid).await.body["copy_no"], 0);
    for copy in 1..=3 {
        let page = printed(world.agent(), &paid).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text.contains(&format!("<dt>Salinan ke</dt><dd>{copy}</dd>")), "{}", page.text);
        for shown in [
            "BUKTI LUNAS",
            paid.body["ntpd"].as_str().unwrap(),
            paid.body["certificate_no"].as_str().unwrap(),
        ] {
            assert!(page.text.contains(shown), "{shown}");
        }
        assert!(page.text.contains(quote.body["vehicle"]["plate"].as_str().unwrap()));
        assert!(!page.text.contains("<script"), "no script");
    }
    assert_eq!(receipt_of(world.agent(), &paid).await.body["copy_no"], 3);
    let copies: Vec<_> = (0..8)
        .map(|_| {
            let (agent, paid) = (world.agent().clone(), paid.clone());
            tokio::spawn(async move { printed(&agent, &paid).await.status })
        })
        .collect();
    for copy in copies {
        assert_eq!(copy.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(receipt_of(world.agent(), &paid).await.body["copy_no"], 11);
}

#[tokio::test]
async fn a_representation_that_is_not_offered_is_not_acceptable() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let path = format!("/v1/receipts/{}", paid.body["receipt_no"].as_str().unwrap());
    let answer = world.agent().send(Method::GET, &path, &[("accept", "image/png")], None).await;
    answer.is_problem(406, "NOT_ACCEPTABLE", "never");
    for accept in ["application/json", "*/*", "image/png, application/json;q=0.5"] {
        let answer = world.agent().send(Method::GET, &path, &[("accept", accept)], None).await;
        assert!(answer.body["payload"].is_string(), "{accept}");
    }
}

#[tokio::test]
async fn anothers_receipt_looks_exactly_like_none() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let number = paid.body["receipt_no"].as_str().unwrap();
    let other = &world.agents[1];
    for path in ["/v1/receipts/", "/v1/payments/"] {
        let id = if path.contains("receipts") { number.to_owned() } else { paid.id() };
        let absent = if path.contains("receipts") {
            "PSN-0001-L26-000999".to_owned()
        } else {
            uuid::Uuid::now_v7().to_string()
        };
        for accept in ["application/json", "text/html"] {
            let theirs = other.send(Method::GET, &format!("{path}{id}"), &[("accept", accept)], None).await;
            let none = other.send(Method::GET, &format!("{path}{absent}"), &[("accept", accept)], None).await;
            assert_eq!((theirs.status, &theirs.text), (none.status, &none.text), "{path} {accept}");
            theirs.is_problem(404, "NOT_FOUND", "never");
        }
    }
    assert_eq!(world.count("SELECT count(*) FROM receipt_copy").await, 0, "nothing was printed");
}

/// The command as a citizen's relative would run it: no configuration, no database.
pub fn command(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_samsat-gateway"));
    command.args(arguments).env_clear().output().expect("the command runs")
}

#[tokio::test]
async fn the_command_checks_a_receipt_with_the_public_key_alone() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    let receipt = receipt_of(world.agent(), &paid).await;
    let folder = std::env::temp_dir().join(format!("samsat-receipt-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let pem = world.app.public_key.to_pem();
    let key = write("key.pem", &pem);
    let stranger = write("stranger.pem", &SigningKey::generate().unwrap().0.public().to_pem());
    let payload = payload_of(&receipt);
    let good = [write("payload.txt", &payload), write("receipt.json", &receipt.text)];
    for file in &good {
        for key in [&key, &pem] {
            let output = command(&["receipt", "verify", file, "--key", key, "--json"]);
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            let said: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((&said["valid"], &said["receipt"]["amount"]), (&json!(true), &json!(quote.total)));
        }
        let output = command(&["receipt", "verify", file, "--key", &stranger, "--json"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stderr.is_empty(), "the reason is on standard error");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["valid"], false);
    }
    let mut forged = payload.into_bytes();
    forged[20] ^= 1;
    let forged = write("forged.txt", &String::from_utf8(forged).unwrap());
    assert_eq!(command(&["receipt", "verify", &forged, "--key", &key]).status.code(), Some(1));
    assert_eq!(command(&["receipt", "verify"]).status.code(), Some(2), "wrong use");
    std::fs::remove_dir_all(&folder).unwrap();
}

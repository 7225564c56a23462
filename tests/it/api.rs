//! What every call of the API has in common: problems, and the order in which a payment is checked.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Quote, Shape, World};

fn key() -> String {
    Uuid::now_v7().to_string()
}

fn wish(quote: &Quote, amount: i64) -> Value {
    json!({"lookup_id": quote.lookup_id, "amount": amount})
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done_there_are_problems_too() {
    let world = World::new().await;
    world.agent().get("/v1/nothing").await.is_problem(404, "NOT_FOUND", "never");
    world.agent().get("/tidak-ada").await.is_problem(404, "NOT_FOUND", "never");
    let answer = world.agent().send(Method::DELETE, "/v1/payments", &[], None).await;
    answer.is_problem(405, "METHOD_NOT_ALLOWED", "never");
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")), "RFC 9110 section 15.5.6");
    world.agent().get("/v1/payments/not-an-id").await.is_problem(404, "NOT_FOUND", "never");
    let answer = world.agent().send(Method::POST, "/v1/payments/1/cancel", &[], None).await;
    answer.is_problem(404, "NOT_FOUND", "never");
}

#[tokio::test]
async fn a_malformed_body_or_query_is_a_bad_request() {
    let world = World::new().await;
    let (key, agent) = (key(), world.agent());
    let good = json!({"lookup_id": Uuid::now_v7(), "amount": 1});
    for body in [
        json!([]),
        json!({}),
        json!({"lookup_id": "x", "amount": 1}),
        json!({"lookup_id": Uuid::now_v7(), "amount": "1"}),
        json!({"lookup_id": Uuid::now_v7(), "amount": 1.5}),
        json!({"lookup_id": Uuid::now_v7(), "amount": i64::MAX}),
        json!({"lookup_id": Uuid::now_v7(), "amount": 1, "note": "unknown members are refused"}),
    ] {
        agent.sends_payment(&[("idempotency-key", &key)], &body).await.is_problem(
            400,
            "BAD_REQUEST",
            "never",
        );
    }
    for path in ["/v1/lookups", "/v1/receipts/verify"] {
        for body in [json!({}), json!(1), json!({"plate": 1, "payload": 2})] {
            let answer = agent.send(Method::POST, path, &[], Some(&body)).await;
            answer.is_problem(400, "BAD_REQUEST", "never");
        }
    }
    let url = format!("{}/v1/payments", agent.base);
    let raw = |kind: &'static str, body: &'static str| {
        let request = agent.http.post(&url).bearer_auth(&agent.credential).header("idempotency-key", &key);
        request.header("content-type", kind).body(body).send()
    };
    for (kind, body) in [("application/json", "{"), ("application/json", ""), ("text/plain", "{}")] {
        assert_eq!(raw(kind, body).await.unwrap().status(), StatusCode::BAD_REQUEST, "{kind} {body}");
    }
    for query in
        ["limit=0", "limit=101", "limit=x", "state=lost", "date=2026-02-30", "cursor=x", "colour=red"]
    {
        agent.get(&format!("/v1/payments?{query}")).await.is_problem(400, "BAD_REQUEST", "never");
    }
    let auditor = world.person(samsat_gateway::agents::Role::Auditor).await;
    for cursor in ["zzz", "PSN-0001", "PSN-0001-X26-000001", "PSN-0001-L26-1", "-L26-000001"] {
        let answer = auditor.get(&format!("/v1/receipts?cursor={cursor}")).await;
        answer.is_problem(400, "BAD_REQUEST", "never");
    }
    let last = auditor.get("/v1/receipts?cursor=PSN-0001-L26-000001").await;
    assert_eq!(last.status, StatusCode::OK, "{}", last.text);
    for bad in ["\"half", "zwei\u{e9}", &"k".repeat(256)] {
        let answer = agent.sends_payment(&[("idempotency-key", bad)], &good).await;
        answer.is_problem(400, "BAD_REQUEST", "never");
    }
    let twice = agent.sends_payment(&[("idempotency-key", "a"), ("idempotency-key", "b")], &good).await;
    twice.is_problem(400, "BAD_REQUEST", "never");
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0, "none of these leaves a key");
}

#[tokio::test]
async fn a_broken_store_is_an_internal_error_that_says_nothing_of_itself() {
    let world = World::new().await;
    let mut owner = world.admin_connection().await;
    sqlx::query("REVOKE SELECT ON agent_float FROM samsat_app").execute(&mut owner).await.unwrap();
    let answer = world.agent().get("/v1/float").await;
    answer.is_problem(500, "INTERNAL", "same_key");
    assert!(!answer.text.contains("agent_float") && !answer.text.contains("permission"), "{}", answer.text);
}

#[tokio::test]
async fn answers_carry_the_headers_that_browsers_obey_and_an_id_of_their_own() {
    let world = World::new().await;
    let (one, other) = (world.agent().get("/verify").await, world.agent().get("/v1/float").await);
    for answer in [&one, &other] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    }
    assert_ne!(one.header("x-request-id").unwrap(), other.header("x-request-id").unwrap());
}

#[tokio::test]
async fn a_payment_is_checked_in_the_order_that_the_interface_fixes() {
    let world = World::shaped(Shape { agents: 3, ..Shape::default() }).await;
    let [one, other, third] = &world.agents[..] else { panic!("three agents") };
    let (vehicle, busy) = (world.vehicle(), world.vehicle());
    let (paid, again) = (one.looks_up(&vehicle).await, other.looks_up(&vehicle).await);
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = stranger.post(format!("{}/v1/payments", one.base)).body("{").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "authentication before the body");
    one.sends_payment(&[], &json!({"amount": 1})).await.is_problem(400, "BAD_REQUEST", "never");
    let unknown = json!({"lookup_id": Uuid::now_v7(), "amount": paid.total});
    one.sends_payment(&[], &unknown).await.is_problem(400, "KEY_MISSING", "new_key");
    let used = key();
    assert_eq!(one.pays_with(&used, &paid).await.state(), "confirmed");
    let replay = one.sends_payment(&[("idempotency-key", &used)], &unknown).await;
    replay.is_problem(422, "KEY_REUSED", "new_key");
    let amount = other.sends_payment(&[("idempotency-key", &key())], &wish(&again, again.total + 1)).await;
    amount.is_problem(422, "AMOUNT_DIFFERS", "new_key");
    other.pays(&again).await.is_problem(409, "ALREADY_PAID", "new_key");
    vehicle_then_host_then_float(&world, third, &busy).await;
    expiry_comes_after_lookup_and_before_amount(&world, &again).await;
}

async fn vehicle_then_host_then_float(
    world: &World,
    third: &crate::support::Client,
    busy: &crate::support::Vehicle,
) {
    let (first, second) = (world.agent().looks_up(busy).await, third.looks_up(busy).await);
    let poor = world.agent_with(1_000).await;
    let dear = poor.looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    assert_eq!(world.agent().pays(&first).await.state(), "in_doubt");
    world.fault("BAPENDA", "inquiry", "refuse:END_OF_DAY");
    assert_eq!(third.asks(&world.vehicle()).await.code(), "END_OF_DAY");
    third.pays(&second).await.is_problem(409, "VEHICLE_BUSY", "new_key");
    let answer = poor.pays(&dear).await;
    answer.is_problem(503, "END_OF_DAY", "same_key");
    assert!(answer.header("retry-after").is_some());
    world.no_faults();
    third.looks_up(&world.vehicle()).await;
    poor.pays(&dear).await.is_problem(422, "FLOAT_INSUFFICIENT", "new_key");
}

async fn expiry_comes_after_lookup_and_before_amount(world: &World, expired: &Quote) {
    world.a_day_passes().await;
    let body = wish(expired, expired.total + 1);
    let answer = world.agent().sends_payment(&[("idempotency-key", &key())], &body).await;
    answer.is_problem(404, "LOOKUP_NOT_FOUND", "never");
    let answer = world.agents[1].sends_payment(&[("idempotency-key", &key())], &body).await;
    answer.is_problem(422, "QUOTE_EXPIRED", "new_key");
}

#[tokio::test]
async fn a_paid_period_is_named_before_a_busy_vehicle() {
    let world = World::shaped(Shape { between: true, ..Shape::default() }).await;
    let vehicle = world.vehicle();
    let (paid, again) = (world.agent().looks_up(&vehicle).await, world.agents[1].looks_up(&vehicle).await);
    world.hosts_say(|said| {
        if said.path.ends_with("/inquiries") {
            for period in said.body["periods"].as_array_mut().unwrap() {
                let due = period["due_on"].as_str().unwrap();
                period["due_on"] = json!(format!("2031{}", due[4..].replace("02-29", "02-28")));
            }
        }
    });
    let next = world.agent().looks_up(&vehicle).await;
    assert_eq!(world.agent().pays(&paid).await.state(), "confirmed");
    world.fault("BAPENDA", "payment", "reset_before");
    assert_eq!(world.agent().pays(&next).await.state(), "in_doubt");
    world.agents[1].pays(&again).await.is_problem(409, "ALREADY_PAID", "new_key");
}

#[tokio::test]
async fn no_cash_is_taken_for_a_host_that_is_known_to_be_down() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("JASA_RAHARJA", "inquiry", "reset_before");
    for _ in 0..20 {
        world.agent().asks(&world.vehicle()).await.is_problem(503, "UPSTREAM_UNAVAILABLE", "same_key");
    }
    let answer = world.agent().pays_with("kept for later", &quote).await;
    answer.is_problem(503, "UPSTREAM_UNAVAILABLE", "same_key");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0);
    world.verified().await;
}

#[tokio::test]
async fn a_suspended_agent_reads_but_neither_asks_nor_pays() {
    let world = World::new().await;
    let agent = world.agent();
    let (quote, used) = (agent.looks_up(&world.vehicle()).await, key());
    let unpaid = agent.looks_up(&world.vehicle()).await;
    assert_eq!(agent.pays_with(&used, &quote).await.state(), "confirmed");
    world.suspends(agent).await;
    agent.asks(&world.vehicle()).await.is_problem(403, "FORBIDDEN", "same_key");
    agent.pays(&unpaid).await.is_problem(403, "FORBIDDEN", "same_key");
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 1, "a refused agent leaves no key");
    let replay = agent.pays_with(&used, &quote).await;
    assert_eq!((replay.status.as_u16(), replay.state()), (201, "confirmed"), "{}", replay.text);
    assert_eq!(agent.reads(&replay.id()).await.status, StatusCode::OK);
    world.verified().await;
}

#[tokio::test]
async fn pages_hold_at_most_a_hundred_and_the_cursor_leads_through_all() {
    let world = World::new().await;
    let mut wanted = vec![];
    for _ in 0..5 {
        let quote = world.agent().looks_up(&world.vehicle()).await;
        wanted.push(world.agent().pays(&quote).await.id());
    }
    wanted.reverse();
    let (mut got, mut path) = (vec![], "/v1/payments?limit=2".to_owned());
    loop {
        let page = world.agent().get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        got.extend(items.iter().map(|item| item["payment_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/payments?limit=2&cursor={cursor}");
    }
    assert_eq!(got, wanted, "newest first, each once");
    let today = world.clock.today();
    let count = async |query: &str| {
        let page = world.agent().get(&format!("/v1/payments?{query}")).await;
        page.body["items"].as_array().map_or(99, Vec::len)
    };
    assert_eq!(count(&format!("date={today}&state=confirmed")).await, 5);
    assert_eq!(count("state=in_doubt").await, 0);
    assert_eq!(count("date=2020-01-01").await, 0);
    for path in ["/v1/receipts", "/v1/payments"] {
        world.auditor.get(&format!("{path}?limit=101")).await.is_problem(400, "BAD_REQUEST", "never");
        assert_eq!(world.auditor.get(&format!("{path}?limit=100")).await.status, StatusCode::OK);
    }
    entries_add_up(&world).await;
}

async fn entries_add_up(world: &World) {
    let (mut sum, mut path) = (0, "/v1/float/entries?limit=7".to_owned());
    loop {
        let page = world.agent().get(&path).await;
        for entry in page.body["items"].as_array().unwrap() {
            sum += i64::from(entry["seq"].as_i64().unwrap() > 0);
        }
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/float/entries?limit=7&cursor={cursor}");
    }
    let all = world
        .count("SELECT count(*) FROM transfer t JOIN agent a USING (agent_id) WHERE a.agent_no = 1 AND float_seq IS NOT NULL")
        .await;
    assert_eq!(sum, all, "every movement of the float is listed once");
}

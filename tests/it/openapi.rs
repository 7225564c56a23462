//! `/openapi.json` says what the gateway does: no route more, no route less, no status that it does not declare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, World};

async fn document(world: &World) -> Value {
    let answer = reqwest::get(format!("{}/openapi.json", world.agent().base)).await.unwrap();
    assert_eq!(answer.status(), 200, "it needs no credential");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Method and path of every route in the router's own table, as its source has them.
pub fn routes_of_the_source() -> BTreeSet<(String, String)> {
    let source =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/route.rs")).unwrap();
    let api = source.split("fn ops_router").next().unwrap();
    let mut routes = BTreeSet::new();
    for line in api.split(".route(").skip(1) {
        let path = line.split('"').nth(1).unwrap().to_owned();
        // What stands behind the last route of a function is none of its.
        let line = line.split("\n}").next().unwrap();
        let handlers = line.split(".layer").next().unwrap().split_once(',').unwrap().1;
        for method in ["get", "post", "put", "patch", "delete"] {
            if handlers.contains(&format!("{method}(")) {
                routes.insert((method.to_owned(), path.clone()));
            }
        }
    }
    routes
}

#[tokio::test]
async fn it_is_openapi_3_1_and_every_reference_in_it_leads_somewhere() {
    let world = World::new().await;
    let document = document(&world).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut found = 0;
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').expect("a local reference");
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                    found += 1;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(found > 20, "{found}");
}

#[tokio::test]
async fn every_route_of_the_api_is_in_it_and_the_reverse() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        documented.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    let api: BTreeSet<_> =
        routes_of_the_source().into_iter().filter(|(_, path)| path.starts_with("/v1/")).collect();
    assert!(api.len() > 10, "{api:?}");
    assert_eq!(documented, api);
    for (method, path) in &api {
        let path = path.replace("{payment_id}", &Uuid::now_v7().to_string()).replace("{date}", "2026-01-01");
        let path = path.replace("{receipt_no}", "X-1");
        let method: Method = method.to_uppercase().parse().unwrap();
        let answer = world.agent().send(method.clone(), &path, &[], None).await;
        assert!(![405].contains(&answer.status.as_u16()), "{method} {path} is not served");
        assert_ne!(answer.body["detail"], "this path does not take this method");
    }
}

#[tokio::test]
async fn every_status_that_is_answered_is_declared_and_every_operation_has_a_schema_for_problems() {
    let world = World::new().await;
    let document = document(&world).await;
    let seen = gather(&world).await;
    for ((method, path), statuses) in &seen {
        let responses = &document["paths"][path][method]["responses"];
        for status in statuses {
            let declared = !responses[status.to_string()].is_null();
            assert!(declared, "{method} {path} answers {status}, which is not declared");
        }
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let in_path = path.contains(&format!("{{{name}}}"));
                assert_eq!(parameter["in"] == "path", in_path, "{method} {path} {name}");
            }
            let public = path == "/v1/receipts/verify";
            assert_eq!(operation["security"].is_null(), public, "{method} {path}");
            let wanted: &[&str] = if public { &["500", "503"] } else { &["401", "500", "503"] };
            for status in wanted {
                let schema = &operation["responses"][status]["content"]["application/problem+json"]["schema"];
                assert_eq!(schema["$ref"], "#/components/schemas/ProblemBody", "{method} {path} {status}");
            }
        }
    }
    assert_eq!(seen.len(), routes_of_the_source().iter().filter(|(_, p)| p.starts_with("/v1/")).count());
}

type Seen = BTreeMap<(String, String), BTreeSet<u16>>;

/// Calls every route in every way that this test knows and notes what it answers.
async fn gather(world: &World) -> Seen {
    let (agent, vehicle) = (world.agent(), world.vehicle());
    let quote = agent.looks_up(&vehicle).await;
    let paid = agent.pays_with("k", &quote).await;
    let receipt = paid.body["receipt_no"].as_str().unwrap().to_owned();
    let nobody = crate::support::Client { credential: "x".into(), ..agent.clone() };
    let big = json!({"plate": "L".repeat(40_000)});
    let bodies = [
        None,
        Some(big),
        Some(json!({"plate": vehicle.plate, "chassis_last5": vehicle.chassis})),
        Some(json!({"plate": "B 1 A", "chassis_last5": "12345"})),
        Some(json!({"plate": "?", "chassis_last5": "12345"})),
        Some(json!({"lookup_id": quote.lookup_id, "amount": quote.total})),
        Some(json!({"lookup_id": quote.lookup_id, "amount": 1})),
        Some(json!({"lookup_id": Uuid::now_v7(), "amount": 1})),
        Some(json!({"payload": "SOPOP1.x.y"})),
        Some(json!({"returned_to": "", "paper_surrendered": false})),
        Some(json!({"returned_to": "SITI", "paper_surrendered": false})),
    ];
    let keys: [&[(&str, &str)]; 3] = [&[], &[("idempotency-key", "k")], &[("idempotency-key", "another")]];
    let mut seen = Seen::new();
    for (method, path) in routes_of_the_source().into_iter().filter(|(_, path)| path.starts_with("/v1/")) {
        for (payment, number) in
            [(paid.id(), receipt.clone()), (Uuid::now_v7().to_string(), "X-1".to_owned())]
        {
            let real = path.replace("{payment_id}", &payment).replace("{receipt_no}", &number);
            let real = real.replace("{date}", &world.clock.today().to_string());
            for client in [agent, &world.agents[1], &nobody, &world.auditor, &world.admin] {
                for headers in keys.iter().copied().chain([&[("accept", "image/png")][..]]) {
                    for query in ["", "?limit=0"] {
                        let bodies = if method == "get" { &bodies[..1] } else { &bodies[..] };
                        for body in bodies {
                            let parsed: Method = method.to_uppercase().parse().unwrap();
                            let url = format!("{real}{query}");
                            let answer: Answer = client.send(parsed, &url, headers, body.as_ref()).await;
                            let entry = seen.entry((method.clone(), path.clone())).or_default();
                            entry.insert(answer.status.as_u16());
                        }
                    }
                }
            }
        }
    }
    seen
}

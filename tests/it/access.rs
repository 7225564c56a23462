//! Who may do what: every route × every kind of credential × one's own, another's, and what is not there.

use std::collections::BTreeSet;

use reqwest::Method;
use samsat_gateway::agents::{self, Role};
use serde_json::{Value, json};

use crate::support::{Client, Shape, World};

/// Who is let in: agents to their own, readers (officers and auditors) to everything, anyone without a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Agents,
    AgentsAndReaders,
    Readers,
    Anyone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nobody,
    Wrong,
    Owner,
    Stranger,
    Suspended,
    Person(Role),
}

const KINDS: [Kind; 10] = [
    Kind::Nobody,
    Kind::Wrong,
    Kind::Owner,
    Kind::Stranger,
    Kind::Suspended,
    Kind::Person(Role::Bapenda),
    Kind::Person(Role::Auditor),
    Kind::Person(Role::Admin),
    Kind::Person(Role::Kasir),
    Kind::Person(Role::Penyelia),
];

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Owners,
    Suspendeds,
    Nobodys,
}

struct Route {
    method: Method,
    path: &'static str,
    open_to: For,
    /// What the one who may gets for what is there.
    granted: u16,
    /// Names a thing that has an owner: another's is `404`.
    owned: bool,
    /// A suspended agent may not.
    active_only: bool,
}

const fn route(method: Method, path: &'static str, open_to: For, granted: u16) -> Route {
    Route { method, path, open_to, granted, owned: false, active_only: false }
}

fn routes() -> Vec<Route> {
    let owned =
        |method, path, open_to, granted| Route { owned: true, ..route(method, path, open_to, granted) };
    vec![
        Route { active_only: true, ..route(Method::POST, "/v1/lookups", For::Agents, 201) },
        owned(Method::POST, "/v1/payments", For::Agents, 201),
        route(Method::GET, "/v1/payments", For::AgentsAndReaders, 200),
        owned(Method::GET, "/v1/payments/{payment_id}", For::AgentsAndReaders, 200),
        // It is confirmed: nothing to cancel.
        owned(Method::POST, "/v1/payments/{payment_id}/cancel", For::Agents, 409),
        // Nothing is owed for it.
        owned(Method::POST, "/v1/payments/{payment_id}/return", For::Agents, 404),
        route(Method::GET, "/v1/receipts", For::Readers, 200),
        route(Method::POST, "/v1/receipts/verify", For::Anyone, 200),
        owned(Method::GET, "/v1/receipts/{receipt_no}", For::AgentsAndReaders, 200),
        route(Method::GET, "/v1/float", For::Agents, 200),
        route(Method::GET, "/v1/float/entries", For::Agents, 200),
        route(Method::GET, "/v1/reconciliations/{date}", For::Readers, 200),
        route(Method::GET, "/v1/reconciliations/{date}/items", For::Readers, 200),
        route(Method::GET, "/v1/reconciliations/{date}/export.csv", For::Readers, 200),
        route(Method::GET, "/v1/reconciliations/{date}/export.xlsx", For::Readers, 200),
        route(Method::GET, "/v1/reconciliations/{date}/export.pdf", For::Readers, 200),
    ]
}

/// A payment of somebody with all that names it.
struct Thing {
    payment_id: String,
    receipt_no: String,
    lookup_id: String,
    amount: i64,
    date: String,
}

struct Stage {
    world: World,
    clients: Vec<(Kind, Client)>,
    owners: Thing,
    suspendeds: Thing,
    nobodys: Thing,
}

const KEY: &str = "kunci-akses";

async fn thing_of(world: &World, agent: &Client) -> Thing {
    let quote = agent.looks_up(&world.vehicle()).await;
    let paid = agent.pays_with(KEY, &quote).await;
    assert_eq!(paid.state(), "confirmed", "{}", paid.text);
    Thing {
        payment_id: paid.id(),
        receipt_no: paid.body["receipt_no"].as_str().unwrap().to_owned(),
        lookup_id: quote.lookup_id,
        amount: quote.total,
        date: world.clock.today().to_string(),
    }
}

async fn stage() -> Stage {
    let world = World::shaped(Shape { agents: 3, ..Shape::default() }).await;
    let (owners, suspendeds) =
        (thing_of(&world, &world.agents[0]).await, thing_of(&world, &world.agents[2]).await);
    world.suspends(&world.agents[2]).await;
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&owners.date, host).unwrap();
    }
    world.night.run(owners.date.parse().unwrap()).await.expect("a night is published");
    let nobody = Client { credential: String::new(), ..world.agent().clone() };
    let mut clients = vec![
        (
            Kind::Wrong,
            Client { credential: "agt_0000000000000000000000000000000000000000000".into(), ..nobody.clone() },
        ),
        (Kind::Nobody, nobody),
        (Kind::Owner, world.agents[0].clone()),
        (Kind::Stranger, world.agents[1].clone()),
        (Kind::Suspended, world.agents[2].clone()),
    ];
    for role in Role::ALL {
        clients.push((Kind::Person(role), world.person(role).await));
    }
    let nobodys = Thing {
        payment_id: uuid::Uuid::now_v7().to_string(),
        receipt_no: "PSN-0000-L26-000999".into(),
        lookup_id: uuid::Uuid::now_v7().to_string(),
        amount: 1,
        date: "2020-02-02".into(),
    };
    Stage { world, clients, owners, suspendeds, nobodys }
}

/// The status that the table of this page's head demands.
fn expected(route: &Route, kind: Kind, whose: Whose) -> u16 {
    let reader = matches!(kind, Kind::Person(Role::Bapenda | Role::Auditor));
    let agent = matches!(kind, Kind::Owner | Kind::Stranger | Kind::Suspended);
    let let_in = match route.open_to {
        For::Anyone => return route.granted,
        For::Agents => agent,
        For::AgentsAndReaders => agent || reader,
        For::Readers => reader,
    };
    if matches!(kind, Kind::Nobody | Kind::Wrong) {
        return 401;
    }
    if !let_in || (route.active_only && kind == Kind::Suspended) {
        return 403;
    }
    let dated = route.path.contains("{date}");
    if (route.owned || dated) && whose == Whose::Nobodys {
        return 404;
    }
    let own = match whose {
        Whose::Owners => kind == Kind::Owner,
        Whose::Suspendeds => kind == Kind::Suspended,
        Whose::Nobodys => false,
    };
    if route.owned && agent && !own { not_own(route, kind) } else { route.granted }
}

/// Another's lookup is none; but under this key this agent has paid something else already.
fn not_own(route: &Route, kind: Kind) -> u16 {
    let pays = route.path == "/v1/payments";
    if pays && kind != Kind::Stranger { 422 } else { 404 }
}

fn body_of(route: &Route, thing: &Thing, vehicle: &crate::support::Vehicle) -> Option<Value> {
    match route.path {
        "/v1/lookups" => Some(json!({"plate": vehicle.plate, "chassis_last5": vehicle.chassis})),
        "/v1/payments" if route.method == Method::POST => {
            Some(json!({"lookup_id": thing.lookup_id, "amount": thing.amount}))
        }
        "/v1/payments/{payment_id}/return" => Some(json!({"returned_to": "SITI", "paper_surrendered": true})),
        "/v1/receipts/verify" => Some(json!({"payload": "SOPOP1.x.y"})),
        _ => None,
    }
}

async fn ask(stage: &Stage, route: &Route, client: &Client, thing: &Thing) -> crate::support::Answer {
    let path = route.path.replace("{payment_id}", &thing.payment_id);
    let path = path.replace("{receipt_no}", &thing.receipt_no).replace("{date}", &thing.date);
    let headers: &[(&str, &str)] = if route.path == "/v1/payments" && route.method == Method::POST {
        &[("idempotency-key", KEY)]
    } else {
        &[]
    };
    let body = body_of(route, thing, &stage.world.of_case("PAYABLE", 50));
    client.send(route.method.clone(), &path, headers, body.as_ref()).await
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let stage = stage().await;
    let mut wrong = vec![];
    let mut asked = 0;
    for route in routes() {
        for kind in KINDS {
            let client = &stage.clients.iter().find(|(k, _)| *k == kind).unwrap().1;
            for (whose, thing) in [
                (Whose::Owners, &stage.owners),
                (Whose::Suspendeds, &stage.suspendeds),
                (Whose::Nobodys, &stage.nobodys),
            ] {
                let answer = ask(&stage, &route, client, thing).await;
                let mut wanted = expected(&route, kind, whose);
                // Its own key was used for its own payment; what is nobody's differs from that.
                let paying = route.path == "/v1/payments" && route.method == Method::POST;
                if paying && whose == Whose::Nobodys && matches!(kind, Kind::Owner | Kind::Suspended) {
                    wanted = 422;
                }
                asked += 1;
                if answer.status.as_u16() != wanted {
                    wrong.push(format!(
                        "{} {} as {kind:?}, {whose:?}: {} not {wanted}",
                        route.method, route.path, answer.status
                    ));
                }
                if answer.status.is_client_error() && answer.status != 409 {
                    assert_eq!(
                        answer.header("content-type"),
                        Some("application/problem+json"),
                        "{}",
                        answer.text
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(asked, routes().len() * KINDS.len() * 3);
    assert_eq!((stage.world.booked("BAPENDA"), stage.world.booked("JASA_RAHARJA")), (2, 2));
    stage.world.verified().await;
}

#[tokio::test]
async fn the_matrix_has_every_route_of_the_document() {
    let document = serde_json::to_value(samsat_gateway::http::document()).unwrap();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|m| (m.to_uppercase(), path.clone())))
        .filter(|(_, path)| path.starts_with("/v1/"))
        .collect();
    let ours = routes().iter().map(|r| (r.method.to_string(), r.path.to_owned())).collect();
    assert_eq!(documented, ours);
}

#[tokio::test]
async fn every_wrong_credential_looks_like_none() {
    let world = World::new().await;
    let agent = world.agent();
    let none = agent.http.get(format!("{}/v1/float", agent.base)).send().await.unwrap();
    assert_eq!(none.headers()["www-authenticate"], "Bearer");
    let none: Value = serde_json::from_str(&none.text().await.unwrap()).unwrap();
    let mut connection = world.app.db.workers.acquire().await.unwrap();
    let expired = agents::new_secret("usr_").unwrap();
    let now = world.clock.now();
    let past = now - chrono::TimeDelta::days(2);
    agents::issue_token(&mut connection, world.people.0.person_id, &expired, past, now).await.unwrap();
    drop(connection);
    let mut owner = world.admin_connection().await;
    sqlx::query("UPDATE agent_key SET revoked_at = now() WHERE agent_id = (SELECT agent_id FROM agent WHERE agent_no = 2)")
        .execute(&mut owner)
        .await
        .unwrap();
    let revoked = &world.agents[1].credential;
    let schemes = [
        format!("Bearer {expired}"),
        format!("Bearer {revoked}"),
        format!("Basic {}", agent.credential),
        format!("Bearer {}x", agent.credential),
        format!("Bearer {}", "k".repeat(300)),
        agent.credential.clone(),
        "Bearer ".to_owned(),
        "Bearer ' OR 1=1 --".to_owned(),
    ];
    for value in schemes {
        let request = agent.http.get(format!("{}/v1/float", agent.base)).header("authorization", &value);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{value}");
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(body, none, "{value}");
    }
}

#[tokio::test]
async fn a_list_shows_an_agent_its_own_and_a_reader_everything() {
    let stage = stage().await;
    let ids = async |kind: Kind| -> BTreeSet<String> {
        let client = &stage.clients.iter().find(|(k, _)| *k == kind).unwrap().1;
        let page = client.get("/v1/payments").await;
        page.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["payment_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (owners, suspendeds) = (stage.owners.payment_id.clone(), stage.suspendeds.payment_id.clone());
    assert_eq!(ids(Kind::Owner).await, BTreeSet::from([owners.clone()]));
    assert_eq!(ids(Kind::Suspended).await, BTreeSet::from([suspendeds.clone()]));
    assert_eq!(ids(Kind::Stranger).await, BTreeSet::new());
    assert_eq!(ids(Kind::Person(Role::Auditor)).await, BTreeSet::from([owners, suspendeds]));
    let auditor = &stage.world.auditor;
    let found = async |query: String| {
        let page = auditor.get(&format!("/v1/receipts?{query}")).await;
        let numbers = page.body["items"].as_array().unwrap().iter();
        numbers.map(|i| i["receipt_no"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let code = &stage.world.agents[0].code;
    assert_eq!(
        found(format!("agent={code}&date={}", stage.owners.date)).await,
        std::slice::from_ref(&stage.owners.receipt_no)
    );
    assert_eq!(found("limit=1".to_owned()).await.len(), 1);
    assert_eq!(found("agent=PSN-9999".to_owned()).await, Vec::<String>::new());
}

#[tokio::test]
async fn each_reading_by_a_person_is_an_audit_event_and_no_reading_by_an_agent_is() {
    let stage = stage().await;
    let (world, thing) = (&stage.world, &stage.owners);
    let payment: uuid::Uuid = thing.payment_id.parse().unwrap();
    let paths = [
        (format!("/v1/payments/{payment}"), "read payment", payment),
        ("/v1/payments".to_owned(), "listed payments", uuid::Uuid::nil()),
        (format!("/v1/receipts/{}", thing.receipt_no), "read receipt", payment),
        ("/v1/receipts?plate=L1AB".to_owned(), "listed receipts", uuid::Uuid::nil()),
    ];
    for (path, action, subject) in &paths {
        for (person, actor) in
            [(&world.officer, "person:bapenda.uji"), (&world.auditor, "person:auditor.uji")]
        {
            let before = readings(world, actor, action, *subject).await;
            assert_eq!(person.get(path).await.status, 200, "{path}");
            assert_eq!(readings(world, actor, action, *subject).await, before + 1, "{path} by {actor}");
        }
    }
    for path in ["", "/items", "/export.csv", "/export.xlsx", "/export.pdf"] {
        let path = format!("/v1/reconciliations/{}{path}", thing.date);
        let all = "SELECT count(*) FROM audit_event WHERE actor = 'person:auditor.uji'";
        let before = world.count(all).await;
        assert_eq!(world.auditor.get(&path).await.status, 200, "{path}");
        assert_eq!(world.count(all).await, before + 1, "{path}");
    }
    let all = "SELECT count(*) FROM audit_event";
    let before = world.count(all).await;
    world.agent().reads(&thing.payment_id).await;
    world.agent().get("/v1/payments").await;
    world.admin.reads(&thing.payment_id).await.is_problem(403, "FORBIDDEN", "same_key");
    world.auditor.reads(&stage.nobodys.payment_id).await.is_problem(404, "NOT_FOUND", "never");
    assert_eq!(world.count(all).await, before, "nothing was read");
    let plates = "SELECT count(*) FROM audit_event WHERE body LIKE '%L1AB%'";
    assert_eq!(world.count(plates).await, 0, "a plate stands there only salted");
    world.verified().await;
}

async fn readings(world: &World, actor: &str, action: &str, subject: uuid::Uuid) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit_event WHERE actor = $1 AND action = $2 AND subject = $3")
        .bind(actor)
        .bind(action)
        .bind(subject)
        .fetch_one(&mut world.admin_connection().await)
        .await
        .unwrap()
}

//! Every route of the router × everybody × one's own, another outlet's and no object at all.
//!
//! Who is not let in is turned away in one way, whatever the object; another outlet's object is, byte for byte but for the
//! id in the question, the answer about one that does not exist; a form without its token is believed by nobody; and every
//! answer carries the headers that browsers obey. A route without a row here fails `every_route_has_its_row`.

mod odd;
mod stage;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use samsat_gateway::agents::Role;
use serde_json::json;

use crate::openapi::routes_of_the_source;
use crate::support::{Cashier, Page, Vehicle, World};
use stage::{Actor, Stage, Things, stage};
use table::{Door, OWNED, ROWS, turned_away};

/// Fields with which every form gets as far as its object, and changes nothing that the walk still needs.
fn fields(actor: &Actor, things: &Things, vehicle: &Vehicle) -> Vec<(&'static str, String)> {
    let (no_one, key) = (uuid::Uuid::nil().to_string(), format!("loket-{}", things.lookup_id));
    let stranger = format!("bukan.{}", actor.name);
    [
        ("nama", &*stranger),
        ("sandi", "bukan sandinya"),
        ("baru", "pendek"),
        ("baru_lagi", "pendek sekali"),
        ("pin", "258036"),
        ("pin_lagi", "147036"),
        ("sesi", &no_one),
        ("nopol", &vehicle.plate),
        ("rangka", &vehicle.chassis),
        ("uang", "900000000"),
        ("kunci", &key),
        ("jumlah", "1"),
        ("setuju", "ya"),
        ("kepada", "SITI"),
        ("orang", &no_one),
        ("perangkat", "00"),
        ("kode", "000000"),
        ("lengkap", ""),
        ("peran", "auditor"),
        ("gerai", ""),
        ("tindakan", "keluarkan"),
        ("keputusan", "bukan ini"),
        ("alasan", "sepakat"),
        ("payload", "SOPOP1.x.y"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

/// As a program asks, or as a browser, which brings its bearer credential in vain.
async fn ask(stage: &Stage, route: (&str, &str), actor: &Actor, (things, csrf): (&Things, &str)) -> Page {
    let (method, pattern) = route;
    let path = things.path(pattern);
    let vehicle = stage.world.of_case("PAYABLE", 50);
    let method: Method = method.to_uppercase().parse().unwrap();
    if !pattern.starts_with("/v1/") {
        let mut fields = fields(actor, things, &vehicle);
        fields.push(("csrf", csrf.to_owned()));
        let form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let bearer = format!("Bearer {}", actor.bearer.credential);
        let headers =
            [("accept", "text/html"), ("authorization", &*bearer), ("sec-fetch-site", "same-origin")];
        let form = (method == Method::POST).then_some(&*form);
        return actor.browser.asks(method, &path, &headers, form).await;
    }
    let body = match pattern {
        "/v1/lookups" => Some(json!({"plate": vehicle.plate, "chassis_last5": vehicle.chassis})),
        "/v1/payments" if method == Method::POST => Some(json!({"lookup_id": things.lookup_id, "amount": 1})),
        "/v1/payments/{payment_id}/return" => Some(json!({"returned_to": "SITI", "paper_surrendered": true})),
        "/v1/receipts/verify" => Some(json!({"payload": "SOPOP1.x.y"})),
        _ => None,
    };
    let key = uuid::Uuid::now_v7().to_string();
    let headers: &[(&str, &str)] = if method == Method::POST { &[("idempotency-key", &key)] } else { &[] };
    let answer = actor.bearer.send(method, &path, headers, body.as_ref()).await;
    Page { status: answer.status, headers: answer.headers, html: answer.text, path }
}

/// All of an answer but the ids that were asked about, the answer's own id and the second.
fn said(page: &Page, things: &Things) -> (StatusCode, BTreeMap<String, String>, String) {
    let told = page.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let headers = told.map(|(name, value)| (name.to_string(), things.anonymous(value.to_str().unwrap())));
    (page.status, headers.collect(), things.anonymous(&page.html))
}

/// Every header that a browser obeys, on whatever answer.
fn is_guarded(answer: &Page) {
    let path = &answer.path;
    let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}: no policy"));
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
    for word in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(word), "{path}: {policy}");
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{path}");
    }
    assert!(answer.header("cache-control").is_some() && answer.header("x-request-id").is_some(), "{path}");
}

#[test]
fn every_route_has_its_row() {
    let rows: BTreeSet<(String, String)> =
        ROWS.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(rows.len(), ROWS.len(), "a row stands twice");
    assert_eq!(rows, routes_of_the_source());
}

/// What is wrong with one route for one actor.
async fn walked(stage: &Stage, row: &(&str, &str, Door, u16), actor: &Actor) -> Vec<String> {
    let &(method, pattern, door, granted) = row;
    let route = (method, pattern);
    let who = format!("{method} {pattern} as {}", actor.name);
    let mut wrong = vec![];
    let away = turned_away(door, actor);
    let is_form = method == "post" && !pattern.starts_with("/v1/") && door != Door::Public;
    // The one form with a file looks at its token after its shape; `outlet::topup` forges it.
    if is_form && away.is_none() && pattern != "/saldo/isi" {
        let forged = ask(stage, route, actor, (&actor.things, "forged")).await;
        if forged.status != StatusCode::FORBIDDEN {
            wrong.push(format!("{who}: a forged form is {}", forged.status));
        }
    }
    let own = ask(stage, route, actor, (&actor.things, &actor.csrf)).await;
    is_guarded(&own);
    if away.is_none() && granted != 0 && own.status.as_u16() != granted {
        wrong.push(format!("{who}: {} not {granted}: {}", own.status, own.text()));
    }
    let mut answers = vec![own];
    if pattern.contains('{') {
        for things in [&stage.others, &stage.absent] {
            answers.push(ask(stage, route, actor, (things, &actor.csrf)).await);
        }
        answers.iter().for_each(is_guarded);
    }
    if let Some(away) = away {
        let turned = |answer: &Page| (answer.status.as_u16(), answer.location()) == away;
        let other = answers.iter().filter(|answer| !turned(answer));
        wrong.extend(other.map(|answer| format!("{who}: {} {}", answer.status, answer.location())));
        return wrong;
    }
    if door == Door::Public {
        return wrong;
    }
    let of_outlets = OWNED.iter().any(|name| pattern.contains(name));
    let owner = actor.name == "agent" || actor.role.is_some_and(Role::is_at_outlet);
    if let [_, others, absent] = &*answers {
        if absent.status != StatusCode::NOT_FOUND {
            wrong.push(format!("{who}: what is not there is {}", absent.status));
        }
        if of_outlets && owner && said(others, &stage.others) != said(absent, &stage.absent) {
            wrong.push(format!("{who}: another outlet's ({}) is not like none", others.status));
        }
    }
    wrong
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_shows_another_outlets_things_to_nobody() {
    let stage = stage().await;
    let mut wrong = vec![];
    for row in ROWS {
        for actor in &stage.actors {
            wrong.extend(walked(&stage, row, actor).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let others = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM idempotency_key k JOIN payment p USING (payment_id) WHERE p.payment_id = $1::uuid")
        .bind(&stage.others.payment_id)
        .fetch_one(&mut stage.world.admin_connection().await)
        .await
        .unwrap();
    assert_eq!(others, 1, "nothing has become of the other outlet's");
    stage.world.verified().await;
}

#[tokio::test]
async fn what_no_route_answers_is_guarded_too() {
    let world = World::new().await;
    let cap = world.config.http.body_max_bytes;
    let large = "x".repeat(cap + 1);
    let browser = Cashier::new("siapa", &world.agent().base);
    for accept in ["text/html", "application/json"] {
        let headers = [("accept", accept)];
        for (method, path, status) in [
            (Method::GET, "/tidak-ada", 404),
            (Method::GET, "/v1/tidak-ada", 404),
            (Method::DELETE, "/", 405),
            (Method::PUT, "/v1/payments", 405),
            (Method::OPTIONS, "/masuk", 405),
            (Method::POST, "/verify", 413),
            (Method::POST, "/v1/receipts/verify", 413),
            (Method::POST, "/masuk", 413),
        ] {
            let form = [("payload", &*large), ("csrf", "")];
            let form = (method == Method::POST).then_some(&form[..]);
            let mut headers = headers.to_vec();
            if path.starts_with("/v1/receipts") {
                headers.push(("content-type", "application/json"));
            }
            let answer = browser.asks(method.clone(), path, &headers, form).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            is_guarded(&answer);
        }
    }
    let head = browser.asks(Method::HEAD, "/masuk", &[], None).await;
    assert_eq!(head.status, 200);
    is_guarded(&head);
}

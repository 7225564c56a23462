//! What nobody of good will sends: ids that are none, NUL in a path, a query, a form or a body, arrays for objects.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::{Actor, Stage, Things, stage};
use super::table::{Door, ROWS, turned_away};
use super::{ask, fields, is_guarded, said};
use crate::support::{Page, World};

const SORRY: &str = "Halaman tidak ada";
const UNFIT: &str = "Isian tidak lengkap";

/// Where a page says more of something well formed that is not there: what to do with the cash, which day has no result.
const MORE_IS_KNOWN: [&str; 2] = ["/tagihan/{lookup_id}/bayar", "/kantor/rekonsiliasi/{date}"];

fn is_in_words(answer: &Page, words: &str, who: &str) {
    answer.says(words);
    let text = answer.text();
    for word in ["simpan uangnya", "muat ulang"] {
        assert!(!text.contains(word), "{who}: {text}");
    }
}

/// The same question about what is not there, and about what cannot be an id.
async fn about_nothing(stage: &Stage, route: (&str, &str), actor: &Actor) -> Vec<String> {
    let who = format!("{} {} as {}", route.0, route.1, actor.name);
    let absent = ask(stage, route, actor, (&stage.absent, &actor.csrf)).await;
    let mut wrong = vec![];
    for word in ["bukan-sebuah-id", "%00", "sebuah%00id"] {
        let things = Things::named(word);
        let answer = ask(stage, route, actor, (&things, &actor.csrf)).await;
        is_guarded(&answer);
        let alike = if MORE_IS_KNOWN.contains(&route.1) {
            answer.status == absent.status
        } else {
            said(&answer, &things) == said(&absent, &stage.absent)
        };
        if !alike {
            wrong.push(format!("{who}: {word} is {}: {}", answer.status, answer.text()));
        }
        if !route.1.starts_with("/v1/") {
            is_in_words(&answer, SORRY, &who);
        }
    }
    wrong
}

#[tokio::test]
async fn an_id_that_cannot_be_one_looks_like_one_of_nothing_and_a_form_with_nul_is_malformed() {
    let stage = stage().await;
    let vehicle = stage.world.vehicle();
    let mut wrong = vec![];
    for &(method, pattern, door, _) in ROWS {
        for actor in &stage.actors {
            if door == Door::Public || turned_away(door, actor).is_some() {
                continue;
            }
            if pattern.contains('{') {
                wrong.extend(about_nothing(&stage, (method, pattern), actor).await);
            }
            // The form with a file is another reader's, see `parts`.
            if method == "post" && !pattern.starts_with("/v1/") && pattern != "/saldo/isi" {
                let mut form: Vec<(&str, &str)> =
                    fields(actor, &actor.things, &vehicle).iter().map(|(name, _)| (*name, "a\0b")).collect();
                form.push(("csrf", &actor.csrf));
                let headers = [("accept", "text/html"), ("sec-fetch-site", "same-origin")];
                let path = actor.things.path(pattern);
                let answer = actor.browser.asks(Method::POST, &path, &headers, Some(&form)).await;
                let who = format!("{method} {pattern} as {}", actor.name);
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{who}: {}", answer.text());
                is_in_words(&answer, UNFIT, &who);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.world.verified().await;
}

#[tokio::test]
async fn a_path_or_a_query_with_nul_is_refused_whoever_asks() {
    let world = World::new().await;
    let browser = world.cashier(0, "siti").await.elsewhere();
    let things = Things::named("%00");
    for &(method, pattern, ..) in ROWS {
        let method: Method = method.to_uppercase().parse().unwrap();
        for accept in ["text/html", "application/json"] {
            let headers = [("accept", accept)];
            let for_a_person = accept == "text/html" && !pattern.starts_with("/v1/");
            let mut answers = vec![];
            if pattern.contains("{name}") {
                answers.push((404, SORRY, pattern.replace("{name}", "%00")));
            } else if pattern.contains('{') {
                answers.push((404, SORRY, things.path(pattern)));
            }
            let path = Things::named("x").path(pattern);
            for query in ["agent=%00", "cursor=a%00", "%00=x"] {
                answers.push((400, UNFIT, format!("{path}?{query}")));
            }
            for (status, words, path) in answers {
                let answer = browser.asks(method.clone(), &path, &headers, None).await;
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
                is_guarded(&answer);
                if for_a_person {
                    is_in_words(&answer, words, &path);
                } else {
                    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_query_that_a_page_cannot_read_is_told_in_its_own_words() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let sold = siti.sells(&world.vehicle()).await;
    let payment = sold.path.split('?').next().unwrap();
    for path in ["/masuk?dengan=a&dengan=b", "/saldo?sebelum=1&sebelum=2", &format!("{payment}?uang=x")] {
        let answer = siti.opens(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text());
        is_in_words(&answer, UNFIT, path);
    }
}

#[tokio::test]
async fn a_body_with_nul_or_an_array_in_its_place_moves_no_money() {
    let world = World::new().await;
    let agent = world.agent();
    let vehicle = world.vehicle();
    let quote = agent.looks_up(&vehicle).await;
    let payment = format!("/v1/payments/{}/return", uuid::Uuid::now_v7());
    let before = world.count("SELECT count(*) FROM lookup").await;
    let bodies: [(&str, Value); 8] = [
        ("/v1/payments", json!([quote.lookup_id, quote.total])),
        ("/v1/lookups", json!([vehicle.plate, vehicle.chassis])),
        ("/v1/receipts/verify", json!(["SOPOP1.x.y"])),
        (&payment, json!(["SITI", true])),
        ("/v1/lookups", json!({"plate": "L\u{0}1", "chassis_last5": vehicle.chassis})),
        ("/v1/lookups", json!({"plate": vehicle.plate, "chassis_last5": "1234\u{0}"})),
        ("/v1/receipts/verify", json!({"payload": "\u{0}"})),
        (&payment, json!({"returned_to": "SI\u{0}TI", "paper_surrendered": true})),
    ];
    for (path, body) in bodies {
        let key = uuid::Uuid::now_v7().to_string();
        let answer = agent.send(Method::POST, path, &[("idempotency-key", &key)], Some(&body)).await;
        answer.is_problem(400, "BAD_REQUEST", "never");
    }
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM lookup").await, before);
}

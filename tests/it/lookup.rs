//! Lookups, as an outlet's program sees them.

use reqwest::StatusCode;

use crate::support::World;

#[tokio::test]
async fn a_quote_binds_both_authorities_and_its_sums_are_proven() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let lines = quote.body["periods"].as_array().unwrap().iter().flat_map(|p| p["lines"].as_array().unwrap());
    let sum: i64 = lines.map(|l| l["principal"].as_i64().unwrap() + l["penalty"].as_i64().unwrap()).sum();
    assert_eq!(quote.body["tax_total"], sum);
    assert_eq!(quote.total, sum + quote.body["fee"].as_i64().unwrap());
    assert_eq!(quote.body["pay_code"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn every_refusal_of_the_protocol_is_passed_on_with_its_status() {
    let world = World::new().await;
    for case in world.cases().iter().filter(|case| *case != "PAYABLE") {
        let answer = world.agent().asks(&world.of_case(case, 0)).await;
        let status = match case.as_str() {
            "NOT_FOUND" | "OUTSIDE_JATIM" => StatusCode::NOT_FOUND,
            "QUOTE_CONTRADICTS" => StatusCode::BAD_GATEWAY,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        assert_eq!((answer.status, answer.code()), (status, case.as_str()), "{}", answer.text);
    }
}

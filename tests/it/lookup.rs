//! Lookups, as an outlet's program sees them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, Shape, Vehicle, World};

async fn behind_stand_ins() -> World {
    World::shaped(Shape { between: true, ..Shape::default() }).await
}

fn lines(body: &Value) -> impl Iterator<Item = &Value> {
    body["periods"].as_array().unwrap().iter().flat_map(|period| period["lines"].as_array().unwrap())
}

#[tokio::test]
async fn a_quote_binds_both_authorities_and_its_sums_are_proven() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let sum: i64 =
        lines(&quote.body).map(|l| l["principal"].as_i64().unwrap() + l["penalty"].as_i64().unwrap()).sum();
    assert_eq!(quote.body["tax_total"], sum);
    assert_eq!(quote.total, sum + quote.body["fee"].as_i64().unwrap());
    assert_eq!(quote.body["pay_code"].as_str().unwrap().len(), 16);
    assert!(lines(&quote.body).any(|l| l["beneficiary"] == "JASA_RAHARJA"), "{}", quote.body);
    let owner = quote.body["vehicle"]["owner_name"].as_str().unwrap();
    assert!(owner.contains('*'), "a full name is personal data");
    assert!(
        ["agrees", "differs", "not_computable"].contains(&quote.body["check"]["verdict"].as_str().unwrap())
    );
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
        assert!(["never", "new_key"].contains(&answer.body["retry"].as_str().unwrap()), "{}", answer.text);
    }
}

#[tokio::test]
async fn whichever_host_was_paid_elsewhere_the_vehicle_is_partly_paid() {
    let world = behind_stand_ins().await;
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.hosts_say(move |said| {
            if said.is_quote_of(host) {
                (said.status, said.body) = (422, json!({"code": "ALREADY_PAID"}));
            }
        });
        let answer = world.agent().asks(&world.vehicle()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "PARTLY_PAID"), "{host}: {}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains("Samsat"), "it says where to go");
    }
}

#[tokio::test]
async fn a_code_that_the_protocol_does_not_list_is_passed_on_with_the_hosts_status() {
    let world = behind_stand_ins().await;
    for (host, status, code) in [
        ("BAPENDA", 422, "PAJAK_DIBEKUKAN"),
        ("JASA_RAHARJA", 409, "KLAIM_TERBUKA"),
        ("BAPENDA", 451, "SITA"),
    ] {
        world.hosts_say(move |said| {
            if said.is_quote_of(host) {
                (said.status, said.body) = (status, json!({"code": code}));
            }
        });
        let answer = world.agent().asks(&world.vehicle()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{}", answer.text);
    }
}

type Lie = (&'static str, &'static str, fn(&mut Value));

const CONTRADICTIONS: [Lie; 16] = [
    ("another reference", "BAPENDA", |b| b["reference"] = json!(uuid::Uuid::now_v7())),
    ("another reference", "JASA_RAHARJA", |b| b["reference"] = json!(uuid::Uuid::now_v7())),
    ("another plate", "BAPENDA", |b| b["plate"] = json!("L9XX")),
    ("another plate", "JASA_RAHARJA", |b| b["plate"] = json!("L9XX")),
    ("different classes", "JASA_RAHARJA", |b| b["swdkllj_class"] = json!("EP")),
    ("different due dates", "JASA_RAHARJA", |b| b["periods"][0]["due_on"] = json!("2031-01-01")),
    ("no period", "BAPENDA", |b| (b["periods"], b["total"]) = (json!([]), json!(0))),
    ("no period", "JASA_RAHARJA", |b| (b["periods"][0]["lines"], b["total"]) = (json!([]), json!(0))),
    ("a wrong sum", "BAPENDA", |b| b["total"] = json!(b["total"].as_i64().unwrap() + 1)),
    ("a wrong sum", "JASA_RAHARJA", |b| b["total"] = json!(b["total"].as_i64().unwrap() - 1)),
    ("an unknown beneficiary", "BAPENDA", |b| b["periods"][0]["lines"][0]["beneficiary"] = json!("36")),
    ("an unknown beneficiary", "BAPENDA", |b| b["periods"][0]["lines"][0]["beneficiary"] = json!("3599")),
    ("an unknown beneficiary", "BAPENDA", |b| b["periods"][0]["lines"][0]["beneficiary"] = json!("")),
    ("an unknown beneficiary", "BAPENDA", |b| {
        b["periods"][0]["lines"][0]["beneficiary"] = json!("JASA_RAHARJA");
    }),
    ("an unknown beneficiary", "JASA_RAHARJA", |b| b["periods"][0]["lines"][0]["beneficiary"] = json!("35")),
    ("a line twice", "BAPENDA", |b| {
        let line = b["periods"][0]["lines"][0].clone();
        let more = line["principal"].as_i64().unwrap() + line["penalty"].as_i64().unwrap();
        b["periods"][0]["lines"].as_array_mut().unwrap().push(line);
        b["total"] = json!(b["total"].as_i64().unwrap() + more);
    }),
];

#[tokio::test]
async fn each_contradiction_between_the_hosts_or_with_the_question_is_named() {
    let world = behind_stand_ins().await;
    for (what, host, lie) in CONTRADICTIONS {
        world.hosts_say(move |said| {
            if said.is_quote_of(host) {
                lie(&mut said.body);
            }
        });
        let answer = world.agent().asks(&world.vehicle()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (502, "QUOTE_CONTRADICTS"),
            "{what}: {}",
            answer.text
        );
        assert!(answer.body["detail"].as_str().unwrap().ends_with(what), "{what}: {}", answer.text);
    }
    assert_eq!(world.count("SELECT count(*) FROM lookup").await, 0);
}

type Spoils = fn(&mut Value);

const NO_ANSWERS: [(&str, Spoils); 7] = [
    ("a missing member", |b| drop(b.as_object_mut().unwrap().remove("periods"))),
    ("a mistyped member", |b| b["total"] = json!("365900")),
    ("a fraction of a rupiah", |b| b["periods"][0]["lines"][0]["principal"] = json!(0.5)),
    ("a negative line", |b| b["periods"][0]["lines"][0]["penalty"] = json!(-1)),
    ("a negative total", |b| b["total"] = json!(-1)),
    ("a quote that has expired", |b| b["expires_at"] = json!("2020-01-01T23:59:59+07:00")),
    ("no object at all", |b| *b = json!([])),
];

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_no_answer() {
    let world = behind_stand_ins().await;
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        for (what, spoil) in NO_ANSWERS {
            world.hosts_say(move |said| {
                if said.is_quote_of(host) {
                    spoil(&mut said.body);
                }
            });
            unavailable(&world, world.agent(), &format!("{host}: {what}")).await;
        }
    }
}

#[tokio::test]
async fn a_host_that_is_silent_unsigned_or_broken_is_unavailable() {
    let world = World::new().await;
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        for fault in [
            "reset_before",
            "http_500",
            "http_503",
            "garbage",
            "truncated_body",
            "unsigned",
            "wrong_signature",
        ] {
            world.fault(host, "inquiry", fault);
            unavailable(&world, world.agent(), &format!("{host}: {fault}")).await;
        }
    }
    world.no_faults();
    world.agent().looks_up(&world.vehicle()).await;
}

async fn unavailable(world: &World, agent: &Client, what: &str) {
    let answer = agent.asks(&world.vehicle()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "UPSTREAM_UNAVAILABLE"),
        "{what}: {}",
        answer.text
    );
    assert_eq!(answer.body["retry"], "same_key", "{what}");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0, "{what}");
}

#[tokio::test]
async fn unknown_members_of_a_hosts_answer_are_ignored() {
    let world = behind_stand_ins().await;
    world.hosts_say(|said| said.body["sesuatu_yang_baru"] = json!({"a": [1, 2]}));
    world.agent().looks_up(&world.vehicle()).await;
}

#[tokio::test]
async fn while_a_host_closes_its_day_nothing_is_quoted() {
    let world = World::new().await;
    world.fault("JASA_RAHARJA", "inquiry", "refuse:END_OF_DAY");
    let answer = world.agent().asks(&world.vehicle()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "END_OF_DAY"), "{}", answer.text);
    assert!(answer.header("retry-after").is_some());
    world.no_faults();
    world.agent().looks_up(&world.vehicle()).await;
}

#[tokio::test]
async fn a_plate_of_another_province_is_refused_without_asking_anyone() {
    let world = World::new().await;
    for plate in ["B 1234 XYZ", "d1a", "AB 77 Q"] {
        let answer = world.agent().asks(&Vehicle { plate: plate.into(), chassis: "12345".into() }).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "OUTSIDE_JATIM"), "{plate}");
        assert_eq!(answer.body["retry"], "never");
    }
    assert!(world.mock.requests().iter().all(|seen| !seen.path.ends_with("/inquiries")), "nobody was asked");
}

#[tokio::test]
async fn what_is_no_plate_or_no_chassis_number_is_told_apart() {
    let world = World::new().await;
    for plate in
        ["", "1234", "L", "L 0123 AB", "L 12345 AB", "ABC 12 D", "L 12 ABCD", "L 12 A%", &"L".repeat(33)]
    {
        let answer = world.agent().asks(&Vehicle { plate: plate.into(), chassis: "12345".into() }).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "INVALID_PLATE"), "{plate}");
    }
    for chassis in ["", "1234", "123456", "12 45", "1234é"] {
        let answer = world.agent().asks(&Vehicle { plate: "L 1 A".into(), chassis: chassis.into() }).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "INVALID_CHASSIS"), "{chassis}");
    }
    assert!(world.mock.requests().iter().all(|seen| !seen.path.ends_with("/inquiries")), "nobody was asked");
}

#[tokio::test]
async fn a_plate_may_be_written_as_people_write_it() {
    let world = World::new().await;
    let vehicle = world.vehicle();
    let split = vehicle.plate.find(|c: char| c.is_ascii_digit()).unwrap();
    let (code, rest) = vehicle.plate.split_at(split);
    for plate in [format!(" {}-{}. ", code.to_lowercase(), rest.to_lowercase()), format!("{code} {rest}")] {
        let quote = world.agent().looks_up(&Vehicle { plate, chassis: vehicle.chassis.clone() }).await;
        let shown = quote.body["vehicle"]["plate"].as_str().unwrap().replace(' ', "");
        assert_eq!(shown, vehicle.plate);
    }
}

#[tokio::test]
async fn guessing_ends_after_thirty_wrong_tries_and_only_for_who_guesses() {
    let world = World::new().await;
    let (missing, wrong) = (world.of_case("NOT_FOUND", 0), world.of_case("CHASSIS_MISMATCH", 0));
    for case in ["BLOCKED_ETLE", "CORPORATE", "ALREADY_PAID"] {
        for n in 0..12 {
            assert_eq!(world.agent().asks(&world.of_case(case, n)).await.code(), case, "no guess");
        }
    }
    for n in 0..30 {
        let (vehicle, code) = if n % 2 == 0 { (&missing, "NOT_FOUND") } else { (&wrong, "CHASSIS_MISMATCH") };
        assert_eq!(world.agent().asks(vehicle).await.code(), code);
    }
    let asked = world.mock.requests().len();
    let answer = world.agent().asks(&world.vehicle()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (429, "TOO_MANY_ATTEMPTS"), "{}", answer.text);
    let seconds: i64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    assert_eq!(world.mock.requests().len(), asked, "nobody was asked");
    world.agents[1].looks_up(&world.vehicle()).await;
    world.clock.shift(chrono::TimeDelta::seconds(seconds + 1));
    world.agent().looks_up(&world.vehicle()).await;
}

#[tokio::test]
async fn a_line_code_nobody_has_heard_of_is_quoted_paid_printed_and_booked_like_any_other() {
    let world = behind_stand_ins().await;
    world.hosts_say(|said| {
        if said.is_quote_of("BAPENDA") {
            said.body["periods"][0]["lines"][0]["code"] = json!("RETRIBUSI_2031");
        }
    });
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let ours: Vec<&Value> = lines(&quote.body).filter(|line| line["code"] == "RETRIBUSI_2031").collect();
    let [line] = ours[..] else { panic!("{}", quote.body) };
    let amount = line["principal"].as_i64().unwrap() + line["penalty"].as_i64().unwrap();
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.status.as_u16(), paid.state()), (201, "confirmed"), "{}", paid.text);
    let path = format!("/v1/receipts/{}", paid.body["receipt_no"].as_str().unwrap());
    let receipt = world.agent().get(&path).await;
    assert!(receipt.body["lines"].as_array().unwrap().iter().any(|l| l["code"] == "RETRIBUSI_2031"));
    let page = world.agent().send(reqwest::Method::GET, &path, &[("accept", "text/html")], None).await;
    assert!(page.text.contains("RETRIBUSI_2031"), "{}", page.text);
    let province: Option<i64> =
        sqlx::query_scalar("SELECT sum(amount)::bigint FROM transfer WHERE credit_account = 35")
            .fetch_one(&mut world.admin_connection().await)
            .await
            .unwrap();
    assert_eq!(province.unwrap_or(0), amount, "the first line of a bill is the province's");
    world.verified().await;
}

#[tokio::test]
async fn parking_of_a_kabupaten_reaches_the_kabupaten() {
    let world = World::new().await;
    let parked = |body: &Value| lines(body).any(|line| line["code"] == "PARKIR");
    let quote = world.quote_where("PARKIR", parked).await;
    let owed: i64 = lines(&quote.body)
        .filter(|line| line["beneficiary"] == "3526")
        .map(|line| line["principal"].as_i64().unwrap() + line["penalty"].as_i64().unwrap())
        .sum();
    assert_eq!(world.agent().pays(&quote).await.state(), "confirmed");
    assert_eq!(
        world.count("SELECT sum(amount)::bigint FROM transfer WHERE credit_account = 3526").await,
        owed
    );
    world.verified().await;
}

#[tokio::test]
async fn an_electric_vehicles_bill_of_zero_is_printed_booked_and_numbered_without_moving_money() {
    let world = World::new().await;
    let untaxed = |body: &Value| {
        lines(body).filter(|l| l["code"] != "SWDKLLJ").all(|l| l["principal"] == 0 && l["penalty"] == 0)
    };
    let quote = world.quote_where("no tax", untaxed).await;
    assert!(lines(&quote.body).any(|line| line["code"] == "PKB"), "a line of zero is shown");
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.status.as_u16(), paid.state()), (201, "confirmed"), "{}", paid.text);
    assert_eq!(paid.body["ntpd"].as_str().unwrap().len(), 16);
    let path = format!("/v1/receipts/{}", paid.body["receipt_no"].as_str().unwrap());
    let receipt = world.agent().get(&path).await;
    let zero = receipt.body["lines"].as_array().unwrap().iter().find(|l| l["code"] == "PKB").unwrap().clone();
    assert_eq!((&zero["principal"], &zero["penalty"]), (&json!(0), &json!(0)));
    assert_eq!(world.count("SELECT count(*) FROM transfer WHERE leg = 0").await, 0);
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn two_periods_are_paid_together_and_locked_each() {
    let world = World::new().await;
    let quote = world.quote_where("two periods", |body| body["periods"].as_array().unwrap().len() == 2).await;
    let due: Vec<&str> =
        quote.body["periods"].as_array().unwrap().iter().map(|p| p["due_on"].as_str().unwrap()).collect();
    assert!(due.is_sorted(), "oldest first: {due:?}");
    assert!(quote.body["periods"][0]["days_late"].as_i64().unwrap() >= 0);
    assert_eq!(world.agent().pays(&quote).await.state(), "confirmed");
    assert_eq!(world.count("SELECT count(*) FROM vehicle_lock WHERE NOT is_open").await, 2);
    world.books_agree().await;
    world.verified().await;
}

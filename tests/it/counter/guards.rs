//! What no page may do: believe a form from elsewhere, show another outlet's things, load or say what is not ours.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use samsat_gateway::agents::Role;

use crate::support::{Cashier, Page, World};

/// Every form that changes something, with fields that would be taken.
const FORMS: [&str; 15] = [
    "/masuk",
    "/masuk/pin",
    "/keluar",
    "/sandi",
    "/akun/sesi",
    "/akun/pin",
    "/akun/pin/hapus",
    "/tagihan",
    "/tagihan/{lookup_id}/konfirmasi",
    "/tagihan/{lookup_id}/bayar",
    "/tagihan/{lookup_id}/lepas",
    "/bukti/{receipt_no}",
    "/laci/buka",
    "/laci/pindah",
    "/laci/{drawer_id}/tutup",
];

const FIELDS: [(&str, &str); 14] = [
    ("nama", "siti"),
    ("sandi", "sate ayam madura"),
    ("baru", "rujak cingur 5"),
    ("baru_lagi", "rujak cingur 5"),
    ("sesi", "01890000-0000-7000-8000-000000000000"),
    ("pin", "258036"),
    ("pin_lagi", "258036"),
    ("nopol", "L 1 AB"),
    ("rangka", "12345"),
    ("uang", "900000000"),
    ("kunci", "k"),
    ("jumlah", "1"),
    ("setuju", "ya"),
    ("kepada", "SITI"),
];

struct Stage {
    world: World,
    siti: Cashier,
    home: Page,
    lookup_id: String,
    payment_id: String,
    receipt_no: String,
}

async fn stage() -> Stage {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    let home = siti.signs_in().await;
    let sold = siti.sells(&world.vehicle()).await;
    let payment_id = sold.path.trim_start_matches("/bayar/").split('?').next().unwrap().to_owned();
    let receipt_no = sold.html.split("/bukti/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let bill = siti.looks_up(&world.vehicle()).await;
    let lookup_id = bill.path.trim_start_matches("/tagihan/").to_owned();
    Stage { world, siti, home, lookup_id, payment_id, receipt_no }
}

impl Stage {
    fn path(&self, pattern: &str) -> String {
        pattern
            .replace("{lookup_id}", &self.lookup_id)
            .replace("{payment_id}", &self.payment_id)
            .replace("{drawer_id}", &self.lookup_id)
            .replace("{receipt_no}", &self.receipt_no)
    }

    async fn facts(&self) -> (i64, i64, i64, i64) {
        let count = async |sql| self.world.count(sql).await;
        (
            count("SELECT count(*) FROM audit_event").await,
            count("SELECT count(*) FROM person_session WHERE revoked_at IS NULL").await,
            count("SELECT count(*) FROM lookup").await,
            count("SELECT count(*) FROM idempotency_key").await,
        )
    }
}

#[tokio::test]
async fn a_form_from_elsewhere_or_without_its_token_changes_nothing() {
    let stage = stage().await;
    let before = stage.facts().await;
    let token = stage.home.field("csrf").unwrap();
    let paths = FORMS.iter().chain(&["/bayar/{payment_id}/batal", "/bayar/{payment_id}/kembali"]);
    for pattern in paths {
        let path = stage.path(pattern);
        let with = |token: &str| {
            let mut fields: Vec<(&str, String)> = vec![("csrf", token.to_owned())];
            fields.extend(FIELDS.iter().map(|(name, value)| (*name, (*value).to_owned())));
            fields
        };
        for (token, headers) in [
            ("", &[("sec-fetch-site", "same-origin")][..]),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &[]),
            (&*token, &[("sec-fetch-site", "cross-site")]),
            (&*token, &[("sec-fetch-site", "same-site")]),
            (&*token, &[("origin", "https://elsewhere.example")]),
            (&*token, &[("origin", "null")]),
        ] {
            let fields = with(token);
            let form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
            let answer = stage.siti.asks(Method::POST, &path, headers, Some(&form)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}: {}", answer.text());
            answer.says("Halaman sudah usang");
        }
    }
    assert_eq!(stage.facts().await, before);
    assert_eq!(stage.siti.opens("/").await.status, StatusCode::OK, "she is still signed in");
}

#[tokio::test]
async fn another_outlets_things_look_like_those_that_do_not_exist_and_nobody_sees_any_signed_out() {
    let stage = stage().await;
    let budi = stage.world.cashier(1, "budi").await;
    let home = budi.signs_in().await;
    let none = uuid::Uuid::now_v7().to_string();
    let things: [(Method, &str); 11] = [
        (Method::GET, "/tagihan/{lookup_id}"),
        (Method::POST, "/tagihan/{lookup_id}/konfirmasi"),
        (Method::POST, "/tagihan/{lookup_id}/bayar"),
        (Method::GET, "/tagihan/{lookup_id}/nasib"),
        (Method::POST, "/tagihan/{lookup_id}/lepas"),
        (Method::GET, "/bayar/{payment_id}"),
        (Method::GET, "/bayar/{payment_id}/keadaan"),
        (Method::POST, "/bayar/{payment_id}/batal"),
        (Method::POST, "/bayar/{payment_id}/kembali"),
        (Method::POST, "/bukti/{receipt_no}"),
        (Method::GET, "/tidak-ada"),
    ];
    let before = stage.facts().await;
    for (method, pattern) in things {
        let absent = pattern
            .replace("{lookup_id}", &none)
            .replace("{payment_id}", &none)
            .replace("{receipt_no}", "X-1");
        let mut seen = vec![];
        for path in [stage.path(pattern), absent] {
            let key = format!("loket-{}", path.split('/').nth(2).unwrap_or_default());
            let fields =
                [("uang", "900000000"), ("kunci", &*key), ("jumlah", "1"), ("setuju", "ya"), ("kepada", "x")];
            let page = if method == Method::GET {
                budi.opens(&path).await
            } else {
                budi.sends(&home, &path, &fields).await
            };
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{method} {path}: {}", page.text());
            seen.push(page.text());
            let out = budi.elsewhere();
            let answer = out.asks(method.clone(), &path, &[("accept", "text/html")], None).await;
            let closed = answer.location() == "/masuk" || answer.status == StatusCode::FORBIDDEN;
            assert!(closed || pattern == "/tidak-ada", "{method} {path}: {}", answer.status);
        }
        assert_eq!(seen[0], seen[1], "{method} {pattern}");
    }
    assert_eq!(stage.facts().await, before, "nothing has changed");
    assert!(!budi.opens("/hari-ini").await.html.contains(&stage.payment_id));
}

/// Every page that a day shows.
async fn pages(stage: &Stage) -> Vec<Page> {
    let siti = &stage.siti;
    let mut pages =
        vec![siti.elsewhere().opens("/masuk").await, siti.elsewhere().tries("siti", "salah").await];
    for path in [
        "/",
        "/hari-ini",
        "/akun",
        "/sandi",
        "/tagihan/{lookup_id}",
        "/tagihan/{lookup_id}/nasib",
        "/bayar/{payment_id}",
        "/tidak-ada",
        "/tagihan",
        "/laci",
        "/saldo",
        "/biaya",
    ] {
        pages.push(siti.opens(&stage.path(path)).await);
    }
    let bill = siti.opens(&stage.path("/tagihan/{lookup_id}")).await;
    pages.push(siti.takes_cash(&bill, "1").await);
    pages.push(siti.takes_cash(&bill, "900000000").await);
    pages.push(siti.sends(&stage.home, &stage.path("/bukti/{receipt_no}"), &[]).await);
    for case in ["NOT_FOUND", "ALREADY_PAID"] {
        pages.push(siti.looks_up(&stage.world.of_case(case, 0)).await);
    }
    stage.world.fault("BAPENDA", "payment", "wrong_amount");
    pages.push(siti.sells(&stage.world.vehicle()).await);
    stage.world.fault("BAPENDA", "payment", "refuse:AMOUNT_MISMATCH");
    pages.push(siti.sells(&stage.world.vehicle()).await);
    stage.world.no_faults();
    pages.push(siti.opens("/").await);
    let drawer = siti.opens("/laci").await;
    let close = drawer.html.split("action=\"/laci/").find(|rest| rest.contains("/tutup\"")).unwrap();
    let close = format!("/laci/{}", close.split('"').next().unwrap());
    pages.push(siti.sends(&drawer, &close, &[("p1000", "1")]).await);
    let reason = [("p1000", "0"), ("alasan", "x"), ("ulang", "ya")];
    pages.push(siti.sends(&drawer, &close, &reason).await);
    let ani = stage.world.newcomer(0, ("ani", Role::Penyelia), false).await;
    ani.signs_in().await;
    for path in ["/penyelia", "/saldo/isi", "/laci"] {
        pages.push(ani.opens(path).await);
    }
    pages
}

#[tokio::test]
async fn every_answer_has_its_security_headers_and_nothing_inline_or_from_elsewhere() {
    let stage = stage().await;
    let mut answers = pages(&stage).await;
    for path in [
        "/assets/style.css",
        "/assets/counter.js",
        "/assets/icon.svg",
        "/assets/receipt.css",
        "/assets/receipt.js",
        "/assets/verify.js",
        "/assets/ed25519.js",
        "/verify",
        "/verify/kerja.js",
        "/openapi.json",
        "/v1/float",
    ] {
        answers.push(stage.siti.asks(Method::GET, path, &[], None).await);
    }
    for answer in &answers {
        let path = &answer.path;
        let policy =
            answer.header("content-security-policy").unwrap_or_else(|| panic!("{path} has no policy"));
        assert!(policy.starts_with("default-src 'none';"), "{path}: {policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'),
            "{path}: {policy}"
        );
        for word in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
            assert!(policy.contains(word), "{path}: {policy}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(answer.header("strict-transport-security").is_some_and(|v| v.contains("max-age=31536000")));
        let asset = path.starts_with("/assets/");
        assert_eq!(answer.header("cache-control") == Some("no-store"), !asset, "{path}");
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            is_all_ours(answer, &stage.siti.base);
        }
    }
    let first_load: usize = answers
        .iter()
        .filter(|answer| {
            ["/", "/assets/style.css", "/assets/counter.js", "/assets/icon.svg"].contains(&&*answer.path)
        })
        .map(|answer| answer.html.len())
        .sum();
    assert!(first_load < 60_000, "{first_load} bytes before any compression");
}

/// Nothing inline, nothing from elsewhere.
fn is_all_ours(page: &Page, base: &str) {
    let html = page.html.replace(base, "");
    for word in [" style=", " onclick=", " onload=", "<style", "javascript:", "url(", "=\"http", "=\"//"] {
        assert!(!html.contains(word), "{}: {word}", page.path);
    }
    for script in html.split("<script").skip(1) {
        let tag = script.split_once("</script>").map_or(script, |(tag, _)| tag);
        let name = tag.strip_prefix(" src=\"/assets/").and_then(|rest| rest.strip_suffix(".js\" defer>"));
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric());
        assert!(name.is_some_and(is_name), "{}: {tag}", page.path);
    }
}

/// Words that only an English text has; code, classes and addresses are not read.
const ENGLISH: [&str; 30] = [
    "the",
    "and",
    "is",
    "are",
    "not",
    "error",
    "payment",
    "password",
    "sign",
    "login",
    "submit",
    "please",
    "amount",
    "invalid",
    "found",
    "failed",
    "pending",
    "receipt",
    "vehicle",
    "user",
    "session",
    "refused",
    "confirmed",
    "open",
    "paid",
    "expired",
    "unknown",
    "with",
    "this",
    "or",
];

#[tokio::test]
async fn no_page_says_a_word_of_english() {
    let stage = stage().await;
    for page in pages(&stage).await {
        let text = page.text().to_lowercase();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphabetic()).collect();
        let english: Vec<_> = ENGLISH.iter().filter(|word| words.contains(**word)).collect();
        assert!(english.is_empty(), "{}: {english:?} in {text}", page.path);
        assert!(page.html.contains("<html lang=\"id\">"), "{}", page.path);
        assert!(page.html.contains("name=\"viewport\""), "{}", page.path);
        // Every field has a label.
        for field in page.html.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let hidden = field.contains("type=\"hidden\"") || field.contains("aria-label=\"");
            let choice = field.contains("type=\"radio\"") || field.contains("type=\"checkbox\"");
            let id = field.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            assert!(
                hidden || choice || page.html.contains(&format!("for=\"{id}\"")),
                "{}: {field}",
                page.path
            );
        }
        let headings = page.html.matches("<h1").count();
        assert_eq!(headings, 1, "{}", page.path);
    }
}

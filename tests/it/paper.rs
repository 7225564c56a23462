//! Receipts on paper: what stands on them in every form, how they are asked for, and what a picture of one proves.

use reqwest::{Method, StatusCode};
use samsat_gateway::receipt::{self, Facts, SigningKey};
use serde_json::{Value, json};

use crate::support::drawn::{decoded, enlarged, jpeg, png, qr_of_page};
use crate::support::pdf::Pdf;
use crate::support::{Answer, Client, World};

/// A receipt in one form: its status, its head and its bytes.
struct Printed {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    bytes: Vec<u8>,
}

impl Printed {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What it says, whatever it is.
    fn text(&self) -> String {
        match self.header("content-type") {
            "application/pdf" => Pdf::read(&self.bytes).text(),
            _ => String::from_utf8_lossy(&self.bytes).into_owned(),
        }
    }
}

const FORMS: [&str; 3] = ["application/pdf", "application/vnd.escpos", "text/html"];

async fn print(agent: &Client, number: &str, accept: &str, query: &str) -> Printed {
    let url = format!("{}/v1/receipts/{number}{query}", agent.base);
    let request = agent.http.get(url).bearer_auth(&agent.credential).header("accept", accept);
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    Printed { status, headers, bytes: answer.bytes().await.unwrap().to_vec() }
}

async fn paid(world: &World) -> Answer {
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.agent().pays(&quote).await
}

async fn number_of(world: &World, payment: &Answer) -> String {
    world.agent().reads(&payment.id()).await.body["receipt_no"].as_str().expect("a receipt").to_owned()
}

async fn json_of(world: &World, number: &str) -> Value {
    world.agent().get(&format!("/v1/receipts/{number}")).await.body
}

/// Its QR as it is seen, of a page or a file.
fn seen(printed: &Printed) -> String {
    match printed.header("content-type") {
        "application/pdf" => {
            let pictures = Pdf::read(&printed.bytes).pictures();
            assert_eq!(pictures.len(), 1, "one picture, the code");
            decoded(&pictures[0])
        }
        "application/vnd.escpos" => {
            let mark = b"1P0SOPOP1.";
            let at = printed.bytes.windows(mark.len()).position(|window| window == mark).expect("a code");
            let [low, high] = [printed.bytes[at - 2], printed.bytes[at - 1]];
            let told = usize::from(low) + 256 * usize::from(high);
            String::from_utf8(printed.bytes[at + 3..at + told].to_vec()).expect("ASCII")
        }
        _ => decoded(&qr_of_page(&printed.text())),
    }
}

#[tokio::test]
async fn the_code_that_is_seen_on_every_paper_is_the_signed_payload() {
    let world = World::new().await;
    let number = number_of(&world, &paid(&world).await).await;
    let payload = json_of(&world, &number).await["payload"].as_str().unwrap().to_owned();
    for form in FORMS {
        for query in ["", "?paper=58", "?paper=80"] {
            let printed = print(world.agent(), &number, form, query).await;
            assert_eq!(printed.status, StatusCode::OK, "{form} {query}: {}", printed.text());
            assert_eq!(seen(&printed), payload, "{form} {query}");
        }
    }
    receipt::verify(&payload, &world.app.public_key).unwrap();
    let link = json_of(&world, &number).await["link"].as_str().unwrap().to_owned();
    assert_eq!(link.split_once("/verify#").map(|(_, behind)| behind), Some(&*payload), "{link}");
}

#[tokio::test]
async fn a_pdf_says_everything_and_names_itself() {
    let world = World::new().await;
    let payment = paid(&world).await;
    let number = number_of(&world, &payment).await;
    let receipt = json_of(&world, &number).await;
    let printed = print(world.agent(), &number, "application/pdf", "").await;
    assert_eq!(printed.header("content-type"), "application/pdf");
    assert_eq!(printed.header("content-disposition"), format!("inline; filename=\"{number}.pdf\""));
    assert_eq!((printed.header("vary"), printed.header("cache-control")), ("accept", "no-store"));
    assert!(printed.bytes.starts_with(b"%PDF-1."));
    let pdf = Pdf::read(&printed.bytes);
    let text = pdf.text();
    let fields = ["receipt_no", "outlet"].map(|name| receipt[name].as_str().unwrap());
    let ours = ["ntpd", "certificate_no", "plate"].map(|name| payment.body[name].as_str().unwrap());
    let fixed = [
        "BUKTI LUNAS",
        "Terbilang:",
        "rupiah",
        "Jasa Raharja",
        "Jatuh tempo",
        "Biaya gerai",
        "aplikasi gerai",
    ];
    for words in fields.into_iter().chain(ours).chain(fixed) {
        assert!(text.contains(words), "{words}: {text}");
    }
    for line in receipt["lines"].as_array().unwrap() {
        let amount = samsat_gateway::domain::Rupiah::new(line["principal"].as_i64().unwrap()).unwrap();
        assert!(text.contains(&amount.to_string()), "{amount}: {text}");
    }
    assert!(!text.contains("BELUM LUNAS") && !text.contains("SALINAN KE"), "{text}");
    for query in ["?paper=58", "?paper=80"] {
        let roll = print(world.agent(), &number, "application/pdf", query).await;
        assert_eq!(Pdf::read(&roll.bytes).pages(), 1, "a roll is as long as its text");
    }
}

#[tokio::test]
async fn a_titip_can_not_be_taken_for_a_lunas_in_any_form() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    let open = world.agent().pays(&quote).await;
    let number = number_of(&world, &open).await;
    for form in FORMS {
        let text = print(world.agent(), &number, form, "").await.text();
        for words in ["BUKTI TITIP", "BELUM LUNAS", "BUKAN bukti lunas"] {
            assert!(text.replace('\n', " ").contains(words), "{form} {words}: {text}");
        }
        assert!(!text.contains("BUKTI LUNAS"), "{form}: {text}");
    }
    let page = print(world.agent(), &number, "text/html", "").await.text();
    assert!(page.contains("class=\"bukti titip "), "another frame: {page}");
}

#[tokio::test]
async fn what_was_taken_back_says_so_across_the_paper() {
    let world = World::new().await;
    let payment = paid(&world).await;
    let number = number_of(&world, &payment).await;
    world.take_back(&payment.id()).await;
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&payment.id()).await.state(), "reversed");
    for form in FORMS {
        let text = print(world.agent(), &number, form, "").await.text();
        assert!(text.matches("DIBATALKAN").count() >= 2, "{form}: {text}");
    }
    assert_eq!(json_of(&world, &number).await["status"], "REVOKED");
}

#[tokio::test]
async fn every_printing_is_counted_and_a_second_one_is_marked_as_a_copy() {
    let world = World::new().await;
    let number = number_of(&world, &paid(&world).await).await;
    for (n, form) in (1..).zip(FORMS.iter().chain(&FORMS)) {
        let text = print(world.agent(), &number, form, "").await.text();
        assert_eq!(text.contains(&format!("SALINAN KE-{n}")), n > 1, "{n} {form}: {text}");
        assert_eq!(json_of(&world, &number).await["copy_no"], n, "reading is no printing");
    }
}

#[tokio::test]
async fn the_paper_names_who_took_the_cash() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let sold = siti.sells(&world.vehicle()).await;
    let number = sold.html.split("/bukti/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let receipt = json_of(&world, &number).await;
    let operator = receipt["operator"].as_str().expect("a name").to_owned();
    for form in FORMS {
        let text = print(world.agent(), &number, form, "").await.text();
        assert!(text.contains(&operator), "{form} {operator}: {text}");
    }
    let by_program = number_of(&world, &paid(&world).await).await;
    assert_eq!(json_of(&world, &by_program).await["operator"], Value::Null);
}

#[tokio::test]
async fn at_the_counter_the_cashier_chooses_the_paper_and_gives_a_link_away() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let sold = siti.sells(&world.vehicle()).await;
    let number = sold.html.split("/bukti/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let path = format!("/bukti/{number}");
    for (sheet, media_type) in [
        ("a5", "text/html; charset=utf-8"),
        ("80", "text/html; charset=utf-8"),
        ("58", "text/html; charset=utf-8"),
        ("pdf", "application/pdf"),
        ("escpos-80", "application/vnd.escpos"),
        ("escpos-58", "application/vnd.escpos"),
    ] {
        assert!(sold.html.contains(&format!("<option value=\"{sheet}\">")), "{sheet} is offered");
        let paper = siti.sends(&sold, &path, &[("kertas", sheet)]).await;
        assert_eq!(
            (paper.status, paper.header("content-type")),
            (StatusCode::OK, Some(media_type)),
            "{sheet}"
        );
    }
    let page = siti.sends(&sold, &path, &[]).await;
    let payload = json_of(&world, &number).await["payload"].as_str().unwrap().to_owned();
    assert!(
        page.html.contains(&format!("/verify#{payload}\"")),
        "the payload stands where no server sees it"
    );
    assert_eq!(siti.sends(&sold, &path, &[("kertas", "a0")]).await.status, StatusCode::BAD_REQUEST);
    for asset in
        ["/assets/receipt.css", "/assets/receipt.js", "/assets/kertas/58.css", "/assets/kertas/a5.css"]
    {
        assert_eq!(siti.opens(asset).await.status, StatusCode::OK, "{asset}");
    }
    assert_eq!(siti.opens("/assets/kertas/a4.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_form_is_what_the_client_likes_best() {
    let world = World::new().await;
    let number = number_of(&world, &paid(&world).await).await;
    for (accept, media_type) in [
        ("application/pdf;q=0.5, text/html;q=0.4", "application/pdf"),
        ("text/*", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json;q=0, */*;q=0.1", "text/html; charset=utf-8"),
    ] {
        let printed = print(world.agent(), &number, accept, "").await;
        assert_eq!(
            (printed.status, printed.header("content-type")),
            (StatusCode::OK, media_type),
            "{accept}"
        );
    }
    let path = format!("/v1/receipts/{number}");
    let copies = json_of(&world, &number).await["copy_no"].clone();
    for (accept, query, status, code) in [
        ("image/png", "", 406, "NOT_ACCEPTABLE"),
        ("application/json;q=0", "", 406, "NOT_ACCEPTABLE"),
        ("application/vnd.escpos", "?paper=a5", 400, "BAD_REQUEST"),
        ("application/pdf", "?paper=a4", 400, "BAD_REQUEST"),
        ("application/pdf", "?kertas=58", 400, "BAD_REQUEST"),
    ] {
        let answer =
            world.agent().send(Method::GET, &format!("{path}{query}"), &[("accept", accept)], None).await;
        answer.is_problem(status, code, "never");
    }
    assert_eq!(json_of(&world, &number).await["copy_no"], copies, "nothing was printed");
}

#[tokio::test]
async fn anothers_receipt_is_absent_in_every_form_and_counts_no_copy() {
    let world = World::new().await;
    let number = number_of(&world, &paid(&world).await).await;
    let other = &world.agents[1];
    for form in FORMS {
        let theirs = print(other, &number, form, "").await;
        let none = print(other, "PSN-0001-L26-000999", form, "").await;
        assert_eq!((theirs.status, &theirs.bytes), (StatusCode::NOT_FOUND, &none.bytes), "{form}");
    }
    assert_eq!(world.count("SELECT count(*) FROM receipt_copy").await, 0);
}

#[tokio::test]
async fn the_command_reads_pictures_and_files_and_refuses_what_was_tampered_with() {
    let world = World::new().await;
    let number = number_of(&world, &paid(&world).await).await;
    let receipt = json_of(&world, &number).await;
    let payload = receipt["payload"].as_str().unwrap();
    let folder = std::env::temp_dir().join(format!("samsat-picture-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let key = write("key.pem", world.app.public_key.to_pem().as_bytes());
    let pdf = print(world.agent(), &number, "application/pdf", "").await.bytes;
    let page = print(world.agent(), &number, "text/html", "").await;
    let large = enlarged(&qr_of_page(&page.text()), 5);
    let good = [
        write("bukti.png", &png(large.side, &large.pixels)),
        write("bukti.jpg", &jpeg(large.side, &large.pixels)),
        write("bukti.pdf", &pdf),
    ];
    let check = |file: &str| super::receipt::command(&["receipt", "verify", file, "--key", &key, "--json"]);
    for file in &good {
        let output = check(file);
        assert_eq!(output.status.code(), Some(0), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&said["valid"], &said["receipt"]), (&json!(true), &receipt["facts"]), "{file}");
    }
    // Whoever draws a code of their own has another key, or breaks our signature.
    let facts: Facts = receipt::verify(payload, &world.app.public_key).unwrap();
    let strangers = facts.sign(&SigningKey::generate().unwrap().0);
    let mut altered = payload.to_owned().into_bytes();
    altered[40] = if altered[40] == b'A' { b'B' } else { b'A' };
    let draw = |text: &str| {
        let qr = samsat_gateway::paper::qr::Qr::of(text).unwrap();
        let picture = crate::support::pdf::Picture { side: qr.svg_side(), pixels: qr.grey() };
        let large = enlarged(&picture, 4);
        png(large.side, &large.pixels)
    };
    let blank = png(400, &vec![255; 160_000]);
    for (name, bytes) in [
        ("stranger.png", draw(&strangers)),
        ("altered.png", draw(&String::from_utf8(altered).unwrap())),
        ("other.png", draw("https://example.com/")),
        ("blank.png", blank),
        ("half.png", draw(payload)[..300].to_vec()),
        ("empty.pdf", b"%PDF-1.7\n%%EOF".to_vec()),
    ] {
        let output = check(&write(name, &bytes));
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said, json!({"valid": false}), "{name}");
        assert!(!output.stderr.is_empty(), "{name}: the reason is on standard error");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_public_page_brings_everything_that_it_needs_without_a_network() {
    let world = World::new().await;
    let base = &world.agent().base;
    let page = reqwest::get(format!("{base}/verify")).await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    let html = page.text().await.unwrap();
    assert!(html.contains(&format!("data-kunci=\"{}\"", world.app.public_key.to_base64())), "{html}");
    assert!(!html.contains("<script>") && !html.contains("style=") && !html.contains(" onclick"), "{html}");
    let worker = reqwest::get(format!("{base}/verify/kerja.js")).await.unwrap();
    assert_eq!(worker.headers()["service-worker-allowed"], "/verify");
    let worker = worker.text().await.unwrap();
    for asset in html.split("src=\"").chain(html.split("href=\"")).skip(1) {
        let path = asset.split('"').next().unwrap();
        if !path.starts_with('/') {
            continue;
        }
        assert!(worker.contains(&format!("'{path}'")), "{path} is kept on the device");
        assert_eq!(reqwest::get(format!("{base}{path}")).await.unwrap().status(), 200, "{path}");
    }
}

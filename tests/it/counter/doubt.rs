//! The promise on a bad line: whatever is lost, the same key ends at the truth.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Cashier, Mode, Page, Shape, World};

fn bare(page: &Page) -> String {
    page.path.split('?').next().unwrap().to_owned()
}

async fn at_counter(world: &World) -> Cashier {
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    siti
}

#[tokio::test]
async fn an_open_outcome_says_what_to_tell_the_citizen_and_turns_into_lunas_by_itself() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    world.fault("BAPENDA", "payment", "reset_after_booking");
    let open = siti.sells(&world.vehicle()).await;
    world.no_faults();
    open.says("SEDANG DIPASTIKAN");
    open.says("mohon jangan membayar lagi di tempat lain");
    open.says("Cetak Bukti Titip");
    assert!(!open.text().contains("gagal"), "never failed");
    assert!(open.html.contains("http-equiv=\"refresh\""), "it asks by itself without script too");
    siti.opens("/").await.says("Uang sudah diterima, hasilnya belum pasti.");
    let number = open.html.split("action=\"/bukti/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    siti.sends(&open, &format!("/bukti/{number}"), &[]).await.says("BUKTI TITIP");
    let path = format!("{}/keadaan", bare(&open));
    let first = siti.asks(Method::GET, &path, &[], None).await;
    assert_eq!(first.html, json!({"keadaan": "dipastikan", "terbuka": true}).to_string());
    let tag = first.header("etag").unwrap().to_owned();
    assert!(open.html.contains(&tag.replace('"', "&#34;")), "the page knows what it shows: {tag}");
    let again = siti.asks(Method::GET, &path, &[("if-none-match", &tag)], None).await;
    assert_eq!((again.status, &*again.html), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(world.settle_doubts().await, 0);
    let changed = siti.asks(Method::GET, &path, &[("if-none-match", &tag)], None).await;
    assert_eq!(changed.html, json!({"keadaan": "lunas", "terbuka": false}).to_string());
    let done = siti.opens(&bare(&open)).await;
    done.says("LUNAS");
    done.says("Cetak Bukti Lunas");
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_line_that_carries_orders_and_no_answers_leaves_the_outcome_open_until_it_carries_both() {
    let world = World::shaped(Shape { lines: true, ..Shape::default() }).await;
    let siti = at_counter(&world).await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    world.lines().bapenda.set(Mode::Deaf);
    let answer = siti.confirms(&confirmation).await;
    let open = siti.follows(&answer).await;
    open.says("SEDANG DIPASTIKAN");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 0));
    world.lines().bapenda.set(Mode::Pass);
    assert_eq!(world.settle_doubts().await, 0);
    siti.opens(&bare(&open)).await.says("LUNAS");
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_refusal_after_a_bukti_titip_asks_for_the_cash_to_go_back_and_notes_it() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    world.fault("BAPENDA", "payment", "reset_before");
    let open = siti.sells(&world.vehicle()).await;
    open.says("SEDANG DIPASTIKAN");
    world.no_faults();
    let asked = siti.sends(&open, &format!("{}/batal", bare(&open)), &[]).await;
    assert_eq!(asked.location(), bare(&open));
    world.hosts_later(60);
    assert_eq!(world.settle_doubts().await, 0);
    let refused = siti.opens(&open.path).await;
    refused.says("DITOLAK: KEMBALIKAN UANG");
    refused.says("Dibatalkan sebelum dibayar.");
    refused.says("Catat pengembalian");
    let back = format!("{}/kembali", bare(&open));
    let nameless = siti.sends(&refused, &back, &[("kepada", " ")]).await;
    assert_eq!(nameless.status, StatusCode::BAD_REQUEST);
    let noted = siti.sends(&refused, &back, &[("kepada", "Ibu Sri"), ("bukti", "ya")]).await;
    let after = siti.follows(&noted).await;
    assert!(!after.text().contains("Catat pengembalian"), "it is noted once");
    after.says("Uang sudah dikembalikan kepada Ibu Sri, ");
    after.says("Jangan kembalikan lagi.");
    after.says("Bukti sudah diminta kembali.");
    assert!(!after.text().contains("KEMBALIKAN UANG"), "nobody is told to pay it back again");
    assert!(!after.text().contains("kembalikan uang"), "{}", after.text());
    // A page that stood open elsewhere: another name is another handing-over, the same name is the same one.
    let budi = world.cashier(0, "budi").await;
    budi.signs_in().await;
    let stale = budi.opens(&bare(&open)).await;
    let twice = budi.sends(&stale, &back, &[("kepada", "Pak Joko"), ("bukti", "ya")]).await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
    twice.says("Pengembalian kedua ini tidak dicatat, karena uangnya sudah dikembalikan kepada Ibu Sri.");
    let same = budi.sends(&stale, &back, &[("kepada", "Ibu Sri")]).await;
    assert_eq!(same.location(), bare(&open));
    let one = "SELECT count(*) FROM cash_entry WHERE code = 'RETURNED'";
    assert_eq!(world.count(one).await, 1, "the cash left one drawer");
    let by = "SELECT count(*) FROM audit_event WHERE actor = 'person:siti' AND action = 'returned cash'";
    assert_eq!(world.count(by).await, 1);
    assert_eq!(world.count("SELECT count(*) FROM audit_event WHERE body LIKE '%Ibu Sri%'").await, 0);
    world.verified().await;
}

#[tokio::test]
async fn a_payment_that_was_refused_at_once_says_why_and_what_to_do() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    world.fault("BAPENDA", "payment", "refuse:BILL_EXPIRED");
    let refused = siti.sells(&world.vehicle()).await;
    refused.says("DITOLAK: KEMBALIKAN UANG Tagihan kedaluwarsa.");
    assert!(!refused.text().contains("Catat pengembalian"), "no paper was handed over");
    world.verified().await;
}

async fn fate(siti: &Cashier, path: &str) -> Value {
    let answer = siti.asks(Method::GET, path, &[("accept", "application/json")], None).await;
    serde_json::from_str(&answer.html).unwrap()
}

#[tokio::test]
async fn the_fate_of_what_was_sent_is_told_whatever_became_of_it() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let path = format!("{}/nasib", bill.path);
    assert_eq!(fate(&siti, &path).await["nasib"], "tidak-sampai");
    siti.opens(&path).await.says("TIDAK PERNAH SAMPAI");
    let never = siti.opens(&path).await;
    world.fault("JASA_RAHARJA", "payment", "reset_after_booking");
    let answer = siti.confirms(&never).await;
    world.no_faults();
    siti.follows(&answer).await.says("SEDANG DIPASTIKAN");
    let told = fate(&siti, &path).await;
    assert_eq!((&told["nasib"], &told["selesai"]), (&json!("sampai"), &json!(false)));
    world.settle_doubts().await;
    let told = fate(&siti, &path).await;
    assert_eq!((&told["nasib"], &told["selesai"]), (&json!("sampai"), &json!(true)));
    let page = siti.opens(&path).await;
    siti.follows(&page).await.says("LUNAS");
}

#[tokio::test]
async fn what_never_arrived_can_be_given_up_and_can_then_not_arrive_any_more() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let never = siti.opens(&format!("{}/nasib", bill.path)).await;
    let given_up = siti.sends(&never, &format!("{}/lepas", bill.path), &[]).await;
    let told = siti.follows(&given_up).await;
    told.says("DITOLAK: KEMBALIKAN UANG Dilepas sebelum sampai.");
    assert_eq!(fate(&siti, &format!("{}/nasib", bill.path)).await["nasib"], "ditolak");
    // The copy that was lost on the way arrives after all.
    let late = siti.confirms(&confirmation).await;
    siti.follows(&late).await.says("Dilepas sebelum sampai.");
    assert!(world.orders("BAPENDA").is_empty(), "nothing was sent");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    let withdrawn = "SELECT count(*) FROM audit_event WHERE actor = 'person:siti' AND action = 'withdrawn'";
    assert_eq!(world.count(withdrawn).await, 1);
    siti.sends(&never, &format!("{}/lepas", bill.path), &[]).await;
    assert_eq!(world.count(withdrawn).await, 1, "given up once");
    world.verified().await;
}

#[tokio::test]
async fn giving_up_what_has_arrived_changes_nothing_and_shows_it() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let never = siti.opens(&format!("{}/nasib", bill.path)).await;
    let release = format!("{}/lepas", bill.path);
    let (paid, given_up) = tokio::join!(siti.confirms(&confirmation), siti.sends(&never, &release, &[]));
    let (one, other) = (siti.follows(&paid).await.text(), siti.follows(&given_up).await.text());
    // Whoever was first, both pages tell the same end.
    let booked = world.booked("BAPENDA");
    let lunas = |text: &str| text.contains("Cetak Bukti Lunas") || text.contains("SEDANG DIPASTIKAN");
    assert_eq!((lunas(&one), lunas(&other)), (booked == 1, booked == 1), "{one} / {other}");
    let after = siti.sends(&never, &release, &[]).await;
    assert_eq!(lunas(&siti.follows(&after).await.text()), booked == 1);
    world.verified().await;
}

#[tokio::test]
async fn the_clerk_is_warned_before_money_is_taken_when_a_host_is_down() {
    let world = World::new().await;
    let siti = at_counter(&world).await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    world.fault("BAPENDA", "inquiry", "http_500");
    for _ in 0..25 {
        siti.looks_up(&world.of_case("PAYABLE", 20)).await;
    }
    siti.opens("/").await.says("Bapenda sedang tidak menjawab. Jangan terima uang dahulu");
    siti.opens(&bill.path).await.says("Jangan terima uang dahulu");
    let told = siti.confirms(&confirmation).await;
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    told.says("jangan terima uang dahulu (yang sudah diterima dikembalikan)");
    told.says("Lepas pembayaran ini");
    siti.opens(&format!("{}/nasib", bill.path)).await.says("TIDAK PERNAH SAMPAI");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
}

//! A sale, from the plate to the paper, without script.

use reqwest::{Method, StatusCode};

use crate::support::{Page, Shape, World};

fn payment_id(page: &Page) -> String {
    page.path.trim_start_matches("/bayar/").split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_sale_without_script_ends_in_a_bukti_lunas_and_in_both_books() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    for words in [
        "Cocokkan dengan STNK",
        "Pemilik",
        "Pajak kendaraan (PKB)",
        "untuk Provinsi Jawa Timur",
        "Opsen PKB",
        "SWDKLLJ",
        "untuk Jasa Raharja",
        "Biaya gerai",
        "Jatuh tempo",
        "jatuh tempo berikutnya",
        "rupiah",
    ] {
        bill.says(words);
    }
    assert!(bill.field("kunci").is_none(), "no money moves from this page");
    let short = siti.takes_cash(&bill, "1000").await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    short.says("Uangnya kurang Rp");
    siti.takes_cash(&bill, "banyak").await.says("Jumlah uang tidak terbaca.");
    let confirmation = siti.takes_cash(&bill, "Rp 900.000.000").await;
    confirmation.says("Kembalian");
    confirmation.says("sudah saya terima dan kendaraan sudah cocok dengan STNK.");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0, "nothing has moved so far");
    let answer = siti.confirms(&confirmation).await;
    assert!(answer.location().starts_with("/bayar/"), "{}", answer.text());
    let result = siti.follows(&answer).await;
    for words in ["LUNAS", "NTPD", "Nomor sertifikat Jasa Raharja", "Cetak Bukti Lunas", "Kembalian"] {
        result.says(words);
    }
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    let id = payment_id(&result);
    let through_api = world.agent().reads(&id).await;
    assert_eq!(through_api.state(), "confirmed", "the outlet's program sees it too");
    let number = through_api.body["receipt_no"].as_str().unwrap();
    let paper = siti.sends(&result, &format!("/bukti/{number}"), &[]).await;
    assert_eq!(paper.status, StatusCode::OK);
    paper.says("BUKTI LUNAS");
    paper.says("Salinan ke 1");
    siti.sends(&result, &format!("/bukti/{number}"), &[]).await.says("Salinan ke 2");
    let actors: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT actor FROM audit_event WHERE action = 'payment'")
            .fetch_all(&mut world.admin_connection().await)
            .await
            .unwrap();
    assert_eq!(actors, ["person:siti"], "the operator stands where the outlet's program would");
    let today = siti.opens("/hari-ini").await;
    today.says("1 pembayaran, Rp");
    today.says(number);
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn nothing_is_paid_without_the_tick_or_with_another_key_or_amount() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let (key, amount) = (confirmation.field("kunci").unwrap(), confirmation.field("jumlah").unwrap());
    let path = confirmation.path.replace("/konfirmasi", "/bayar");
    for fields in [
        &[("kunci", &*key), ("jumlah", &amount), ("uang", "1")][..],
        &[("kunci", &key), ("jumlah", &amount), ("uang", "1"), ("setuju", "tidak")],
        &[("kunci", "another"), ("jumlah", &amount), ("uang", "1"), ("setuju", "ya")],
        &[("kunci", &key), ("jumlah", "x"), ("uang", "1"), ("setuju", "ya")],
    ] {
        let answer = siti.sends(&confirmation, &path, fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields:?}");
        answer.says("Isian tidak lengkap");
    }
    let fields = [("kunci", &*key), ("jumlah", "1"), ("uang", "1"), ("setuju", "ya")];
    let answer = siti.sends(&confirmation, &path, &fields).await;
    siti.follows(&answer).await.says("Jumlah berbeda dari tagihan");
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    assert!(world.orders("BAPENDA").is_empty());
}

#[tokio::test]
async fn the_same_form_again_or_twice_at_once_books_once() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let taps = futures_util::future::join_all((0..6).map(|_| siti.confirms(&confirmation))).await;
    let first = taps[0].location().to_owned();
    for tap in &taps {
        assert_eq!((tap.status, tap.location()), (StatusCode::SEE_OTHER, &*first), "{}", tap.text());
    }
    let again = siti.confirms(&confirmation).await;
    assert_eq!(again.location(), first);
    siti.follows(&again).await.says("LUNAS");
    // The page before, reloaded, asks for the cash again: it has the same key, and leads to the same payment.
    let reloaded = siti.takes_cash(&bill, "900000000").await;
    assert_eq!(reloaded.field("kunci"), confirmation.field("kunci"));
    assert_eq!(siti.confirms(&reloaded).await.location(), first);
    let bill_again = siti.opens(&bill.path).await;
    assert!(bill_again.location().ends_with("/nasib"), "a paid bill shows its fate");
    siti.follows(&bill_again).await.says("LUNAS");
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 1);
    world.verified().await;
}

#[tokio::test]
async fn two_operators_of_one_outlet_on_one_vehicle_pay_it_once_and_the_second_cash_goes_back() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(0, "budi").await);
    siti.signs_in().await;
    budi.signs_in().await;
    let vehicle = world.vehicle();
    let (first, second) = (siti.looks_up(&vehicle).await, budi.looks_up(&vehicle).await);
    let confirmed = siti.takes_cash(&first, "900000000").await;
    let late = budi.takes_cash(&second, "900000000").await;
    let paid = siti.confirms(&confirmed).await;
    siti.follows(&paid).await.says("LUNAS");
    let answer = budi.confirms(&late).await;
    let told = budi.follows(&answer).await;
    told.says("SUDAH ADA PEMBAYARAN DI LOKET INI");
    told.says("KEMBALIKAN UANG PERCOBAAN INI");
    told.says("Kendaraan ini sudah dibayar oleh");
    told.says("Percobaan kedua ini tidak mengambil apa-apa");
    assert!(told.html.contains(paid.location().split('?').next().unwrap()), "it leads to that payment");
    assert_eq!(world.booked("BAPENDA"), 1);
    world.verified().await;
}

#[tokio::test]
async fn an_operator_who_tries_a_vehicle_again_keeps_the_first_cash_and_returns_only_a_second() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let vehicle = world.vehicle();
    let (first, second) = (siti.looks_up(&vehicle).await, siti.looks_up(&vehicle).await);
    let confirmed = siti.takes_cash(&first, "900000000").await;
    let late = siti.takes_cash(&second, "900000000").await;
    world.fault("JASA_RAHARJA", "payment", "reset_after_booking");
    let paid = siti.confirms(&confirmed).await;
    world.no_faults();
    siti.follows(&paid).await.says("SEDANG DIPASTIKAN");
    let answer = siti.confirms(&late).await;
    let told = siti.follows(&answer).await;
    told.says("belum pasti; jangan kembalikan uangnya dulu.");
    told.says("Uang pembayaran pertama tetap di laci.");
    assert!(!told.text().contains("KEMBALIKAN UANG"), "there may be one pile of cash only");
    world.settle_doubts().await;
    let told = siti.opens(answer.location()).await;
    told.says("sudah dibayar lewat Anda sendiri");
    world.verified().await;
}

#[tokio::test]
async fn an_operator_of_another_outlet_is_told_to_return_the_cash() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(1, "budi").await);
    siti.signs_in().await;
    budi.signs_in().await;
    let vehicle = world.vehicle();
    let (first, second) = (siti.looks_up(&vehicle).await, budi.looks_up(&vehicle).await);
    let confirmed = siti.takes_cash(&first, "900000000").await;
    let late = budi.takes_cash(&second, "900000000").await;
    siti.confirms(&confirmed).await;
    let answer = budi.confirms(&late).await;
    let told = budi.follows(&answer).await;
    told.says("DITOLAK: KEMBALIKAN UANG Sudah lunas.");
    assert!(!told.html.contains("/bayar/"), "another outlet's payment is not named");
}

#[tokio::test]
async fn every_refusal_of_a_vehicle_says_what_it_means_and_what_to_do() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let mut titles = std::collections::BTreeSet::new();
    let cases = world.cases();
    for case in cases.iter().filter(|case| *case != "PAYABLE") {
        let page = siti.looks_up(&world.of_case(case, 0)).await;
        assert_ne!(page.status, StatusCode::OK, "{case}: {}", page.text());
        assert!(page.html.contains("role=\"alert\""), "{case}");
        assert!(!page.text().contains("Kode:"), "{case} has no words: {}", page.text());
        let title =
            page.html.split("role=\"alert\"><h2>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        titles.insert(title);
        assert!(page.field("nopol").is_some_and(|plate| !plate.is_empty()), "{case}: what was typed stays");
    }
    assert!(titles.len() > 10, "{titles:?}");
    let home = siti.opens("/").await;
    for (plate, chassis, says) in [
        ("bukan plat", "12345", "Nomor polisi tidak terbaca"),
        ("L 1234 AB", "12", "Nomor rangka tidak terbaca"),
        ("B 1234 AB", "12345", "Bukan kendaraan Jawa Timur"),
    ] {
        siti.sends(&home, "/tagihan", &[("nopol", plate), ("rangka", chassis)]).await.says(says);
    }
}

#[tokio::test]
async fn what_is_billed_otherwise_than_computed_or_falls_due_tomorrow_is_said() {
    let world = World::shaped(Shape { between: true, ..Shape::default() }).await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let tomorrow = world.clock.today().next().to_string();
    world.hosts_say(move |said| {
        if said.path.ends_with("/inquiries") && said.status == 200 {
            let periods = said.body["periods"].as_array_mut().unwrap();
            periods.truncate(1);
            periods[0]["due_on"] = tomorrow.clone().into();
            let mut total = 0;
            for line in periods[0]["lines"].as_array_mut().unwrap() {
                if line["code"] == "PKB" {
                    line["principal"] = (line["principal"].as_i64().unwrap() + 1_000).into();
                }
                line["penalty"] = 0.into();
                total += line["principal"].as_i64().unwrap();
            }
            said.body["total"] = total.into();
        }
    });
    let bill = siti.looks_up(&world.vehicle()).await;
    bill.says("Jatuh tempo besok: mulai lusa kena denda.");
    bill.says("Hitungan kami berbeda dari tagihan");
    bill.says("Yang dibayar tetap tagihan Bapenda dan Jasa Raharja.");
}

#[tokio::test]
async fn a_float_that_does_not_bear_the_bill_is_said_before_any_cash_is_taken() {
    let world = World::shaped(Shape { agents: 1, ..Shape::default() }).await;
    let mut world = world;
    let poor = world.agent_with(1_000).await;
    world.agents.push(poor);
    let siti = world.cashier(1, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    bill.says("Saldo titipan loket tidak cukup untuk tagihan ini.");
    assert!(bill.field("uang").is_none(), "no cash is asked for");
}

#[tokio::test]
async fn a_suspended_outlet_reads_and_takes_nothing() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let sold = siti.sells(&world.vehicle()).await;
    world.suspends(&world.agents[0]).await;
    siti.opens("/").await.says("Loket ini sedang ditangguhkan. Jangan terima uang.");
    siti.looks_up(&world.vehicle()).await.says("Loket ditangguhkan");
    siti.opens(&sold.path).await.says("LUNAS");
}

#[tokio::test]
async fn no_plate_or_chassis_ever_stands_in_an_address() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let vehicle = world.vehicle();
    let bill = siti.looks_up(&vehicle).await;
    let sold = siti.takes_cash(&bill, "900000000").await;
    let answer = siti.confirms(&sold).await;
    for address in [&*bill.path, &*sold.path, answer.location()] {
        assert!(!address.contains(&vehicle.plate) && !address.contains(&vehicle.chassis), "{address}");
    }
    assert_eq!(
        siti.asks(Method::GET, "/tagihan?nopol=L1AB", &[], None).await.status,
        405,
        "no search by address"
    );
}

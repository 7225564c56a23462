//! The drawer: no cash without it, one an operator, and a count that closes it.

use reqwest::StatusCode;
use samsat_gateway::agents::Role;
use samsat_gateway::domain::DrawerId;
use samsat_gateway::drawer;
use sqlx::Connection;

use super::{closing_path, counts, rupiah, until_waiting};
use crate::support::{Cashier, Page, World};

async fn without_drawer(world: &World, name: &str) -> Cashier {
    let cashier = world.newcomer(0, (name, Role::Kasir), false).await;
    cashier.signs_in().await;
    cashier
}

async fn opens_with(cashier: &Cashier, opening: &str) -> Page {
    let form = cashier.opens("/laci").await;
    let opened = cashier.sends(&form, "/laci/buka", &[("modal", opening)]).await;
    cashier.follows(&opened).await
}

async fn amount_of_all(world: &World) -> i64 {
    world.count("SELECT coalesce(sum(amount), 0)::bigint FROM payment").await
}

#[tokio::test]
async fn without_an_open_drawer_a_bill_is_shown_and_no_cash_is_asked_for() {
    let world = World::new().await;
    let siti = without_drawer(&world, "siti").await;
    siti.opens("/").await.says("Laci Anda belum dibuka.");
    let bill = siti.looks_up(&world.vehicle()).await;
    bill.says("Hitung dahulu uang di laci");
    assert!(bill.field("uang").is_none(), "no cash is asked for");
    let form = siti.opens(&format!("/laci?tagihan={}", bill.path.trim_start_matches("/tagihan/"))).await;
    let id = form.field("tagihan").unwrap();
    let opened = siti.sends(&form, "/laci/buka", &[("modal", "Rp 200.000"), ("tagihan", &id)]).await;
    assert_eq!(opened.location(), bill.path, "back to the bill");
    let bill = siti.follows(&opened).await;
    assert!(bill.field("uang").is_some());
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let paid = siti.confirms(&confirmation).await;
    siti.follows(&paid).await.says("LUNAS");
    world.verified().await;
}

#[tokio::test]
async fn a_payment_that_is_sent_without_an_open_drawer_is_not_taken_and_can_be_sent_again() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let drawer = siti.opens("/laci").await;
    counts(&siti, &drawer, 0, &[]).await;
    let refused = siti.confirms(&confirmation).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    refused.says("Laci belum dibuka");
    assert_eq!(world.count("SELECT count(*) FROM idempotency_key").await, 0, "the key is free");
    opens_with(&siti, "0").await;
    let paid = siti.confirms(&confirmation).await;
    siti.follows(&paid).await.says("LUNAS");
    // What has been paid is found again, drawer or not.
    let drawer = siti.opens("/laci").await;
    counts(&siti, &drawer, amount_of_all(&world).await, &[]).await;
    assert_eq!(siti.confirms(&confirmation).await.location(), paid.location());
    world.verified().await;
}

#[tokio::test]
async fn a_drawer_that_is_opened_twice_or_twice_at_once_is_one() {
    let world = World::new().await;
    let siti = without_drawer(&world, "siti").await;
    let form = siti.opens("/laci").await;
    for typed in ["", "banyak", "-5"] {
        let refused = siti.sends(&form, "/laci/buka", &[("modal", typed)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        refused.says("Jumlah uang tidak terbaca");
    }
    let opening = [("modal", "100000")];
    let taps = (0..6).map(|_| siti.sends(&form, "/laci/buka", &opening));
    for tap in futures_util::future::join_all(taps).await {
        assert_eq!(tap.location(), "/laci", "{}", tap.text());
    }
    let again = siti.sends(&form, "/laci/buka", &[("modal", "999000")]).await;
    siti.follows(&again).await.says("Modal awal Rp100.000");
    assert_eq!(world.count("SELECT count(*) FROM drawer").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM cash_entry").await, 1);
    let events = "SELECT count(*) FROM audit_event WHERE action = 'opened drawer' AND actor = 'person:siti'";
    assert_eq!(world.count(events).await, 1);
    world.verified().await;
}

#[tokio::test]
async fn a_drawer_whose_count_fits_closes_and_one_that_differs_needs_a_reason() {
    let world = World::new().await;
    let siti = without_drawer(&world, "siti").await;
    opens_with(&siti, "150000").await;
    siti.sells(&world.vehicle()).await.says("LUNAS");
    let taken = amount_of_all(&world).await;
    let drawer = siti.opens("/laci").await;
    assert!(
        !drawer.text().contains(&rupiah(150_000 + taken)),
        "who counts does not read what should come out"
    );
    let short = counts(&siti, &drawer, 150_000 + taken - 20_000, &[]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    short.says("Hitungan belum cocok");
    short.says("Selisih laci");
    for told in ["Seharusnya", "kurang", "lebih", &*rupiah(150_000 + taken)] {
        assert!(!short.text().contains(told), "a blind count tells no figure: {told}");
    }
    assert_eq!(short.field("p100000").as_deref(), Some(""), "counted anew");
    let empty = siti.sends(&short, &closing_path(&short), &[("alasan", "lupa"), ("ulang", "ya")]).await;
    empty.says("Hitungan masih kosong");
    let wordless = [("alasan", " "), ("ulang", "ya")];
    counts(&siti, &short, 150_000 + taken - 20_000, &wordless).await.says("Hitungan belum cocok");
    // A reason at once is none: it comes with the second count.
    let at_once = [("alasan", "uang receh hilang")];
    counts(&siti, &short, 150_000 + taken - 30_000, &at_once).await.says("Hitungan belum cocok");
    let events = "SELECT count(*) FROM audit_event WHERE action = 'counted drawer' AND actor = 'person:siti'";
    assert_eq!(world.count(events).await, 3);
    let reason = [("alasan", "uang receh hilang"), ("ulang", "ya")];
    assert_eq!(world.count("SELECT count(*) FROM drawer WHERE closed_at IS NOT NULL").await, 0);
    let closed = counts(&siti, &short, 150_000 + taken - 20_000, &reason).await;
    let report = siti.follows(&closed).await;
    for words in
        ["LACI DITUTUP", "Hitungan kurang Rp20.000.", "uang receh hilang", "Dicatat di akun Selisih laci"]
    {
        report.says(words);
    }
    let short =
        "SELECT count(*) FROM cash_entry WHERE code = 'SHORT' AND credit = 'variance' AND amount = 20000";
    assert_eq!(world.count(short).await, 1);
    opens_with(&siti, "0").await;
    let drawer = siti.opens("/laci").await;
    let fits = counts(&siti, &drawer, 0, &[]).await;
    siti.follows(&fits).await.says("Hitungan cocok.");
    world.verified().await;
}

#[tokio::test]
async fn what_is_returned_handed_over_or_fetched_counts_and_the_same_form_twice_moves_once() {
    let world = World::new().await;
    let siti = without_drawer(&world, "siti").await;
    opens_with(&siti, "50000").await;
    world.fault("BAPENDA", "payment", "reset_before");
    let open = siti.sells(&world.vehicle()).await;
    world.no_faults();
    let bare = open.path.split('?').next().unwrap();
    siti.sends(&open, &format!("{bare}/batal"), &[]).await;
    world.hosts_later(60);
    world.settle_doubts().await;
    let refused = siti.opens(bare).await;
    let back = siti.sends(&refused, &format!("{bare}/kembali"), &[("kepada", "Ibu Sri")]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.text());
    siti.sells(&world.vehicle()).await.says("LUNAS");
    let paid = world.count("SELECT sum(amount)::bigint FROM payment WHERE state = 'confirmed'").await;
    let drawer = siti.opens("/laci").await;
    let number = drawer.field("nomor").unwrap();
    let out =
        [("nomor", &*number), ("arah", "keluar"), ("jumlah", "30.000"), ("catatan", "setor ke bendahara")];
    let taps = (0..3).map(|_| siti.sends(&drawer, "/laci/pindah", &out));
    for tap in futures_util::future::join_all(taps).await {
        assert_eq!(tap.location(), "/laci", "{}", tap.text());
    }
    let drawer = siti.opens("/laci").await;
    drawer.says("setor ke bendahara");
    let other = [("nomor", &*number), ("arah", "masuk"), ("jumlah", "30.000")];
    assert_eq!(siti.sends(&drawer, "/laci/pindah", &other).await.status, StatusCode::NOT_FOUND);
    let number = drawer.field("nomor").unwrap();
    let into = [("nomor", &*number), ("arah", "masuk"), ("jumlah", "5000")];
    siti.sends(&drawer, "/laci/pindah", &into).await;
    for (way, sum) in [("keluar", "0"), ("keluar", "banyak")] {
        let wrong = [("nomor", &*number), ("arah", way), ("jumlah", sum)];
        siti.sends(&drawer, "/laci/pindah", &wrong).await.says("Jumlah uang tidak terbaca");
    }
    let much = (50_000 + paid - 30_000 + 5_000 + 1).to_string();
    let too_much = [("nomor", &*uuid::Uuid::now_v7().to_string()), ("arah", "keluar"), ("jumlah", &*much)];
    let refused = siti.sends(&drawer, "/laci/pindah", &too_much).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.says("Isi laci tidak sebanyak itu");
    assert_eq!(world.count("SELECT count(*) FROM cash_entry WHERE code = 'HANDED_OVER'").await, 1);
    let drawer = siti.opens("/laci").await;
    let closed = counts(&siti, &drawer, 50_000 + paid - 30_000 + 5_000, &[]).await;
    siti.follows(&closed).await.says("Hitungan cocok.");
    world.verified().await;
}

#[tokio::test]
async fn a_payment_and_the_closing_at_once_leave_no_cash_uncounted() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    for _ in 0..4 {
        let bill = siti.looks_up(&world.vehicle()).await;
        let confirmation = siti.takes_cash(&bill, "900000000").await;
        let drawer = siti.opens("/laci").await;
        let (paid, closed) = tokio::join!(siti.confirms(&confirmation), counts(&siti, &drawer, 0, &[]));
        let is_closed = closed.status == StatusCode::SEE_OTHER;
        assert_eq!(is_closed, paid.status == StatusCode::CONFLICT, "{} / {}", paid.text(), closed.text());
        if is_closed {
            opens_with(&siti, "0").await;
            siti.confirms(&confirmation).await;
        }
        let drawer = siti.opens("/laci").await;
        let taken =
            "SELECT coalesce(sum(p.amount), 0)::bigint FROM drawer_payment JOIN payment p USING (payment_id)
                     JOIN drawer d USING (drawer_id) WHERE d.closed_at IS NULL";
        let closed = counts(&siti, &drawer, world.count(taken).await, &[]).await;
        siti.follows(&closed).await.says("Hitungan cocok.");
        opens_with(&siti, "0").await;
    }
    world.verified().await;
}

/// Both halves fail without their lock: the closing would not wait, or the payment would begin into a closed drawer.
#[tokio::test]
async fn a_closing_waits_for_a_payment_that_begins_and_a_payment_for_a_closing() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let page = siti.opens("/laci").await;
    let mut begins = world.app.db.workers.begin().await.unwrap();
    let id: uuid::Uuid = closing_path(&page).split('/').nth(2).unwrap().parse().unwrap();
    let kept = drawer::lock_open(&mut begins, &[DrawerId(id)].into()).await.unwrap();
    assert_eq!(kept.len(), 1);
    let ends = async {
        until_waiting(&world, 1).await;
        begins.commit().await.unwrap();
    };
    let (closed, ()) = tokio::join!(counts(&siti, &page, 0, &[]), ends);
    assert_eq!(closed.status, StatusCode::SEE_OTHER, "{}", closed.text());
    opens_with(&siti, "0").await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let mut admin = world.admin_connection().await;
    let mut counter = admin.begin().await.unwrap();
    sqlx::query("SELECT FROM drawer WHERE closed_at IS NULL FOR NO KEY UPDATE")
        .execute(&mut *counter)
        .await
        .unwrap();
    let ends = async {
        until_waiting(&world, 1).await;
        let close = "UPDATE drawer SET closed_at = now(), closed_by = person_id, pieces = array_fill(0, ARRAY[10]), counted = 0, expected = 0
                     WHERE closed_at IS NULL";
        sqlx::query(close).execute(&mut *counter).await.unwrap();
        counter.commit().await.unwrap();
    };
    let (refused, ()) = tokio::join!(siti.confirms(&confirmation), ends);
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    assert_eq!(world.count("SELECT count(*) FROM payment").await, 0);
    world.verified().await;
}

#[tokio::test]
async fn cash_goes_back_to_a_citizen_out_of_an_open_drawer_only() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    world.fault("BAPENDA", "payment", "reset_before");
    let open = siti.sells(&world.vehicle()).await;
    world.no_faults();
    let bare = open.path.split('?').next().unwrap();
    siti.sends(&open, &format!("{bare}/batal"), &[]).await;
    world.hosts_later(60);
    world.settle_doubts().await;
    let page = siti.opens("/laci").await;
    counts(&siti, &page, amount_of_all(&world).await, &[]).await;
    let refused = siti.opens(bare).await;
    let path = format!("{bare}/kembali");
    let told = siti.sends(&refused, &path, &[("kepada", "Ibu Sri")]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    told.says("Laci belum dibuka");
    told.says("Pengembalian belum dicatat");
    assert_eq!(world.count("SELECT count(*) FROM citizen_debt WHERE returned_at IS NULL").await, 1);
    let drawer = opens_with(&siti, "1000000").await;
    let owed = amount_of_all(&world).await;
    for _ in 0..2 {
        assert_eq!(siti.sends(&refused, &path, &[("kepada", "Ibu Sri")]).await.location(), bare);
    }
    let closed = counts(&siti, &drawer, 1_000_000 - owed, &[]).await;
    siti.follows(&closed).await.says("Hitungan cocok.");
    world.verified().await;
}

#[tokio::test]
async fn a_drawer_does_not_close_while_a_payment_waits_for_its_first_answer() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let bill = siti.looks_up(&world.vehicle()).await;
    let confirmation = siti.takes_cash(&bill, "900000000").await;
    let drawer = siti.opens("/laci").await;
    world.fault("BAPENDA", "payment", "hang");
    let asks = async {
        while world.count("SELECT count(*) FROM payment WHERE state = 'held'").await == 0 {
            tokio::task::yield_now().await;
        }
        counts(&siti, &drawer, 0, &[]).await
    };
    let (paid, told) = tokio::join!(siti.confirms(&confirmation), asks);
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    told.says("Masih ada pembayaran yang sedang dikerjakan di laci ini");
    world.no_faults();
    siti.follows(&paid).await.says("SEDANG DIPASTIKAN");
    let drawer = siti.opens("/laci").await;
    let closed = counts(&siti, &drawer, amount_of_all(&world).await, &[]).await;
    siti.follows(&closed).await.says("Hitungan cocok.");
    world.settle_doubts().await;
    world.verified().await;
}

#[tokio::test]
async fn a_drawer_is_its_operators_and_the_supervisors_and_looks_absent_to_everybody_else() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    siti.sells(&world.vehicle()).await;
    let own = siti.opens("/laci").await;
    let path = closing_path(&own).trim_end_matches("/tutup").to_owned();
    let none = format!("/laci/{}", uuid::Uuid::now_v7());
    for (outlet, name, role) in
        [(0, "budi", Role::Kasir), (1, "joko", Role::Kasir), (1, "dewi", Role::Penyelia)]
    {
        let other = world.operator(outlet, (name, role), false).await;
        let home = other.signs_in().await;
        let mut pages = vec![];
        for address in [&path, &none] {
            let seen = other.opens(address).await;
            let sent = other.sends(&home, &format!("{address}/tutup"), &[("p1000", "1")]).await;
            assert_eq!((seen.status, sent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{name}");
            pages.push((seen.text(), sent.text()));
        }
        assert_eq!(pages[0], pages[1], "{name}");
    }
    let ani = world.operator(0, ("ani", Role::Penyelia), false).await;
    ani.signs_in().await;
    let seen = ani.opens(&path).await;
    seen.says("Seharusnya sekarang");
    let taken = amount_of_all(&world).await;
    seen.says(&rupiah(taken));
    let told = counts(&ani, &seen, taken + 1_000, &[]).await;
    told.says("lebih Rp1.000");
    // The reason was told for another difference than there is now.
    let reason = [("alasan", "salah hitung"), ("selisih", "1000")];
    counts(&ani, &told, taken + 2_000, &reason).await.says("Isi laci berubah");
    let closed = counts(&ani, &seen, taken, &[]).await;
    ani.follows(&closed).await.says("oleh Siti Aminah");
    let by = "SELECT count(*) FROM audit_event WHERE action = 'closed drawer' AND actor = 'person:ani'";
    assert_eq!(world.count(by).await, 1);
    siti.opens("/").await.says("Laci Anda belum dibuka.");
    world.verified().await;
}

#[tokio::test]
async fn counts_that_cannot_be_read_are_named_by_their_denomination() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let drawer = siti.opens("/laci").await;
    let told = siti.sends(&drawer, &closing_path(&drawer), &[("p5000", "tiga"), ("p1000", "4")]).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    told.says("Jumlah lembar Rp5.000 tidak terbaca");
    assert_eq!(told.field("p1000").as_deref(), Some("4"), "what was typed stays");
    assert_eq!(world.count("SELECT count(*) FROM drawer WHERE closed_at IS NOT NULL").await, 0);
}

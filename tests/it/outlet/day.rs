//! What an outlet reads of its day: the float, fees, sums, and the supervisor's view.

use reqwest::StatusCode;
use samsat_gateway::agents::Role;

use super::{counts, rupiah};
use crate::support::World;

#[tokio::test]
async fn the_day_is_summed_by_state_and_by_who_took_it() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(0, "budi").await);
    siti.signs_in().await;
    budi.signs_in().await;
    siti.opens("/hari-ini").await.says("Belum ada pembayaran hari ini.");
    siti.sells(&world.vehicle()).await.says("LUNAS");
    siti.sells(&world.vehicle()).await.says("LUNAS");
    world.fault("BAPENDA", "payment", "reset_before");
    budi.sells(&world.vehicle()).await.says("SEDANG DIPASTIKAN");
    world.no_faults();
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.agent().pays(&quote).await;
    let sum = async |state: &'static str| world.count(state).await;
    let paid = sum("SELECT sum(amount)::bigint FROM payment WHERE state = 'confirmed'").await;
    let open = sum("SELECT sum(amount)::bigint FROM payment WHERE state = 'in_doubt'").await;
    let today = siti.opens("/hari-ini").await;
    today.says(&format!("Lunas 3 pembayaran, {}", rupiah(paid)));
    today.says(&format!("Sedang dipastikan 1 pembayaran, {}", rupiah(open)));
    today.says(&format!("Lewat program gerai Lunas 1 pembayaran, {}", rupiah(quote.total)));
    let other = world.cashier(1, "joko").await;
    other.signs_in().await;
    other.opens("/hari-ini").await.says("Belum ada pembayaran hari ini.");
    world.verified().await;
}

#[tokio::test]
async fn the_float_shows_every_movement_page_by_page_and_only_ones_own() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    for _ in 0..3 {
        siti.sells(&world.vehicle()).await.says("LUNAS");
    }
    let page = siti.opens("/saldo").await;
    page.says("Isi saldo");
    page.says("Disisihkan untuk pembayaran");
    assert!(!page.text().contains("Batas loket"), "no caps, no word of them");
    let newest = world.count("SELECT seq FROM agent_float ORDER BY agent_id LIMIT 1").await;
    let older = siti.opens(&format!("/saldo?sebelum={newest}")).await;
    older.says("Terbaru");
    assert!(!older.text().contains(&format!(" {newest} · ")), "{}", older.text());
    let other = world.cashier(1, "joko").await;
    other.signs_in().await;
    assert!(!other.opens("/saldo").await.text().contains("Disisihkan untuk pembayaran"));
}

#[tokio::test]
async fn the_fee_statement_is_what_the_ledger_says_and_a_reversed_payment_earns_nothing() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    for _ in 0..3 {
        siti.sells(&world.vehicle()).await.says("LUNAS");
    }
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    world.take_back(&paid.id()).await;
    let page = siti.opens("/biaya").await;
    let earned = "SELECT coalesce(sum(CASE WHEN c.kind = 'fee' THEN t.amount WHEN d.kind = 'fee' THEN -t.amount END), 0)::bigint
                  FROM transfer t JOIN account d ON d.account_no = t.debit_account JOIN account c ON c.account_no = t.credit_account";
    let earned = world.count(earned).await;
    assert_eq!(earned, 15_000);
    page.says(&format!("Sebulan 3 {}", rupiah(earned)));
    page.says(&world.clock.today().long());
    let before = siti.opens("/biaya?bulan=2020-01").await;
    before.says("Januari 2020");
    before.says("Belum ada pembayaran lunas di bulan ini.");
    for wrong in ["2026-13", "kemarin", "2026-1"] {
        assert_eq!(
            siti.opens(&format!("/biaya?bulan={wrong}")).await.status,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn the_supervisor_sees_every_operator_of_the_outlet_and_a_cashier_sees_no_such_page() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(0, "budi").await);
    let ani = world.newcomer(0, ("ani", Role::Penyelia), false).await;
    siti.signs_in().await;
    budi.signs_in().await;
    let home = ani.signs_in().await;
    assert!(home.html.contains("href=\"/penyelia\""));
    siti.sells(&world.vehicle()).await.says("LUNAS");
    world.fault("JASA_RAHARJA", "payment", "reset_before");
    siti.sells(&world.vehicle()).await.says("SEDANG DIPASTIKAN");
    world.no_faults();
    let drawer = budi.opens("/laci").await;
    let told = counts(&budi, &drawer, 7_000, &[]).await;
    counts(&budi, &told, 7_000, &[("alasan", "uang parkir tercampur"), ("ulang", "ya")]).await;
    let taken = world.count("SELECT sum(amount)::bigint FROM payment").await;
    let page = ani.opens("/penyelia").await;
    page.says(&format!("Seharusnya di laci {}", rupiah(taken)));
    page.says("lebih Rp7.000 · uang parkir tercampur");
    page.says("Isi akun Selisih laci: lebih Rp7.000");
    page.says("Sedang dipastikan 1 pembayaran");
    page.says("tidak terbuka");
    for cashier in [&siti, &budi] {
        let hidden = cashier.opens("/penyelia").await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
        assert_eq!(hidden.text(), cashier.opens("/tidak-ada").await.text(), "as what does not exist");
        assert!(!cashier.opens("/").await.html.contains("/penyelia"), "no link either");
    }
    let dewi = world.operator(1, ("dewi", Role::Penyelia), false).await;
    dewi.signs_in().await;
    let theirs = dewi.opens("/penyelia").await;
    assert!(!theirs.text().contains("uang parkir") && !theirs.text().contains(&rupiah(taken)));
    world.settle_doubts().await;
    world.verified().await;
}

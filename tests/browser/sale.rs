//! A sale from the plate to the paper: by finger on a phone, by keyboard on a PC, and without script.

use crate::stage::Stage;
use crate::tab::Device;

/// What a first visit may load, bytes as they are sent.
const FIRST_LOAD_MAX: u64 = 60_000;

#[tokio::test]
async fn a_sale_on_a_phone_by_touch_alone_ends_in_a_bukti_lunas_and_in_both_books() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.cashier(0, "siti", Device::Phone).await;
    siti.notes_hands().await;
    siti.signs_in("siti").await;
    siti.looks_up(&stage.world.vehicle()).await;
    siti.says("Yang harus dibayar").await;
    assert_eq!(stage.world.count("SELECT count(*) FROM payment").await, 0, "nothing has moved so far");
    siti.takes_cash().await;
    siti.pays().await;
    siti.says("LUNAS").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.says("BUKTI LUNAS").await;
    siti.says("Salinan ke 1").await;
    siti.was_pressed_only_with("touch").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn a_sale_on_a_pc_by_keyboard_alone_shows_the_focus_at_every_step() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.cashier(0, "siti", Device::Keyboard).await;
    siti.notes_hands().await;
    siti.signs_in("siti").await;
    siti.looks_up(&stage.world.vehicle()).await;
    siti.fills("Uang diterima", "1000").await;
    siti.says("Kurang Rp").await;
    siti.strikes("Enter").await;
    siti.says("Uangnya kurang Rp").await;
    siti.takes_cash().await;
    // Neither the tick nor the button alone does anything: Enter on the button asks for the tick first.
    siti.presses("Bayar Rp").await;
    assert!(siti.path().await.ends_with("/konfirmasi"));
    assert_eq!(stage.world.count("SELECT count(*) FROM payment").await, 0);
    siti.opens("/").await;
    siti.sells(&stage.world.vehicle()).await;
    siti.says("LUNAS").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.says("BUKTI LUNAS").await;
    siti.was_pressed_only_with("keys").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn without_script_the_same_pages_sell_and_two_clicks_book_once() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.cashier(0, "siti", Device::Pc).await;
    siti.without_script().await;
    siti.signs_in("siti").await;
    siti.looks_up(&stage.world.vehicle()).await;
    let cash = siti.cash().await;
    siti.fills("Uang diterima", &cash).await;
    siti.presses("Lanjut").await;
    siti.says("sudah saya terima").await;
    siti.presses("Uang Rp").await;
    let (one, other) = tokio::join!(siti.presses("Bayar Rp"), siti.presses("Bayar Rp"));
    assert_eq!((one, other), ((), ()));
    siti.says("LUNAS").await;
    siti.says("Kembalian").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.says("BUKTI LUNAS").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn two_operators_on_one_vehicle_pay_it_once_and_the_other_is_told_to_return_the_second_cash() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    let budi = stage.at_counter("budi", Device::Pc).await;
    let vehicle = stage.world.vehicle();
    for person in [&siti, &budi] {
        person.looks_up(&vehicle).await;
        person.takes_cash().await;
    }
    tokio::join!(siti.pays(), budi.pays());
    let done = "says('LUNAS') || says('SUDAH ADA PEMBAYARAN DI LOKET INI')";
    siti.until("an end for Siti", done).await;
    budi.until("an end for Budi", done).await;
    let (one, other) = (siti.text().await, budi.text().await);
    let told = [&one, &other].iter().filter(|text| text.contains("SUDAH ADA PEMBAYARAN")).count();
    assert_eq!(told, 1, "one paid, the other was told: {one} / {other}");
    let late = if one.contains("SUDAH ADA") { &siti } else { &budi };
    late.says("KEMBALIKAN UANG PERCOBAAN INI").await;
    late.says("Percobaan kedua ini tidak mengambil apa-apa: kembalikan uang yang Anda terima").await;
    late.says("Uang pembayaran pertama tetap disimpan.").await;
    late.presses("Lihat pembayaran itu").await;
    late.says("LUNAS").await;
    siti.is_clean();
    budi.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn an_operator_of_another_outlet_is_told_to_return_the_cash() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    let budi = stage.cashier(1, "budi", Device::Phone).await;
    budi.signs_in("budi").await;
    let vehicle = stage.world.vehicle();
    budi.looks_up(&vehicle).await;
    budi.takes_cash().await;
    siti.sells(&vehicle).await;
    siti.says("LUNAS").await;
    budi.pays().await;
    budi.says("DITOLAK: KEMBALIKAN UANG").await;
    budi.says("Sudah lunas.").await;
    budi.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn a_first_visit_is_small_and_asks_nobody_else_for_anything() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.cashier(0, "siti", Device::Phone).await;
    siti.opens("/masuk").await;
    let until = "performance.getEntriesByType('resource').length >= 2";
    siti.until("style and script are there", until).await;
    siti.signs_in("siti").await;
    let loaded = siti.loaded();
    assert!((5_000..FIRST_LOAD_MAX).contains(&loaded), "{loaded} bytes until the first page stands");
    siti.is_clean();
}

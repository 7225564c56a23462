//! Hosts that do not answer: a warning before money, an open outcome that the page follows to its end.

use crate::stage::Stage;
use crate::tab::Device;

#[tokio::test]
async fn an_open_outcome_turns_into_lunas_by_itself_while_the_page_watches() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    stage.world.fault("BAPENDA", "payment", "reset_after_booking");
    siti.sells(&stage.world.vehicle()).await;
    siti.says("SEDANG DIPASTIKAN").await;
    siti.says("mohon jangan membayar lagi di tempat lain").await;
    assert!(!siti.text().await.to_lowercase().contains("gagal"), "never failed");
    siti.presses("Cetak Bukti Titip").await;
    siti.says("BUKTI TITIP").await;
    siti.presses("Kembali ke pembayaran").await;
    siti.says("Halaman ini bertanya sendiri").await;
    stage.world.no_faults();
    assert_eq!(stage.world.settle_doubts().await, 0);
    // Nobody touches the page.
    siti.says("LUNAS").await;
    siti.says("Cetak Bukti Lunas").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn a_refusal_while_the_page_watches_asks_for_the_cash_to_go_back() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Pc).await;
    stage.world.fault("BAPENDA", "payment", "reset_before");
    siti.sells(&stage.world.vehicle()).await;
    siti.says("SEDANG DIPASTIKAN").await;
    siti.presses("Warga tidak mau menunggu?").await;
    siti.says("Jangan kembalikan uang sebelum halaman ini berkata DITOLAK.").await;
    siti.presses("Minta dibatalkan").await;
    siti.patiently("it is asked for", async || {
        stage.world.count("SELECT count(*) FROM payment WHERE cancel_requested_at IS NOT NULL").await == 1
    })
    .await;
    siti.says("SEDANG DIPASTIKAN").await;
    stage.world.no_faults();
    stage.world.hosts_later(60);
    assert_eq!(stage.world.settle_doubts().await, 0);
    siti.says("DITOLAK: KEMBALIKAN UANG").await;
    siti.fills("Dikembalikan kepada", "Ibu Sri").await;
    siti.presses("Bukti sudah diminta kembali").await;
    siti.presses("Uang sudah dikembalikan").await;
    siti.until("it is noted once", "!says('Catat pengembalian')").await;
    siti.is_clean();
    stage.is_booked_once_each(0).await;
}

#[tokio::test]
async fn a_host_that_is_down_is_said_before_any_money_is_taken() {
    let Some(stage) = Stage::shaped(crate::support::Shape { lines: true, ..Default::default() }).await else {
        return;
    };
    let siti = stage.at_counter("siti", Device::Phone).await;
    let vehicle = stage.world.vehicle();
    siti.looks_up(&vehicle).await;
    let bill = siti.path().await;
    siti.opens("/").await;
    stage.world.lines().bapenda.close().await;
    siti.types(&vehicle).await;
    siti.says("Bapenda atau Jasa Raharja tidak menjawab").await;
    siti.says("jangan terima uang dahulu").await;
    // Enough of them, and every page says so before anybody asks.
    siti.patiently("the counter warns", async || {
        stage.world.agent().asks(&vehicle).await;
        siti.opens("/").await;
        siti.text().await.contains("Bapenda sedang tidak menjawab. Jangan terima uang dahulu")
    })
    .await;
    siti.opens(&bill).await;
    siti.says("Bapenda sedang tidak menjawab. Jangan terima uang dahulu").await;
    assert_eq!(stage.world.count("SELECT count(*) FROM payment").await, 0);
    siti.is_clean();
}

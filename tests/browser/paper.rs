//! The paper: copies that are counted, and a check that anybody can make.

use crate::stage::Stage;
use crate::tab::{Device, Tab};

/// The signed text of the receipt that is shown.
pub async fn payload(tab: &Tab) -> String {
    let found = tab.asks(r"document.body.textContent.match(/SOPOP1\.[\w-]+\.[\w-]+/)[0]").await;
    found.expect("a signed text").as_str().expect("a text").to_owned()
}

/// The same with one letter changed, somewhere in what it says.
fn tampered(payload: &str) -> String {
    let (head, tail) = payload.split_at(payload.len() / 3);
    let other = if tail.starts_with('A') { 'B' } else { 'A' };
    format!("{head}{other}{}", &tail[1..])
}

#[tokio::test]
async fn a_reprint_carries_its_copy_number() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Pc).await;
    siti.sells(&stage.world.vehicle()).await;
    siti.says("LUNAS").await;
    for copy in ["Salinan ke 1", "Salinan ke 2", "Salinan ke 3"] {
        siti.presses("Cetak Bukti Lunas").await;
        siti.says(copy).await;
        siti.presses("Kembali ke pembayaran").await;
        siti.says("LUNAS").await;
    }
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn anybody_can_check_a_receipt_and_a_tampered_one_is_refused() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    siti.sells(&stage.world.vehicle()).await;
    siti.says("LUNAS").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.says("BUKTI LUNAS").await;
    let payload = payload(&siti).await;
    let citizen = Tab::of(&stage.browser, Device::Phone, &siti.base).await;
    citizen.opens("/verify").await;
    citizen.fills("Teks bertanda tangan", &payload).await;
    citizen.presses("Periksa").await;
    citizen.says("LUNAS").await;
    citizen.says("Nomor polisi").await;
    citizen.fills("Teks bertanda tangan", &tampered(&payload)).await;
    citizen.presses("Periksa").await;
    citizen.says("TIDAK SAH").await;
    citizen.is_clean();
}

#[tokio::test]
async fn with_the_server_stopped_a_receipt_is_checked_on_the_device_and_a_tampered_one_is_refused() {
    let Some(mut stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    siti.sells(&stage.world.vehicle()).await;
    siti.says("LUNAS").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.says("BUKTI LUNAS").await;
    let payload = payload(&siti).await;
    let citizen = Tab::of(&stage.browser, Device::Phone, &siti.base).await;
    citizen.opens("/verify").await;
    citizen.asks("await navigator.serviceWorker.ready.then(() => true)").await.expect("the page is kept");
    drop(siti);
    stage.world.stop().await;
    citizen.fills("Teks bertanda tangan", &payload).await;
    citizen.presses("Periksa").await;
    citizen.says("BUKTI LUNAS ASLI").await;
    citizen.says("status pembatalan belum diperiksa").await;
    citizen.fills("Teks bertanda tangan", &tampered(&payload)).await;
    citizen.presses("Periksa").await;
    citizen.says("TIDAK SAH").await;
    let link = format!("\"https://samsat.example/verify#{payload}\" ");
    citizen.fills("Teks bertanda tangan", &link).await;
    citizen.presses("Periksa").await;
    citizen.says("BUKTI LUNAS ASLI").await;
    // The page itself is there without a server too, once it has been opened.
    citizen.opens("/verify").await;
    citizen.fills("Teks bertanda tangan", &payload).await;
    citizen.presses("Periksa").await;
    citizen.says("BUKTI LUNAS ASLI").await;
    citizen.is_clean();
}

//! The promise on a bad line: whatever is lost on the way, the same key ends at the truth and books once.

use std::sync::Arc;

use crate::chromium::{Browser, Profile};
use crate::stage::Stage;
use crate::support::Mode;
use crate::support::line::Line;
use crate::tab::{Device, Tab};

/// A cashier whose browser reaches the gateway over a line that can be cut, before the last button.
pub async fn before_the_button(stage: &Stage) -> (Line, Tab) {
    let line = Line::to(stage.world.addresses().0).await;
    stage.world.cashier(0, "siti").await;
    let siti = Tab::of(&stage.browser, Device::Phone, &format!("http://{}", line.address)).await;
    siti.signs_in("siti").await;
    siti.looks_up(&stage.world.vehicle()).await;
    siti.takes_cash().await;
    (line, siti)
}

/// Waits until both authorities have booked what was sent.
async fn is_booked(stage: &Stage, who: &Tab) {
    who.patiently("both authorities book", async || stage.world.booked("JASA_RAHARJA") == 1).await;
}

impl Tab {
    /// Goes to what the outbox has first.
    async fn opens_outbox(&self) {
        let entry = self.asks("called(document.querySelector('[data-kotak] a'))").await.unwrap();
        self.presses(entry.as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn a_network_that_is_cut_after_sending_ends_after_a_reload_at_one_booking_under_the_same_key() {
    let Some(stage) = Stage::set().await else { return };
    let (line, siti) = before_the_button(&stage).await;
    line.set(Mode::Deaf);
    siti.pays().await;
    siti.says("Sedang dikirim. Mohon tunggu…").await;
    is_booked(&stage, &siti).await;
    line.close().await;
    siti.says("Jaringan terputus. Simpan uangnya").await;
    line.set(Mode::Pass);
    line.open().await;
    siti.reloads().await;
    // The page that was reloaded asks once more: the same key leads to the same payment.
    siti.until("the result, or the button again", "says('LUNAS') || (says('Kembalian') && find('Bayar Rp'))")
        .await;
    if !siti.text().await.contains("LUNAS") {
        siti.pays().await;
    }
    siti.says("LUNAS").await;
    assert_eq!(stage.world.count("SELECT count(*) FROM idempotency_key").await, 1, "one key");
    siti.until("its end is seen", "document.querySelector('[data-kotak]').dataset.tuntas").await;
    siti.opens("/").await;
    siti.until("nothing is left unanswered", "document.querySelector('[data-kotak]').hidden").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn a_page_that_stays_open_while_the_network_is_gone_finds_the_truth_by_itself() {
    let Some(stage) = Stage::set().await else { return };
    let (line, siti) = before_the_button(&stage).await;
    line.set(Mode::Deaf);
    siti.pays().await;
    is_booked(&stage, &siti).await;
    line.close().await;
    siti.offline(true).await;
    siti.says("Jaringan terputus. Jangan menerima uang untuk pembayaran baru").await;
    siti.offline(false).await;
    line.set(Mode::Pass);
    line.open().await;
    siti.says("LUNAS").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn what_never_arrived_is_found_in_the_outbox_and_sent_again_or_given_up() {
    let Some(stage) = Stage::set().await else { return };
    let (line, siti) = before_the_button(&stage).await;
    line.set(Mode::Swallow);
    siti.pays().await;
    siti.says("Sedang dikirim. Mohon tunggu…").await;
    line.close().await;
    line.set(Mode::Pass);
    siti.does("Page.navigate", serde_json::json!({"url": "about:blank"})).await;
    line.open().await;
    siti.opens("/").await;
    siti.says("tidak pernah sampai, putuskan dahulu").await;
    assert_eq!(stage.world.count("SELECT count(*) FROM payment").await, 0);
    siti.opens_outbox().await;
    siti.says("TIDAK PERNAH SAMPAI").await;
    siti.presses("Uang Rp").await;
    siti.presses("Kirim lagi").await;
    siti.says("LUNAS").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn two_taps_on_the_button_send_once_and_book_once() {
    let Some(stage) = Stage::set().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    siti.looks_up(&stage.world.vehicle()).await;
    siti.takes_cash().await;
    siti.presses("Uang Rp").await;
    let spot = siti.spot("Bayar Rp").await;
    for _ in 0..3 {
        siti.taps(spot).await;
    }
    siti.says("LUNAS").await;
    assert_eq!(stage.world.orders("BAPENDA").len(), 1, "sent to Bapenda once");
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

#[tokio::test]
async fn a_phone_that_goes_dark_after_sending_finds_its_payment_in_the_outbox_when_it_is_back() {
    let Some(stage) = Stage::set().await else { return };
    let line = Line::to(stage.world.addresses().0).await;
    stage.world.cashier(0, "siti").await;
    let base = format!("http://{}", line.address);
    let Some(phone) = Browser::start(&Profile::new()).await else { return };
    let phone = Arc::new(phone);
    let siti = Tab::of_profile(&phone, Device::Phone, &base).await;
    siti.signs_in("siti").await;
    siti.looks_up(&stage.world.vehicle()).await;
    siti.takes_cash().await;
    line.set(Mode::Deaf);
    siti.pays().await;
    is_booked(&stage, &siti).await;
    drop(siti);
    let profile = Arc::into_inner(phone).expect("nobody else holds the phone").dies();
    line.close().await;
    line.set(Mode::Pass);
    line.open().await;
    let phone = Arc::new(Browser::start(&profile).await.expect("it started before"));
    let siti = Tab::of_profile(&phone, Device::Phone, &base).await;
    siti.signs_in("siti").await;
    siti.says("sudah sampai, lihat hasilnya").await;
    siti.opens_outbox().await;
    siti.says("LUNAS").await;
    siti.until("its end is seen", "document.querySelector('[data-kotak]').dataset.tuntas").await;
    siti.opens("/").await;
    siti.until("nothing is left unanswered", "document.querySelector('[data-kotak]').hidden").await;
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}

//! Every page as it is met on a day: accessible, legible, Indonesian, in light and dark, on a phone and on a PC. With
//! `SAMSAT_SCREENSHOTS` it also leaves their pictures there (`cargo xtask screenshots`).

use std::path::PathBuf;

use samsat_gateway::agents::Role;
use samsat_gateway::config::Config;

use crate::stage::Stage;
use crate::support::{Mode, PASSWORD, Shape};
use crate::tab::{Device, Tab};

/// Where pictures are wanted.
fn folder() -> Option<PathBuf> {
    std::env::var_os("SAMSAT_SCREENSHOTS").map(PathBuf::from)
}

impl Tab {
    /// This page as it stands: looked at in every way, and drawn if somebody wants pictures.
    pub async fn shows(&self, name: &str, words: &str) {
        self.says(words).await;
        self.passes(name).await;
        let Some(folder) = folder() else { return };
        for (size, width) in [(Device::Phone.size(), "hp"), ((960, 640), "pc")] {
            for (dark, light) in [(false, ""), (true, "-gelap")] {
                self.sized(size).await;
                self.lit(dark, "").await;
                // The ring around whatever has the focus is for the one who types.
                self.asks("document.activeElement.blur()").await.expect("a page");
                let picture = self.picture().await;
                std::fs::write(folder.join(format!("{name}-{width}{light}.png")), picture)
                    .expect("a picture");
            }
        }
        self.lit(false, "").await;
        self.sized(self.device.size()).await;
    }
}

/// A world whose outlets are called as outlets are.
pub async fn stage() -> Option<Stage> {
    let config = |config: &mut Config| "https://opop.example".clone_into(&mut config.http.public_url);
    let stage = Stage::shaped(Shape { config, ..Shape::default() }).await?;
    let named = "UPDATE agent SET name = CASE agent_code WHEN 'PSN-0000' THEN 'Kopontren Al-Hikmah' ELSE 'Kopontren Darul Ulum' END";
    stage.world.does(named).await;
    Some(stage)
}

#[tokio::test]
async fn signing_in_looks_right_whatever_is_typed() {
    let Some(stage) = stage().await else { return };
    stage.world.operator(0, ("siti", Role::Kasir), true).await;
    let siti = Tab::of(&stage.browser, Device::Pc, &stage.world.agents[0].base).await;
    siti.opens("/masuk").await;
    siti.shows("masuk", "Masuk ke loket").await;
    siti.can_be_walked("masuk").await;
    siti.fills("Nama pengguna", "siti").await;
    siti.fills("Kata sandi", "salah sekali").await;
    siti.presses("Masuk").await;
    siti.until("it is refused", "document.querySelector('[role=alert]')").await;
    siti.shows("masuk-ditolak", "Masuk ke loket").await;
    siti.fills("Nama pengguna", "siti").await;
    siti.fills("Kata sandi", PASSWORD).await;
    siti.presses("Masuk").await;
    siti.shows("sandi", "Kata sandi Anda dibuatkan orang lain").await;
    siti.can_be_walked("sandi").await;
    siti.fills("Kata sandi sekarang", PASSWORD).await;
    siti.fills("Kata sandi baru", "rujak cingur 5").await;
    siti.fills("Kata sandi baru, sekali lagi", "rujak cingur 5").await;
    siti.presses("Simpan").await;
    siti.until("it is changed", "location.pathname !== '/sandi' && document.readyState === 'complete'").await;
    siti.opens("/akun").await;
    siti.shows("akun", "PIN di perangkat ini").await;
    siti.can_be_walked("akun").await;
    siti.fills("Kata sandi Anda", "rujak cingur 5").await;
    siti.fills("PIN baru, 6 angka", "258036").await;
    siti.fills("PIN baru, sekali lagi", "258036").await;
    siti.presses("Pasang PIN").await;
    siti.shows("akun-pin", "PIN terpasang").await;
    siti.presses("Keluar").await;
    siti.shows("masuk-pin", "Siapa yang bertugas?").await;
    siti.is_clean();
}

#[tokio::test]
async fn a_sale_looks_right_at_every_step() {
    let Some(stage) = stage().await else { return };
    let siti = stage.at_counter("siti", Device::Pc).await;
    siti.shows("loket", "Cari kendaraan").await;
    siti.can_be_walked("loket").await;
    siti.opens("/hari-ini").await;
    siti.shows("hari-ini-kosong", "Belum ada pembayaran hari ini.").await;
    siti.opens("/").await;
    siti.types(&stage.world.of_case("STNK_RENEWAL_DUE", 0)).await;
    siti.shows("loket-ditolak", "Waktunya ganti STNK lima tahunan").await;
    siti.looks_up(&stage.vehicle_in_arrears().await).await;
    siti.shows("tagihan", "Yang harus dibayar").await;
    siti.can_be_walked("tagihan").await;
    siti.fills("Uang diterima", "1000").await;
    siti.presses("Lanjut").await;
    siti.shows("tagihan-kurang", "Uangnya kurang Rp").await;
    siti.takes_cash().await;
    siti.shows("konfirmasi", "Kembalian").await;
    siti.can_be_walked("konfirmasi").await;
    siti.pays().await;
    siti.shows("lunas", "LUNAS").await;
    siti.can_be_walked("lunas").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.shows("bukti-lunas", "BUKTI LUNAS").await;
    siti.can_be_walked("bukti-lunas").await;
    siti.opens("/hari-ini").await;
    siti.shows("hari-ini", "1 pembayaran").await;
    siti.opens("/laci").await;
    siti.shows("laci", "Hitung dan tutup laci").await;
    siti.can_be_walked("laci").await;
    siti.counts(crate::day::taken(&stage).await + 10_000).await;
    siti.presses("Tutup laci").await;
    siti.shows("laci-selisih", "Alasan selisih").await;
    siti.counts(crate::day::taken(&stage).await + 10_000).await;
    siti.fills("Alasan selisih", "kembalian belum diambil warga").await;
    siti.presses("Tutup laci").await;
    siti.shows("laci-ditutup", "LACI DITUTUP").await;
    siti.opens("/laci").await;
    siti.shows("laci-buka", "Uang di laci sekarang").await;
    siti.opens("/").await;
    siti.shows("loket-tanpa-laci", "Laci Anda belum dibuka.").await;
    siti.looks_up(&stage.world.vehicle()).await;
    siti.shows("tagihan-tanpa-laci", "Laci Anda belum dibuka.").await;
    siti.opens("/saldo").await;
    siti.shows("saldo", "Saldo titipan").await;
    siti.can_be_walked("saldo").await;
    siti.opens("/biaya").await;
    siti.shows("biaya", "Biaya gerai").await;
    siti.opens("/tidak-ada").await;
    siti.shows("tidak-ada", "Halaman tidak ada").await;
    siti.is_clean();
}

#[tokio::test]
async fn a_doubt_looks_right_until_its_end() {
    let Some(stage) = stage().await else { return };
    let (world, siti) = (&stage.world, stage.at_counter("siti", Device::Pc).await);
    world.fault("BAPENDA", "payment", "reset_before");
    siti.sells(&stage.vehicle_in_arrears().await).await;
    siti.shows("dipastikan", "SEDANG DIPASTIKAN").await;
    siti.can_be_walked("dipastikan").await;
    siti.presses("Cetak Bukti Titip").await;
    siti.shows("bukti-titip", "BUKTI TITIP").await;
    siti.opens("/").await;
    siti.shows("loket-terbuka", "Sedang dipastikan").await;
    world.fault("BAPENDA", "payment", "wrong_amount");
    siti.sells(&world.vehicle()).await;
    siti.shows("diperiksa", "sedang diperiksa petugas").await;
    siti.opens("/").await;
    world.fault("BAPENDA", "payment", "refuse:AMOUNT_MISMATCH");
    siti.sells(&world.vehicle()).await;
    siti.shows("ditolak", "DITOLAK: KEMBALIKAN UANG").await;
    siti.opens("/").await;
    siti.looks_up(&world.vehicle()).await;
    siti.opens(&format!("{}/nasib", siti.path().await)).await;
    siti.shows("tidak-sampai", "TIDAK PERNAH SAMPAI").await;
    world.fault("BAPENDA", "inquiry", "refuse:END_OF_DAY");
    siti.opens("/").await;
    siti.types(&world.vehicle()).await;
    siti.shows("loket-tutup-buku", "tutup buku").await;
    siti.is_clean();
}

#[tokio::test]
async fn a_bad_line_looks_right_while_it_lasts() {
    let Some(stage) = stage().await else { return };
    let (line, siti) = crate::badline::before_the_button(&stage).await;
    line.set(Mode::Swallow);
    siti.pays().await;
    siti.shows("konfirmasi-dikirim", "Sedang dikirim. Mohon tunggu").await;
    line.close().await;
    siti.shows("konfirmasi-terputus", "Jaringan terputus. Simpan uangnya").await;
    siti.offline(true).await;
    siti.shows("konfirmasi-tanpa-jaringan", "Jangan menerima uang untuk pembayaran baru").await;
    siti.is_clean();
}

#[tokio::test]
async fn long_names_and_many_years_stay_within_the_page() {
    let Some(stage) = stage().await else { return };
    let long = "UPDATE agent SET name = 'Koperasi Pondok Pesantren Salafiyah Syafi''iyah Sukorejo Situbondo Cabang Banyuputih'";
    let name = "UPDATE person SET full_name = 'Raden Ayu Siti Nurhalizah Kusumaningtyas Wardhani binti Haji Abdurrahman'";
    let siti = stage.at_counter("siti", Device::Phone).await;
    stage.world.does(long).await;
    stage.world.does(name).await;
    let several = |quote: &serde_json::Value| quote["periods"].as_array().is_some_and(|all| all.len() > 1);
    let quote = stage.world.quote_where("several periods", several).await;
    siti.opens(&format!("/tagihan/{}", quote.lookup_id)).await;
    siti.shows("tagihan-panjang", "Yang harus dibayar").await;
    siti.opens("/akun").await;
    siti.shows("akun-panjang", "Akun").await;
    siti.is_clean();
}

#[tokio::test]
async fn the_public_check_looks_right_for_every_answer() {
    let Some(stage) = stage().await else { return };
    let siti = stage.at_counter("siti", Device::Phone).await;
    siti.sells(&stage.vehicle_in_arrears().await).await;
    siti.says("LUNAS").await;
    siti.presses("Cetak Bukti Lunas").await;
    siti.says("BUKTI LUNAS").await;
    let payload = crate::paper::payload(&siti).await;
    let citizen = Tab::of(&stage.browser, Device::Pc, &siti.base).await;
    citizen.opens("/verify").await;
    citizen.shows("periksa", "Periksa bukti pembayaran").await;
    citizen.can_be_walked("periksa").await;
    citizen.fills("Teks bertanda tangan", &payload).await;
    citizen.presses("Periksa").await;
    citizen.shows("periksa-sah", "LUNAS").await;
    citizen.fills("Teks bertanda tangan", "SOPOP1.bukan.milik-kami").await;
    citizen.presses("Periksa").await;
    citizen.shows("periksa-tidak-sah", "TIDAK SAH").await;
    citizen.is_clean();
}

/// One thing wrong at a time, on a page that is right.
#[tokio::test]
async fn what_looks_wrong_is_found() {
    let Some(stage) = stage().await else { return };
    for (planted, found) in [
        ("main.append('Payment failed')", "is_indonesian"),
        ("main.append('UPSTREAM_UNAVAILABLE')", "is_indonesian"),
        ("main.querySelector('h1').style.color = '#bbb'", "color-contrast"),
        ("main.querySelector('label').remove()", "label"),
        ("main.querySelector('button').style.minHeight = '20px'", "smaller than 44 px"),
        ("main.querySelector('h1').style.width = '400px'", "px in a window of 320"),
    ] {
        let tab = Tab::of(&stage.browser, Device::Pc, &stage.world.agents[0].base).await;
        tab.opens("/masuk").await;
        tab.asks(&format!("(() => {{ const main = document.querySelector('main'); {planted}; }})()"))
            .await
            .unwrap();
        let looked = tokio::spawn(async move { tab.passes("rusak").await }).await;
        let wrong = looked.expect_err(planted).into_panic();
        let wrong = wrong.downcast_ref::<String>().expect("a message");
        let by_words = found == "is_indonesian" && wrong.contains(" in: ");
        assert!(by_words || wrong.contains(found), "{planted}: {wrong}");
    }
}

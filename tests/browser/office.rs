//! The pages of supervisors, officers, auditors and admins, looked at in every way that cashiers' pages are.

use samsat_gateway::agents::{self, Deposit, Role};
use samsat_gateway::domain::Rupiah;

use crate::looks::stage;
use crate::stage::Stage;
use crate::support::{Coded, PASSWORD};
use crate::tab::{Device, Tab};

/// Somebody with a second factor, signed in.
async fn with_code(stage: &Stage, role: Role, username: &str) -> Tab {
    let person = stage.world.coded(role, username, 0).await;
    let tab = Tab::of(&stage.browser, Device::Pc, &stage.world.agents[0].base).await;
    tab.signs_in_with_code(stage, &person).await;
    tab
}

impl Tab {
    async fn signs_in_with_code(&self, stage: &Stage, person: &Coded) {
        self.opens("/masuk").await;
        self.fills("Nama pengguna", &person.browser.username).await;
        self.fills("Kata sandi", PASSWORD).await;
        self.presses("Masuk").await;
        self.says("Masukkan kode").await;
        self.fills("Kode 6 angka", &stage.world.code(&person.secret)).await;
        self.presses("Masuk").await;
        self.until("somebody is signed in", "find('Keluar') && location.pathname !== '/kode'").await;
    }
}

#[tokio::test]
async fn a_second_factor_looks_right_when_it_is_set_and_when_it_is_asked_for() {
    let Some(stage) = stage().await else { return };
    stage.world.uncoded(Role::Bapenda, "wati", 0).await;
    let wati = Tab::of(&stage.browser, Device::Pc, &stage.world.agents[0].base).await;
    wati.opens("/masuk").await;
    wati.fills("Nama pengguna", "wati").await;
    wati.fills("Kata sandi", PASSWORD).await;
    wati.presses("Masuk").await;
    wati.shows("kode-pasang", "Pasang kode untuk masuk").await;
    wati.can_be_walked("kode-pasang").await;
    wati.fills("Kode 6 angka", "000000").await;
    wati.presses("Pasang dan masuk").await;
    wati.until("it is refused", "document.querySelector('[role=alert]')").await;
    wati.shows("kode-ditolak", "Pasang kode untuk masuk").await;
    wati.is_clean();
}

#[tokio::test]
async fn an_officers_pages_look_right() {
    let Some(stage) = stage().await else { return };
    let world = &stage.world;
    let paid = world.agent().pays(&world.agent().looks_up(&stage.vehicle_in_arrears().await).await).await;
    world.fault("BAPENDA", "payment", "wrong_amount");
    world.agent().pays(&world.agent().looks_up(&stage.vehicle_in_arrears().await).await).await;
    world.no_faults();
    let today = world.clock.today();
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&today.to_string(), host).unwrap();
    }
    world.night.run(today).await.expect("a night is published");
    let wati = with_code(&stage, Role::Bapenda, "wati").await;
    wati.shows("kantor", "Usul yang menunggu orang kedua").await;
    wati.can_be_walked("kantor").await;
    wati.opens("/kantor/pembayaran").await;
    wati.fills("Kode gerai", &world.agents[0].code).await;
    wati.presses("Cari").await;
    wati.shows("kantor-pembayaran", "Hasil").await;
    for (path, name, words) in [
        (format!("/kantor/pembayaran/{}", paid.id()), "kantor-satu-pembayaran", "Lunas"),
        ("/kantor/rekonsiliasi".to_owned(), "kantor-rekonsiliasi", "Rekonsiliasi"),
        (format!("/kantor/rekonsiliasi/{today}"), "kantor-malam", "Rekonsiliasi"),
        (format!("/kantor/rekonsiliasi/{today}?kelas=MATCHED"), "kantor-malam-baris", "PKB"),
        ("/kantor/perkara".to_owned(), "kantor-perkara", "Perkara terbuka"),
        ("/kantor/usul".to_owned(), "kantor-usul", "usul"),
        (format!("/kantor/jejak/{}", paid.id()), "kantor-jejak", "Kejadian"),
        ("/akun".to_owned(), "kantor-akun", "Kode dari ponsel"),
    ] {
        wati.opens(&path).await;
        wati.shows(name, words).await;
    }
    wati.opens("/kantor/perkara").await;
    let case = wati.asks("document.querySelector('main .list a').pathname").await.unwrap();
    wati.opens(case.as_str().unwrap()).await;
    wati.shows("kantor-satu-perkara", "TERBUKA").await;
    wati.is_clean();
}

/// A top-up that an officer has proposed.
async fn proposed(stage: &Stage) -> String {
    let world = &stage.world;
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let agent = agents::agent_by_code(&mut transaction, &world.agent().code).await.unwrap().unwrap();
    let deposit = Deposit {
        amount: Rupiah::new(25_000_000).unwrap(),
        bank: "BANK JATIM".to_owned(),
        deposited_on: world.clock.today(),
        bank_reference: "TRX-4711".to_owned(),
    };
    let now = world.clock.now();
    let id = agents::propose_topup(&mut transaction, &agent, &deposit, &world.people.0, now).await.unwrap();
    transaction.commit().await.unwrap();
    id.to_string()
}

#[tokio::test]
async fn an_admins_pages_look_right() {
    let Some(stage) = stage().await else { return };
    let id = proposed(&stage).await;
    let budi = with_code(&stage, Role::Admin, "budi").await;
    for (path, name, words) in [
        ("/kantor".to_owned(), "kantor-pengelola", "Usul yang menunggu orang kedua"),
        ("/kantor/usul".to_owned(), "kantor-usul-menunggu", "Rp25.000.000"),
        (format!("/kantor/usul/{id}"), "kantor-satu-usul", "MENUNGGU ORANG KEDUA"),
        ("/kantor/orang".to_owned(), "kantor-orang", "Tambah orang"),
        ("/kantor/gerai".to_owned(), "kantor-gerai", "Kopontren Al-Hikmah"),
    ] {
        budi.opens(&path).await;
        budi.shows(name, words).await;
        budi.can_be_walked(name).await;
    }
    budi.is_clean();
}

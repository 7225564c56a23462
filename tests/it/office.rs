//! The office: what officers, auditors and admins see and do on pages.

use reqwest::{Method, StatusCode};
use samsat_gateway::agents::{self, Deposit, Role};
use samsat_gateway::domain::Rupiah;

use crate::support::{Client, Coded, PASSWORD, Page, World};

async fn events(world: &World, actor: &str, action: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit_event WHERE actor = $1 AND action = $2")
        .bind(actor)
        .bind(action)
        .fetch_one(&mut world.admin_connection().await)
        .await
        .unwrap()
}

async fn paid(world: &World, agent: &Client) -> (String, String, String) {
    let vehicle = world.vehicle();
    let quote = agent.looks_up(&vehicle).await;
    let paid = agent.pays(&quote).await;
    assert_eq!(paid.state(), "confirmed", "{}", paid.text);
    (paid.id(), paid.body["receipt_no"].as_str().unwrap().to_owned(), vehicle.plate)
}

#[tokio::test]
async fn an_officer_finds_a_payment_by_plate_and_each_reading_is_an_event() {
    let world = World::new().await;
    let (id, receipt_no, plate) = paid(&world, world.agent()).await;
    let (_, other_no, _) = paid(&world, &world.agents[1]).await;
    let wati = world.coded(Role::Bapenda, "wati", 0).await;
    let home = wati.signs_in().await;
    home.says("Petugas Bapenda");
    let form = wati.opens("/kantor/pembayaran").await;
    let found = wati.browser.sends(&form, "/kantor/pembayaran", &[("nopol", &plate)]).await;
    found.says(&receipt_no);
    assert!(!found.text().contains(&other_no), "{}", found.text());
    let by_day = [("tanggal", &*world.clock.today().to_string()), ("gerai", &*world.agents[1].code)];
    let found = wati.browser.sends(&form, "/kantor/pembayaran", &by_day).await;
    found.says(&other_no);
    assert!(!found.text().contains(&receipt_no), "{}", found.text());
    wati.browser
        .sends(&form, "/kantor/pembayaran", &[("nopol", "bukan")])
        .await
        .says("Nomor polisi tidak terbaca");
    wati.browser.sends(&form, "/kantor/pembayaran", &[("gerai", "PSN-9999")]).await.says("Tidak ada bukti");
    let page = wati.opens(&format!("/kantor/pembayaran/{id}")).await;
    page.says("Lunas");
    page.says(&receipt_no);
    assert_eq!(events(&world, "person:wati", "listed receipts").await, 3);
    assert_eq!(events(&world, "person:wati", "read payment").await, 1);
    let bare = "SELECT count(*) FROM audit_event WHERE action = 'listed receipts' AND body LIKE '%' || (SELECT plate FROM payment LIMIT 1) || '%'";
    assert_eq!(world.count(bare).await, 0, "the plate stands there only salted");
    let trail = wati.opens(&format!("/kantor/jejak/{id}")).await;
    trail.says("read payment");
    assert_eq!(events(&world, "person:wati", "read trail").await, 1);
    for address in wati.browser.addresses() {
        assert!(!address.contains(&plate), "{address}");
    }
    world.verified().await;
}

#[tokio::test]
async fn a_night_is_read_class_by_class_and_as_a_file() {
    let world = World::new().await;
    paid(&world, world.agent()).await;
    let date = world.clock.today();
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&date.to_string(), host).unwrap();
    }
    let report = world.night.run(date).await.expect("a night is published");
    let ani = world.coded(Role::Auditor, "ani", 0).await;
    ani.signs_in().await;
    assert_eq!(
        ani.opens(&format!("/kantor/rekonsiliasi?tanggal={date}")).await.location(),
        format!("/kantor/rekonsiliasi/{date}")
    );
    let page = ani.opens(&format!("/kantor/rekonsiliasi/{date}")).await;
    page.says("SEIMBANG");
    page.says(&report.result_sha256);
    let lines = ani.opens(&format!("/kantor/rekonsiliasi/{date}?kelas=MATCHED")).await;
    lines.says("PKB");
    let file = ani.opens(&format!("/kantor/rekonsiliasi/{date}/berkas.csv")).await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    let same = world.auditor.get(&format!("/v1/reconciliations/{date}/export.csv")).await;
    assert_eq!(file.html, same.text);
    let none = ani.opens("/kantor/rekonsiliasi/2020-02-02").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    none.says("Belum ada rekonsiliasi");
    for (action, count) in
        [("read reconciliation", 1), ("read reconciliation items", 1), ("exported reconciliation", 1)]
    {
        assert_eq!(events(&world, "person:ani", action).await, count, "{action}");
    }
}

#[tokio::test]
async fn a_case_is_shown_with_what_is_known() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "wrong_amount");
    world.agent().pays(&quote).await;
    world.no_faults();
    let ani = world.coded(Role::Auditor, "ani", 0).await;
    ani.signs_in().await.says("Perkara terbuka 1");
    let list = ani.opens("/kantor/perkara").await;
    list.says("INTEGRITY_HOLD");
    let (_, rest) = list.html.split_once("href=\"/kantor/perkara/").unwrap();
    let case = ani.opens(&format!("/kantor/perkara/{}", rest.split('"').next().unwrap())).await;
    case.says("TERBUKA");
    assert_eq!(events(&world, "person:ani", "read case").await, 1);
}

/// A top-up that somebody has proposed.
async fn proposed(world: &World, by: &Coded) -> String {
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let person =
        agents::person_by_name(&mut transaction, &by.browser.username).await.unwrap().expect("a person");
    let agent = agents::agent_by_code(&mut transaction, &world.agent().code).await.unwrap().unwrap();
    let deposit = Deposit {
        amount: Rupiah::new(25_000_000).unwrap(),
        bank: "BANK JATIM".to_owned(),
        deposited_on: world.clock.today(),
        bank_reference: "TRX-4711".to_owned(),
    };
    let now = world.clock.now();
    let id = agents::propose_topup(&mut transaction, &agent, &deposit, &person, now).await.unwrap();
    transaction.commit().await.unwrap();
    id.to_string()
}

async fn approves(world: &World, who: &Coded, id: &str) -> Page {
    let page = who.opens(&format!("/kantor/usul/{id}")).await;
    let path = format!("/kantor/usul/{id}/setujui");
    who.browser.sends(&page, &path, &[("kode", &world.code(&who.secret))]).await
}

#[tokio::test]
async fn what_one_proposes_another_approves_with_a_code() {
    let world = World::new().await;
    let (wati, budi) =
        (world.coded(Role::Bapenda, "wati", 0).await, world.coded(Role::Admin, "budi", 0).await);
    let ani = world.coded(Role::Auditor, "ani", 0).await;
    for who in [&wati, &budi, &ani] {
        who.signs_in().await;
    }
    let id = proposed(&world, &wati).await;
    let (before, _) = world.agent().float().await;
    budi.opens("/kantor/usul").await.says("Jumlah: Rp25.000.000");
    let own = wati.opens(&format!("/kantor/usul/{id}")).await;
    assert!(!own.html.contains("/setujui"), "no form for one's own");
    let same = approves(&world, &wati, &id).await;
    assert_eq!(same.status, StatusCode::CONFLICT);
    same.says("Yang menyetujui harus orang lain.");
    let page = budi.opens(&format!("/kantor/usul/{id}")).await;
    let path = format!("/kantor/usul/{id}/setujui");
    let used = world.code(&budi.secret);
    assert_eq!(
        budi.browser.sends(&page, &path, &[("kode", "000000")]).await.status,
        StatusCode::UNAUTHORIZED
    );
    let by_auditor = approves(&world, &ani, &id).await;
    assert_eq!(by_auditor.status, StatusCode::NOT_FOUND, "an auditor changes nothing");
    assert_eq!(world.agent().float().await.0, before, "nothing has moved");
    let done = budi.browser.sends(&page, &path, &[("kode", &world.code(&budi.secret))]).await;
    assert_eq!(done.location(), format!("/kantor/usul/{id}"), "{}", done.text());
    assert_eq!(world.agent().float().await.0, before + 25_000_000);
    let again = budi.browser.sends(&page, &path, &[("kode", &used)]).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "an older code");
    let twice = approves(&world, &budi, &id).await;
    twice.says("sudah disetujui");
    assert_eq!(world.agent().float().await.0, before + 25_000_000, "once");
    budi.opens("/kantor/usul").await.says("Tidak ada usul yang menunggu.");
    world.verified().await;
}

#[tokio::test]
async fn an_admin_adds_people_and_ends_their_access() {
    let world = World::new().await;
    let budi = world.coded(Role::Admin, "budi", 0).await;
    budi.signs_in().await;
    let page = budi.opens("/kantor/orang").await;
    let add = async |name: &str, role: &str, outlet: &str| {
        let code = world.code(&budi.secret);
        let fields =
            [("nama", name), ("lengkap", "Siti"), ("peran", role), ("gerai", outlet), ("kode", &code)];
        budi.browser.sends(&page, "/kantor/orang", &fields).await
    };
    let code = world.agent().code.clone();
    add("siti", "kasir", "").await.says("memerlukan kode gerai");
    add("siti", "bapenda", &code).await.says("memerlukan kode gerai");
    add("siti", "kasir", "PSN-9999").await.says("Gerai dengan kode itu tidak ada");
    add("Siti Aminah", "auditor", "").await.says("huruf kecil");
    let added = add("siti", "kasir", &code.to_lowercase()).await;
    added.says("siti ditambahkan.");
    let (_, rest) = added.html.split_once("<strong class=\"amount\">").unwrap();
    let password = rest.split('<').next().unwrap().to_owned();
    add("siti", "auditor", "").await.says("sudah dipakai");
    let siti = budi.browser.elsewhere();
    assert_eq!(siti.follows(&siti.tries("siti", &password).await).await.path, "/sandi");
    let id: String = sqlx::query_scalar("SELECT person_id::text FROM person WHERE username = 'siti'")
        .fetch_one(&mut world.admin_connection().await)
        .await
        .unwrap();
    let act = async |what: &str| {
        let fields = [("tindakan", what), ("kode", &world.code(&budi.secret))];
        budi.browser.sends(&page, &format!("/kantor/orang/{id}"), &fields).await
    };
    act("matikan").await.says("dinonaktifkan");
    assert_eq!(siti.opens("/sandi").await.location(), "/masuk", "her sign-in has died");
    act("matikan").await.says("tidak ada yang berubah");
    assert_eq!(siti.tries("siti", &password).await.status, StatusCode::UNAUTHORIZED);
    act("hidupkan").await.says("diaktifkan");
    act("kode").await.says("tidak ada yang berubah");
    act("sandi").await.says("mendapat kata sandi baru");
    act("keluarkan").await.says("keluar dari semua perangkat");
    for action in ["added", "disabled", "enabled", "password reset", "signed out"] {
        assert_eq!(events(&world, "person:budi", action).await, 1, "{action}");
    }
    world.verified().await;
}

#[tokio::test]
async fn an_admin_resets_a_second_factor_but_not_the_own_access() {
    let world = World::new().await;
    let (budi, wati) =
        (world.coded(Role::Admin, "budi", 0).await, world.coded(Role::Bapenda, "wati", 0).await);
    budi.signs_in().await;
    wati.signs_in().await;
    let page = budi.opens("/kantor/orang").await;
    let id = async |name: &'static str| -> String {
        sqlx::query_scalar("SELECT person_id::text FROM person WHERE username = $1")
            .bind(name)
            .fetch_one(&mut world.admin_connection().await)
            .await
            .unwrap()
    };
    let act = async |name: &'static str, what: &str, code: &str| {
        let path = format!("/kantor/orang/{}", id(name).await);
        budi.browser.sends(&page, &path, &[("tindakan", what), ("kode", code)]).await
    };
    act("budi", "matikan", &world.code(&budi.secret)).await.says("hanya dapat diubah pengelola lain");
    assert_eq!(act("wati", "kode", "000000").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wati.opens("/kantor").await.status, StatusCode::OK);
    act("wati", "kode", &world.code(&budi.secret)).await.says("diatur ulang");
    assert_eq!(wati.opens("/kantor").await.location(), "/masuk");
    assert_eq!(wati.browser.follows(&wati.browser.tries("wati", PASSWORD).await).await.path, "/kode/pasang");
    assert_eq!(events(&world, "person:budi", "reset second factor").await, 1);
    let none = budi.browser.sends(&page, "/kantor/orang/bukan", &[("tindakan", "kode"), ("kode", "0")]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let outlets = budi.opens("/kantor/gerai").await;
    outlets.says("Pesantren uji 0");
    assert_eq!(
        budi.browser.asks(Method::GET, "/kantor/pembayaran", &[], None).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_proposal_ends_by_a_refusal_or_by_its_author_and_moves_nothing() {
    let world = World::new().await;
    let (wati, budi) =
        (world.coded(Role::Bapenda, "wati", 0).await, world.coded(Role::Admin, "budi", 0).await);
    wati.signs_in().await;
    budi.signs_in().await;
    let before = world.agent().float().await;
    let id = proposed(&world, &wati).await;
    let path = format!("/kantor/usul/{id}/tolak");
    let page = budi.opens(&format!("/kantor/usul/{id}")).await;
    budi.browser.sends(&page, &path, &[("alasan", " ")]).await.says("Mohon tulis alasannya");
    let refused = budi.browser.sends(&page, &path, &[("alasan", "jumlah tidak cocok")]).await;
    budi.browser.follows(&refused).await.says("DITOLAK oleh budi: jumlah tidak cocok");
    wati.opens("/kantor/usul").await.says("Tidak ada usul yang menunggu.");
    approves(&world, &budi, &id).await.says("sudah ditolak");
    budi.browser.sends(&page, &path, &[("alasan", "lagi")]).await.says("sudah ditolak");
    assert_eq!(world.agent().float().await, before);
    let (payment, _, _) = paid(&world, world.agent()).await;
    let page = wati.opens(&format!("/kantor/pembayaran/{payment}")).await;
    let fields = [("keputusan", "reversal"), ("alasan", "WRONG_VEHICLE")];
    let own = wati.browser.sends(&page, &format!("/kantor/pembayaran/{payment}/usul"), &fields).await;
    let own = own.location().to_owned();
    let page = wati.opens(&own).await;
    wati.browser.sends(&page, &format!("{own}/tolak"), &[("alasan", "keliru")]).await;
    wati.opens(&own).await.says("DITARIK KEMBALI oleh wati: keliru");
    assert_eq!(
        (events(&world, "person:budi", "refused").await, events(&world, "person:wati", "refused").await),
        (1, 1)
    );
    assert_eq!(world.agent().reads(&payment).await.state(), "confirmed");
    let both = sqlx::query(
        "UPDATE proposal SET approved_by = refused_by, approved_at = now() WHERE refused_at IS NOT NULL",
    );
    assert!(both.execute(&mut world.admin_connection().await).await.is_err(), "it is fixed");
    world.verified().await;
}

#[tokio::test]
async fn an_officer_proposes_and_an_admin_carries_out() {
    let world = World::new().await;
    let (wati, budi) =
        (world.coded(Role::Bapenda, "wati", 0).await, world.coded(Role::Admin, "budi", 0).await);
    let ani = world.coded(Role::Auditor, "ani", 0).await;
    for who in [&wati, &budi, &ani] {
        who.signs_in().await;
    }
    let (payment, _, _) = paid(&world, world.agent()).await;
    let path = format!("/kantor/pembayaran/{payment}");
    let forms = ani.opens(&path).await.html.contains(&format!("action=\"{path}/usul\""));
    assert!(!forms, "an auditor proposes nothing");
    let page = wati.opens(&path).await;
    page.says("Batalkan pembayaran ini");
    let propose = async |decision: &str, reason: &str| {
        let fields = [("keputusan", decision), ("alasan", reason)];
        wati.browser.sends(&page, &format!("{path}/usul"), &fields).await
    };
    propose("reversal", "").await.says("Mohon tulis alasannya");
    propose("close", "x").await.says("tidak dapat dijalankan");
    let proposal = propose("reversal", "WRONG_VEHICLE").await.location().to_owned();
    let id = proposal.rsplit('/').next().unwrap();
    let done = approves(&world, &budi, id).await;
    assert_eq!(done.location(), proposal, "{}", done.text());
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&payment).await.state(), "reversed");
    budi.opens(&proposal).await.says("DISETUJUI oleh budi");
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "wrong_amount");
    world.agent().pays(&quote).await;
    world.no_faults();
    let list = wati.opens("/kantor/perkara").await;
    let (_, rest) = list.html.split_once("href=\"/kantor/perkara/").unwrap();
    let case = format!("/kantor/perkara/{}", rest.split('"').next().unwrap());
    let page = wati.opens(&case).await;
    let closing = wati.browser.sends(&page, &format!("{case}/usul"), &[("alasan", "sudah jelas")]).await;
    wati.opens(closing.location()).await.says("Tutup perkara");
    world.verified().await;
}

#[tokio::test]
async fn what_an_outlet_asks_for_is_proposed_by_one_and_approved_by_another_or_declined_with_a_reason() {
    let world = World::new().await;
    let (wati, budi) =
        (world.coded(Role::Bapenda, "wati", 0).await, world.coded(Role::Admin, "budi", 0).await);
    let ani = world.coded(Role::Auditor, "ani", 0).await;
    for who in [&wati, &budi, &ani] {
        who.signs_in().await;
    }
    let supervisor = world.staff(0, "rina", Role::Penyelia).await;
    let wanted = world.asks_topup(&supervisor, 25_000_000).await;
    let unwanted = world.asks_topup(&supervisor, 7_000_000).await;
    let (before, _) = world.agent().float().await;
    let list = ani.opens("/kantor/isi").await;
    list.says("Rp25.000.000");
    list.says("belum dijawab");
    let seen = ani.opens(&format!("/kantor/isi/{wanted}")).await;
    assert!(!seen.html.contains("action=\"/kantor/isi"), "an auditor answers nothing");

    let page = wati.opens(&format!("/kantor/isi/{wanted}")).await;
    let proposed = wati.browser.sends(&page, &format!("/kantor/isi/{wanted}/usul"), &[]).await;
    let id = proposed.location().strip_prefix("/kantor/usul/").expect("a proposal").to_owned();
    let twice =
        budi.browser.sends(&page_of(&budi, wanted).await, &format!("/kantor/isi/{wanted}/usul"), &[]).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    twice.says("sudah dijawab");
    assert_eq!(world.agent().float().await.0, before, "nothing has moved");
    assert_eq!(approves(&world, &wati, &id).await.status, StatusCode::CONFLICT, "one is not two");
    approves(&world, &budi, &id).await;
    assert_eq!(world.agent().float().await.0, before + 25_000_000);
    page_of(&wati, wanted).await.says("MASUK SALDO");

    let path = format!("/kantor/isi/{unwanted}/tolak");
    let short = budi.browser.sends(&page_of(&budi, unwanted).await, &path, &[("alasan", "x")]).await;
    short.says("3 sampai 300 huruf");
    let declined = budi
        .browser
        .sends(&page_of(&budi, unwanted).await, &path, &[("alasan", "tidak ada di rekening")])
        .await;
    assert_eq!(declined.location(), format!("/kantor/isi/{unwanted}"));
    page_of(&ani, unwanted).await.says("tidak ada di rekening");
    assert_eq!(world.agent().float().await.0, before + 25_000_000);
    world.verified().await;
}

async fn page_of(who: &Coded, request: samsat_gateway::domain::RequestId) -> Page {
    who.opens(&format!("/kantor/isi/{request}")).await
}

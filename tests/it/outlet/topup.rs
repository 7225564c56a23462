//! Top-ups that an outlet asks for, and what two people at Bapenda make of them.

use reqwest::StatusCode;
use samsat_gateway::agents::{self, ProposalError, Role, WhichRequests};
use samsat_gateway::domain::{ProposalId, RequestId};

use crate::support::{Cashier, Page, World, slip};

async fn supervisor(world: &World) -> Cashier {
    let ani = world.operator(0, ("ani", Role::Penyelia), false).await;
    ani.signs_in().await;
    ani
}

async fn asks(ani: &Cashier, reference: &str, file: &[u8]) -> Page {
    let form = ani.opens("/saldo/isi").await;
    let (number, date) = (form.field("nomor").unwrap(), form.field("tanggal").unwrap());
    let fields = [
        ("nomor", &*number),
        ("jumlah", "5.000.000"),
        ("bank", "bank  jatim"),
        ("tanggal", &*date),
        ("nomor_bank", reference),
    ];
    ani.uploads(&form, "/saldo/isi", &fields, file).await
}

async fn only_request(world: &World) -> RequestId {
    let mut connection = world.app.db.workers.acquire().await.unwrap();
    let which = WhichRequests { open_only: true, ..WhichRequests::default() };
    agents::topup_requests(&mut connection, which, 2).await.unwrap()[0].request_id
}

async fn proposes(world: &World, id: RequestId) -> Result<ProposalId, ProposalError> {
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let proposed = agents::propose_request(&mut transaction, id, &world.people.0, world.clock.now()).await;
    transaction.commit().await.unwrap();
    proposed
}

#[tokio::test]
async fn a_request_with_its_proof_becomes_float_by_two_people_and_not_by_one() {
    let world = World::new().await;
    let ani = supervisor(&world).await;
    let file = slip();
    let sent = asks(&ani, "TRX-1", &file).await;
    assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, "/saldo"), "{}", sent.text());
    let float = ani.follows(&sent).await;
    float.says("Rp5.000.000 Menunggu Bapenda");
    float.says("BANK JATIM");
    let before = world.count("SELECT available FROM agent_float ORDER BY agent_id LIMIT 1").await;
    let id = only_request(&world).await;
    let proof = ani.opens(&format!("/saldo/permintaan/{id}/bukti")).await;
    assert_eq!(proof.header("content-type"), Some("image/png"));
    assert!(proof.header("content-disposition").unwrap().starts_with("attachment"));
    let proposal = proposes(&world, id).await.unwrap();
    ani.opens("/saldo").await.says("Diperiksa Bapenda");
    let same = world.app.payments.approve(proposal, &world.people.0).await.unwrap_err();
    assert!(matches!(same, ProposalError::SamePerson), "{same}");
    let twice = proposes(&world, id).await.unwrap_err();
    assert!(twice.to_string().starts_with("ANSWERED"), "{twice}");
    assert_eq!(world.count("SELECT available FROM agent_float ORDER BY agent_id LIMIT 1").await, before);
    world.app.payments.approve(proposal, &world.people.1).await.unwrap();
    let after = ani.opens("/saldo").await;
    after.says("Sudah masuk saldo");
    after.says("Isi saldo");
    assert_eq!(
        world.count("SELECT available FROM agent_float ORDER BY agent_id LIMIT 1").await,
        before + 5_000_000
    );
    let stored = "SELECT count(*) FROM topup_proof WHERE sha256(bytes) = proof_sha256";
    assert_eq!(world.count(stored).await, 1);
    let events =
        "SELECT count(*) FROM audit_event WHERE action = 'requested top-up' AND actor = 'person:ani'";
    assert_eq!(world.count(events).await, 1);
    world.verified().await;
}

#[tokio::test]
async fn a_proof_that_is_too_large_of_a_wrong_type_or_missing_is_refused_in_words() {
    let world = World::new().await;
    let ani = supervisor(&world).await;
    let mut large = slip();
    large.resize(4 * 1024 * 1024 + 1, 0);
    let mut huge = slip();
    huge.resize(6 * 1024 * 1024, 0);
    for (file, status, words) in [
        (large, 413, "Bukti setor terlalu besar"),
        (huge, 413, "Bukti setor terlalu besar"),
        (b"<script>alert(1)</script>".to_vec(), 415, "Bukti setor harus berupa foto"),
        (b"GIF89a".to_vec(), 415, "Bukti setor harus berupa foto"),
        (vec![], 422, "Bukti setor belum dipilih"),
    ] {
        let told = asks(&ani, "TRX-1", &file).await;
        assert_eq!(told.status.as_u16(), status, "{}", told.text());
        told.says(words);
    }
    assert_eq!(world.count("SELECT count(*) FROM topup_request").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM topup_proof").await, 0);
    let mut most = slip();
    most.resize(4 * 1024 * 1024, 0);
    assert_eq!(asks(&ani, "TRX-1", &most).await.location(), "/saldo", "exactly 4 MiB are taken");
}

#[tokio::test]
async fn the_same_proof_or_deposit_twice_is_refused_unless_the_first_was_declined() {
    let world = World::new().await;
    let ani = supervisor(&world).await;
    let file = slip();
    assert_eq!(asks(&ani, "TRX-1", &file).await.location(), "/saldo");
    let told = asks(&ani, "TRX-2", &file).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    told.says("Bukti setor ini sudah dipakai");
    let told = asks(&ani, "TRX-1", &slip()).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    told.says("sudah pernah diminta");
    assert_eq!(world.count("SELECT count(*) FROM topup_proof").await, 1, "what was refused is not kept");
    let id = only_request(&world).await;
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let (officer, now) = (&world.people.0, world.clock.now());
    agents::decline_request(&mut transaction, id, (officer, "nominal tidak cocok"), now).await.unwrap();
    transaction.commit().await.unwrap();
    ani.opens("/saldo").await.says("nominal tidak cocok");
    assert!(proposes(&world, id).await.is_err(), "it is answered");
    assert_eq!(asks(&ani, "TRX-1", &file).await.location(), "/saldo");
    // A deposit that the office has used itself is used.
    let used = world.count("SELECT count(*) FROM bank_deposit").await;
    proposes(&world, only_request(&world).await).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM bank_deposit").await, used + 1);
    asks(&ani, "TRX-1", &slip()).await.says("sudah pernah diminta");
    world.verified().await;
}

#[tokio::test]
async fn the_same_form_sent_twice_at_once_asks_once() {
    let world = World::new().await;
    let ani = supervisor(&world).await;
    let (form, file) = (ani.opens("/saldo/isi").await, slip());
    let (number, date) = (form.field("nomor").unwrap(), form.field("tanggal").unwrap());
    let fields = [
        ("nomor", &*number),
        ("jumlah", "1000000"),
        ("bank", "BANK JATIM"),
        ("tanggal", &*date),
        ("nomor_bank", "TRX-7"),
    ];
    let taps = (0..3).map(|_| ani.uploads(&form, "/saldo/isi", &fields, &file));
    for tap in futures_util::future::join_all(taps).await {
        assert_eq!(tap.location(), "/saldo", "{}", tap.text());
    }
    assert_eq!(world.count("SELECT count(*) FROM topup_request").await, 1);
}

#[tokio::test]
async fn a_cashier_cannot_ask_and_another_outlets_proof_looks_absent() {
    let world = World::new().await;
    let ani = supervisor(&world).await;
    asks(&ani, "TRX-1", &slip()).await;
    let id = only_request(&world).await;
    let siti = world.cashier(0, "siti").await;
    let home = siti.signs_in().await;
    let form = siti.opens("/saldo/isi").await;
    let sent = siti.uploads(&home, "/saldo/isi", &[("nomor", "1")], &slip()).await;
    let absent = siti.opens("/tidak-ada").await;
    assert_eq!((form.status, sent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    assert_eq!((form.text(), sent.text()), (absent.text(), absent.text()), "as what does not exist");
    assert_eq!(
        siti.opens(&format!("/saldo/permintaan/{id}/bukti")).await.status,
        StatusCode::OK,
        "her own outlet's"
    );
    let dewi = world.operator(1, ("dewi", Role::Penyelia), false).await;
    dewi.signs_in().await;
    let theirs = dewi.opens(&format!("/saldo/permintaan/{id}/bukti")).await;
    let none = dewi.opens(&format!("/saldo/permintaan/{}/bukti", uuid::Uuid::now_v7())).await;
    assert_eq!((theirs.status, theirs.text()), (StatusCode::NOT_FOUND, none.text()));
    // A form from elsewhere, or without its token, asks for nothing.
    let form = ani.opens("/saldo/isi").await;
    let stale =
        ani.uploads(&absent, "/saldo/isi", &[("nomor", &form.field("nomor").unwrap())], &slip()).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    assert_eq!(world.count("SELECT count(*) FROM topup_request").await, 1);
}

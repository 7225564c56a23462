//! Devices that a supervisor admits.

use reqwest::StatusCode;
use samsat_gateway::agents::{self, Role};

use crate::support::{Cashier, PASSWORD, Page, World};

async fn asks_for_admission(world: &World, outlet: usize) {
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let code = &world.agents[outlet].code;
    let agent = agents::agent_by_code(&mut transaction, code).await.unwrap().unwrap();
    let rule = (true, agents::SHELL);
    agents::set_devices_admitted(&mut transaction, &agent, rule, world.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn waits(cashier: &Cashier) -> Page {
    let refused = cashier.tries(&cashier.username, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    refused.says("menunggu izin penyelia");
    refused
}

/// The fields of the first form that acts on a device.
fn first_device(page: &Page) -> [(&'static str, String); 2] {
    ["orang", "perangkat"].map(|name| (name, page.field(name).unwrap_or_else(|| panic!("{}", page.text()))))
}

async fn does(supervisor: &Cashier, path: &str, device: &[(&'static str, String); 2]) -> Page {
    let page = supervisor.opens("/perangkat").await;
    let fields: Vec<(&str, &str)> = device.iter().map(|(name, value)| (*name, &**value)).collect();
    supervisor.sends(&page, path, &fields).await
}

#[tokio::test]
async fn a_new_device_waits_until_the_supervisor_admits_it() {
    let world = World::new().await;
    let (siti, nur) = (world.cashier(0, "siti").await, world.coded(Role::Penyelia, "nur", 0).await);
    nur.signs_in().await;
    siti.signs_in().await;
    let switched =
        does(&nur.browser, "/perangkat/aturan", &[("izin", "ya".into()), ("perangkat", String::new())]).await;
    assert_eq!(switched.location(), "/perangkat");
    assert_eq!(
        siti.same_device().tries("siti", PASSWORD).await.location(),
        "/",
        "a known device stays known"
    );
    let phone = siti.elsewhere();
    let told = waits(&phone).await;
    assert_eq!(phone.opens("/").await.location(), "/masuk", "nothing is open yet");
    waits(&phone).await;
    let page = nur.opens("/perangkat").await;
    page.says("Menunggu izin");
    let mark = told.text().split("tanda perangkat ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    page.says(&mark);
    let device = first_device(&page);
    assert_eq!(does(&nur.browser, "/perangkat/izin", &device).await.location(), "/perangkat");
    assert_eq!(does(&nur.browser, "/perangkat/izin", &device).await.status, StatusCode::NOT_FOUND, "once");
    phone.signs_in().await;
    assert_eq!(does(&nur.browser, "/perangkat/hapus", &device).await.location(), "/perangkat");
    assert_eq!(phone.opens("/").await.location(), "/masuk", "its sign-in has ended");
    waits(&phone).await;
    for action in ["asks for admitted devices", "admitted device", "removed device"] {
        let noted: i64 =
            sqlx::query_scalar("SELECT count(*) FROM audit_event WHERE actor = 'person:nur' AND action = $1")
                .bind(action)
                .fetch_one(&mut world.admin_connection().await)
                .await
                .unwrap();
        assert_eq!(noted, 1, "{action}");
    }
    world.verified().await;
}

#[tokio::test]
async fn a_wrong_password_leaves_no_device_waiting_and_a_waiting_one_is_no_known_one() {
    let world = World::new().await;
    let (siti, nur) = (world.cashier(0, "siti").await, world.coded(Role::Penyelia, "nur", 0).await);
    asks_for_admission(&world, 0).await;
    nur.signs_in().await;
    assert_eq!(siti.tries("siti", "salah sekali").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nur.opens("/perangkat").await.field("perangkat"), None);
    waits(&siti).await;
    let known = "SELECT count(*) FROM person_device d JOIN person USING (person_id) WHERE username = 'siti' AND forgotten_at IS NULL";
    assert_eq!(world.count(known).await, 0);
    let device = first_device(&nur.opens("/perangkat").await);
    assert_eq!(does(&nur.browser, "/perangkat/hapus", &device).await.location(), "/perangkat");
    assert_eq!(nur.opens("/perangkat").await.field("perangkat"), None, "turned away");
    assert_eq!(does(&nur.browser, "/perangkat/izin", &device).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_outlets_device_looks_like_none_and_cashiers_have_no_such_page() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(1, "budi").await);
    let (nur, ani) =
        (world.coded(Role::Penyelia, "nur", 0).await, world.coded(Role::Penyelia, "ani", 1).await);
    asks_for_admission(&world, 0).await;
    nur.signs_in().await;
    ani.signs_in().await;
    budi.signs_in().await;
    waits(&siti).await;
    let device = first_device(&nur.opens("/perangkat").await);
    let absent = [("orang", uuid::Uuid::now_v7().to_string()), ("perangkat", "00".repeat(32))];
    for path in ["/perangkat/izin", "/perangkat/hapus"] {
        let (others, none) =
            (does(&ani.browser, path, &device).await, does(&ani.browser, path, &absent).await);
        assert_eq!((others.status, others.html), (none.status, none.html), "{path}");
    }
    assert_eq!(budi.opens("/perangkat").await.status, StatusCode::NOT_FOUND);
    assert!(nur.opens("/perangkat").await.field("perangkat").is_some(), "it still waits");
}

#[tokio::test]
async fn an_outlet_without_an_enabled_supervisor_asks_for_nothing() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    asks_for_admission(&world, 0).await;
    siti.signs_in().await;
    world.coded(Role::Penyelia, "nur", 0).await;
    waits(&siti.elsewhere()).await;
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    agents::set_enabled(&mut transaction, ("nur", false), agents::SHELL, world.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
    siti.elsewhere().signs_in().await;
}

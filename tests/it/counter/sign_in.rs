//! Signing in, and how a sign-in ends.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use samsat_gateway::agents::{self, Role};

use crate::support::{Cashier, PASSWORD, World};

const SESSION: &str = "__Host-sesi";

/// Whether this browser is let in.
async fn is_in(cashier: &Cashier) -> bool {
    let page = cashier.opens("/").await;
    assert!(page.status == StatusCode::OK || page.location() == "/masuk", "{}", page.text());
    page.status == StatusCode::OK
}

#[tokio::test]
async fn a_cashier_signs_in_and_sees_the_counter_of_the_own_outlet() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    assert_eq!(siti.opens("/").await.location(), "/masuk");
    let form = siti.opens("/masuk").await;
    let device = form.header("set-cookie").unwrap().to_owned();
    assert!(device.starts_with("__Host-perangkat=dev_"), "{device}");
    let answer = siti.sends(&form, "/masuk", &[("nama", "siti"), ("sandi", PASSWORD)]).await;
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-sesi=ses_")).unwrap();
    for cookie in [&device, session] {
        assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    }
    assert!(!session.contains("Max-Age"), "it goes with the browser: {session}");
    let home = siti.follows(&answer).await;
    home.says("Gerai uji 0");
    home.says("PSN-0000 · Siti Aminah");
    let token = siti.cookie(SESSION).unwrap();
    assert_eq!(world.count("SELECT count(*) FROM person_session").await, 1);
    let all: String = sqlx::query_scalar("SELECT string_agg(s::text, ' ') FROM person_session s")
        .fetch_one(&mut world.admin_connection().await)
        .await
        .unwrap();
    assert!(!all.contains(&token), "only the hash is kept");
    let signed_in = "SELECT count(*) FROM audit_event WHERE actor = 'person:siti' AND action = 'signed in'";
    assert_eq!(world.count(signed_in).await, 1);
    world.verified().await;
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_another_role_and_a_disabled_person_look_alike() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    let budi = world.cashier(0, "budi").await;
    disable(&world, "budi").await;
    let mut pages = vec![];
    for (username, password) in
        [("siti", "salah sekali"), ("siapa", PASSWORD), ("admin.uji", PASSWORD), (&*budi.username, PASSWORD)]
    {
        let page = siti.elsewhere().tries(username, password).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{username}");
        page.says("Nama, kata sandi, atau PIN tidak cocok. Mohon coba lagi.");
        pages.push(page.text());
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "{pages:?}");
    assert_eq!(world.count("SELECT count(*) FROM person_session").await, 0);
}

async fn disable(world: &World, username: &str) {
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let disabled = agents::set_enabled(&mut transaction, (username, false), agents::SHELL, world.clock.now())
        .await
        .unwrap();
    assert!(disabled.is_some());
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn the_session_of_a_disabled_person_dies_at_once_and_stays_dead() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    disable(&world, "siti").await;
    assert!(!is_in(&siti).await);
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    agents::set_enabled(&mut transaction, ("siti", true), agents::SHELL, world.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(!is_in(&siti).await, "the old token opens nothing");
    siti.signs_in().await;
    assert!(is_in(&siti).await);
}

#[tokio::test]
async fn a_session_ends_by_idleness_by_age_and_by_hand() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    for _ in 0..3 {
        world.clock.shift(agents::IDLE - TimeDelta::minutes(2));
        assert!(is_in(&siti).await, "she works");
    }
    world.clock.shift(agents::IDLE + TimeDelta::seconds(1));
    assert!(!is_in(&siti).await, "she has gone");
    siti.signs_in().await;
    let mut worked = TimeDelta::zero();
    while worked + TimeDelta::minutes(20) < agents::OLDEST {
        world.clock.shift(TimeDelta::minutes(20));
        worked += TimeDelta::minutes(20);
        assert!(is_in(&siti).await, "after {worked}");
    }
    world.clock.shift(TimeDelta::minutes(20));
    assert!(!is_in(&siti).await, "twelve hours are over");
    let home = siti.signs_in().await;
    let token = siti.cookie(SESSION).unwrap();
    let out = siti.sends(&home, "/keluar", &[]).await;
    assert_eq!(out.location(), "/masuk");
    assert_eq!(siti.cookie(SESSION), None, "the browser forgets it");
    siti.set_cookie(SESSION, &token);
    assert!(!is_in(&siti).await, "and so do we");
}

#[tokio::test]
async fn what_a_page_asks_by_itself_keeps_no_session_alive() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let sold = siti.sells(&world.vehicle()).await;
    let standing = format!("{}/keadaan", sold.path.split('?').next().unwrap());
    for _ in 0..2 {
        world.clock.shift(agents::IDLE - TimeDelta::minutes(16));
        assert_eq!(siti.asks(Method::GET, &standing, &[], None).await.status, StatusCode::OK);
    }
    world.clock.shift(TimeDelta::minutes(4));
    assert!(!is_in(&siti).await);
}

#[tokio::test]
async fn every_sign_in_makes_a_new_token_and_ends_the_one_before() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let session = siti.cookie(SESSION).unwrap();
    // The form of a page that was open before somebody signed in.
    let browser = siti.same_device();
    let form = browser.opens("/masuk").await;
    browser.set_cookie(SESSION, &session);
    browser.sends(&form, "/masuk", &[("nama", "siti"), ("sandi", PASSWORD)]).await;
    assert_ne!(browser.cookie(SESSION), Some(session));
    assert!(is_in(&browser).await);
    assert!(!is_in(&siti).await, "the token before is dead");
    let planted = siti.elsewhere();
    planted.set_cookie(SESSION, "ses_chosen-by-somebody-else");
    let form = planted.opens("/masuk").await;
    planted.sends(&form, "/masuk", &[("nama", "siti"), ("sandi", PASSWORD)]).await;
    assert_ne!(planted.cookie(SESSION).as_deref(), Some("ses_chosen-by-somebody-else"));
}

#[tokio::test]
async fn a_password_that_somebody_else_chose_is_changed_before_anything_else() {
    let world = World::new().await;
    let siti = world.operator(0, ("siti", Role::Kasir), true).await;
    siti.tries("siti", PASSWORD).await;
    for path in ["/", "/hari-ini", "/akun"] {
        assert_eq!(siti.opens(path).await.location(), "/sandi", "{path}");
    }
    let form = siti.opens("/sandi").await;
    form.says("Kata sandi Anda dibuatkan orang lain.");
    let change = async |present: &str, new: &str, again: &str| {
        siti.sends(&form, "/sandi", &[("sandi", present), ("baru", new), ("baru_lagi", again)]).await
    };
    change(PASSWORD, "pendek", "pendek").await.says("terlalu pendek");
    change(PASSWORD, "rahasia123", "rahasia123").await.says("mudah ditebak");
    change(PASSWORD, PASSWORD, PASSWORD).await.says("harus berbeda");
    change(PASSWORD, "rujak cingur 5", "rujak cingur 6").await.says("tidak sama");
    change("bukan ini", "rujak cingur 5", "rujak cingur 5").await.says("Kata sandi sekarang tidak cocok");
    assert_eq!(siti.opens("/").await.location(), "/sandi", "nothing has changed");
    assert_eq!(change(PASSWORD, "rujak cingur 5", "rujak cingur 5").await.location(), "/");
    assert!(is_in(&siti).await);
    assert_eq!(siti.elsewhere().tries("siti", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(siti.elsewhere().tries("siti", "rujak cingur 5").await.location(), "/");
}

#[tokio::test]
async fn a_changed_or_reset_password_ends_every_other_session_and_every_pin() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let phone = siti.elsewhere();
    phone.signs_in().await;
    sets_pin(&phone, "258036").await;
    let form = siti.opens("/sandi").await;
    let fields = [("sandi", PASSWORD), ("baru", "rujak cingur 5"), ("baru_lagi", "rujak cingur 5")];
    assert_eq!(siti.sends(&form, "/sandi", &fields).await.location(), "/");
    assert!(is_in(&siti).await && !is_in(&phone).await);
    assert!(
        phone.opens("/masuk").await.field("pin").is_none()
            && !phone.opens("/masuk").await.html.contains("/masuk/pin")
    );
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let person = agents::person_by_name(&mut transaction, "siti").await.unwrap().unwrap();
    let hash = agents::hash_password("lontong balap 8").unwrap();
    agents::reset_password(&mut transaction, &person, (&hash, agents::SHELL), world.clock.now())
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert!(!is_in(&siti).await);
    siti.tries("siti", "lontong balap 8").await;
    assert_eq!(siti.opens("/").await.location(), "/sandi", "somebody else chose it");
}

async fn sets_pin(cashier: &Cashier, pin: &str) {
    let account = cashier.opens("/akun").await;
    let fields = [("sandi", PASSWORD), ("pin", pin), ("pin_lagi", pin)];
    let set = cashier.sends(&account, "/akun/pin", &fields).await;
    assert_eq!(set.location(), "/akun", "{}", set.text());
}

async fn leaves(cashier: &Cashier) {
    let home = cashier.opens("/").await;
    cashier.sends(&home, "/keluar", &[]).await;
}

#[tokio::test]
async fn a_pin_opens_the_device_it_was_set_on_and_no_other() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let account = siti.opens("/akun").await;
    for (pin, again, says) in [
        ("123456", "123456", "mudah ditebak"),
        ("258036", "258037", "tidak sama"),
        ("25803", "25803", "6 angka"),
    ] {
        siti.sends(&account, "/akun/pin", &[("sandi", PASSWORD), ("pin", pin), ("pin_lagi", again)])
            .await
            .says(says);
    }
    let fields = [("sandi", "bukan ini"), ("pin", "258036"), ("pin_lagi", "258036")];
    siti.sends(&account, "/akun/pin", &fields).await.says("tidak cocok");
    sets_pin(&siti, "258036").await;
    leaves(&siti).await;
    let form = siti.opens("/masuk").await;
    form.says("Siapa yang bertugas? Siti Aminah");
    let answer = siti.sends(&form, "/masuk/pin", &[("nama", "siti"), ("pin", "258036")]).await;
    assert_eq!(answer.location(), "/");
    assert!(is_in(&siti).await);
    let other = siti.elsewhere();
    let form = other.opens("/masuk").await;
    let answer = other.sends(&form, "/masuk/pin", &[("nama", "siti"), ("pin", "258036")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    answer.says("PIN tidak berlaku lagi di perangkat ini. Mohon masuk dengan kata sandi.");
}

#[tokio::test]
async fn after_five_wrong_pins_only_the_password_opens() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    sets_pin(&siti, "258036").await;
    leaves(&siti).await;
    let form = siti.opens("/masuk").await;
    for _ in 0..5 {
        let wrong = siti.sends(&form, "/masuk/pin", &[("nama", "siti"), ("pin", "111222")]).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    let right = siti.sends(&form, "/masuk/pin", &[("nama", "siti"), ("pin", "258036")]).await;
    right.says("Mohon masuk dengan kata sandi.");
    assert!(!siti.opens("/masuk").await.html.contains("/masuk/pin"));
    siti.signs_in().await;
    leaves(&siti).await;
    assert!(siti.opens("/masuk").await.html.contains("/masuk/pin"), "the password has freed it");
}

#[tokio::test]
async fn sign_ins_are_listed_and_ended_by_their_owner_alone() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(0, "budi").await);
    siti.signs_in().await;
    budi.signs_in().await;
    let phone = siti.elsewhere();
    phone.signs_in().await;
    let account = siti.opens("/akun").await;
    account.says("perangkat ini");
    let other = account.field("sesi").expect("the phone's session");
    let stranger = budi.opens("/akun").await;
    let refused = budi.sends(&stranger, "/akun/sesi", &[("sesi", &other)]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "another's looks like none");
    assert!(is_in(&phone).await);
    assert_eq!(siti.sends(&account, "/akun/sesi", &[("sesi", &other)]).await.location(), "/akun");
    assert!(!is_in(&phone).await && is_in(&siti).await);
    assert_eq!(siti.opens("/akun").await.field("sesi"), None, "none but this one is left");
}

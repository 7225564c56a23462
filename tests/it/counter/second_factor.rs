//! The second factor: set at the first sign-in, asked for at each, good for one use, and nobody is locked out by it.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use samsat_gateway::agents::{self, Role};

use crate::support::{Coded, PASSWORD, Page, World};

const OTHERS: [Role; 4] = [Role::Penyelia, Role::Bapenda, Role::Auditor, Role::Admin];

fn first_page(role: Role) -> &'static str {
    if role == Role::Penyelia { "/" } else { "/kantor" }
}

#[tokio::test]
async fn everybody_but_the_cashier_sets_a_second_factor_before_anything_else() {
    let world = World::new().await;
    for role in OTHERS {
        let browser = world.uncoded(role, &format!("{}.baru", role.as_str()), 0).await;
        let shown = browser.follows(&browser.tries(&browser.username, PASSWORD).await).await;
        assert_eq!(shown.path, "/kode/pasang");
        for path in ["/", "/kantor", "/akun", "/sandi", "/kode", "/hari-ini", "/perangkat"] {
            assert_eq!(browser.opens(path).await.location(), "/kode/pasang", "{path}");
        }
        let again = browser.opens("/kode/pasang").await;
        let secret = secret_of(&shown);
        assert_eq!(secret_of(&again), secret, "a reload shows the same");
        assert!(
            shown.html.contains(&format!("secret={}&#38;issuer", secret.replace(' ', ""))),
            "{}",
            shown.html
        );
        let wrong = browser.sends(&again, "/kode/pasang", &[("kode", "000000")]).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        let right = browser.sends(&wrong, "/kode/pasang", &[("kode", &world.code(&secret))]).await;
        let home = browser.follows(&right).await;
        assert_eq!((home.status, &*home.path), (StatusCode::OK, first_page(role)), "{}", home.text());
        assert!(!browser.opens("/akun").await.html.contains("/akun/pin"), "no PIN beside it");
        let coded = Coded::with(browser.elsewhere(), &secret, &world);
        assert_eq!(coded.signs_in().await.path, first_page(role));
    }
    let set = "SELECT count(*) FROM audit_event WHERE action = 'set second factor'";
    assert_eq!(world.count(set).await, 4);
    world.verified().await;
}

fn secret_of(page: &Page) -> String {
    let (_, rest) = page.html.split_once("<strong class=\"amount\">").expect("a secret");
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_is_shown_to_one_sign_in_only_and_the_first_to_set_it_wins() {
    let world = World::new().await;
    let owner = world.uncoded(Role::Bapenda, "wati", 0).await;
    let thief = owner.elsewhere();
    let stolen = thief.follows(&thief.tries("wati", PASSWORD).await).await;
    let shown = owner.follows(&owner.tries("wati", PASSWORD).await).await;
    assert_ne!(secret_of(&stolen), secret_of(&shown));
    let secret = secret_of(&shown);
    let crossed = thief.sends(&stolen, "/kode/pasang", &[("kode", &world.code(&secret))]).await;
    assert_eq!(crossed.status, StatusCode::UNAUTHORIZED, "another sign-in's secret");
    let set = owner.sends(&shown, "/kode/pasang", &[("kode", &world.code(&secret))]).await;
    assert_eq!(owner.follows(&set).await.path, "/kantor");
    let late = thief.sends(&stolen, "/kode/pasang", &[("kode", &world.code(&secret_of(&stolen)))]).await;
    assert_eq!(thief.follows(&late).await.path, "/kode", "now it is asked for");
}

#[tokio::test]
async fn a_password_alone_opens_nothing_and_is_forgotten_after_ten_minutes() {
    let world = World::new().await;
    let wati = world.coded(Role::Bapenda, "wati", 0).await;
    let asked = wati.browser.follows(&wati.browser.tries("wati", PASSWORD).await).await;
    assert_eq!(asked.path, "/kode");
    for path in ["/", "/kantor", "/kantor/usul", "/akun", "/sandi", "/kode/pasang"] {
        assert_eq!(wati.opens(path).await.location(), "/kode", "{path}");
    }
    let form = [("sandi", PASSWORD), ("baru", "rujak cingur 5"), ("baru_lagi", "rujak cingur 5")];
    assert_eq!(wati.browser.sends(&asked, "/sandi", &form).await.location(), "/kode");
    let signed_in = "SELECT count(*) FROM audit_event WHERE action = 'signed in'";
    assert_eq!(world.count(signed_in).await, 0, "nobody is in yet");
    world.clock.shift(agents::HALF + TimeDelta::seconds(1));
    assert_eq!(wati.opens("/kode").await.location(), "/masuk");
}

#[tokio::test]
async fn a_code_is_good_once_at_however_many_gateways_and_one_step_off() {
    let world = World::new().await;
    let wati = world.coded(Role::Bapenda, "wati", 0).await;
    let (_, running, sister) = world.sister().await;
    wati.signs_in().await;
    let used = world.code_again(&wati.secret);
    let (one, other) = (wati.browser.elsewhere(), wati.browser.elsewhere().at(&sister));
    let asked = one.follows(&one.tries("wati", PASSWORD).await).await;
    let replayed = one.sends(&asked, "/kode", &[("kode", &used)]).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED);
    replayed.says("Kode tidak cocok atau sudah dipakai.");
    let asked_there = other.follows(&other.tries("wati", PASSWORD).await).await;
    let fresh = world.code(&wati.secret);
    let fields = [("kode", &*fresh)];
    let (here, there) =
        tokio::join!(one.sends(&asked, "/kode", &fields), other.sends(&asked_there, "/kode", &fields));
    let taken = [&here, &there].iter().filter(|answer| answer.status == StatusCode::SEE_OTHER).count();
    assert_eq!(taken, 1, "{} {}", here.status, there.status);
    let early = world.code(&wati.secret);
    world.clock.shift(TimeDelta::seconds(30));
    let third = wati.browser.elsewhere();
    let asked = third.follows(&third.tries("wati", PASSWORD).await).await;
    let spaced = format!("{} {}", &early[..3], &early[3..]);
    assert_eq!(third.sends(&asked, "/kode", &[("kode", &spaced)]).await.location(), "/", "a slow hand");
    running.stop().await;
}

#[tokio::test]
async fn who_guesses_codes_waits_longer_and_longer_and_the_owner_is_not_locked_out() {
    let world = World::new().await;
    let wati = world.coded(Role::Bapenda, "wati", 0).await;
    let guesser = wati.browser.elsewhere();
    let asked = guesser.follows(&guesser.tries("wati", PASSWORD).await).await;
    let mut seen = 0;
    let mut wait = 0;
    for n in 0..40 {
        let code = format!("{:06}", 100_000 + n);
        let answer = guesser.sends(&asked, "/kode", &[("kode", &code)]).await;
        match answer.status {
            StatusCode::UNAUTHORIZED => seen += 1,
            StatusCode::TOO_MANY_REQUESTS => wait = answer.header("retry-after").unwrap().parse().unwrap(),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(seen < 12, "{seen} codes were looked at");
    assert!((4..=61).contains(&wait), "{wait}");
    let noted = "SELECT count(*) FROM audit_event WHERE action = 'gave wrong code'";
    assert_eq!(world.count(noted).await, seen);
    world.clock.shift(TimeDelta::seconds(61));
    assert_eq!(wati.signs_in().await.path, "/kantor");
}

#[tokio::test]
async fn a_right_password_does_not_free_the_way_for_guesses() {
    let world = World::new().await;
    let wati = world.coded(Role::Bapenda, "wati", 0).await;
    let tries = (0..12).map(|_| async { wati.browser.elsewhere().tries("wati", PASSWORD).await.status });
    let statuses = futures_util::future::join_all(tries).await;
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
}

#[tokio::test]
async fn a_reset_ends_every_sign_in_and_the_next_one_sets_another() {
    let world = World::new().await;
    let wati = world.coded(Role::Auditor, "wati", 0).await;
    wati.signs_in().await;
    let mut transaction = world.app.db.workers.begin().await.unwrap();
    let person = agents::person_by_name(&mut transaction, "wati").await.unwrap().unwrap();
    let now = world.clock.now();
    assert!(agents::reset_second_factor(&mut transaction, &person, agents::SHELL, now).await.unwrap());
    assert!(!agents::reset_second_factor(&mut transaction, &person, agents::SHELL, now).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(wati.opens("/kantor").await.location(), "/masuk");
    let shown = wati.browser.follows(&wati.browser.tries("wati", PASSWORD).await).await;
    assert_eq!(shown.path, "/kode/pasang");
    let old = wati.browser.sends(&shown, "/kode/pasang", &[("kode", &world.code(&wati.secret))]).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED, "the lost phone opens nothing");
    world.verified().await;
}

#[tokio::test]
async fn secrets_are_sealed_in_the_database() {
    let world = World::new().await;
    let wati = world.coded(Role::Admin, "wati", 0).await;
    let raw = totp_rs::Secret::try_from_base32(&*wati.secret).unwrap();
    let kept: Vec<u8> = sqlx::query_scalar("SELECT totp_secret FROM person WHERE username = 'wati'")
        .fetch_one(&mut world.admin_connection().await)
        .await
        .unwrap();
    assert!(!kept.windows(8).any(|window| raw.as_bytes().windows(8).any(|part| part == window)));
    // Put at another person's name it opens nothing: it is bound to whose it is.
    let budi = world.coded(Role::Admin, "budi", 0).await;
    sqlx::query("UPDATE person SET totp_secret = $1 WHERE username = 'budi'")
        .bind(&kept)
        .execute(&mut world.admin_connection().await)
        .await
        .unwrap();
    let asked = budi.browser.follows(&budi.browser.tries("budi", PASSWORD).await).await;
    let stolen = budi.browser.sends(&asked, "/kode", &[("kode", &world.code(&wati.secret))]).await;
    assert_eq!(stolen.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(budi.browser.asks(Method::GET, "/kantor", &[], None).await.location(), "/kode");
}

//! Guessing: slow for who guesses, never a lock for the owner, never a wait for others.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::support::{Cashier, PASSWORD, World};

/// A sign-in that nobody stands in the way of takes tens of milliseconds; this is generous for a busy machine, and far
/// below the seconds that a guesser waits.
const AT_ONCE: Duration = Duration::from_millis(2_500);

/// Sends so many wrong passwords at once; tells how many were looked at.
async fn guesses(guesser: &Cashier, name: &str, count: usize) -> usize {
    let form = guesser.opens("/masuk?dengan=sandi").await;
    let tries = (0..count).map(|i| {
        let password = format!("tebakan {i}");
        let form = &form;
        async move { guesser.sends(form, "/masuk", &[("nama", name), ("sandi", &password)]).await.status }
    });
    let statuses = join_all(tries).await;
    assert!(statuses.iter().all(|s| matches!(s.as_u16(), 401 | 429)), "{statuses:?}");
    statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count()
}

#[tokio::test]
async fn a_thousand_wrong_passwords_neither_lock_the_owner_out_nor_slow_others() {
    let world = World::new().await;
    let (siti, budi) = (world.cashier(0, "siti").await, world.cashier(1, "budi").await);
    siti.signs_in().await;
    let guesser = siti.elsewhere();
    let storm = async {
        let mut seen = 0;
        for _ in 0..4 {
            seen += guesses(&guesser, "siti", 250).await;
        }
        seen
    };
    let meanwhile = async {
        let began = Instant::now();
        budi.signs_in().await;
        let other = began.elapsed();
        let began = Instant::now();
        assert_eq!(siti.same_device().tries("siti", PASSWORD).await.location(), "/", "from her own device");
        (other, began.elapsed())
    };
    let (seen, (other, owner)) = tokio::join!(storm, meanwhile);
    assert!(seen < 20, "{seen} of a thousand were looked at");
    assert!(other < AT_ONCE && owner < AT_ONCE, "{other:?}, {owner:?}");
    // On a device that nobody knows, at the guesser's own address: she waits her turn, a few seconds, and is in.
    let elsewhere = siti.elsewhere();
    let told = elsewhere.tries("siti", PASSWORD).await;
    if told.status == StatusCode::TOO_MANY_REQUESTS {
        told.says("Akun Anda tidak dikunci.");
        let wait: i64 = told.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=9).contains(&wait), "{wait}");
        world.clock.shift(TimeDelta::seconds(wait));
        assert_eq!(elsewhere.tries("siti", PASSWORD).await.location(), "/");
    } else {
        assert_eq!(told.location(), "/");
    }
}

#[tokio::test]
async fn who_guesses_on_a_known_device_is_slowed_there_and_the_owner_elsewhere_is_not() {
    let world = World::new().await;
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let seen = guesses(&siti.same_device(), "siti", 40).await;
    assert!(seen < 12, "{seen}");
    let home = siti.elsewhere();
    let began = Instant::now();
    home.signs_in().await;
    assert!(began.elapsed() < AT_ONCE);
}

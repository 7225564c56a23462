//! Rows 52 and 53: wrong clocks, midnight, closing days.

use chrono::{TimeDelta, TimeZone, Utc};
use reqwest::StatusCode;
use samsat_gateway::domain::{BusinessDate, Clock};
use serde_json::{Value, json};

use super::{float, patient, sound};
use crate::support::{Client, World};

/// Seconds until a moment of the next calendar day in WIB.
fn seconds_to_tomorrow(world: &World, second: i64) -> i64 {
    let midnight = world.clock.today().next().begins_at();
    (midnight - world.clock.now()).num_seconds() + second
}

#[tokio::test]
async fn fault_52_a_wrong_clock_of_the_gateway_changes_no_payment_once_the_hosts_have_spoken() {
    let world = patient().await;
    let agent = world.agent();
    for hours in [1, -2] {
        agent.looks_up(&world.vehicle()).await;
        world.clock.shift(TimeDelta::hours(hours));
        let quote = agent.looks_up(&world.vehicle()).await;
        let paid = agent.pays(&quote).await;
        assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{hours}: {}", paid.text);
        let taken_at = chrono::DateTime::parse_from_rfc3339(paid.body["taken_at"].as_str().unwrap()).unwrap();
        let off = Clock::system().now().signed_duration_since(taken_at).num_seconds().abs();
        assert!(off < 60, "the cash was taken when the host says: {off} s");
    }
    world.clock.shift(TimeDelta::hours(1));
    assert_eq!((float(&world).await.1, world.booked("BAPENDA")), (0, 2));
    sound(&world).await;
}

#[tokio::test]
async fn fault_52_a_gateway_that_begins_with_a_wrong_clock_is_set_right_by_the_hosts_refusal() {
    let world = patient().await;
    world.clock.shift(TimeDelta::hours(1));
    let (_, sister, base) = world.sister().await;
    let there = Client { base, ..world.agent().clone() };
    // The host refuses a signature of another hour, and that refusal tells its time.
    let first = there.asks(&world.vehicle()).await;
    assert!([201, 503].contains(&first.status.as_u16()), "{}", first.text);
    let quote = there.looks_up(&world.vehicle()).await;
    assert_eq!(there.pays(&quote).await.state(), "confirmed");
    world.clock.shift(TimeDelta::hours(-1));
    assert_eq!(float(&world).await, (quote.total, 0));
    sister.stop().await;
    sound(&world).await;
}

#[tokio::test]
async fn fault_52_our_own_clock_proves_no_absence() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.faults(json!([{"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "reset_before"}]));
    let open = world.agent().pays(&quote).await;
    world.clock.shift(TimeDelta::hours(5));
    world.settle_doubts().await;
    assert_eq!(world.agent().reads(&open.id()).await.state(), "in_doubt");
    assert_eq!((world.orders("BAPENDA").len(), float(&world).await), (1, (quote.total, quote.total)));
    world.clock.shift(TimeDelta::hours(-5));
    world.hosts_later(super::LATE_S);
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().reads(&open.id()).await.state(), "confirmed");
    sound(&world).await;
}

#[tokio::test]
async fn fault_53_after_cut_off_each_leg_belongs_to_its_own_hosts_day() {
    let world = patient().await;
    let (today, quote) = (world.clock.today(), world.agent().looks_up(&world.vehicle()).await);
    world.mock.close_day(&today.to_string(), "BAPENDA").unwrap();
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    assert_eq!(paid.body["business_date"], today.next().to_string());
    let day_of_jr =
        "SELECT (business_date - current_date)::bigint FROM payment_leg WHERE authority = 'JASA_RAHARJA'";
    let offset = world.count(day_of_jr).await;
    assert!((0..=1).contains(&offset), "WIB may be a day ahead of UTC: {offset}");
    // Neither night misses what belongs to the other.
    for date in [today, today.next()] {
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            world.mock.close_day(&date.to_string(), host).unwrap();
        }
        let report = world.night.run(date).await.unwrap();
        assert!(report.balanced && report.cases_opened == 0 && report.counts["MATCHED"] > 0, "{report:?}");
    }
    assert_eq!(float(&world).await, (quote.total, 0));
    sound(&world).await;
}

#[tokio::test]
async fn fault_53_hosts_that_answered_on_two_dates_are_asked_again() {
    let world = patient().await;
    world.hosts_later(seconds_to_tomorrow(&world, 5));
    // Two answers make a jump believed; the question after them is of the new day.
    for _ in 0..2 {
        world.agent().asks(&world.vehicle()).await;
    }
    let skewed = |nth: Value| json!([{"host": "JASA_RAHARJA", "operation": "inquiry", "nth": nth, "fault": "clock_skew_ms:-90000"}]);
    world.faults(skewed(json!(1)));
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let asked = world.mock.requests().iter().filter(|seen| seen.path == "/bapenda/v1/inquiries").count();
    assert_eq!(asked, 2 + 2);
    assert_eq!(quote.body["business_date"], world.clock.today().next().to_string());
    world.faults(skewed(json!([1, 2])));
    let refused = world.agent().asks(&world.vehicle()).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE"));
    world.no_faults();
    // An honest answer sets the host's clock right again.
    world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.state(), float(&world).await), ("confirmed", (quote.total, 0)), "{}", paid.text);
    sound(&world).await;
}

#[tokio::test]
async fn fault_53_a_payment_taken_before_midnight_and_booked_after_it_goes_by_the_hosts_day() {
    let world = patient().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let tomorrow = world.clock.today().next();
    world.faults(
        json!([{"host": "BAPENDA", "operation": "payment", "nth": 1, "fault": "reset_after_booking"}]),
    );
    world.mock.close_day(&world.clock.today().to_string(), "BAPENDA").unwrap();
    let open = world.agent().pays(&quote).await;
    assert_eq!(world.settle_doubts().await, 0);
    let paid = world.agent().reads(&open.id()).await;
    assert_eq!((paid.state(), &paid.body["business_date"]), ("confirmed", &tomorrow.to_string().into()));
    assert_eq!(float(&world).await, (quote.total, 0));
    let year_end = Utc.with_ymd_and_hms(2026, 12, 31, 17, 0, 0).unwrap();
    assert_eq!(BusinessDate::of(year_end).to_string(), "2027-01-01", "a date is WIB's");
    sound(&world).await;
}

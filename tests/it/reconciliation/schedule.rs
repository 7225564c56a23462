//! The night by itself: on one gateway, at its hour, catching up, trying again, and killed in the middle.

use chrono::{DateTime, TimeDelta, Utc};
use samsat_gateway::domain::BusinessDate;
use samsat_gateway::reconciliation::{Schedule, Turn};
use serde_json::json;

use super::{close, pay, planted, plants, reconciles, today};
use crate::support::World;

/// 02:00 WIB of a date.
fn at_two(date: BusinessDate) -> DateTime<Utc> {
    date.begins_at() + TimeDelta::hours(2)
}

fn schedule(world: &World) -> Schedule {
    Schedule::new(world.night.clone(), "01:30").unwrap()
}

#[tokio::test]
async fn of_two_gateways_one_runs_the_night() {
    let world = World::new().await;
    pay(&world, 1).await;
    let today = today(&world);
    close(&world, today);
    let (one, other) = (schedule(&world), schedule(&world));
    let now = at_two(today.next());
    let (first, second) = tokio::join!(one.run_once(now), other.run_once(now));
    let turns = [first.unwrap(), second.unwrap()];
    let ran =
        turns.iter().filter(|turn| matches!(turn, Turn::Ran(reports, None) if reports.len() == 1)).count();
    let elsewhere = turns.iter().filter(|turn| matches!(turn, Turn::Elsewhere)).count();
    assert_eq!((ran, elsewhere), (1, 1), "{turns:?}");
    assert_eq!(world.count("SELECT count(*) FROM night_run").await, 1);
    world.verified().await;
}

#[tokio::test]
async fn a_gateway_that_slept_through_its_lease_publishes_nothing() {
    let world = World::new().await;
    pay(&world, 1).await;
    let today = today(&world);
    close(&world, today);
    let one = schedule(&world);
    assert!(matches!(one.run_once(at_two(today)).await.unwrap(), Turn::NothingDue), "takes the lease");
    let fence = world.count("SELECT fence FROM job_lease WHERE name = 'night'").await;
    plants(
        &world,
        "UPDATE job_lease SET until = now() - interval '1 second' WHERE name = 'night'".to_owned(),
    )
    .await;
    let other = schedule(&world);
    assert!(matches!(other.run_once(at_two(today)).await.unwrap(), Turn::NothingDue));
    assert_eq!(world.count("SELECT fence FROM job_lease WHERE name = 'night'").await, fence + 1);
    assert!(matches!(one.run_once(at_two(today.next())).await.unwrap(), Turn::Elsewhere));
    let stale = samsat_gateway::reconciliation::Lease { holder: uuid::Uuid::now_v7(), fence };
    let refused = world.night.run_under(today, stale).await.unwrap_err();
    assert_eq!(refused.to_string(), "another gateway has the night by now");
    assert_eq!(world.count("SELECT count(*) FROM night_run").await, 0);
}

#[tokio::test]
async fn after_downtime_every_date_since_the_first_payment_is_made_up_for() {
    let world = World::new().await;
    let schedule = schedule(&world);
    let today = today(&world);
    assert!(
        matches!(schedule.run_once(at_two(today.next())).await.unwrap(), Turn::NothingDue),
        "no payment yet"
    );
    pay(&world, 1).await;
    close(&world, today);
    pay(&world, 1).await;
    let last = today.next().next();
    close(&world, last);
    let Turn::Ran(reports, None) = schedule.run_once(at_two(last.next())).await.unwrap() else {
        panic!("not run")
    };
    let dates: Vec<_> = reports.iter().map(|report| report.date).collect();
    assert_eq!(dates, [today, today.next(), last], "oldest first, empty days too");
    assert!(reports.iter().all(|report| report.cases_opened == 0));
    assert!(matches!(schedule.run_once(at_two(last.next())).await.unwrap(), Turn::NothingDue));
    world.verified().await;
}

#[tokio::test]
async fn a_late_file_is_a_case_and_is_asked_for_again() {
    let mut world = World::new().await;
    pay(&world, 1).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("JASA_RAHARJA", "late_file")]));
    // Only the night's clock goes on; the hosts' and the upstream's stay.
    world.night.clock = samsat_gateway::domain::Clock::system();
    world.night.clock.shift(TimeDelta::days(1));
    let schedule = schedule(&world);
    let now = at_two(today.next());
    let Turn::Ran(reports, Some((date, _))) = schedule.run_once(now).await.unwrap() else {
        panic!("not tried")
    };
    assert_eq!((reports.len(), date), (0, today));
    let open = "SELECT count(*) FROM case_file WHERE class = 'FILE_MISSING' AND side = 'JASA_RAHARJA' AND closed_at IS NULL";
    assert_eq!(world.count(open).await, 1);
    assert!(matches!(schedule.run_once(now + TimeDelta::seconds(59)).await.unwrap(), Turn::Waiting(_)));
    assert!(matches!(schedule.run_once(now + TimeDelta::seconds(60)).await.unwrap(), Turn::Ran(_, Some(_))));
    assert!(matches!(schedule.run_once(now + TimeDelta::seconds(179)).await.unwrap(), Turn::Waiting(_)));
    world.faults(json!([]));
    assert!(matches!(schedule.run_once(now + TimeDelta::seconds(180)).await.unwrap(), Turn::Ran(_, None)));
    assert_eq!(world.count(open).await, 0);
    assert_eq!(world.count("SELECT count(*) FROM night_attempt").await, 0);
}

#[tokio::test]
async fn a_night_killed_midway_leaves_no_run_and_the_next_says_the_same() {
    let world = World::new().await;
    pay(&world, 4).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("BAPENDA", "amount_off"), planted("JASA_RAHARJA", "missing_row")]));
    let mut killed = 0;
    // Dropped at its n-th wake-up: a future that is dropped is a task that died there.
    for polls in 1..=60 {
        let mut run = Box::pin(world.night.run(today));
        let mut left = polls;
        let done = std::future::poll_fn(|context| {
            left -= 1;
            match run.as_mut().poll(context) {
                std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
                std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                std::task::Poll::Pending => std::task::Poll::Pending,
            }
        })
        .await;
        drop(run);
        if done.is_none() {
            killed += 1;
            // A COMMIT that was sent may stand although nobody heard so: then the run is whole.
            let half = "SELECT count(*) FROM night_run r WHERE line_count <> (SELECT count(*) FROM night_line l WHERE l.run_id = r.run_id)
                          + (SELECT coalesce(sum(m.line_count), 0) FROM night_matched m WHERE m.run_id = r.run_id)";
            assert_eq!(world.count(half).await, 0);
        }
    }
    assert!(killed > 5, "{killed}");
    let report = reconciles(&world.night, today).await.unwrap();
    assert_eq!(world.count("SELECT count(DISTINCT result_sha256) FROM night_run").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM case_file").await, 2);
    assert_eq!(report.cases_opened + report.cases_carried, 2);
    world.verified().await;
}

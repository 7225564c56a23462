//! The night over a real database and a real mock: what each planted fault is called, and what never happens.

mod world;

use samsat_gateway::reconciliation::NightError;
use samsat_gateway::reconciliation::report::Report;
use serde_json::json;
use world::World;

fn count(report: &Report, class: &str) -> u64 {
    report.counts[class]
}

/// Classes that are not empty, apart from the matches.
fn breaks(report: &Report) -> Vec<(String, u64)> {
    let found = report.counts.iter().filter(|(class, lines)| **lines > 0 && *class != "MATCHED");
    found.map(|(class, lines)| (class.clone(), *lines)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undisturbed_day_is_matched_to_the_rupiah_and_says_the_same_twice() {
    let mut world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.pays().await.state.as_str(), "confirmed");
    }
    let today = world.today();
    world.closes(today);
    let first = world.reconciles(today).await.unwrap();
    assert_eq!(breaks(&first), []);
    let rows: u64 = first.inputs.iter().map(|input| input.rows).sum();
    assert_eq!((count(&first, "MATCHED"), first.cases_opened, first.revision), (rows, 0, 1));
    let total: i64 = first.inputs.iter().map(|input| input.total.get()).sum();
    assert_eq!(first.amounts["MATCHED"].get(), total);
    let second = world.reconciles(today).await.unwrap();
    assert_eq!((second.result_sha256.clone(), second.revision), (first.result_sha256.clone(), 2));
    assert_ne!(second.run_id, first.run_id);
    world.end().await;
}

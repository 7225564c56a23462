//! The checker is checked: a day on which everything happened holds, and each planted violation is found.

mod day;
mod planted;

use samsat_gateway::verify::Report;

fn broken(report: &Report) -> Vec<(u8, &str)> {
    let broken = report.checks.iter().filter(|check| !check.holds);
    broken.map(|check| (check.invariant, check.offender.as_deref().unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_on_which_everything_happened_holds() {
    let day = day::full_day().await;
    let report = day.verified(&day.copied().await).await;
    assert_eq!(broken(&report), []);
    assert!(report.holds);
    let looked_at_nothing: Vec<&str> =
        report.checks.iter().filter(|check| check.checked == 0).map(|check| check.name).collect();
    assert!(looked_at_nothing.is_empty(), "{looked_at_nothing:?}");
}

//! `cargo demo`: one business day of Samsat OPOP with authorities that misbehave, closed by a night.
//!
//! Everything goes through the API with real keys, as outlets do it. It ends well only when every invariant
//! holds and both authorities' books say what ours says.

mod api;
mod cashier;
mod day;
mod faults;
mod night;
mod people;
mod summary;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;

use self::cashier::Cashier;
use self::day::Day;
use crate::checkout::Checkout;
use crate::out::{self, Steps};
use crate::stack::{Plan, Seed, Stack};

/// A hanging authority costs a cashier this long.
const UPSTREAM_TUNING: &[(&str, u32)] = &[("total_timeout_ms", 2_000), ("connect_timeout_ms", 500)];

/// `[--once]`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End after the night instead of serving until Ctrl-C
    #[arg(long)]
    once: bool,
}

/// Sets up, works a day, closes it, says what happened.
///
/// # Errors
/// When a step cannot be done at all.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let programs = checkout.build(false).await?;
    let mut steps = Steps::shown();
    out::line("Samsat OPOP: a business day in East Java");
    let plan = Plan {
        fresh: false,
        gateways: 2,
        external: None,
        upstream_tuning: UPSTREAM_TUNING,
        seed: Seed::default(),
    };
    let stack = Stack::up(&checkout, plan, programs, &mut steps).await?;
    let mock_url = stack.mock.as_ref().context("no mock")?.url.clone();
    let day = Arc::new(Day::new(stack.demo_file.list("vehicles")));
    let mut cashiers = day::cashiers(&stack)?;
    day::first_payment(&day, cashiers.first_mut().context("no outlet")?).await?;
    steps.done("first payment: looked up, paid, receipted");

    out::line(&format!(
        "  {} outlets take {} payments; one upstream call in ten goes wrong; a gateway is killed halfway",
        day::OUTLETS,
        day::PAYMENTS
    ));
    faults::play(&mock_url, &faults::day()).await?;
    let cashiers = day::work(&stack, &day, cashiers).await?;
    steps.done(&format!("{} payments taken", day::PAYMENTS));
    faults::play(&mock_url, &faults::none()).await?;
    let cashiers = day::settle(cashiers).await?;
    steps.done("the authorities behave again: every doubt is asked about");
    let cashiers = people::decide(&stack, cashiers).await?;
    let receipt = cashiers.iter().find_map(Cashier::receipt);
    let tally = day::add_up(cashiers);
    steps.done("two people decide what contradicted its bill");
    let night = night::run(&stack, &mock_url, &tally).await?;
    steps.done("the night: closed, reconciled, verified");
    summary::print(&tally, &night);
    let good = night.is_good() && tally.paid_twice == 0 && tally.unsettled == 0;
    out::line(&format!(
        "{} in {} s",
        if good {
            "Nothing lost, nothing paid twice, everything proven"
        } else {
            "SOMETHING IS WRONG, see above"
        },
        steps.total()
    ));
    if !good {
        out::line(&format!("logs: {}", stack.run.folder.display()));
    }
    if options.once {
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    serve(&stack, receipt).await
}

async fn serve(stack: &Stack, receipt: Option<(String, String)>) -> Result<ExitCode> {
    let (url, ops_url) = (stack.first()?.url(), stack.first()?.ops_url());
    out::line("");
    let cashier = stack.demo_file.list("users").iter().find(|user| user["role"] == "kasir");
    if let Some((name, password)) = cashier.and_then(|c| c["username"].as_str().zip(c["password"].as_str())) {
        out::line(&format!("  the counter      {url}/  as {name}, password {password}"));
    }
    out::line(&format!("  API description  {url}/openapi.json"));
    out::line(&format!("  check a receipt  {url}/verify"));
    out::line(&format!("  metrics          {ops_url}/metrics"));
    if let Some((number, key)) = receipt {
        out::line("  print a receipt");
        out::line(&format!(
            "    curl -H 'Authorization: Bearer {key}' -H 'Accept: text/html' {url}/v1/receipts/{number}"
        ));
    }
    out::line(&format!("  keys, vehicles   {}", stack.demo_file.path().display()));
    out::line(&format!("  configuration    SAMSAT_CONFIG={}", stack.first()?.config.display()));
    out::line("Serving until Ctrl-C.");
    std::future::pending().await
}

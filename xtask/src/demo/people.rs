//! Two people decide what no machine may: a payment whose answer contradicted its bill.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::cashier::Cashier;
use super::day;
use crate::stack::Stack;

/// Lets two people have the authorities asked again about each held payment, and waits for what comes of it.
///
/// # Errors
/// When the seed made no two people, or a proposal or an approval is refused.
pub(crate) async fn decide(stack: &Stack, mut cashiers: Vec<Cashier>) -> Result<Vec<Cashier>> {
    let (one, other) = (person(stack, "bapenda")?, person(stack, "admin")?);
    for payment in cashiers.iter().flat_map(Cashier::held) {
        let proposal = command(
            stack,
            &[
                "propose",
                "resolve",
                &payment,
                "--decision",
                "ask",
                "--reason",
                "OTHER_AMOUNT",
                "--by",
                one,
                "--json",
            ],
        )
        .await?;
        let proposal = proposal["proposal_id"].as_str().context("a proposal without an id")?;
        command(stack, &["approve", proposal, "--by", other, "--json"]).await?;
    }
    cashiers.iter_mut().for_each(Cashier::resume_held);
    day::settle(cashiers).await
}

fn person<'a>(stack: &'a Stack, role: &str) -> Result<&'a str> {
    let found = stack.demo_file.list("users").iter().find(|user| user["role"] == role);
    found
        .and_then(|user| user["username"].as_str())
        .with_context(|| format!("the seed made nobody of the role {role}"))
}

async fn command(stack: &Stack, arguments: &[&str]) -> Result<Value> {
    let finished = stack.gateway_command(arguments).await?;
    ensure!(finished.success, "`samsat-gateway {}`: {}", arguments.join(" "), finished.complained.trim());
    serde_json::from_str(&finished.printed).context("the command printed no JSON")
}

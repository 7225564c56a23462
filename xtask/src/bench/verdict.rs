//! What `samsat-gateway verify` says of the database that a benchmark leaves behind.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::out::{line, tenths};
use crate::stack::Stack;

/// Checks that only an authority's or the gateway's signature on each single row can satisfy.
const SIGNED: [&str; 4] = [
    "every receipt is signed by us and says what the payment says",
    "every kept answer is signed by its host",
    "every quote is what both hosts signed",
    "what an authority booked, refused or took back is proven by its own words",
];

/// Every invariant holds.
///
/// # Errors
/// When one does not.
pub(crate) async fn green(stack: &Stack) -> Result<()> {
    let (wrong, unsigned) = verify(stack).await?;
    ensure!(
        wrong.is_empty() && unsigned.is_empty(),
        "verify FAILED: {}",
        [wrong, unsigned].concat().join("; ")
    );
    line("  ✓ verify: every invariant holds");
    Ok(())
}

/// Every invariant holds, but for signatures that rows which no authority has seen cannot have.
///
/// # Errors
/// When another does not.
pub(crate) async fn but_for_signatures(stack: &Stack) -> Result<()> {
    let begun = Instant::now();
    let (wrong, unsigned) = verify(stack).await?;
    ensure!(wrong.is_empty(), "verify FAILED: {}", wrong.join("; "));
    line(&format!(
        "  ✓ verify: every invariant holds, but for {} of signatures that made-up rows cannot have ({} s)",
        unsigned.len(),
        tenths(begun.elapsed())
    ));
    Ok(())
}

async fn verify(stack: &Stack) -> Result<(Vec<String>, Vec<String>)> {
    let verdict = stack.gateway_command(&["verify", "--json"]).await?;
    let report: Value = serde_json::from_str(&verdict.printed)
        .with_context(|| format!("verify printed no JSON: {}", verdict.complained))?;
    Ok(objections(&report))
}

/// What is wrong, and what only lacks a signature.
fn objections(report: &Value) -> (Vec<String>, Vec<String>) {
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut wrong, mut unsigned) = (Vec::new(), Vec::new());
    for check in checks.iter().filter(|check| check["holds"] != true) {
        let offender = check["offender"].as_str().unwrap_or("a check without a word").to_owned();
        let signed = check["name"].as_str().is_some_and(|name| SIGNED.contains(&name));
        if signed { unsigned.push(offender) } else { wrong.push(offender) }
    }
    if checks.is_empty() {
        wrong.push("nothing was checked".to_owned());
    }
    (wrong, unsigned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_missing_signatures_are_passed_over() {
        let report = json!({"checks": [
            {"name": SIGNED[0], "holds": false, "offender": "receipt 1"},
            {"name": "floats", "holds": false, "offender": "agent_float 2"},
            {"name": "books", "holds": true, "offender": null},
        ]});
        assert_eq!(objections(&report), (vec!["agent_float 2".to_owned()], vec!["receipt 1".to_owned()]));
        assert_eq!(objections(&json!({})).0.len(), 1);
    }
}

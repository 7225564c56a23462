//! The journal alone: payments a second, in process, against the database of `SAMSAT_CONFIG`.
//!
//! Prints one JSON object a line. `journal N CLIENTS [hot]` writes N payments with CLIENTS at once.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use samsat_gateway::agents::{self, Agent};
use samsat_gateway::config::Config;
use samsat_gateway::domain::{LookupId, Rupiah};
use samsat_gateway::http::App;
use samsat_gateway::payment::Sale;
use serde_json::json;

const QUOTE_TOTAL: i64 = 1_265_000;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    match measure(number(0, 20_000), number(1, 256), arguments.iter().any(|a| a == "hot")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(payments: usize, clients: usize, hot: bool) -> anyhow::Result<()> {
    let config = Config::load(std::env::var("SAMSAT_CONFIG").ok().as_deref())?;
    let gateway =
        samsat_gateway::http::Gateway::open(config, samsat_gateway::domain::Clock::system()).await?;
    let app = gateway.app;
    let sales = Arc::new(quotes(&app, payments, hot).await?);
    let backends = Backends::of(&app).await?;
    let (next, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (began, cpu, own) = (Instant::now(), backends.cpu_us()?, cpu_us("self")?);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (app, sales, next, failed) = (app.clone(), sales.clone(), next.clone(), failed.clone());
            tokio::spawn(async move {
                while let Some(sale) = sales.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if app.payments.write_sale(sale).await.is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    let seconds = began.elapsed();
    let failed = failed.load(Ordering::Relaxed);
    anyhow::ensure!(failed == 0, "{failed} of {payments} payments did not end confirmed");
    let count = u64::try_from(payments)?;
    say("journal", u64::try_from(u128::from(count) * 1_000_000 / seconds.as_micros().max(1))?, "payments/s");
    say("journal_pg_cpu_us", (backends.cpu_us()? - cpu) / count, "us");
    say("journal_own_cpu_us", (cpu_us("self")? - own) / count, "us");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "its only output")]
fn say(measure: &str, value: u64, unit: &str) {
    println!("{}", json!({"measure": measure, "value": value, "unit": unit}));
}

/// The server's processes, all of them, on this machine.
struct Backends {
    postmaster: u32,
}

impl Backends {
    async fn of(app: &App) -> anyhow::Result<Self> {
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&app.db.workers).await?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let postmaster = fields(&stat).nth(1).unwrap_or_default().parse()?;
        Ok(Self { postmaster })
    }

    fn cpu_us(&self) -> anyhow::Result<u64> {
        let mut all = 0;
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) =
                entry.file_name().to_str().filter(|n| n.parse::<u32>().is_ok()).map(str::to_owned)
            else {
                continue;
            };
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            let parent: u32 = fields(&stat).nth(1).unwrap_or_default().parse().unwrap_or(0);
            if parent == self.postmaster {
                all += cpu_us(&pid).unwrap_or(0);
            }
        }
        Ok(all)
    }
}

/// What follows the command's name: state, parent …
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(") ").next().unwrap_or_default().split(' ')
}

/// User and system time; the kernel counts in hundredths of a second.
fn cpu_us(process: &str) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks: u64 = fields(&stat).skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Ok(ticks * 10_000)
}

/// Quotes of one vehicle each, spread over the outlets.
async fn quotes(app: &App, payments: usize, hot: bool) -> anyhow::Result<Vec<Sale>> {
    let mut connection = app.db.workers.acquire().await?;
    let mut outlets: Vec<Agent> = vec![];
    let codes: Vec<String> = sqlx::query_scalar(
        "SELECT agent_code FROM agent JOIN agent_float USING (agent_id) WHERE status = 'active' AND available > 0 ORDER BY agent_no",
    )
    .fetch_all(&mut *connection)
    .await?;
    for code in codes.iter().take(if hot { 1 } else { codes.len() }) {
        outlets.extend(agents::agent_by_code(&mut connection, code).await?);
    }
    anyhow::ensure!(!outlets.is_empty(), "no outlet with float");
    let mut sales = vec![];
    for from in (0..payments).step_by(1000) {
        let mut batch: Vec<Sale> = vec![];
        for n in from..(from + 1000).min(payments) {
            let outlet = &outlets[n % outlets.len()];
            batch.push(Sale {
                agent: outlet.clone(),
                lookup_id: LookupId::new(),
                amount: Rupiah::new(QUOTE_TOTAL)?,
            });
        }
        let ids: Vec<uuid::Uuid> = batch.iter().map(|s| s.lookup_id.0).collect();
        let owners: Vec<uuid::Uuid> = batch.iter().map(|s| s.agent.agent_id.0).collect();
        sqlx::query(
            "INSERT INTO lookup (lookup_id, agent_id, plate, pay_code, business_date, asked_at, expires_at, quote, tax_total, fee,
                                 bapenda_evidence, bapenda_signature, jasa_raharja_evidence, jasa_raharja_signature)
             SELECT i, o, 'L' || right(i::text, 12), lpad(floor(random() * 1e16)::bigint::text, 16, '0'), current_date, now(), now() + interval '1 hour',
                    $3, $4 - 5000, 5000, '', '', '', ''
             FROM unnest($1::uuid[], $2::uuid[]) u (i, o)",
        )
        .bind(&ids)
        .bind(&owners)
        .bind(quote())
        .bind(QUOTE_TOTAL)
        .execute(&mut *connection)
        .await?;
        sales.extend(batch);
    }
    Ok(sales)
}

/// A car a little late: PKB, opsen, SWDKLLJ, its card, and what is owed to the police.
fn quote() -> serde_json::Value {
    json!({
        "vehicle": {"plate": "L 1234 AB", "owner_name": "S*** A*****", "make": "TOYOTA", "model": "AVANZA", "year": 2019,
                    "swdkllj_class": "DP", "region_code": "3578", "region_name": "Kota Surabaya"},
        "legs": [
            {"authority": "BAPENDA", "document_id": "BILL-1", "amount": 1_117_000, "periods": [{"due_on": "2026-11-20", "days_late": 0, "lines": [
                {"code": "PKB", "beneficiary": "35", "principal": 660_000, "penalty": 7_000},
                {"code": "OPSEN_PKB", "beneficiary": "3578", "principal": 446_000, "penalty": 4_000}]}]},
            {"authority": "JASA_RAHARJA", "document_id": "ASM-1", "amount": 143_000, "periods": [{"due_on": "2026-11-20", "days_late": 0, "lines": [
                {"code": "SWDKLLJ", "beneficiary": "JASA_RAHARJA", "principal": 140_000, "penalty": 0},
                {"code": "KARTU", "beneficiary": "JASA_RAHARJA", "principal": 3_000, "penalty": 0}]}]},
        ],
        "next_due_on": "2027-11-20", "paid_on": "2026-11-28", "check": {"verdict": "agrees", "differences": []},
    })
}

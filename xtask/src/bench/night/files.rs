//! What a night reads: payments in the tables, both authorities' files, and our payments as CSV for the yardstick.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::super::Bench;
use super::super::field::Field;
use super::super::grown::run;
use crate::out::{line, tenths};

/// Copies of the sample in one transaction.
const COPIES: u64 = 20;
const HOSTS: [&str; 2] = ["BAPENDA", "JASA_RAHARJA"];

/// The files of a day.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) date: String,
    /// Lines of ours.
    lines: u64,
    /// Lines by class that a night must find.
    pub(super) expected: BTreeMap<String, u64>,
}

impl Files {
    /// Fills the day with `--lines` lines and writes everything down.
    pub(super) async fn build(bench: &Bench, field: &Field) -> Result<Self> {
        let begun = Instant::now();
        let folder = field.stack.run.folder.join("night");
        std::fs::create_dir(&folder)?;
        let read = |name: &str| {
            let path = bench.checkout.root.join("benches").join(name);
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let sample = number(
            field,
            "SELECT sum((SELECT sum(json_array_length(period->'lines')) FROM json_array_elements(periods) period)) FROM payment_leg",
        )?;
        ensure!(sample > 0, "the sample has no lines");
        let copies = (bench.options.lines / sample).max(1);
        let sql = format!(
            "{}\n{}\nSELECT grow.one_day({copies});",
            read("grown/grow.sql")?,
            read("night/day.sql")?
        );
        run(field, sql).await?;
        let mut last = 0;
        while last < copies {
            let first = last + 1;
            last = (last + COPIES).min(copies);
            run(field, format!("SELECT grow.copies({first}, {last});")).await?;
        }
        run(field, format!("SELECT grow.finish({copies});\nVACUUM (ANALYZE);\nSET work_mem = '256MB';\nSELECT night.plant();")).await?;
        let path = |name: &str| format!("{}/{name}.csv", folder.display());
        for host in HOSTS {
            run(field, format!("\\copy (SELECT text FROM night.file WHERE authority = '{host}' ORDER BY line_no) TO '{}'", path(host))).await?;
        }
        run(field, format!("\\copy (SELECT reference, number, document_id, plate, due_on, code, beneficiary, principal, penalty, status FROM night.line) TO '{}' (FORMAT csv, HEADER)", path("ours"))).await?;
        let date = field.server.query("SELECT DISTINCT business_date FROM booking")?.trim().to_owned();
        let expected = field.server.query("SELECT class, n FROM night.expected")?;
        let expected = expected.lines().filter_map(|row| row.split_once('|'));
        let expected: BTreeMap<String, u64> =
            expected.map(|(class, n)| Ok((class.to_owned(), n.parse()?))).collect::<Result<_>>()?;
        let lines = number(field, "SELECT count(*) FROM night.line")?;
        run(field, "DROP SCHEMA night CASCADE;\nVACUUM;\nCHECKPOINT;".to_owned()).await?;
        line(&format!("  {lines} lines of {date}, {expected:?}, made in {} s", tenths(begun.elapsed())));
        Ok(Self { folder, date, lines, expected })
    }

    /// Has the mock hand out the files under a revision of their own.
    pub(super) async fn offer(&self, field: &Field, revision: u32) -> Result<()> {
        let mock = field.stack.mock.as_ref().context("the stack has no mock")?;
        let client = reqwest::Client::builder().no_proxy().build().context("cannot build an HTTP client")?;
        for host in HOSTS {
            let path = self.folder.join(format!("{host}.{revision}"));
            revised(&self.folder.join(format!("{host}.csv")), &path, revision)?;
            let url = format!("{}/mock/settlements/{}", mock.url, self.date);
            let asked = serde_json::json!({"host": host, "path": path});
            let answer = client.put(url).json(&asked).send().await?;
            ensure!(answer.status().is_success(), "the mock takes no file: {}", answer.text().await?);
        }
        Ok(())
    }

    /// `night_1m` for about a million lines.
    pub(super) fn name(&self) -> String {
        let thousands = (self.lines + 500) / 1_000;
        match (thousands + 50) / 1_000 {
            0 => format!("night_{thousands}k"),
            millions => format!("night_{millions}m"),
        }
    }
}

/// The same file, its header saying another revision.
fn revised(from: &std::path::Path, to: &std::path::Path, revision: u32) -> Result<()> {
    let mut source = BufReader::new(File::open(from)?);
    let mut header = String::new();
    source.read_line(&mut header)?;
    let mut parts: Vec<String> = header.split(',').map(str::to_owned).collect();
    *parts.get_mut(6).context("a header has a revision")? = revision.to_string();
    let mut target = File::create(to)?;
    target.write_all(parts.join(",").as_bytes())?;
    std::io::copy(&mut source, &mut target)?;
    Ok(())
}

fn number(field: &Field, sql: &str) -> Result<u64> {
    field.server.query(sql)?.trim().parse().context("a number is wanted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_named_by_millions() {
        let of = |lines| {
            Files { folder: PathBuf::new(), date: String::new(), lines, expected: BTreeMap::new() }.name()
        };
        assert_eq!(
            (of(1_000_005), of(996_000), of(4_990_000)),
            ("night_1m".into(), "night_1m".into(), "night_5m".into())
        );
        assert_eq!(of(20_000), "night_20k");
    }
}

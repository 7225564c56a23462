//! Settlement files for tests, written from the protocol's page without the reader's help.

use std::fmt::Write as _;

/// The reference of the protocol's example.
pub(crate) const REFERENCE: &str = "7f0c0000-0000-4000-8000-000000000001";

/// Due date, code, beneficiary, principal, penalty.
pub(crate) type Line = (&'static str, &'static str, &'static str, i64, i64);

/// The lines of the protocol's example.
pub(crate) const PAID_LINE: [Line; 2] =
    [("2026-03-10", "PKB", "35", 216_000, 4400), ("2026-03-10", "OPSEN_PKB", "3578", 142_600, 2900)];

/// A file that counts for itself.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) date: String,
    pub(crate) sequence: u64,
    pub(crate) revision: u32,
    pub(crate) previous: String,
    pub(crate) rows: Vec<(String, Line, i64)>,
}

impl File {
    pub(crate) fn empty(date: &str) -> Self {
        Self { date: date.into(), sequence: 1, revision: 1, previous: "0".repeat(64), rows: vec![] }
    }

    pub(crate) fn of_the_protocol() -> Self {
        let mut file = Self { sequence: 328, previous: "9f2c".repeat(16), ..Self::empty("2026-11-24") };
        for line in PAID_LINE {
            file.paid(REFERENCE, "A1B2C3D4E5F60718", "L1234AB", line);
        }
        file
    }

    pub(crate) fn paid(&mut self, reference: &str, number: &str, plate: &str, line: Line) {
        self.rows.push((format!("{reference},{number},3578261124000017,{plate}"), line, 1));
    }

    pub(crate) fn reverse(&mut self, line: Line) {
        self.rows.push((format!("{REFERENCE},A1B2C3D4E5F60718,3578261124000017,L1234AB"), line, -1));
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "H,1,BAPENDA,OPOP-GATEWAY,{},{},{},{},2026-11-24T23:05:00+07:00,IDR\n",
            self.date, self.sequence, self.revision, self.previous
        );
        let (mut principals, mut penalties) = (0, 0);
        let mut codes: Vec<(&str, i64)> = vec![];
        let mut references: Vec<&str> = vec![];
        for (n, (head, (due_on, code, beneficiary, principal, penalty), sign)) in self.rows.iter().enumerate()
        {
            let (principal, penalty) = (principal * sign, penalty * sign);
            let status = if *sign > 0 { "PAID" } else { "REVERSED" };
            let quoted = if code.contains(',') { format!("\"{code}\"") } else { (*code).to_owned() };
            writeln!(
                text,
                "D,{},{head},{due_on},{quoted},{beneficiary},{principal},{penalty},2026-11-24T09:41:07+07:00,PSN-0042,{status}",
                n + 1
            )
            .unwrap();
            principals += principal;
            penalties += penalty;
            match codes.iter_mut().find(|(known, _)| known == code) {
                Some((_, sum)) => *sum += principal + penalty,
                None => codes.push((code, principal + penalty)),
            }
            let reference = &head[..36];
            if !references.contains(&reference) {
                references.push(reference);
            }
        }
        let per_code: Vec<String> = codes.iter().map(|(code, sum)| format!("{code}={sum}")).collect();
        let joined = per_code.join(";");
        let field = if joined.contains(',') { format!("\"{joined}\"") } else { joined };
        writeln!(
            text,
            "T,{},{},{principals},{penalties},{},{field}",
            self.rows.len(),
            references.len(),
            principals + penalties
        )
        .unwrap();
        text
    }
}

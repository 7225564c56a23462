//! A run's lines as CSV (RFC 4180, UTF-8, CRLF), for spreadsheets.
//!
//! Text that a spreadsheet would take for a formula is led by an apostrophe. Amounts are numbers of ours and stay so.

use crate::domain::Rupiah;
use crate::reconciliation::result::ResultLine;

/// The first record.
pub const HEAD: &str = "class,note,authority,line_no,reference,number,document_id,plate,due_on,code,beneficiary,status,\
here_principal,here_penalty,there_principal,there_penalty,ours\r\n";

/// One line's record.
#[must_use]
pub fn text(line: &ResultLine) -> String {
    let money = |amount: Option<Rupiah>| amount.map(|amount| amount.get().to_string()).unwrap_or_default();
    let words = |word: &Option<String>| field(word.as_deref().unwrap_or_default());
    let fields = [
        field(&line.class),
        field(&line.note),
        field(&line.authority),
        line.line_no.map(|n| n.to_string()).unwrap_or_default(),
        line.reference.to_string(),
        words(&line.number),
        words(&line.document_id),
        field(&line.plate),
        line.due_on.to_string(),
        field(&line.code),
        field(&line.beneficiary),
        field(&line.status),
        money(line.here_principal),
        money(line.here_penalty),
        money(line.there_principal),
        money(line.there_penalty),
        words(&line.ours),
    ];
    fields.join(",") + "\r\n"
}

fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_led_by_an_apostrophe() {
        for (text, written) in [
            ("PKB", "PKB"),
            ("", ""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a,b", "\"a,b\""),
        ] {
            assert_eq!(field(text), written);
        }
    }
}

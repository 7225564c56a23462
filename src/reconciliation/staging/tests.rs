//! The quick reader against the strict one.

use super::*;
use crate::reconciliation::sample::{File, PAID_LINE, REFERENCE};

fn parts(text: &str, sender: Authority) -> Result<(Settlement, u64), Trouble> {
    let date = BusinessDate::parse("2026-11-24").unwrap();
    let mut intake = Intake::new(sender, date, &SpoolDir::new("")).unwrap();
    // Blocks of one line each: what one block may not see, the next must.
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let place = if at == 0 { Place::First } else { Place::Later };
        intake.take(read(line.as_bytes(), sender, place)).unwrap();
    }
    let (staged, kept) = intake.finish([0; 32]);
    let mut bytes = vec![];
    io::Read::read_to_end(&mut kept.reader(), &mut bytes).unwrap();
    assert_eq!(bytes, text.as_bytes());
    staged.map(|(file, references, _)| (file, references))
}

fn whole(text: &str, sender: Authority) -> Result<(Settlement, u64), Trouble> {
    let date = BusinessDate::parse("2026-11-24").unwrap();
    let mut intake = Intake::new(sender, date, &SpoolDir::new("")).unwrap();
    intake.take(read(text.as_bytes(), sender, Place::First)).unwrap();
    intake.finish([0; 32]).0.map(|(file, references, _)| (file, references))
}

fn strict(text: &str, sender: Authority) -> Result<Settlement, Complaint> {
    settlement::read(text.as_bytes(), sender, BusinessDate::parse("2026-11-24").unwrap())
}

/// Both readers say the same of a text, in one block or in many.
fn agree_on(text: &str) -> bool {
    let strict = strict(text, Authority::Bapenda);
    for quick in [parts(text, Authority::Bapenda), whole(text, Authority::Bapenda)] {
        match (&strict, quick) {
            (Ok(strict), Ok((quick, references))) => {
                let distinct = strict.rows.chunk_by(|a, b| a.reference == b.reference).count();
                assert_eq!(
                    (quick.count, quick.total, &quick.header),
                    (strict.count, strict.total, &strict.header)
                );
                assert!(quick.codes.names().eq(strict.codes.names()));
                assert_eq!(references, distinct as u64, "{text}");
            }
            // How many references there are is known later.
            (Err(complaint), Ok(_)) => {
                assert!(complaint.flaw.to_string().contains("references"), "{complaint} {text}");
            }
            (Ok(_), Err(Trouble)) => panic!("the quick reader refuses {text}"),
            (Err(_), Err(Trouble)) => {}
        }
    }
    strict.is_ok()
}

fn sample() -> File {
    let mut file = File::of_the_protocol();
    file.paid(
        "9a0c0000-0000-4000-8000-000000000009",
        "B1B2C3D4E5F60718",
        "AG1A",
        ("2026-05-01", "PARKIR, Ø", "3505", 5000, 0),
    );
    file.paid(REFERENCE, "A1B2C3D4E5F60718", "L1234AB", ("2024-02-29", "PNBP", "RKUN", 0, 7));
    for line in PAID_LINE {
        file.reverse(line);
    }
    file
}

#[test]
fn the_quick_reader_takes_what_the_strict_one_takes() {
    assert!(agree_on(&sample().text()));
    assert!(agree_on(sample().text().trim_end()));
    assert!(agree_on(&File::empty("2026-11-24").text()));
}

#[test]
fn whatever_byte_is_changed_both_readers_say_the_same() {
    let good = sample().text();
    for at in 0..good.len() {
        // Each place sees some of them, each of them some place of every field.
        for byte in b"019Aa,\"- \n\r+\0".iter().cycle().skip(at).step_by(5).take(2) {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = *byte;
            if let Ok(text) = String::from_utf8(bytes) {
                agree_on(&text);
            }
        }
        if good.is_char_boundary(at) {
            agree_on(&format!("{}{}", &good[..at], &good[at..].chars().skip(1).collect::<String>()));
            if at % 3 == 0 {
                agree_on(&good[..at]);
                agree_on(&format!("{}0{}", &good[..at], &good[at..]));
            }
        }
    }
}

#[test]
fn runs_are_merged_by_reference_in_the_order_of_the_file() {
    use crate::reconciliation::merge::{Groups, Merge};
    let text = sample().text();
    let strict = strict(&text, Authority::Bapenda).unwrap();
    for by_line in [true, false] {
        let date = BusinessDate::parse("2026-11-24").unwrap();
        let mut intake = Intake::new(Authority::Bapenda, date, &SpoolDir::new("")).unwrap();
        let blocks: Vec<&str> = if by_line { text.split_inclusive('\n').collect() } else { vec![&text] };
        for (at, block) in blocks.iter().enumerate() {
            let place = if at == 0 { Place::First } else { Place::Later };
            intake.take(read(block.as_bytes(), Authority::Bapenda, place)).unwrap();
        }
        let Ok((file, _, runs)) = intake.finish([0; 32]).0 else { panic!("not staged") };
        let (mut merge, mut groups, mut merged) = (Merge::new(&runs).unwrap(), Groups::default(), vec![]);
        while merge.next(&mut groups).unwrap() {
            let mut lines = vec![];
            groups
                .each(&runs, &mut lines, |head, booked_at, lines| {
                    for line in lines.drain(..) {
                        let code = file.codes.name(crate::reconciliation::row::Code(line.code)).to_owned();
                        merged.push((head.reference, line.line_no, code, line.principal, booked_at));
                    }
                })
                .unwrap();
        }
        let rows = strict.rows.iter().map(|row| {
            let code = strict.codes.name(row.code).to_owned();
            (row.reference.0.as_u128(), row.line_no, code, row.principal.get(), row.booked_at)
        });
        assert!(merged.into_iter().eq(rows));
    }
}

#[test]
fn sums_beyond_an_amount_are_left_to_the_strict_reader() {
    let mut file = File::empty("2026-11-24");
    for _ in 0..2 {
        file.paid(
            REFERENCE,
            "A1B2C3D4E5F60718",
            "L1234AB",
            ("2026-03-10", "PKB", "35", 999_999_999_999_999, 0),
        );
    }
    assert!(!agree_on(&file.text()));
}

#[test]
fn blocks_end_with_lines() {
    assert_eq!(last_line(b"ab\ncd\nef"), 6);
    assert_eq!(last_line(b"abc"), 3);
}

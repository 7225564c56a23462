use proptest::prelude::*;

use super::*;
use crate::reconciliation::row::RowStatus;

fn line() -> impl Strategy<Value = Line> {
    let day = (1945_u32..=2200, 1_u32..=12, 1_u32..=28).prop_map(|(y, m, d)| y * 10_000 + m * 100 + d);
    let payee = prop::sample::select(vec![0_u16, 3501, 3529, 3578, 9_000, 9_001]);
    let amount = 0_i64..1_000_000_000_000_000;
    (day, 0_u16..3, payee, any::<bool>(), 1_u32..20_000_000, amount.clone(), amount).prop_map(
        |(due_on, code, payee, reversed, line_no, principal, penalty)| {
            let sign = if reversed { -1 } else { 1 };
            Line {
                due_on,
                code,
                payee,
                status: if reversed { RowStatus::Reversed } else { RowStatus::Paid },
                line_no,
                principal: principal * sign,
                penalty: penalty * sign,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_chunks_text_is_what_the_serializer_writes_of_its_lines(
        groups in prop::collection::vec((prop::collection::vec(line(), 1..8), any::<u128>(), "[!-~]{1,64}", 0_i32..4), 1..20),
        document in 0_u64..10_000_000_000_000_000, first in 1_i32..1000,
    ) {
        let names = ["PKB", "PARKIR, \"Ø\" \\", "SWDKLLJ"];
        let mut chunker = Chunker::new(Authority::Bapenda, names.len());
        let mut at = first;
        let mut places = vec![];
        for (lines, reference, number, gap) in &groups {
            let head = Head { reference: *reference, number, document, plate: "L1234AØ" };
            let mut group = vec![];
            packed::pack(&mut group, &head, lines);
            prop_assert!(chunker.add((*reference, &group), lines, at, &names).is_none());
            let end = at + i32::try_from(lines.len()).unwrap();
            places.extend(at..end);
            at = end + gap;
        }
        let chunk = chunker.close(&names).unwrap();
        prop_assert_eq!((chunk.first, chunk.last), (first, *places.last().unwrap()));
        prop_assert_eq!(chunk.count, i32::try_from(places.len()).unwrap());

        let mut reader = Reader::new(Authority::Bapenda, chunk.first, &chunk.bytes).unwrap();
        let (mut text, mut serialized, mut read) = (vec![], vec![], vec![]);
        while let Some(group) = reader.next().unwrap() {
            group.text(&mut text).unwrap();
            for (place, line) in group.lines() {
                read.push(place);
                serde_json::to_writer(&mut serialized, &group.line(line).unwrap()).unwrap();
                serialized.push(b'\n');
            }
        }
        prop_assert_eq!(read, places);
        prop_assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(serialized).unwrap());
    }

    #[test]
    fn whatever_bytes_are_stored_nothing_panics(bytes: Vec<u8>) {
        if let Ok(mut reader) = Reader::new(Authority::JasaRaharja, 1, &bytes) {
            while let Ok(Some(group)) = reader.next() {
                let _ = group.text(&mut vec![]);
            }
        }
    }
}

#[test]
fn a_full_chunk_is_closed() {
    let line = Line {
        due_on: 20_260_310,
        code: 0,
        payee: 0,
        status: RowStatus::Paid,
        line_no: 1,
        principal: 1,
        penalty: 0,
    };
    let mut chunker = Chunker::new(Authority::Bapenda, 1);
    let mut group = vec![];
    packed::pack(&mut group, &Head { reference: 1, number: "N", document: 1, plate: "L1A" }, &[line]);
    let filled = (1..).find_map(|at| chunker.add((1, &group), &[line], at, &["PKB"])).unwrap();
    assert!(filled.bytes.len() >= CHUNK_BYTES && filled.first == 1 && filled.count == filled.last);
    assert_eq!(chunker.close(&["PKB"]), None);
}

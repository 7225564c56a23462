//! The shape of the source: who may import whom, where SQL, clocks and servers may stand, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::World;

/// The one allowed order of import: a module may use what stands to its right.
const ORDER: [&str; 18] = [
    "http",
    "verify",
    "reconciliation",
    "paper",
    "payment",
    "receipt",
    "lookup",
    "drawer",
    "agents",
    "cases",
    "tariff",
    "upstream",
    "ledger",
    "audit",
    "db",
    "config",
    "domain",
    // Nothing stands right of the values.
    "",
];

/// Longest file.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder with that ending: its path from the root, and its text.
fn files(folder: &str, ending: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() && entry.file_name().is_some_and(|name| name != "target") {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == ending) {
                found.insert(name_of(&entry), fs::read_to_string(&entry).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "no .{ending} under {folder}");
    found
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The text without comments and without what stands in quotes on one line: what the compiler reads.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(name: &str) -> bool {
    name.contains("tests/")
        || name.ends_with("/tests.rs")
        || name.contains("step_tests")
        || name == "src/reconciliation/sample.rs"
}

/// The part before the file's own tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The modules that a text names behind `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split("};").next().unwrap_or_default();
                found.extend(
                    group.split(',').map(|part| part.trim().split([':', '}']).next().unwrap().to_owned()),
                );
            }
            None => {
                found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    found
}

#[test]
fn modules_import_only_what_stands_to_their_right() {
    let mut wrong = vec![];
    let mut edges = 0;
    for (name, text) in files("src", "rs") {
        let Some(module) = name.strip_prefix("src/").and_then(|rest| rest.split('/').next()) else {
            continue;
        };
        let Some(place) = ORDER.iter().position(|known| *known == module) else {
            assert!(
                ["lib.rs", "main.rs", "command"].contains(&module),
                "{name}: a module that has no place in the order"
            );
            continue;
        };
        for imported in imports(&text).into_iter().filter(|imported| imported != module) {
            match ORDER.iter().position(|known| *known == imported) {
                Some(other) if other > place => edges += 1,
                Some(_) => wrong.push(format!("{name} imports crate::{imported}, which stands to its left")),
                // A type or a static of the crate's root.
                None => assert!(imported == "MIGRATOR" || imported.is_empty(), "{name}: crate::{imported}"),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(edges > 50, "the graph was not read: {edges} edges");
}

#[test]
fn every_module_of_the_library_has_a_place_in_the_order_and_the_reverse() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(modules, ORDER.into_iter().filter(|name| !name.is_empty()).collect());
}

/// Where SQL may stand: a slice's store files, the way to the database, the audit log's own two statements, the
/// invariants, and the files of a payment and of proposals that are a statement each.
fn may_hold_sql(name: &str) -> bool {
    let listed = [
        "src/db/mod.rs",
        "src/db/together.rs",
        "src/audit/mod.rs",
        "src/agents/proposal.rs",
        "src/agents/topup.rs",
        "src/payment/approval.rs",
        "src/payment/debts.rs",
        "src/payment/debts.rs",
        "src/payment/give_back.rs",
        "src/payment/view.rs",
    ];
    name.ends_with("store.rs") || name.starts_with("src/verify/") || listed.contains(&name)
}

#[test]
fn sql_stands_only_where_a_reader_would_look_for_it() {
    for (name, text) in files("src", "rs") {
        let code = code(&text);
        let holds = code.contains("sqlx::query")
            || ["SELECT ", "INSERT INTO ", "DELETE FROM "].iter().any(|w| code.contains(w));
        assert!(!holds || may_hold_sql(&name), "{name} holds SQL");
        if name.starts_with("src/http/")
            || name.starts_with("src/tariff/")
            || name.starts_with("src/upstream/")
        {
            assert!(!code.contains("sqlx::query"), "{name}");
        }
    }
}

#[test]
fn only_the_clock_reads_the_time() {
    for (name, text) in files("src", "rs") {
        let code = code(&text);
        for reading in ["Utc::now", "Local::now", "SystemTime::now"] {
            assert!(!code.contains(reading) || name == "src/domain/clock.rs", "{name} reads {reading}");
        }
    }
}

#[test]
fn only_http_knows_the_server() {
    for (name, text) in files("src", "rs").into_iter().filter(|(name, _)| !name.starts_with("src/http/")) {
        let code = code(&text);
        for server in ["axum::", "hyper::", "hyper_util::", "tower::", "askama::"] {
            assert!(!code.contains(server), "{name} names {server}");
        }
    }
}

#[test]
fn the_ledger_and_the_domain_never_touch_the_network_and_upstream_never_the_database() {
    for (folder, foreign) in [
        ("src/ledger", "reqwest"),
        ("src/domain", "reqwest"),
        ("src/domain", "sqlx::query"),
        ("src/tariff", "reqwest"),
        ("src/tariff", "sqlx"),
        ("src/upstream", "sqlx"),
    ] {
        for (name, text) in files(folder, "rs") {
            assert!(!code(&text).contains(foreign), "{name} names {foreign}");
        }
    }
}

#[test]
fn a_file_tells_one_story_of_at_most_four_hundred_lines() {
    let mut long = vec![];
    for folder in ["src", "mock-bapenda", "xtask", "tests"] {
        for (name, text) in files(folder, "rs") {
            let lines = text.lines().count();
            if lines > LINES_MAX {
                long.push(format!("{name}: {lines} lines"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_for_later_and_no_test_sleeps_or_is_skipped() {
    let this = "tests/it/tidy.rs";
    for folder in ["src", "mock-bapenda", "xtask", "tests", "migrations", "config", "docs"] {
        for ending in ["rs", "sql", "toml", "md"] {
            let held = match ending {
                "rs" => !["migrations", "config", "docs"].contains(&folder),
                "sql" => folder == "migrations",
                "toml" => folder == "config",
                _ => folder == "docs",
            };
            for (name, text) in if held { files(folder, ending) } else { BTreeMap::new() } {
                for word in [
                    "FIXME",
                    "TODO",
                    "XXX",
                    "dbg!(",
                    "todo!(",
                    "unimplemented!(",
                    "#[ignore",
                    "#[should_panic",
                ] {
                    assert!(name == this || !text.contains(word), "{name}: {word}");
                }
                let test = name.starts_with("tests/") || is_test(&name);
                // Where a process must die or come up, a test looks again and again until a deadline.
                let looks = name.starts_with("tests/kill/") || name == "tests/it/support/trouble.rs";
                assert!(!test || name == this || looks || !code(&text).contains("sleep("), "{name} sleeps");
            }
        }
    }
}

#[test]
fn the_source_does_not_panic_on_purpose() {
    for (name, text) in files("src", "rs").into_iter().filter(|(name, _)| !is_test(name)) {
        let code = code(without_tests(&text));
        for word in [".unwrap()", ".expect(", "panic!(", "println!(", "#[allow("] {
            assert!(!code.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (name, text) in files("src", "rs").into_iter().filter(|(name, _)| !is_test(name)) {
        assert!(text.starts_with("//!"), "{name} does not begin with what it is for");
    }
}

#[test]
fn no_module_stands_beside_a_folder_of_its_name() {
    for name in files("src", "rs").into_keys() {
        let folder = root().join(name.trim_end_matches(".rs"));
        assert!(!folder.is_dir(), "{name} stands beside its own folder");
    }
}

#[test]
fn the_mock_and_the_gateway_share_no_code() {
    let manifest = fs::read_to_string(root().join("mock-bapenda/Cargo.toml")).unwrap();
    assert!(!manifest.contains("samsat-gateway") && !manifest.contains("path = \"..\""), "{manifest}");
    for (name, text) in files("mock-bapenda", "rs") {
        for word in ["samsat_gateway", "#[path", "include!", "include_str!(\"../../src"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
    for (name, text) in files("src", "rs") {
        for word in ["mock_bapenda", "#[path", "include!"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (shipped, for_tests) = manifest.split_once("[dev-dependencies]").unwrap();
    assert!(
        !shipped.contains("mock-bapenda = ") && for_tests.contains("mock-bapenda = "),
        "only tests know the mock"
    );
}

#[tokio::test]
async fn every_table_and_view_says_what_it_is_for() {
    let world = World::new().await;
    let silent: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
         AND relname NOT LIKE '\\_sqlx%' AND obj_description(c.oid, 'pg_class') IS NULL",
    )
    .fetch_all(&mut world.admin_connection().await)
    .await
    .unwrap();
    assert!(silent.is_empty(), "no COMMENT on {silent:?}");
}

#[tokio::test]
async fn money_is_whole_rupiah_and_every_check_has_a_name_of_its_own() {
    let world = World::new().await;
    let mut admin = world.admin_connection().await;
    let floats: Vec<String> = sqlx::query_scalar(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'
         AND data_type IN ('real', 'double precision', 'numeric', 'money', 'timestamp without time zone')",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(floats.is_empty(), "{floats:?}");
    let unnamed: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
         WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conname = t.relname || '_check'",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

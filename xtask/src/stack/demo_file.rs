//! `DEMO_FILE`: whom and what a program outside can use against the running stack.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::checkout::write_private;

/// Members that are lists; one whose part is not built is empty.
const LISTS: [&str; 4] = ["agents", "special_agents", "users", "partners"];

/// The file and what stands in it.
#[derive(Debug, Clone)]
pub(crate) struct DemoFile {
    path: PathBuf,
    /// Everything but the gateways' ids.
    content: Map<String, Value>,
}

impl DemoFile {
    /// From what `samsat-gateway seed` printed and the vehicles that the mock knows.
    ///
    /// # Errors
    /// When the seed is no object or names no agent.
    pub(crate) fn assemble(path: PathBuf, seed: &str, vehicles: Value) -> Result<Self> {
        let mut content: Map<String, Value> =
            serde_json::from_str(seed).context("samsat-gateway seed printed no JSON object")?;
        for list in LISTS {
            content.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        }
        content.insert("vehicles".into(), vehicles);
        let file = Self { path, content };
        anyhow::ensure!(!file.list("agents").is_empty(), "samsat-gateway seed made no agents");
        Ok(file)
    }

    /// Writes it with the gateways that run now; readers see the old file or the new one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn write(&self, gateway_pids: &[u32]) -> Result<()> {
        let mut content = self.content.clone();
        content.insert("gateway_pids".into(), Value::from(gateway_pids));
        write_private(&self.path, &serde_json::to_vec(&content)?)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// One of its lists.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.content.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_that_are_not_built_yet_are_empty() {
        let file =
            DemoFile::assemble("/x".into(), r#"{"agents": [{"agent_code": "A"}]}"#, json!([])).unwrap();
        assert_eq!(file.list("agents").len(), 1);
        assert_eq!(file.content["partners"], json!([]));
        assert_eq!(file.content["vehicles"], json!([]));
    }

    #[test]
    fn a_seed_without_agents_is_an_error() {
        assert!(DemoFile::assemble("/x".into(), r#"{"agents": []}"#, json!([])).is_err());
        assert!(DemoFile::assemble("/x".into(), "nothing", json!([])).is_err());
    }
}

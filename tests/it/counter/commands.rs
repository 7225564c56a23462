//! `samsat-gateway user`: people of an outlet, by whoever has the gateway's configuration.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Cashier, World};

/// The real program on that world's database.
pub(crate) struct Shell {
    file: std::path::PathBuf,
}

impl Shell {
    pub(crate) fn of(world: &World) -> Self {
        let name = format!("samsat-user-{}.toml", uuid::Uuid::now_v7().simple());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, crate::logs::toml_of(&world.config)).unwrap();
        Self { file }
    }

    /// Runs `user …`; tells the exit status and what was printed: the result, or why not.
    pub(crate) async fn user(&self, arguments: &str, input: &str) -> (i32, Value, String) {
        let words: Vec<&str> = ["user"].into_iter().chain(arguments.split(' ')).collect();
        self.runs(&words, input).await
    }

    /// Runs any command.
    pub(crate) async fn runs(&self, words: &[&str], input: &str) -> (i32, Value, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samsat-gateway"));
        command.args(words).arg("--json");
        command.env_clear().env("SAMSAT_CONFIG", &self.file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.to_owned();
        let output = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            // Who refuses early does not read.
            drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
            child.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        let result = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap(), result, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
    }
}

async fn leads_to(cashier: &Cashier) -> String {
    cashier.opens("/").await.location().to_owned()
}

#[tokio::test]
async fn people_of_an_outlet_are_added_reset_disabled_and_signed_out_by_command() {
    let world = World::new().await;
    let shell = Shell::of(&world);
    let code = world.agents[0].code.clone();
    for (arguments, password, why) in [
        ("add siti --role kasir", "sementara 7731", "belong to an outlet"),
        (&*format!("add siti --role bapenda --agent {code}"), "sementara 7731", "belong to an outlet"),
        ("add siti --role kasir --agent PSN-9999", "sementara 7731", "NOT_FOUND"),
        (&*format!("add siti --role kasir --agent {code}"), "pendek", "at least 8"),
        (&*format!("add siti --role kasir --agent {code}"), "rahasia123", "easily guessed"),
        ("password nobody", "sementara 7731", "NOT_FOUND"),
        ("disable nobody", "", "NOT_FOUND"),
    ] {
        let (status, _, error) = shell.user(arguments, password).await;
        assert_eq!(status, 1, "{arguments}: {error}");
        assert!(error.contains(why), "{arguments}: {error}");
    }
    let (status, added, error) =
        shell.user(&format!("add siti --role kasir --agent {code} --name Siti"), "sementara 7731\n").await;
    assert_eq!((status, &added["agent_code"]), (0, &Value::from(code.clone())), "{error}");
    let (status, _, error) =
        shell.user(&format!("add siti --role kasir --agent {code}"), "sementara 7731").await;
    assert!(status == 1 && error.contains("NAME_TAKEN") && !error.contains("person_username_key"), "{error}");
    let siti = world.cashier(0, "orang.lain").await.elsewhere();
    assert_eq!(siti.tries("siti", "sementara 7731").await.location(), "/");
    assert_eq!(leads_to(&siti).await, "/sandi", "somebody else chose the password");
    assert_eq!(shell.user("sign-out siti", "").await.1["sessions_ended"], 1);
    assert_eq!(leads_to(&siti).await, "/masuk");
    assert_eq!(shell.user("password siti", "sementara 9024").await.0, 0);
    assert_eq!(siti.tries("siti", "sementara 7731").await.status.as_u16(), 401);
    assert_eq!(siti.tries("siti", "sementara 9024").await.location(), "/");
    assert_eq!(shell.user("disable siti", "").await.1["status"], "disabled");
    assert_eq!(leads_to(&siti).await, "/masuk");
    assert_eq!(siti.tries("siti", "sementara 9024").await.status.as_u16(), 401);
    assert_eq!(shell.user("disable siti", "").await.0, 1, "there is nothing to change");
    assert_eq!(shell.user("enable siti", "").await.1["status"], "enabled");
    assert_eq!(siti.tries("siti", "sementara 9024").await.location(), "/");
    let by_shell = "SELECT count(*) FROM audit_event WHERE actor = 'shell' AND subject IS NOT NULL";
    assert_eq!(world.count(by_shell).await, 5, "added, signed out, reset, disabled, enabled");
    world.verified().await;
}

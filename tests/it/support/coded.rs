//! People with a second factor: supervisors, officers, auditors, admins; their browsers and their codes.

use reqwest::StatusCode;
use samsat_gateway::agents::{self, NewPerson, Role};
use totp_rs::{Builder, Secret};

use super::cashier::{Cashier, PASSWORD, Page};
use super::world::World;

/// Somebody who signs in with password and code.
pub struct Coded {
    pub browser: Cashier,
    /// Base 32; empty before the second factor is set.
    pub secret: String,
}

impl World {
    /// Somebody of that role with a second factor, not signed in; operators work at the nth outlet.
    pub async fn coded(&self, role: Role, username: &str, outlet: usize) -> Coded {
        let browser = self.uncoded(role, username, outlet).await;
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let person =
            agents::person_by_name(&mut connection, username).await.expect("a row").expect("a person");
        let at = self.clock.now();
        let secret = self.app.sign_ins.enrol(&mut connection, person.person_id, at).await.expect("a secret");
        Coded { browser, secret }
    }

    /// The same before the second factor is set.
    pub async fn uncoded(&self, role: Role, username: &str, outlet: usize) -> Cashier {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let code = &self.agents[outlet].code;
        let agent = agents::agent_by_code(&mut connection, code).await.expect("a row").expect("an outlet");
        let hash = agents::hash_password(PASSWORD).expect("a hash");
        let outlet = role.is_at_outlet().then_some(agent.agent_id);
        let new =
            NewPerson { full_name: Some("Nur Hidayati"), outlet, ..NewPerson::named(username, &hash, role) };
        agents::add_person(&mut connection, &new, self.clock.now()).await.expect("a person");
        Cashier::new(username, &self.agent().base)
    }

    /// A code that has not been used: half a minute later than the one before.
    pub fn code(&self, secret: &str) -> String {
        self.clock.shift(chrono::TimeDelta::seconds(30));
        self.code_again(secret)
    }

    /// The code of this very moment, used or not.
    pub fn code_again(&self, secret: &str) -> String {
        let secret = Secret::try_from_base32(secret.replace(' ', "")).expect("base 32");
        let totp = Builder::new().with_secret(secret).build().expect("a secret of 160 bits");
        totp.generate(u64::try_from(self.clock.now().timestamp()).expect("after 1970")).to_string()
    }
}

impl Coded {
    /// Signs in with password and code; the first page after that.
    pub async fn signs_in(&self, world: &World) -> Page {
        let answer = self.browser.tries(&self.browser.username, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        let asked = self.browser.follows(&answer).await;
        assert_eq!(asked.path, "/kode", "{}", asked.text());
        let answer = self.browser.sends(&asked, "/kode", &[("kode", &world.code(&self.secret))]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        let page = self.browser.follows(&answer).await;
        assert_eq!(page.status, StatusCode::OK, "{} {}", page.path, page.text());
        page
    }

    pub async fn opens(&self, path: &str) -> Page {
        self.browser.opens(path).await
    }
}

//! People with a second factor: supervisors, officers, auditors, admins; their browsers and their codes.

use samsat_gateway::agents::{self, NewPerson, Role};
use samsat_gateway::domain::{Clock, PersonId};
use sqlx::PgConnection;
use totp_rs::{Builder, Secret};

use super::cashier::{Cashier, PASSWORD, Page};
use super::world::World;

/// Somebody who signs in with password and code.
pub struct Coded {
    pub browser: Cashier,
    /// Base 32.
    pub secret: String,
}

/// An authenticator app with one secret.
#[derive(Clone)]
pub struct Codes {
    secret: String,
    clock: Clock,
}

impl Codes {
    /// Of a secret in base 32, spaces or not.
    pub fn with(secret: &str, world: &World) -> Self {
        Self { secret: secret.replace(' ', ""), clock: world.clock.clone() }
    }

    /// Sets a person's second factor.
    pub async fn of(world: &World, connection: &mut PgConnection, id: PersonId) -> Self {
        let at = world.clock.now();
        Self::with(&world.app.sign_ins.enrol(connection, id, at).await.expect("a secret"), world)
    }

    /// A code that has not been used: half a minute later than the one before.
    pub fn next(&self) -> String {
        self.clock.shift(chrono::TimeDelta::seconds(30));
        self.now()
    }

    /// The code of this very moment, used or not.
    pub fn now(&self) -> String {
        let secret = Secret::try_from_base32(&self.secret).expect("base 32");
        let totp = Builder::new().with_secret(secret).build().expect("a secret of 160 bits");
        totp.generate(u64::try_from(self.clock.now().timestamp()).expect("after 1970")).to_string()
    }
}

impl World {
    /// Somebody of that role with a second factor, not signed in; operators work at the nth outlet.
    pub async fn coded(&self, role: Role, username: &str, outlet: usize) -> Coded {
        let browser = self.uncoded(role, username, outlet).await;
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let person =
            agents::person_by_name(&mut connection, username).await.expect("a row").expect("a person");
        let codes = Codes::of(self, &mut connection, person.person_id).await;
        Coded::with(browser, &codes.secret, self)
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

    /// A code of a secret that has not been used: half a minute later than the one before.
    pub fn code(&self, secret: &str) -> String {
        Codes::with(secret, self).next()
    }

    /// The code of this very moment, used or not.
    pub fn code_again(&self, secret: &str) -> String {
        Codes::with(secret, self).now()
    }
}

impl Coded {
    /// A browser whose owner has that secret in an app.
    pub fn with(mut browser: Cashier, secret: &str, world: &World) -> Self {
        let codes = Codes::with(secret, world);
        let secret = codes.secret.clone();
        browser.code = Some(codes);
        Self { browser, secret }
    }

    /// Signs in with password and code; the first page after that.
    pub async fn signs_in(&self) -> Page {
        self.browser.signs_in().await
    }

    pub async fn opens(&self, path: &str) -> Page {
        self.browser.opens(path).await
    }
}

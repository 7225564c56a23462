//! A database of its own, copied from a migrated template that is made once per set of migrations.

use sqlx::{Connection, Executor, PgConnection};

const OWNER: &str = "samsat_owner";
const APP: &str = "samsat_app";

fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}

/// Where the superuser connects.
fn admin_url(database: &str) -> String {
    let url = needed("SAMSAT_TEST_ADMIN_URL");
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{database}")
}

fn url_of(user: &str, password: &str, database: &str) -> String {
    let url = needed("SAMSAT_TEST_ADMIN_URL");
    let host = url.rsplit_once('@').map(|(_, host)| host).expect("a URL with a host");
    let (server, _) = host.rsplit_once('/').expect("a URL with a database");
    format!("postgres://{user}:{password}@{server}/{database}")
}

/// The address within a URL.
pub fn address_of(url: &str) -> std::net::SocketAddr {
    let (_, rest) = url.split_once("//").expect("a scheme");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split_once('/').map_or(host, |(host, _)| host);
    let mut found = std::net::ToSocketAddrs::to_socket_addrs(host).expect("a host and a port");
    found.next().expect("an address")
}

/// A database that is dropped with its test.
pub struct Database {
    pub name: String,
}

impl Database {
    pub async fn create() -> Self {
        let template = template().await;
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let mut admin =
            PgConnection::connect(&admin_url("postgres")).await.expect("the test cluster answers");
        create(&mut admin, &name, &template).await;
        Self { name }
    }

    /// A copy of it as it stands. Whoever is connected to it is cut off.
    pub async fn copy(&self) -> Self {
        let mut admin =
            PgConnection::connect(&admin_url("postgres")).await.expect("the test cluster answers");
        sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
            .bind(&self.name)
            .execute(&mut admin)
            .await
            .expect("connections end");
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        create(&mut admin, &name, &self.name).await;
        Self { name }
    }

    /// One that no migration has seen.
    pub async fn empty() -> Self {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let mut admin =
            PgConnection::connect(&admin_url("postgres")).await.expect("the test cluster answers");
        create(&mut admin, &name, "template1").await;
        Self { name }
    }

    pub fn app_url(&self) -> String {
        url_of(APP, &needed("SAMSAT_TEST_APP_PASSWORD"), &self.name)
    }

    pub fn owner_url(&self) -> String {
        url_of(OWNER, &needed("SAMSAT_TEST_OWNER_PASSWORD"), &self.name)
    }

    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&admin_url(&self.name)).await.expect("the test database answers")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Dropped by a thread with a runtime of its own: the test's may be gone already.
        let (name, url) = (self.name.clone(), admin_url("postgres"));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&url).await.ok()?;
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                admin.execute(sqlx::AssertSqlSafe(sql)).await.ok()
            })
        });
        drop(dropped.join());
    }
}

/// Two processes may want the template at once: an advisory lock lets one make it.
async fn template() -> String {
    let version: String = samsat_gateway::MIGRATOR.iter().map(|m| hex::encode(&m.checksum[..4])).collect();
    let digest = uuid::Uuid::from_bytes(
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, version.as_bytes()).as_ref()[..16]
            .try_into()
            .expect("16 bytes"),
    );
    let name = format!("tmpl_{}", digest.simple());
    let mut admin = PgConnection::connect(&admin_url("postgres")).await.expect("the test cluster answers");
    admin.execute("SELECT pg_advisory_lock(7021)").await.expect("a lock");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .expect("a question");
    if !exists {
        let half = format!("{name}_half");
        admin
            .execute(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {half} WITH (FORCE)")))
            .await
            .expect("a drop");
        admin
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {half} OWNER {OWNER}")))
            .await
            .expect("a database");
        samsat_gateway::db::migrate(&url_of(OWNER, &needed("SAMSAT_TEST_OWNER_PASSWORD"), &half))
            .await
            .expect("migrations run");
        admin
            .execute(sqlx::AssertSqlSafe(format!("ALTER DATABASE {half} RENAME TO {name}")))
            .await
            .expect("a rename");
    }
    admin.execute("SELECT pg_advisory_unlock(7021)").await.expect("an unlock");
    name
}

async fn create(admin: &mut PgConnection, name: &str, template: &str) {
    let sql = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}");
    admin.execute(sqlx::AssertSqlSafe(sql)).await.expect("a database from the template");
}

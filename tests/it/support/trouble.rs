//! What breaks in a world: rows that cannot be written, tables that are locked, sessions and gateways that are killed,
//! clients that go away.

use std::time::Duration;

use samsat_gateway::http::Gateway;
use samsat_gateway::payment::Decision;
use samsat_gateway::reconciliation::Night;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::agent::{Answer, Client, Quote};
use super::world::World;

/// Longer than any fault lasts, shorter than a cashier's patience.
const PATIENCE: Duration = Duration::from_secs(25);

/// A gateway in a runtime of its own, which can be killed at any moment as the kernel would.
pub struct Doomed {
    pub client: Client,
    instance: String,
    runtime: Option<Runtime>,
}

impl Doomed {
    /// Does this in its runtime, for as long as that lives.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) {
        drop(self.runtime.as_ref().map(|runtime| runtime.spawn(work)));
    }

    /// Killed, and started again under the same name.
    pub async fn kill_and_start_again(self, world: &World) -> Self {
        let instance = self.instance.clone();
        self.kill().await;
        world.doomed_named(instance).await
    }

    /// Ends every task of it where it stands. Nothing is said to anybody.
    pub async fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let dead = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE));
            dead.await.expect("nothing of it lives");
        }
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A transaction of the superuser that stands in others' way until it is dropped.
pub struct InTheWay(PgConnection);

impl InTheWay {
    pub async fn goes(self) {
        self.0.close().await.expect("a farewell");
    }
}

impl World {
    /// A gateway beside the world's own, to be killed. It serves the first agent.
    pub async fn doomed(&self) -> Doomed {
        self.doomed_named(format!("doomed-{}", uuid::Uuid::now_v7())).await
    }

    async fn doomed_named(&self, instance: String) -> Doomed {
        let (runtime, gateway) = self.opened(&instance).await;
        let running = runtime.spawn(async move { gateway.start(None).await.expect("it starts") });
        let address = running.await.expect("a gateway").address;
        let client = Client { base: format!("http://{address}"), ..self.agent().clone() };
        Doomed { client, instance, runtime: Some(runtime) }
    }

    /// The night of a gateway that listens nowhere, to be killed.
    pub async fn doomed_night(&self) -> (Doomed, Night) {
        let instance = format!("doomed-{}", uuid::Uuid::now_v7());
        let (runtime, gateway) = self.opened(&instance).await;
        (Doomed { client: self.agent().clone(), instance, runtime: Some(runtime) }, gateway.night)
    }

    async fn opened(&self, instance: &str) -> (Runtime, Gateway) {
        let mut config = self.config.clone();
        instance.clone_into(&mut config.http.instance);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let clock = self.clock.clone();
        let opened = runtime.spawn(async move { Gateway::open(config, clock).await.expect("it opens") });
        let gateway = opened.await.expect("a gateway");
        (runtime, gateway)
    }

    /// As if the leases of whoever is at work had run out.
    pub async fn leases_run_out(&self) {
        self.does("UPDATE payment_work SET lease_until = now()").await;
    }

    /// Ends every session of every gateway, as a restart of the server would.
    pub async fn sessions_die(&self) {
        self.does("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'samsat_app'")
            .await;
    }

    /// Connections that died are gone from both pools, as they are after the first few requests.
    pub async fn recovers(&self) {
        for pool in [&self.app.db.requests, &self.app.db.workers] {
            let mut taken = vec![];
            for _ in 0..pool.size() {
                taken.push(pool.acquire().await.expect("a connection"));
            }
            for mut connection in taken {
                if connection.ping().await.is_err() {
                    drop(connection.close().await);
                }
            }
        }
    }

    /// What the superuser does.
    pub async fn does(&self, sql: impl Into<String>) {
        let sql = sqlx::AssertSqlSafe(sql.into());
        self.admin_connection().await.execute(sql).await.expect("the superuser may");
    }

    /// The first `times` rows of this table that `when` fits fail with this code; `when` speaks of `NEW`.
    pub async fn breaks(&self, table: &str, when: &str, (code, times): (&str, u32)) {
        self.does(format!(
            "CREATE SEQUENCE fault_count;
             CREATE FUNCTION fault_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
               IF nextval('public.fault_count') <= {times} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '{code}'; END IF;
               RETURN NEW;
             END $$;
             CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fault_row()"
        ))
        .await;
    }

    /// The rows of this table can be written again.
    pub async fn mends(&self, table: &str) {
        self.does(format!(
            "DROP TRIGGER fault ON {table}; DROP FUNCTION fault_row; DROP SEQUENCE fault_count"
        ))
        .await;
    }

    /// Locks what this statement locks until it goes.
    pub async fn stands_in_the_way(&self, sql: &'static str) -> InTheWay {
        let mut connection = self.admin_connection().await;
        connection.execute("BEGIN").await.expect("a transaction");
        connection.execute(sql).await.expect("a lock");
        InTheWay(connection)
    }

    /// Waits until that many say so.
    pub async fn until(&self, sql: &'static str, wanted: i64) {
        let give_up_at = Instant::now() + PATIENCE;
        let mut connection = self.admin_connection().await;
        loop {
            let now: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number");
            if now == wanted {
                return;
            }
            assert!(Instant::now() < give_up_at, "{sql}: {now} instead of {wanted}");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until somebody of the gateways waits for a lock.
    pub async fn until_blocked(&self) {
        self.until(
            "SELECT (count(*) > 0)::int::bigint FROM pg_stat_activity
             WHERE datname = current_database() AND usename = 'samsat_app' AND wait_event_type = 'Lock'",
            1,
        )
        .await;
    }

    /// Waits until no gateway's session is inside a transaction or waits.
    pub async fn until_quiet(&self) {
        self.until(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND usename = 'samsat_app' AND state <> 'idle'",
            0,
        )
        .await;
    }

    /// References of the payment requests that a host has received, in order.
    pub fn orders(&self, host: &str) -> Vec<String> {
        let seen = self.mock.requests().into_iter();
        let orders = seen.filter(|s| s.host == host && s.method == "POST" && s.path.ends_with("/payments"));
        orders.filter_map(|order| order.reference).collect()
    }

    /// Waits until a host has received that many payment requests.
    pub async fn until_ordered(&self, host: &str, wanted: usize) {
        let give_up_at = Instant::now() + PATIENCE;
        while self.orders(host).len() < wanted {
            assert!(Instant::now() < give_up_at, "{host} never got its order");
            tokio::task::yield_now().await;
        }
    }

    /// How many cases of a class are open.
    pub async fn open_cases(&self, class: &'static str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM case_file WHERE class = $1 AND closed_at IS NULL")
            .bind(class)
            .fetch_one(&mut self.admin_connection().await)
            .await
            .expect("a number")
    }

    /// Two people decide about a payment; tells its state then.
    pub async fn decide(&self, payment_id: &str, decision: Decision) -> String {
        let (one, other) = &self.people;
        let id: uuid::Uuid = payment_id.parse().expect("an id");
        let proposal =
            self.app.payments.propose_resolution(id, decision, "uji", one).await.expect("a proposal");
        let approved = self.app.payments.approve(proposal, other).await.expect("an approval");
        approved.payment.map(|payment| payment.state.as_str().to_owned()).unwrap_or_default()
    }

    /// Two people take a payment back; tells its state then.
    pub async fn take_back(&self, payment_id: &str) -> String {
        let (one, other) = &self.people;
        let id = payment_id.parse().expect("an id");
        let proposal = self.app.payments.propose_reversal(id, "UJI", one).await.expect("a proposal");
        let approved = self.app.payments.approve(proposal, other).await.expect("an approval");
        approved.payment.map(|payment| payment.state.as_str().to_owned()).unwrap_or_default()
    }
}

impl Client {
    /// A payment request as it stands on the wire.
    pub fn wire(&self, key: &str, quote: &Quote) -> Vec<u8> {
        let body = serde_json::json!({"lookup_id": quote.lookup_id, "amount": quote.total}).to_string();
        let host = self.base.trim_start_matches("http://");
        format!(
            "POST /v1/payments HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.credential,
            body.len()
        )
        .into_bytes()
    }

    /// Opens a connection and says this.
    pub async fn says(&self, bytes: &[u8]) -> TcpStream {
        let address = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
        stream.write_all(bytes).await.expect("it reads");
        stream
    }

    /// Repeats with the same key, as told, until the outcome is no longer open to doubt here.
    pub async fn pays_until_told(&self, key: &str, quote: &Quote) -> Answer {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let answer = self.pays_with(key, quote).await;
            let again =
                matches!(answer.status.as_u16(), 409 | 500 | 503) && answer.body["retry"] == "same_key";
            if !again {
                return answer;
            }
            assert!(Instant::now() < give_up_at, "{}", answer.text);
            tokio::task::yield_now().await;
        }
    }
}

/// Says nothing more and reads until the other side is done.
pub async fn hang_up(mut stream: TcpStream) -> String {
    stream.shutdown().await.expect("half a close");
    let mut said = vec![];
    // A reset is an end as well.
    drop(stream.read_to_end(&mut said).await);
    String::from_utf8_lossy(&said).into_owned()
}

//! What people and hosts do in a world.

use samsat_gateway::agents;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::agent::{Client, Quote, Vehicle};
use super::between::Said;
use super::setting::top_up;
use super::world::World;

impl World {
    /// Where the API and the operations port listen.
    pub fn addresses(&self) -> (std::net::SocketAddr, std::net::SocketAddr) {
        self.running.as_ref().map(|r| (r.address, r.ops_address)).expect("a gateway that runs")
    }

    pub fn owner_url(&self) -> String {
        self.database.owner_url()
    }

    /// The first payable vehicle whose quote is like that, looked up by the first agent.
    pub async fn quote_where(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Quote {
        for vehicle in self.mock.vehicles(1_500).into_iter().filter(|v| v.case == "PAYABLE") {
            let vehicle = Vehicle { plate: vehicle.plate, chassis: vehicle.chassis_last5 };
            let quote = self.agent().looks_up(&vehicle).await;
            if wanted(&quote.body) {
                return quote;
            }
        }
        panic!("no vehicle with {what}");
    }

    /// Suspends an agent, as the command does.
    pub async fn suspends(&self, agent: &Client) {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let agent =
            agents::agent_by_code(&mut connection, &agent.code).await.expect("a row").expect("an agent");
        agents::set_status(&mut connection, agent.agent_id, false).await.expect("a change");
    }

    /// Tops an agent's float up: proposed by one, approved by another.
    pub async fn tops_up(&self, agent: &Client, amount: i64) {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let agent =
            agents::agent_by_code(&mut connection, &agent.code).await.expect("a row").expect("an agent");
        drop(connection);
        top_up(&self.app, &agent, amount, &self.people).await;
    }

    /// From now on the hosts' answers are changed like this; the world needs `between`.
    pub fn hosts_say(&self, change: impl Fn(&mut Said) + Send + Sync + 'static) {
        self.between.as_ref().expect("a world with `between`").set(change);
    }

    /// A connection of the role that owns nothing.
    pub async fn app_connection(&self) -> PgConnection {
        PgConnection::connect(&self.database.app_url()).await.expect("the test database answers")
    }

    /// It is tomorrow at both hosts, and the gateway has heard so: a clock that jumps is believed when it is said twice.
    pub async fn a_day_passes(&self) {
        self.hosts_later(86_400);
        for _ in 0..3 {
            self.agent().asks(&self.vehicle()).await;
        }
    }
}

//! Everybody with what they have: two outlets, a case, a night, and one person a role signed in.

use samsat_gateway::agents::Role;

use crate::support::{Cashier, Client, Shape, World};

/// What names an object of each kind.
#[derive(Clone)]
pub(super) struct Things {
    pub(super) lookup_id: String,
    pub(super) payment_id: String,
    pub(super) receipt_no: String,
    pub(super) proposal_id: String,
    pub(super) case_id: String,
    pub(super) subject: String,
    pub(super) person_id: String,
    pub(super) date: String,
    pub(super) drawer_id: String,
    pub(super) request_id: String,
}

impl Things {
    fn absent() -> Self {
        let none = || uuid::Uuid::now_v7().to_string();
        Self {
            lookup_id: none(),
            payment_id: none(),
            receipt_no: "PSN-9999-L26-000999".to_owned(),
            proposal_id: none(),
            case_id: none(),
            subject: none(),
            person_id: none(),
            date: "2020-02-02".to_owned(),
            drawer_id: none(),
            request_id: none(),
        }
    }

    /// Everything by one name.
    pub(super) fn named(word: &str) -> Self {
        let word = || word.to_owned();
        Self {
            lookup_id: word(),
            payment_id: word(),
            receipt_no: word(),
            proposal_id: word(),
            case_id: word(),
            subject: word(),
            person_id: word(),
            date: word(),
            drawer_id: word(),
            request_id: word(),
        }
    }

    pub(super) fn path(&self, pattern: &str) -> String {
        let pairs = [
            ("{lookup_id}", &self.lookup_id),
            ("{payment_id}", &self.payment_id),
            ("{receipt_no}", &self.receipt_no),
            ("{proposal_id}", &self.proposal_id),
            ("{case_id}", &self.case_id),
            ("{subject}", &self.subject),
            ("{person_id}", &self.person_id),
            ("{date}", &self.date),
            ("{drawer_id}", &self.drawer_id),
            ("{request_id}", &self.request_id),
        ];
        let pattern = pattern.replace("{name}", "a5.css");
        pairs.iter().fold(pattern, |path, (name, value)| path.replace(name, value))
    }

    /// An answer without the id that was asked about.
    pub(super) fn anonymous(&self, text: &str) -> String {
        let ids = [&self.lookup_id, &self.payment_id, &self.receipt_no, &self.drawer_id, &self.request_id];
        ids.iter().fold(text.to_owned(), |text, id| text.replace(id.as_str(), "ID"))
    }
}

/// Somebody: with a bearer credential where it has one, and a browser where it signs in.
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) role: Option<Role>,
    pub(super) bearer: Client,
    pub(super) browser: Cashier,
    pub(super) csrf: String,
    pub(super) things: Things,
}

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) actors: Vec<Actor>,
    /// Of the other outlet, whose people do not act here.
    pub(super) others: Things,
    pub(super) absent: Things,
}

async fn things_of(world: &World, outlet: usize) -> Things {
    let agent = &world.agents[outlet];
    let quote = agent.looks_up(&world.vehicle()).await;
    let paid = agent.pays(&quote).await;
    assert_eq!(paid.state(), "confirmed", "{}", paid.text);
    let quote = agent.looks_up(&world.vehicle()).await;
    let cashier = world.staff(outlet, &format!("kasir.{outlet}"), Role::Kasir).await;
    let supervisor = world.staff(outlet, &format!("penyelia.{outlet}"), Role::Penyelia).await;
    let text = async |sql: &'static str| -> String {
        sqlx::query_scalar(sql).fetch_one(&mut world.admin_connection().await).await.unwrap()
    };
    Things {
        lookup_id: quote.lookup_id,
        payment_id: paid.id(),
        receipt_no: paid.body["receipt_no"].as_str().unwrap().to_owned(),
        proposal_id: text("SELECT proposal_id::text FROM proposal ORDER BY 1 LIMIT 1").await,
        case_id: text("SELECT case_id::text FROM case_file LIMIT 1").await,
        subject: paid.id(),
        person_id: text("SELECT person_id::text FROM person WHERE username = 'auditor.uji'").await,
        date: world.clock.today().to_string(),
        drawer_id: world.opens_drawer(&cashier, 0).await.to_string(),
        request_id: world.asks_topup(&supervisor, 25_000_000).await.to_string(),
    }
}

pub(super) async fn stage() -> Stage {
    let world = World::shaped(Shape { agents: 2, ..Shape::default() }).await;
    // A payment that contradicts its bill: a case.
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "wrong_amount");
    world.agent().pays(&quote).await;
    world.no_faults();
    let (own, others) = (things_of(&world, 0).await, things_of(&world, 1).await);
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        world.mock.close_day(&own.date, host).unwrap();
    }
    world.night.run(own.date.parse().unwrap()).await.expect("a night is published");
    let nobody = Client { credential: String::new(), ..world.agent().clone() };
    let outside = |name, bearer: &Client| Actor {
        name,
        role: None,
        bearer: bearer.clone(),
        browser: Cashier::new(name, &nobody.base),
        csrf: String::new(),
        things: own.clone(),
    };
    let mut actors = vec![outside("nobody", &nobody), outside("agent", world.agent())];
    for role in Role::ALL {
        actors.push(signed_in(&world, role, &own).await);
    }
    Stage { world, actors, others, absent: Things::absent() }
}

async fn own_drawer(world: &World, username: &str) -> String {
    sqlx::query_scalar("SELECT drawer_id::text FROM drawer JOIN person USING (person_id) WHERE username = $1")
        .bind(username)
        .fetch_one(&mut world.admin_connection().await)
        .await
        .unwrap()
}

async fn signed_in(world: &World, role: Role, own: &Things) -> Actor {
    let bearer = world.person(role).await;
    let name = format!("{}.jalan", role.as_str());
    let browser = if role.is_at_outlet() {
        world.operator(0, (&name, role), false).await
    } else {
        world.coded(role, &name, 0).await.browser
    };
    let page = browser.signs_in().await;
    let csrf = page.field("csrf").unwrap();
    let mut things = own.clone();
    if role.is_at_outlet() {
        // A quote of its own to pay.
        let bill = browser.looks_up(&world.vehicle()).await;
        things.lookup_id = bill.path.trim_start_matches("/tagihan/").to_owned();
        things.drawer_id = own_drawer(world, &name).await;
    }
    Actor { name: role.as_str(), role: Some(role), bearer, browser, csrf, things }
}

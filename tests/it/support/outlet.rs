//! An outlet's people without a browser: their drawer, their payments, what they ask for.

use samsat_gateway::agents::{self, Deposit, NewPerson, Operator, Proof, Role};
use samsat_gateway::domain::{ChassisLast5, DrawerId, PaymentId, Plate, RequestId, Rupiah};
use samsat_gateway::drawer::{self, Close, Count, DENOMINATIONS};
use samsat_gateway::payment::{PayRequest, Till};

use super::world::World;

/// A picture of a slip, no two alike.
pub fn slip() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1A\n".to_vec();
    bytes.extend_from_slice(uuid::Uuid::now_v7().as_bytes());
    bytes
}

/// A sum in notes and coins; what is left below the smallest coin is left out.
pub fn in_pieces(mut rupiah: i64) -> [String; 10] {
    DENOMINATIONS.map(|each| {
        let pieces = rupiah / each;
        rupiah -= pieces * each;
        pieces.to_string()
    })
}

impl World {
    /// Somebody at the nth outlet.
    pub async fn staff(&self, outlet: usize, username: &str, role: Role) -> Operator {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let code = &self.agents[outlet].code;
        let outlet = agents::agent_by_code(&mut connection, code).await.expect("a row").expect("an outlet");
        let new =
            NewPerson { outlet: Some(outlet.agent_id), ..NewPerson::named(username, "no password", role) };
        let person = agents::add_person(&mut connection, &new, self.clock.now()).await.expect("a person");
        let (person_id, username) = (person.person_id, person.username);
        Operator { person_id, username, full_name: None, role, outlet }
    }

    /// Opens an operator's drawer.
    pub async fn opens_drawer(&self, operator: &Operator, opening: i64) -> DrawerId {
        let opening = Rupiah::new(opening).expect("an amount");
        assert!(self.app.drawers.open(operator, opening).await.expect("a drawer"));
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        drawer::open_of(&mut connection, operator.person_id).await.expect("a row").expect("an open drawer")
    }

    /// Takes the tax of the next vehicle into an operator's drawer.
    pub async fn sells_into(&self, operator: &Operator, drawer: DrawerId) -> PaymentId {
        let vehicle = self.vehicle();
        let plate = Plate::parse(&vehicle.plate).expect("a plate");
        let chassis = ChassisLast5::parse(&vehicle.chassis).expect("a chassis");
        let lookup = self.app.lookups.look_up(&operator.outlet, &plate, &chassis).await.expect("a quote");
        let request = PayRequest {
            agent: operator.outlet.clone(),
            actor: operator.actor(),
            key: uuid::Uuid::now_v7().to_string(),
            lookup_id: lookup.lookup_id,
            amount: lookup.total,
            till: Till::Drawer(Some(drawer)),
        };
        let answer = self.app.payments.pay(&request).await.expect("a payment");
        PaymentId(answer.payment.payment_id)
    }

    /// Closes a drawer that differs from what it should hold by `variance`.
    pub async fn closes_drawer(&self, operator: &Operator, drawer: DrawerId, variance: i64) {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let book = drawer::book(&mut connection, drawer).await.expect("a book");
        drop(connection);
        let pieces = in_pieces(book.expected().expect("a sum").get() + variance);
        let count = Count::parse(pieces.each_ref().map(String::as_str)).expect("a count");
        let differs = count.total().minus(book.expected().expect("a sum")).expect("a difference");
        let reason = (!differs.is_zero()).then(|| "salah kembalian".to_owned());
        let close = Close { drawer_id: drawer, count, reason, shown: Some(differs) };
        self.app.drawers.close(operator, &close).await.expect("a closed drawer");
    }

    /// Asks for a top-up.
    pub async fn asks_topup(&self, supervisor: &Operator, amount: i64) -> RequestId {
        let deposit = Deposit {
            amount: Rupiah::new(amount).expect("an amount"),
            bank: "BANK JATIM".to_owned(),
            deposited_on: self.clock.today(),
            bank_reference: format!("SETOR-{}", uuid::Uuid::now_v7()),
        };
        let (id, proof) = (RequestId::new(), Proof::of(slip()).expect("a proof"));
        let mut transaction = self.app.db.workers.begin().await.expect("a transaction");
        agents::request_topup(&mut transaction, supervisor, (id, &deposit, &proof), self.clock.now())
            .await
            .expect("a request");
        transaction.commit().await.expect("a commit");
        id
    }
}

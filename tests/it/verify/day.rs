//! A day on which everything happens that can, so that every check has something to look at.

use samsat_gateway::agents::{self, Agent, Role};
use samsat_gateway::domain::{Authority, ChassisLast5, PaymentId, Plate, ProposalId, Rupiah};
use samsat_gateway::lookup::Lookup;
use samsat_gateway::payment::{Decision, PayError, PayRequest, PaymentView, Scope, Till};
use samsat_gateway::receipt::count_copy;
use samsat_gateway::upstream::PublicKey;
use samsat_gateway::verify::{Report, VerifyKeys, verify};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::support::{Database, Shape, World};

/// The day under way. Its gateway serves nobody and resolves nothing by itself: every step is taken here.
pub(crate) struct Day {
    world: World,
    agent: Agent,
}

/// A day in which every outcome stands and nothing is wrong.
pub(crate) async fn full_day() -> Day {
    let mut world = World::shaped(Shape { agents: 1, ..Shape::default() }).await;
    world.stop().await;
    let mut connection = world.app.db.requests.acquire().await.unwrap();
    let agent = agents::agent_by_code(&mut connection, &world.agent().code).await.unwrap().unwrap();
    drop(connection);
    let day = Day { world, agent };
    day.everything_happens().await;
    day
}

impl Day {
    pub(crate) async fn copied(&self) -> Database {
        self.world.copied().await
    }

    /// What a database holds against the invariants, asked in the gateway's own role, which must suffice.
    pub(crate) async fn verified(&self, database: &Database) -> Report {
        let upstream = &self.world.config.upstream;
        let keys = VerifyKeys {
            receipts: self.world.app.public_key.clone(),
            bapenda: PublicKey::from_pem(&upstream.bapenda.public_key_pem).unwrap(),
            jasa_raharja: PublicKey::from_pem(&upstream.jasa_raharja.public_key_pem).unwrap(),
        };
        let mut connection = PgConnection::connect(&database.app_url()).await.unwrap();
        let report = verify(&mut connection, &keys).await.unwrap();
        connection.close().await.unwrap();
        report
    }

    /// Looks the next vehicle up that owes Bapenda something: an electric one's leg of 0 moves no money to tamper with.
    async fn looks_up(&self) -> (Lookup, ChassisLast5) {
        loop {
            let vehicle = self.world.vehicle();
            let plate = Plate::parse(&vehicle.plate).unwrap();
            let chassis = ChassisLast5::parse(&vehicle.chassis).unwrap();
            let lookup = self.world.app.lookups.look_up(&self.agent, &plate, &chassis).await.unwrap();
            if lookup.quote.legs[0].amount > Rupiah::ZERO {
                return (lookup, chassis);
            }
            self.pays(&lookup, lookup.total).await.unwrap();
        }
    }

    async fn pays(&self, lookup: &Lookup, amount: Rupiah) -> Result<PaymentView, PayError> {
        let key = Uuid::now_v7().to_string();
        let request = PayRequest {
            actor: self.agent.actor(),
            agent: self.agent.clone(),
            key,
            lookup_id: lookup.lookup_id,
            amount,
            till: Till::Own,
        };
        self.world.app.payments.pay(&request).await.map(|answer| answer.payment)
    }

    /// Takes a tax under a fault, which is over when the answer is there.
    async fn pays_so(&self, lookup: &Lookup, faults: &Value, state: &str) -> PaymentId {
        self.world.faults(faults.clone());
        let payment = self.pays(lookup, lookup.total).await.unwrap();
        self.world.no_faults();
        assert_eq!(payment.state.as_str(), state, "{faults}");
        PaymentId(payment.payment_id)
    }

    /// Takes the next vehicle's.
    async fn pays_under(&self, faults: &Value, state: &str) -> PaymentId {
        let (lookup, _) = self.looks_up().await;
        self.pays_so(&lookup, faults, state).await
    }

    /// Every `not_after` is over, and the gateway has heard so: it believes no clock that runs ahead in one answer.
    async fn later(&self, seconds: i64) {
        self.world.hosts_later(seconds);
        for authority in Authority::ALL {
            self.world.app.upstream.host(authority).greet().await;
        }
    }

    async fn becomes(&self, id: PaymentId, state: &str) {
        let payment = self.world.app.payments.view(Scope::All, id).await.unwrap().unwrap();
        assert_eq!(payment.state.as_str(), state, "{payment:?}");
    }

    async fn approved(&self, id: ProposalId) {
        self.world.app.payments.approve(id, &self.world.people.1).await.unwrap();
    }

    async fn decide(&self, subject: Uuid, decision: Decision) {
        let payments = &self.world.app.payments;
        let proposed =
            payments.propose_resolution(subject, decision, "as agreed", &self.world.people.0).await;
        self.approved(proposed.unwrap()).await;
    }

    async fn reverse(&self, id: PaymentId) {
        let payments = &self.world.app.payments;
        let proposed = payments.propose_reversal(id, "WRONG_VEHICLE", &self.world.people.0).await;
        self.approved(proposed.unwrap()).await;
    }

    async fn everything_happens(&self) {
        self.bookings_and_refusals().await;
        self.drawers().await;
        self.doubts().await;
        self.half_paid().await;
        self.late_successes().await;
        self.reversals().await;
        self.night().await;
    }

    async fn bookings_and_refusals(&self) {
        for _ in 0..3 {
            self.pays_under(&json!([]), "confirmed").await;
        }
        let twice = self
            .pays_under(&json!([{"operation": "payment", "fault": "duplicate_delivery"}]), "confirmed")
            .await;
        let receipt_no =
            self.world.app.payments.view(Scope::All, twice).await.unwrap().unwrap().receipt_no.unwrap();
        let mut connection = self.world.app.db.requests.acquire().await.unwrap();
        for _ in 0..2 {
            count_copy(&mut connection, &receipt_no, self.world.app.clock.now()).await.unwrap();
        }
        drop(connection);
        let refuse = json!([{"host": "BAPENDA", "operation": "payment", "fault": "refuse:BILL_NOT_FOUND"}]);
        self.pays_under(&refuse, "refused").await;
        let (lookup, _) = self.looks_up().await;
        let less = Rupiah::new(lookup.total.get() - 1).unwrap();
        assert!(matches!(self.pays(&lookup, less).await, Err(PayError::Refused { .. })));
    }

    async fn drawers(&self) {
        let supervisor = self.world.staff(0, "penyelia.uji", Role::Penyelia).await;
        let drawer = self.world.opens_drawer(&supervisor, 250_000).await;
        self.world.sells_into(&supervisor, drawer).await;
        // Refused at once: its cash went back over the counter. Refused after a paper: it comes out of the drawer later.
        self.world.fault("BAPENDA", "payment", "refuse:BILL_NOT_FOUND");
        self.world.sells_into(&supervisor, drawer).await;
        self.world.fault("BAPENDA", "payment", "reset_before");
        let owed = self.world.sells_into(&supervisor, drawer).await;
        self.world.no_faults();
        self.later(6).await;
        self.world.app.payments.cancel(&self.agent, owed).await.unwrap();
        self.becomes(owed, "refused").await;
        let back = self.world.app.payments.give_back_from_drawer(&supervisor, owed, "the owner", true).await;
        back.unwrap().unwrap();
        self.world.closes_drawer(&supervisor, drawer, -5_000).await;
        let open = self.world.opens_drawer(&supervisor, 0).await;
        self.world.sells_into(&supervisor, open).await;
        let asked = self.world.asks_topup(&supervisor, 3_000_000).await;
        let refused = self.world.asks_topup(&supervisor, 4_000_000).await;
        let (officer, now) = (&self.world.people.0, self.world.clock.now());
        let mut transaction = self.world.app.db.workers.begin().await.unwrap();
        let proposal = agents::propose_request(&mut transaction, asked, officer, now).await.unwrap();
        agents::decline_request(&mut transaction, refused, (officer, "no such deposit"), now).await.unwrap();
        transaction.commit().await.unwrap();
        self.approved(proposal).await;
    }

    async fn doubts(&self) {
        let payments = self.world.app.payments.clone();
        let mute = json!([{"host": "BAPENDA", "operation": "payment", "fault": "reset_before"}]);
        let lost = json!([{"host": "BAPENDA", "operation": "payment", "fault": "reset_after_booking"}]);
        let late = json!([{"host": "JASA_RAHARJA", "operation": "payment", "fault": "reset_after_booking"}]);
        for faults in [&lost, &late] {
            let id = self.pays_under(faults, "in_doubt").await;
            payments.resolve_now(id).await.unwrap();
            self.becomes(id, "confirmed").await;
        }
        // The hosts' clock passes every not_after: what is not there then is proven absent, and the cash goes back.
        let ended = self.pays_under(&mute, "in_doubt").await;
        self.later(12).await;
        payments.cancel(&self.agent, ended).await.unwrap();
        self.becomes(ended, "refused").await;
        let kept = self.pays_under(&mute, "in_doubt").await;
        self.later(18).await;
        payments.cancel(&self.agent, kept).await.unwrap();
        payments
            .give_back((&self.agent, &self.agent.actor()), ended, "the owner", true)
            .await
            .unwrap()
            .unwrap();
        self.pays_under(&mute, "in_doubt").await;
        let wrong = json!([{"host": "BAPENDA", "operation": "payment", "fault": "wrong_amount"}]);
        let reopened = self.pays_under(&wrong, "integrity_hold").await;
        self.later(24).await;
        self.decide(reopened.0, Decision::Ask).await;
        self.becomes(reopened, "confirmed").await;
        self.pays_under(&wrong, "integrity_hold").await;
    }

    async fn half_paid(&self) {
        let refuse =
            json!([{"host": "JASA_RAHARJA", "operation": "payment", "fault": "refuse:ALREADY_PAID"}]);
        self.pays_under(&refuse, "in_doubt").await;
        let elsewhere = self.pays_under(&refuse, "in_doubt").await;
        self.decide(elsewhere.0, Decision::PaidElsewhere).await;
        self.becomes(elsewhere, "confirmed").await;
        self.assessed_afresh(&refuse).await;
        let back = self.pays_under(&refuse, "in_doubt").await;
        self.decide(back.0, Decision::Reverse).await;
        self.becomes(back, "reversed").await;
    }

    /// Jasa Raharja refuses, and is paid by what it asks then.
    async fn assessed_afresh(&self, refuse: &Value) {
        let vehicle = self.world.vehicle();
        let (plate, chassis) = (&vehicle.plate, ChassisLast5::parse(&vehicle.chassis).unwrap());
        let plate = Plate::parse(plate).unwrap();
        let lookup = self.world.app.lookups.look_up(&self.agent, &plate, &chassis).await.unwrap();
        self.world.faults(refuse.clone());
        let id = PaymentId(self.pays(&lookup, lookup.total).await.unwrap().payment_id);
        self.world.no_faults();
        let payments = &self.world.app.payments;
        let (proposal, _) =
            payments.propose_fresh_assessment(id, &chassis, "as agreed", &self.world.people.0).await.unwrap();
        self.approved(proposal).await;
        self.becomes(id, "confirmed").await;
    }

    async fn late_successes(&self) {
        let late = json!([{"host": "BAPENDA", "operation": "payment", "fault": "refuse_after_booking:BILL_NOT_FOUND"}]);
        let posted = self.pays_under(&late, "refused").await;
        self.decide(posted.0, Decision::Repost).await;
        self.becomes(posted, "confirmed").await;
        let back = self.pays_under(&late, "refused").await;
        self.decide(back.0, Decision::Reverse).await;
        self.becomes(back, "refused").await;
    }

    async fn close_case_of(&self, id: PaymentId) {
        let mut connection = self.world.app.db.requests.acquire().await.unwrap();
        let case = sqlx::query("SELECT case_id FROM case_file WHERE payment_id = $1").bind(id.0);
        let case: Uuid = case.fetch_one(&mut *connection).await.unwrap().get(0);
        drop(connection);
        self.decide(case, Decision::Close).await;
    }

    async fn reversals(&self) {
        let whole = self.pays_under(&json!([]), "confirmed").await;
        self.reverse(whole).await;
        self.becomes(whole, "reversed").await;
        let half = self.pays_under(&json!([]), "confirmed").await;
        self.world.fault("JASA_RAHARJA", "reversal", "refuse:NOT_REVERSIBLE");
        self.reverse(half).await;
        self.becomes(half, "reversed").await;
        self.close_case_of(half).await;
        let stays = self.pays_under(&json!([]), "confirmed").await;
        self.world.fault("BAPENDA", "reversal", "refuse:NOT_REVERSIBLE");
        self.reverse(stays).await;
        self.becomes(stays, "confirmed").await;
        let under_way = self.pays_under(&json!([]), "confirmed").await;
        self.world.fault("*", "reversal", "http_500");
        self.reverse(under_way).await;
        self.becomes(under_way, "reversing").await;
        self.world.no_faults();
    }

    async fn night(&self) {
        let lost = json!([{"host": "BAPENDA", "operation": "payment", "fault": "reset_after_booking"}]);
        let settled = self.pays_under(&lost, "in_doubt").await;
        let today = self.world.app.clock.today();
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            self.world.mock.close_day(&today.to_string(), host).unwrap();
        }
        // None of them touches the leg whose doubt the file ends.
        let planted = json!([
            {"host": "*", "operation": "settlement", "fault": "extra_row"},
            {"host": "JASA_RAHARJA", "operation": "settlement", "fault": "missing_row"},
        ]);
        self.world.faults(planted);
        self.world.night.run(today).await.unwrap();
        self.world.night.run(today).await.unwrap();
        self.world.no_faults();
        self.world.app.payments.resolve_now(settled).await.unwrap();
        self.becomes(settled, "confirmed").await;
    }
}

//! A fresh assessment of a leg that Jasa Raharja refused after Bapenda had booked.
//!
//! Asked for when it is proposed, so that whoever approves sees the amount. The chassis number goes to the host and is
//! kept nowhere; the signed answer is kept as evidence.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::state::{LegState, Payment};
use super::terms::{Decision, FreshAssessment, Terms};
use super::{Payments, settle_store, store};
use crate::agents::{self, Person, ProposalError, ProposalKind};
use crate::domain::{Authority, BusinessDate, ChassisLast5, PaymentId, Plate, ProposalId};
use crate::lookup::assessed_afresh;
use crate::upstream::{Evidence, Inquired, Inquiry};

impl Payments {
    /// Proposes to pay a refused leg by a fresh assessment; tells what Jasa Raharja asks now.
    ///
    /// # Errors
    /// [`ProposalError`] when there is no such payment, the person may not, no leg waits for it, or Jasa Raharja refuses
    /// in its own words.
    pub async fn propose_fresh_assessment(
        &self,
        id: PaymentId,
        chassis: &ChassisLast5,
        reason: &str,
        by: &Person,
    ) -> Result<(ProposalId, FreshAssessment), ProposalError> {
        agents::may_decide(by)?;
        let mut connection = self.db.workers.acquire().await?;
        let payment = store::load(&mut connection, id).await?.ok_or(ProposalError::NotFound)?;
        drop(connection);
        let (fresh, evidence) = self.assess_afresh(&payment, chassis).await?;
        let terms = Terms { assessment: Some(fresh.clone()), ..Terms::of(Decision::FreshAssessment, reason) };
        let terms = serde_json::to_value(&terms).map_err(|e| ProposalError::Terms(e.to_string()))?;
        let mut transaction = self.db.workers.begin().await?;
        settle_store::insert_evidence(&mut transaction, std::iter::once(&evidence)).await?;
        let subject = (ProposalKind::Resolve, id.0);
        let proposal = agents::propose(&mut transaction, subject, &terms, by, self.clock.now()).await?;
        transaction.commit().await?;
        Ok((proposal, fresh))
    }

    async fn assess_afresh(
        &self,
        payment: &Payment,
        chassis: &ChassisLast5,
    ) -> Result<(FreshAssessment, Evidence), ProposalError> {
        let says = |why: String| ProposalError::Terms(why);
        let refused = payment
            .leg_of(Authority::JasaRaharja)
            .filter(|leg| payment.any_booked() && matches!(leg.state, LegState::Refused(_)))
            .ok_or_else(|| {
                says("NOT_NOW: Jasa Raharja has refused nothing beside a booked bill".to_owned())
            })?;
        let plate = Plate::parse(&payment.plate).map_err(|e| says(e.to_string()))?;
        let reference = Uuid::now_v7();
        let as_of = BusinessDate::of(self.upstream.host(Authority::Bapenda).now());
        let inquiry = Inquiry { reference, plate: &plate, chassis, as_of };
        let (assessment, evidence) =
            match self.upstream.host(Authority::JasaRaharja).assessment(&inquiry).await {
                Inquired::Quoted(assessment, evidence) => (assessment, evidence),
                Inquired::Refused { code, .. } => return Err(says(format!("{code}: Jasa Raharja refuses"))),
                Inquired::EndOfDay(_) => {
                    return Err(says("END_OF_DAY: Jasa Raharja is closing its day".to_owned()));
                }
                Inquired::Unavailable(why) => return Err(says(format!("UPSTREAM_UNAVAILABLE: {why}"))),
            };
        let locked: BTreeSet<BusinessDate> =
            payment.legs.iter().flat_map(|leg| &leg.periods).map(|period| period.due_on).collect();
        let quoted = assessed_afresh(&assessment, (&plate, reference), &locked)
            .map_err(|e| says(format!("QUOTE_CONTRADICTS: {e}")))?;
        let fresh = FreshAssessment {
            assessment_id: quoted.document_id,
            amount: quoted.amount,
            paid: payment.quoted_for(refused),
            periods: quoted.periods,
            evidence_id: evidence.id,
        };
        Ok((fresh, *evidence))
    }
}

//! One function per kind of money movement, all the same shape: facts in, rows out.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account::{AccountNo, AgentAccount};
use crate::domain::{AgentId, BillPeriod, PaymentId, ProposalId, Rupiah, TransferId};

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A bank deposit, approved by two people.
    Topup,
    /// Set aside for a leg or a fee.
    Hold,
    /// A hold paid out along the lines of its leg.
    Post,
    /// A hold given back.
    Void,
    /// Cash given back to a citizen: the float gets its own again.
    Return,
    /// A booked line taken back after a reversal.
    Reverse,
    /// What an authority booked after a refusal: paid from the float, the missing part from a claim on the outlet.
    Claim,
    /// The difference between what a citizen paid and what a fresh assessment asked.
    Selisih,
}

impl Code {
    /// As the table spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topup => "TOPUP",
            Self::Hold => "HOLD",
            Self::Post => "POST",
            Self::Void => "VOID",
            Self::Return => "RETURN",
            Self::Reverse => "REVERSE",
            Self::Claim => "CLAIM",
            Self::Selisih => "SELISIH",
        }
    }
}

/// One row of the ledger before it is written.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Chosen by whoever makes the row, so that a repeated transaction writes the same one.
    pub id: TransferId,
    /// Account that gives.
    pub debit: AccountNo,
    /// Account that takes.
    pub credit: AccountNo,
    /// More than zero: what is nothing makes no transfer.
    pub amount: Rupiah,
    /// Why.
    pub code: Code,
    /// Whose float, holds or fees it touches.
    pub agent_id: AgentId,
    /// What it belongs to: the payment, or the proposal of a top-up.
    pub cause: Uuid,
    /// The leg; none for the fee.
    pub leg: Option<i16>,
    /// The hold it resolves, and its place within that resolution.
    pub resolves: Option<(TransferId, i16)>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Whose payment a row belongs to.
#[derive(Debug, Clone, Copy)]
pub struct For {
    /// The agent.
    pub agent_id: AgentId,
    /// Its number, which its accounts carry.
    pub agent_no: i64,
    /// The payment.
    pub payment_id: PaymentId,
    /// The leg; none for the fee.
    pub leg: Option<i16>,
    /// When.
    pub at: DateTime<Utc>,
}

impl For {
    const fn account(&self, account: AgentAccount) -> AccountNo {
        AccountNo::of_agent(self.agent_no, account)
    }

    fn row(&self, code: Code, debit: AccountNo, credit: AccountNo, amount: Rupiah) -> Transfer {
        Transfer {
            id: TransferId::new(),
            debit,
            credit,
            amount,
            code,
            agent_id: self.agent_id,
            cause: self.payment_id.0,
            leg: self.leg,
            resolves: None,
            at: self.at,
        }
    }
}

/// Sets `amount` of the float aside; nothing for an amount of 0.
#[must_use]
pub fn hold(of: For, amount: Rupiah) -> Option<Transfer> {
    (!amount.is_zero())
        .then(|| of.row(Code::Hold, of.account(AgentAccount::Float), of.account(AgentAccount::Hold), amount))
}

/// Pays a leg's hold out along its lines. Lines of 0 make no row.
///
/// # Errors
/// [`crate::domain::MoneyError`] when a line's sum is no amount.
pub fn post(
    of: For,
    hold: TransferId,
    periods: &[BillPeriod],
) -> Result<Vec<Transfer>, crate::domain::MoneyError> {
    let mut rows = Vec::new();
    for line in periods.iter().flat_map(|period| &period.lines) {
        let amount = line.total()?;
        if !amount.is_zero() {
            let mut row = of.row(
                Code::Post,
                of.account(AgentAccount::Hold),
                AccountNo::payable(line.beneficiary),
                amount,
            );
            row.resolves = Some((hold, i16::try_from(rows.len()).unwrap_or(i16::MAX)));
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Pays the fee's hold to the agent's own fees.
#[must_use]
pub fn post_fee(of: For, hold: TransferId, fee: Rupiah) -> Transfer {
    let mut row = of.row(Code::Post, of.account(AgentAccount::Hold), of.account(AgentAccount::Fee), fee);
    row.resolves = Some((hold, 0));
    row
}

/// Gives a hold back: to the float, or, once a paper is out, to what is owed to citizens.
#[must_use]
pub fn void(of: For, hold: TransferId, amount: Rupiah, paper_out: bool) -> Transfer {
    let to = if paper_out { AgentAccount::OwedToCitizens } else { AgentAccount::Float };
    let mut row = of.row(Code::Void, of.account(AgentAccount::Hold), of.account(to), amount);
    row.resolves = Some((hold, 0));
    row
}

/// Gives the hold of a leg that a fresh assessment replaces to *selisih*.
#[must_use]
pub fn void_to_selisih(of: For, hold: TransferId, amount: Rupiah) -> Transfer {
    let mut row = of.row(Code::Void, of.account(AgentAccount::Hold), AccountNo::SELISIH, amount);
    row.resolves = Some((hold, 0));
    row
}

/// Sets what a fresh assessment asks aside, out of *selisih*, under an id chosen before; nothing for an amount of 0.
#[must_use]
pub fn hold_from_selisih(of: For, hold: TransferId, amount: Rupiah) -> Option<Transfer> {
    let mut row = of.row(Code::Hold, AccountNo::SELISIH, of.account(AgentAccount::Hold), amount);
    row.id = hold;
    (!amount.is_zero()).then_some(row)
}

/// Makes what goes back to a citizen what the citizen had paid, where a fresh assessment asked another amount.
///
/// # Errors
/// [`crate::domain::MoneyError`] when the difference is no amount.
pub fn even_out(of: For, paid: Rupiah, asked: Rupiah) -> Result<Option<Transfer>, crate::domain::MoneyError> {
    let owed = of.account(AgentAccount::OwedToCitizens);
    let difference = paid.get() - asked.get();
    let amount = Rupiah::new(difference.abs())?;
    let row = match difference.signum() {
        1 => Some(of.row(Code::Selisih, AccountNo::SELISIH, owed, amount)),
        -1 => Some(of.row(Code::Selisih, owed, AccountNo::SELISIH, amount)),
        _ => None,
    };
    Ok(row)
}

/// Lends the float what it lacks to bear a late success: the outlet owes it.
#[must_use]
pub fn claim(of: For, missing: Rupiah) -> Option<Transfer> {
    let (claims, float) = (of.account(AgentAccount::ClaimOnOutlet), of.account(AgentAccount::Float));
    (!missing.is_zero()).then(|| of.row(Code::Claim, claims, float, missing))
}

/// Pays a leg along its lines straight from the float: its hold was void when it was booked. Lines of 0 make no row.
///
/// # Errors
/// [`crate::domain::MoneyError`] when a line's sum is no amount.
pub fn pay_late(of: For, periods: &[BillPeriod]) -> Result<Vec<Transfer>, crate::domain::MoneyError> {
    let mut rows = Vec::new();
    for line in periods.iter().flat_map(|period| &period.lines) {
        let amount = line.total()?;
        if !amount.is_zero() {
            let float = of.account(AgentAccount::Float);
            rows.push(of.row(Code::Claim, float, AccountNo::payable(line.beneficiary), amount));
        }
    }
    Ok(rows)
}

/// Takes a reversed leg's lines back from their beneficiaries; the citizen is owed them.
///
/// # Errors
/// [`crate::domain::MoneyError`] when a line's sum is no amount.
pub fn reverse(of: For, periods: &[BillPeriod]) -> Result<Vec<Transfer>, crate::domain::MoneyError> {
    let mut rows = Vec::new();
    for line in periods.iter().flat_map(|period| &period.lines) {
        let amount = line.total()?;
        if !amount.is_zero() {
            let owed = of.account(AgentAccount::OwedToCitizens);
            rows.push(of.row(Code::Reverse, AccountNo::payable(line.beneficiary), owed, amount));
        }
    }
    Ok(rows)
}

/// Takes the fee of a reversed payment back; nothing for a fee of 0.
#[must_use]
pub fn reverse_fee(of: For, fee: Rupiah) -> Option<Transfer> {
    let (fees, owed) = (of.account(AgentAccount::Fee), of.account(AgentAccount::OwedToCitizens));
    (!fee.is_zero()).then(|| of.row(Code::Reverse, fees, owed, fee))
}

/// The outlet gave the cash back and took the paper: the float gets its own again.
#[must_use]
pub fn returned(of: For, amount: Rupiah) -> Transfer {
    of.row(Code::Return, of.account(AgentAccount::OwedToCitizens), of.account(AgentAccount::Float), amount)
}

/// A deposit at the bank becomes float.
#[must_use]
pub fn topup(
    proposal: ProposalId,
    (agent_id, agent_no): (AgentId, i64),
    amount: Rupiah,
    at: DateTime<Utc>,
) -> Transfer {
    Transfer {
        id: TransferId::new(),
        debit: AccountNo::BANK_CLEARING,
        credit: AccountNo::of_agent(agent_no, AgentAccount::Float),
        amount,
        code: Code::Topup,
        agent_id,
        cause: proposal.0,
        leg: None,
        resolves: None,
        at,
    }
}

//! Values of the trade that cannot be wrong once they exist.
//!
//! Everything here is parsed once, at the edge, and believed afterwards. No I/O, no clock reads
//! (but for the one [`Clock`] that others ask), no SQL, no HTTP.

mod bill;
mod clock;
mod date;
mod id;
mod money;
mod plate;
mod region;
mod words;

pub use bill::{Authority, Beneficiary, BillLine, BillPeriod, InvalidBeneficiary, total_of};
pub use clock::{Clock, Timestamp};
pub use date::{BusinessDate, InvalidDate, TaxPeriod, rfc3339_wib, wib, wib_hour, wib_long};
pub use id::{
    AgentId, CaseId, CashEntryId, DrawerId, EvidenceId, LookupId, PaymentId, PersonId, ProposalId, Reference,
    RequestId, RunId, SessionId, TransferId,
};
pub use money::{MoneyError, Rupiah};
pub use plate::{ChassisLast5, InvalidChassis, InvalidPlate, Plate};
pub use region::{REGIONS, RegionCode, UnknownRegion};

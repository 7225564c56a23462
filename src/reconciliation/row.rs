//! One line of a settlement file, compact: a day can have a million.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::fields;
use super::settlement::Flaw;
use crate::domain::{Authority, Beneficiary, BusinessDate, MoneyError, Plate, Reference, Rupiah, Timestamp};

/// What a row says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowStatus {
    /// The line was booked; amounts are zero or more.
    Paid,
    /// A booked line was taken back; amounts are zero or less.
    Reversed,
}

impl RowStatus {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Paid, Self::Reversed];

    /// The protocol's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "PAID",
            Self::Reversed => "REVERSED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A line code by its place in the file's order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

/// The codes of one file. Codes are an open set: any name without `=`, `;` or control characters is one.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    names: Vec<Arc<str>>,
    index: HashMap<Arc<str>, Code>,
}

impl Codes {
    pub(crate) fn take(&mut self, name: &str) -> Result<Code, Flaw> {
        if let Some(code) = self.index.get(name) {
            return Ok(*code);
        }
        let odd = |c: char| c.is_control() || matches!(c, '=' | ';');
        if name.is_empty() || name.len() > 64 || name.contains(odd) {
            return Err(Flaw::Field("line code"));
        }
        let code = Code(u16::try_from(self.names.len()).map_err(|_| Flaw::Shape("too many line codes"))?);
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.index.insert(name, code);
        Ok(code)
    }

    /// The code of that name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<Code> {
        // A file has a handful; only one that has many is worth a hash.
        if self.names.len() <= 8 {
            let at = self.names.iter().position(|known| **known == *name)?;
            return u16::try_from(at).ok().map(Code);
        }
        self.index.get(name).copied()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self, code: Code) -> &str {
        self.names.get(usize::from(code.0)).map_or("", |name| name)
    }

    /// All, in order of first appearance.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True for a file without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A canonical plate in place: at most two letters, four digits and three letters of two bytes each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortPlate {
    len: u8,
    text: [u8; 12],
}

impl ShortPlate {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let canonical = Plate::parse(text).ok().filter(|plate| plate.as_str() == text)?;
        let mut bytes = [0; 12];
        bytes.get_mut(..canonical.as_str().len())?.copy_from_slice(canonical.as_str().as_bytes());
        Some(Self { len: u8::try_from(canonical.as_str().len()).ok()?, text: bytes })
    }

    /// The canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get(..usize::from(self.len)).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for ShortPlate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShortPlate(***)")
    }
}

/// A bill's or assessment's sixteen digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(u64);

impl DocumentId {
    /// Reads exactly sixteen digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit());
        if shaped { text.parse().ok().map(Self) } else { None }
    }
}

impl DocumentId {
    /// The digits as a number.
    #[must_use]
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// The id of such a number.
    #[must_use]
    pub(crate) const fn of(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

/// One `D` record.
#[derive(Debug, Clone)]
pub struct Row {
    /// 1, 2, 3 … in the file.
    pub line_no: u32,
    /// Our name for the leg.
    pub reference: Reference,
    /// NTPD or certificate number, shared between the rows of a payment that stand together.
    pub number: Arc<str>,
    /// Bill or assessment.
    pub document: DocumentId,
    /// The vehicle.
    pub plate: ShortPlate,
    /// The period's key.
    pub due_on: BusinessDate,
    /// The line's code.
    pub code: Code,
    /// Who receives it.
    pub beneficiary: Beneficiary,
    /// The tax itself, negative in a reversal.
    pub principal: Rupiah,
    /// The fine, negative in a reversal.
    pub penalty: Rupiah,
    /// When it was booked, or reversed.
    pub booked_at: Timestamp,
    /// Booked or reversed.
    pub status: RowStatus,
}

impl Row {
    /// Principal and penalty together.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when their sum is no amount.
    pub fn amount(&self) -> Result<Rupiah, MoneyError> {
        self.principal.plus(self.penalty)
    }
}

/// Reads a `D` record; `previous` is the number of the row before, kept once when both are the same.
pub(crate) fn read(
    parts: &[Cow<'_, str>],
    codes: &mut Codes,
    previous: Option<&Arc<str>>,
) -> Result<Row, Flaw> {
    let [
        _,
        line_no,
        reference,
        number,
        document,
        plate,
        due_on,
        code,
        beneficiary,
        principal,
        penalty,
        at,
        agent,
        status,
    ] = parts
    else {
        return Err(Flaw::Shape("a detail record has fourteen fields"));
    };
    let agent_shaped = (1..=64).contains(&agent.len()) && agent.bytes().all(|b| b.is_ascii_graphic());
    if !agent_shaped {
        return Err(Flaw::Field("agent code"));
    }
    let status = RowStatus::named(status).ok_or(Flaw::Field("status"))?;
    let money = |text: &str, what| {
        let signed = |amount: &Rupiah| match status {
            RowStatus::Paid => *amount >= Rupiah::ZERO,
            RowStatus::Reversed => *amount <= Rupiah::ZERO,
        };
        fields::rupiah(text).filter(signed).ok_or(Flaw::Field(what))
    };
    Ok(Row {
        line_no: fields::count(line_no)
            .and_then(|n| u32::try_from(n).ok())
            .ok_or(Flaw::Field("line number"))?,
        reference: uuid(reference).ok_or(Flaw::Field("reference"))?,
        number: match previous {
            Some(same) if **same == **number => same.clone(),
            _ => shaped_number(number).ok_or(Flaw::Field("host's number"))?,
        },
        document: DocumentId::parse(document).ok_or(Flaw::Field("bill or assessment id"))?,
        plate: ShortPlate::parse(plate).ok_or(Flaw::Field("plate"))?,
        due_on: BusinessDate::parse(due_on).map_err(|_| Flaw::Field("due date"))?,
        code: codes.take(code)?,
        beneficiary: Beneficiary::parse(beneficiary).map_err(|_| Flaw::Field("beneficiary"))?,
        principal: money(principal, "principal")?,
        penalty: money(penalty, "penalty")?,
        booked_at: fields::time(at).ok_or(Flaw::Field("booked at"))?,
        status,
    })
}

pub(crate) fn uuid(text: &str) -> Option<Reference> {
    let hyphenated = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
    if hyphenated { Uuid::try_parse(text).ok().map(Reference) } else { None }
}

/// An NTPD has sixteen of `A-Z0-9`; how Jasa Raharja spells its certificates the protocol leaves open.
pub(crate) fn shaped_number(text: &str) -> Option<Arc<str>> {
    let shaped = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if shaped { Some(text.into()) } else { None }
}

/// True for what Bapenda may give as a number.
pub(crate) fn number_fits(sender: Authority, number: &str) -> bool {
    match sender {
        Authority::Bapenda => {
            number.len() == 16 && number.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        }
        Authority::JasaRaharja => true,
    }
}

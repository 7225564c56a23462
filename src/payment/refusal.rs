//! Why nothing was begun, for ever: what a key is answered with whenever it comes again.

/// A refusal that is stored under its key and replayed for ever, so that a delayed copy cannot pay after the cash went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the API's own codes")]
pub enum BusinessRefusal {
    QuoteExpired,
    AmountDiffers,
    AlreadyPaid,
    VehicleBusy,
    FloatInsufficient,
    /// The outlet's cap on what it takes in a day.
    DailyLimit,
    /// The outlet's cap on what it has taken whose outcome is open.
    ExposureLimit,
    /// The outlet gave it up before it arrived: nothing can arrive under this key any more.
    Withdrawn,
}

impl BusinessRefusal {
    /// Its code, as the API and the tables have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuoteExpired => "QUOTE_EXPIRED",
            Self::AmountDiffers => "AMOUNT_DIFFERS",
            Self::AlreadyPaid => "ALREADY_PAID",
            Self::VehicleBusy => "VEHICLE_BUSY",
            Self::FloatInsufficient => "FLOAT_INSUFFICIENT",
            Self::DailyLimit => "DAILY_LIMIT",
            Self::ExposureLimit => "EXPOSURE_LIMIT",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

//! What may happen to goods.

use std::collections::BTreeMap;

use freehold::Aggregate;

use super::contracts::{StockCode, Units};
use super::events::{Move, ReservationEvent, StockEvent, TermsEvent};

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than there is.
    #[error("there are not enough units of `{0}`")]
    Short(StockCode),
    /// More than was reserved.
    #[error("fewer units of the code are reserved")]
    NotReserved,
    /// There is no open reservation.
    #[error("there is no reservation to settle")]
    NoReservation,
    /// It is settled already, the other way.
    #[error("the reservation is settled otherwise")]
    Settled,
    /// The invoice moved goods before, in another way.
    #[error("the invoice has moved goods before")]
    Known,
    /// Other terms were agreed on.
    #[error("the service works with other terms")]
    OtherTerms,
}

/// The units of one stock code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    is_known: bool,
    available: Units,
    reserved: Units,
}

impl Aggregate for Stock {
    type Event = StockEvent;

    fn apply(&mut self, event: &StockEvent) {
        // What was written had been checked, so nothing here falls below zero.
        let less = |units: Units, by: Units| units.minus(by).unwrap_or_default();
        match event {
            StockEvent::StockReceived { units } => {
                self.is_known = true;
                self.available += *units;
            }
            StockEvent::StockReserved(Move { units, .. }) => {
                self.available = less(self.available, *units);
                self.reserved += *units;
            }
            StockEvent::StockReleased(Move { units, .. }) => {
                self.reserved = less(self.reserved, *units);
                self.available += *units;
            }
            StockEvent::StockTaken(Move { units, .. }) => {
                self.reserved = less(self.reserved, *units);
            }
            StockEvent::StockReturned(Move { units, .. }) => self.available += *units,
        }
    }
}

impl Stock {
    /// How many units an order could have, if a code that was never met begins with `at_first`.
    #[must_use]
    pub fn available(&self, at_first: Units) -> Units {
        if self.is_known { self.available } else { at_first }
    }

    /// A code that was never met begins with `at_first`.
    #[must_use]
    pub fn meet(&self, at_first: Units) -> Vec<StockEvent> {
        if self.is_known { Vec::new() } else { vec![StockEvent::StockReceived { units: at_first }] }
    }

    /// Sets units aside for an order.
    ///
    /// # Errors
    /// [`Refusal::Short`] if there are not as many.
    pub fn reserve(
        &self,
        code: &StockCode,
        goods: Move,
        at_first: Units,
    ) -> Result<Vec<StockEvent>, Refusal> {
        if self.available(at_first) < goods.units {
            return Err(Refusal::Short(code.clone()));
        }
        let mut events = self.meet(at_first);
        events.push(StockEvent::StockReserved(goods));
        Ok(events)
    }

    /// Makes what was set aside available again.
    ///
    /// # Errors
    /// [`Refusal::NotReserved`] if less was set aside.
    pub fn release(&self, goods: Move) -> Result<Vec<StockEvent>, Refusal> {
        self.reserved.minus(goods.units).ok_or(Refusal::NotReserved)?;
        Ok(vec![StockEvent::StockReleased(goods)])
    }

    /// Lets what was set aside leave.
    ///
    /// # Errors
    /// [`Refusal::NotReserved`] if less was set aside.
    pub fn take(&self, goods: Move) -> Result<Vec<StockEvent>, Refusal> {
        self.reserved.minus(goods.units).ok_or(Refusal::NotReserved)?;
        Ok(vec![StockEvent::StockTaken(goods)])
    }

    /// Puts goods back that came with a return.
    #[must_use]
    pub fn put_back(&self, goods: Move, at_first: Units) -> Vec<StockEvent> {
        let mut events = self.meet(at_first);
        events.push(StockEvent::StockReturned(goods));
        events
    }
}

/// What one invoice does to the stock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reservation {
    /// Nothing yet.
    #[default]
    None,
    /// These units are set aside.
    Made(BTreeMap<StockCode, Units>),
    /// There was too little.
    Refused,
    /// They were given back.
    Released,
    /// They left.
    Taken,
    /// They came back.
    Restocked,
}

impl Aggregate for Reservation {
    type Event = ReservationEvent;

    fn apply(&mut self, event: &ReservationEvent) {
        *self = match event {
            ReservationEvent::ReservationMade { goods } => Self::Made(goods.clone()),
            ReservationEvent::ReservationRefused { .. } => Self::Refused,
            ReservationEvent::ReservationReleased => Self::Released,
            ReservationEvent::ReservationTaken => Self::Taken,
            ReservationEvent::GoodsRestocked { .. } => Self::Restocked,
        };
    }
}

impl Reservation {
    /// The answer to a reservation that was asked for before.
    ///
    /// # Errors
    /// [`Refusal::Known`] if the invoice is a return.
    pub fn answered(&self) -> Result<Option<Answer>, Refusal> {
        match self {
            Self::None => Ok(None),
            Self::Made(_) | Self::Released | Self::Taken => Ok(Some(Answer::Reserved)),
            Self::Refused => Ok(Some(Answer::OutOfStock)),
            Self::Restocked => Err(Refusal::Known),
        }
    }

    /// What is to leave the shop; nothing if it has left.
    ///
    /// # Errors
    /// [`Refusal::NoReservation`], or [`Refusal::Settled`] if it was released.
    pub fn to_take(&self) -> Result<Option<BTreeMap<StockCode, Units>>, Refusal> {
        match self {
            Self::Made(goods) => Ok(Some(goods.clone())),
            Self::Taken => Ok(None),
            Self::Released => Err(Refusal::Settled),
            Self::None | Self::Refused | Self::Restocked => Err(Refusal::NoReservation),
        }
    }

    /// What is to be for others again; nothing if nothing is set aside.
    ///
    /// # Errors
    /// [`Refusal::Settled`] if it has left the shop, and [`Refusal::Known`] if the invoice is a return.
    pub fn to_release(&self) -> Result<Option<BTreeMap<StockCode, Units>>, Refusal> {
        match self {
            Self::Made(goods) => Ok(Some(goods.clone())),
            Self::None | Self::Refused | Self::Released => Ok(None),
            Self::Taken => Err(Refusal::Settled),
            Self::Restocked => Err(Refusal::Known),
        }
    }

    /// The goods of a return are put back. Nothing happens when they were put back before.
    ///
    /// # Errors
    /// [`Refusal::Known`] if the invoice is an order.
    pub fn restock(
        &self,
        goods: &BTreeMap<StockCode, Units>,
    ) -> Result<Vec<ReservationEvent>, Refusal> {
        match self {
            Self::None => Ok(vec![ReservationEvent::GoodsRestocked { goods: goods.clone() }]),
            Self::Restocked => Ok(Vec::new()),
            Self::Made(_) | Self::Refused | Self::Released | Self::Taken => Err(Refusal::Known),
        }
    }
}

/// What an order hears that asks for goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All codes are reserved.
    Reserved,
    /// None is.
    OutOfStock,
}

/// On what terms the service works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    units_per_code: Option<u64>,
}

impl Aggregate for Terms {
    type Event = TermsEvent;

    fn apply(&mut self, TermsEvent::TermsAgreed { units_per_code }: &TermsEvent) {
        self.units_per_code = Some(*units_per_code);
    }
}

impl Terms {
    /// How many units there are of a code when it is first met, if that is agreed on.
    #[must_use]
    pub const fn units_per_code(&self) -> Option<u64> {
        self.units_per_code
    }

    /// Agrees on them, once and for all.
    ///
    /// # Errors
    /// [`Refusal::OtherTerms`] if others were agreed on.
    pub fn agree(&self, units_per_code: u64) -> Result<Vec<TermsEvent>, Refusal> {
        match self.units_per_code {
            None => Ok(vec![TermsEvent::TermsAgreed { units_per_code }]),
            Some(before) if before == units_per_code => Ok(Vec::new()),
            Some(_) => Err(Refusal::OtherTerms),
        }
    }
}

//! What the views hold, counted together.

use std::collections::BTreeMap;

use super::contracts::{Failure, Money, Profile, Units};
use super::gateway::Gateway;
use super::order_summary::{Entry, Who};
use super::pages::{Freshness, read};
use super::revenue::DayInCountry;
use super::status::Status;
use super::stock::Level;

/// What the views hold. They are read one after the other: each is of one moment, unless something happens meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many invoices are how far, and what they come to.
    pub by_status: BTreeMap<Status, (u64, Money)>,
    /// The customers, by their number.
    pub customers: BTreeMap<String, Bought>,
    /// Every day and country.
    pub days: Vec<DayInCountry>,
    /// The stock of every code, by the id of its stream.
    pub stock: BTreeMap<String, Level>,
    /// How many events the views were behind when they were read.
    pub events_behind: u64,
}

/// What a customer has bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bought {
    /// Whether they are known.
    pub is_met: bool,
    /// Who that is, unless they were forgotten.
    pub profile: Option<Profile>,
    /// How many orders of theirs were confirmed.
    pub orders: u64,
    /// What they came to.
    pub total: Money,
    /// How many of their invoices bear another name.
    pub misnamed: u64,
}

impl Totals {
    /// Reads all views.
    ///
    /// # Errors
    /// [`Failure::Failed`] if one cannot be read, or is not as fresh as it must be.
    ///
    /// # Cancel safety
    /// Reading changes nothing.
    pub async fn read(gateway: &Gateway, freshness: Freshness) -> Result<Self, Failure> {
        let mut totals = Self::default();
        let summaries = gateway.summaries();
        let mut lag = read(&summaries, "", freshness, |key, entry| totals.take(key, entry)).await?;
        let days = |_: &str, line| totals.days.push(line);
        lag = lag.and(read(&gateway.revenue(), "", freshness, days).await?);
        let stock = |code: &str, level| drop(totals.stock.insert(code.to_owned(), level));
        lag = lag.and(read(&gateway.stock(), "", freshness, stock).await?);
        totals.events_behind = lag.events;
        Ok(totals)
    }

    /// How many invoices are how far.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.by_status.get(&status).map_or(0, |(count, _)| *count)
    }

    /// What was earned, and what was paid back.
    #[must_use]
    pub fn money(&self) -> [Money; 2] {
        let mut sums = [Money::NOTHING, Money::NOTHING];
        let [revenue, refunded] = &mut sums;
        for day in &self.days {
            *revenue += &day.revenue;
            *refunded += &day.refunded;
        }
        sums
    }

    /// Adds a number of each code that Inventory has met.
    #[must_use]
    pub fn units(&self, of: impl Fn(&Level) -> Units) -> Units {
        self.stocked().map(|(_, level)| of(level)).sum()
    }

    /// The codes that Inventory has met.
    pub fn stocked(&self) -> impl Iterator<Item = (&str, &Level)> {
        let met = self.stock.iter().filter(|(_, level)| level.is_stocked);
        met.map(|(code, level)| (code.as_str(), level))
    }

    /// A customer comes before their invoices: `17850`, then `17850/536365`.
    fn take(&mut self, key: &str, entry: Entry) {
        let customer = key.split_once('/').map_or(key, |(customer, _)| customer);
        let bought = self.customers.entry(customer.to_owned()).or_default();
        let order = match entry {
            Entry::Customer(who) => {
                bought.is_met = true;
                bought.profile = profile(who);
                return;
            }
            Entry::Order(order) => order,
        };
        let named = order.customer_name.zip(order.customer_email);
        let named = named.and_then(|(name, email)| profile(Who { name, email }));
        bought.misnamed += u64::from(named != bought.profile);
        if matches!(order.status, Status::Confirmed | Status::Shipped) {
            bought.orders += 1;
            bought.total += &order.total;
        }
        let (count, total) = self.by_status.entry(order.status).or_default();
        *count += 1;
        *total += &order.total;
    }
}

/// Who it is, unless they were forgotten.
fn profile(Who { name, email }: Who) -> Option<Profile> {
    let (name, email) = name.into_known().ok().zip(email.into_known().ok())?;
    Some(Profile { name, email })
}

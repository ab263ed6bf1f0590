//! A wallet: opened once, never overdrawn, closed only when it is empty.

use freehold::{Aggregate, Event, Handle};
use serde::{Deserialize, Serialize};

/// What happens to a wallet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WalletEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64, purpose: Option<String> },
    Closed,
}

impl Event for WalletEvent {
    const CATEGORY: &'static str = "wallet";
}

/// Why a wish is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the wallet is not open")]
    NotOpen,
    #[error("the wallet was opened before")]
    OpenedBefore,
    #[error("an amount is more than zero")]
    Nothing,
    #[error("only {left} cents are left")]
    Overdrawn { left: u64 },
    #[error("there are {left} cents in it")]
    NotEmpty { left: u64 },
    #[error("a wallet holds no more than {} cents", Wallet::CENTS_MAX)]
    Full,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    New,
    Open,
    Closed,
}

/// The state of one wallet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wallet {
    stage: Stage,
    cents: u64,
}

impl Aggregate for Wallet {
    type Event = WalletEvent;

    fn apply(&mut self, event: &WalletEvent) {
        match event {
            WalletEvent::Opened { .. } => self.stage = Stage::Open,
            WalletEvent::Deposited { cents } => self.cents += cents,
            WalletEvent::Withdrawn { cents, .. } => self.cents -= cents,
            WalletEvent::Closed => self.stage = Stage::Closed,
        }
    }
}

impl Wallet {
    /// The most it holds.
    pub const CENTS_MAX: u64 = 1_000_000;

    pub const fn cents(&self) -> u64 {
        self.cents
    }

    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    pub fn open(&self, owner: &str) -> Result<Vec<WalletEvent>, Refusal> {
        match self.stage {
            Stage::New => Ok(vec![WalletEvent::Opened { owner: owner.into() }]),
            Stage::Open | Stage::Closed => Err(Refusal::OpenedBefore),
        }
    }

    pub fn deposit(&self, cents: u64) -> Result<Vec<WalletEvent>, Refusal> {
        self.check(cents)?;
        if cents > Self::CENTS_MAX - self.cents {
            return Err(Refusal::Full);
        }
        Ok(vec![WalletEvent::Deposited { cents }])
    }

    pub fn withdraw(&self, cents: u64, purpose: Option<&str>) -> Result<Vec<WalletEvent>, Refusal> {
        self.check(cents)?;
        if cents > self.cents {
            return Err(Refusal::Overdrawn { left: self.cents });
        }
        Ok(vec![WalletEvent::Withdrawn { cents, purpose: purpose.map(Into::into) }])
    }

    /// Closes the wallet. Closing it again changes nothing.
    pub fn close(&self) -> Result<Vec<WalletEvent>, Refusal> {
        match self.stage {
            Stage::New => Err(Refusal::NotOpen),
            Stage::Closed => Ok(vec![]),
            Stage::Open if self.cents > 0 => Err(Refusal::NotEmpty { left: self.cents }),
            Stage::Open => Ok(vec![WalletEvent::Closed]),
        }
    }

    fn check(&self, cents: u64) -> Result<(), Refusal> {
        match self.stage {
            Stage::Open if cents == 0 => Err(Refusal::Nothing),
            Stage::Open => Ok(()),
            Stage::New | Stage::Closed => Err(Refusal::NotOpen),
        }
    }
}

/// The same wishes as data, as they come over the wire.
#[derive(Clone, Debug)]
pub enum Command {
    Open { owner: String },
    Deposit { cents: u64 },
    Withdraw { cents: u64 },
    Close,
}

impl Handle for Wallet {
    type Command = Command;
    type Error = Refusal;

    fn handle(&self, command: Command) -> Result<Vec<WalletEvent>, Refusal> {
        match command {
            Command::Open { owner } => self.open(&owner),
            Command::Deposit { cents } => self.deposit(cents),
            Command::Withdraw { cents } => self.withdraw(cents, None),
            Command::Close => self.close(),
        }
    }
}

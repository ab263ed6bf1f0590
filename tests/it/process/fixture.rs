//! A process that can do all that one can: an order is paid, shipped, reminded of, cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold::inbox::Handler;
use freehold::process::{ProcessManager, Processes, Reaction, Route};
use freehold::{
    CommitError, Envelope, EventStore, Message, MessageId, OrderingKey, Outbox, Position, RowStore,
    Source, message,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A store that is kept processes in.
pub(super) trait Place: EventStore + RowStore + Outbox {}

impl<S: EventStore + RowStore + Outbox> Place for S {}

pub(super) type Store = Arc<dyn Place>;
pub(super) type Orders = Processes<Order, Store>;

pub(super) const REMINDED_AFTER: Duration = Duration::from_mins(15);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Heard {
    #[serde(rename = "t.placed.v1")]
    Placed {
        order: String,
    },
    #[serde(rename = "t.imported.v1")]
    Imported {
        order: String,
    },
    #[serde(rename = "t.paid.v1")]
    Paid {
        order: String,
    },
    #[serde(rename = "t.shipped.v1")]
    Shipped {
        order: String,
    },
    #[serde(rename = "t.noted.v1")]
    Noted {
        order: String,
        text: String,
    },
    #[serde(rename = "t.cancelled.v1")]
    Cancelled {
        order: String,
    },
    Late {
        order: String,
    },
}

#[derive(Serialize)]
enum Says {
    #[serde(rename = "t.pay.v1")]
    Pay,
    #[serde(rename = "t.ship.v1")]
    Ship,
    #[serde(rename = "t.confirmed.v1")]
    Confirmed { notes: Vec<String> },
    #[serde(rename = "t.refund.v1")]
    Refund,
    #[serde(rename = "t.remind.v1")]
    Remind,
}

/// The process, which may be mended.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    pub(super) is_mended: Arc<AtomicBool>,
}

#[derive(Default)]
pub(super) struct Known {
    is_paid: bool,
    notes: Vec<String>,
}

impl ProcessManager for Order {
    const NAME: &'static str = "order";
    type Event = Heard;
    type State = Known;

    fn correlate(&self, event: &Heard) -> Route {
        match event {
            Heard::Placed { order } => Route::Start(order.clone()),
            Heard::Imported { order } => Route::StartOnce(order.clone()),
            Heard::Paid { order } | Heard::Shipped { order } => {
                Route::ContinueOrWait(order.clone())
            }
            Heard::Noted { order, .. } if order == "nobody" => Route::Ignore,
            Heard::Noted { order, .. } | Heard::Late { order } => Route::Continue(order.clone()),
            Heard::Cancelled { order } => Route::Stop(order.clone()),
        }
    }

    fn react(
        &self,
        known: &Known,
        event: &Heard,
    ) -> Result<Reaction<Heard>, Box<dyn std::error::Error + Send + Sync>> {
        let is_mended = self.is_mended.load(Ordering::SeqCst);
        Ok(match event {
            Heard::Placed { order } | Heard::Imported { order } => Reaction::new()
                .send(&Says::Pay)
                .timer(REMINDED_AFTER, &Heard::Late { order: order.clone() }),
            Heard::Paid { .. } => Reaction::new().send(&Says::Ship).cancel("Late"),
            Heard::Shipped { .. } => {
                Reaction::new().send(&Says::Confirmed { notes: known.notes.clone() }).complete()
            }
            Heard::Noted { text, .. } if text == "bad" && !is_mended => return Err("bad".into()),
            Heard::Noted { text, .. } if text == "panic" && !is_mended => panic!("on purpose"),
            Heard::Noted { order, text } if text == "wait" => {
                Reaction::new().timer(REMINDED_AFTER, &Heard::Late { order: order.clone() })
            }
            Heard::Noted { text, .. } if text == "far" => {
                Reaction::new().send_to("elsewhere", &Says::Remind)
            }
            Heard::Cancelled { .. } if known.is_paid => Reaction::new().send(&Says::Refund),
            Heard::Noted { .. } | Heard::Cancelled { .. } => Reaction::new(),
            Heard::Late { .. } => Reaction::new().send(&Says::Remind),
        })
    }

    fn evolve(&self, mut known: Known, event: &Heard) -> Known {
        match event {
            Heard::Paid { .. } => known.is_paid = true,
            Heard::Noted { text, .. } => known.notes.push(text.clone()),
            _ => {}
        }
        known
    }
}

pub(super) fn placed(order: &str) -> Heard {
    Heard::Placed { order: order.into() }
}

pub(super) fn paid(order: &str) -> Heard {
    Heard::Paid { order: order.into() }
}

pub(super) fn shipped(order: &str) -> Heard {
    Heard::Shipped { order: order.into() }
}

pub(super) fn cancelled(order: &str) -> Heard {
    Heard::Cancelled { order: order.into() }
}

pub(super) fn noted(order: &str, text: &str) -> Heard {
    Heard::Noted { order: order.into(), text: text.into() }
}

pub(super) fn orders(store: &Store) -> Orders {
    Processes::new(Order::default(), Arc::clone(store)).unwrap()
}

/// The message that says so. What says the same is the same message.
pub(super) fn envelope(heard: &Heard) -> Envelope {
    let text = serde_json::to_vec(heard).unwrap();
    let id = MessageId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, &text));
    message::encode(id, OrderingKey::new("key").unwrap(), heard).unwrap()
}

pub(super) fn message(envelope: Envelope) -> Message {
    Message::new(envelope, Source::new("/elsewhere").unwrap(), None)
}

/// Hears a message, as a consumer does; whether anything came of it.
pub(super) async fn hear(orders: &Orders, store: &Store, envelope: Envelope) -> bool {
    let message = message(envelope);
    loop {
        let commit = orders.handle(&message).await.unwrap();
        if commit.is_empty() {
            return false;
        }
        match store.commit(commit).await {
            Ok(committed) => return !committed.is_duplicate(),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Hears these, one after the other.
pub(super) async fn hear_all(orders: &Orders, store: &Store, all: &[Heard]) {
    for heard in all {
        hear(orders, store, envelope(heard)).await;
    }
}

/// What was sent so far, timers that are not due left out.
pub(super) async fn outbox(store: &Store) -> Vec<Envelope> {
    let page = store.outbox_page(Position::START, 10_000).await.unwrap();
    page.events.iter().map(|event| Envelope::stored(event.data()).unwrap()).collect()
}

/// The same by key and type: `17 t.pay.v1`.
pub(super) async fn sent(store: &Store) -> Vec<String> {
    let all = outbox(store).await;
    all.iter().map(|envelope| format!("{} {}", envelope.key(), envelope.kind())).collect()
}

//! What makes a type an event.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Upcasts;

/// The events of one category of streams: an enum that `serde` can write and read.
///
/// It is implemented for the events, not for an aggregate, so that readers in other services need this
/// one type only.
///
/// # Contract
/// - **V1 named** – the event's name is the variant's, as `rename` and `rename_all` have it.
/// - **V2 plain JSON** – the payload is the variant's content, byte for byte as `serde_json` writes it;
///   that of a unit variant is `{}`.
/// - **V3 readable** – a type that could not be read back is refused when it is written: one that is no
///   enum, an enum with `tag` or `untagged`, a variant that is written under a name it is not read by. So is an event whose
///   JSON would be no such event, or another one: NaN, `Some(None)`, a flattened field with the name of another.
/// - **V4 whole** – a payload is read to its end; what follows its JSON is an error. A unit variant
///   ignores what the payload says, as long as it is JSON.
/// - **V5 upcast** – an old event takes the steps of [`upcasts`](Event::upcasts) before it is read, whoever reads it. Whatever it
///   becomes, it stays one record, with its id, version and position.
/// - **V6 discreet** – the message of an error never repeats a payload.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The category of the streams that hold these events: 1 to 64 of `a`–`z`, `0`–`9` and `_`.
    ///
    /// A malformed one does not compile where it is used:
    ///
    /// ```compile_fail,E0080
    /// # use freehold::{Event, event};
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// enum Order {
    ///     Placed,
    /// }
    ///
    /// impl Event for Order {
    ///     const CATEGORY: &'static str = "Big Orders";
    /// }
    ///
    /// let stream = event::stream::<Order>("1");
    /// ```
    const CATEGORY: &'static str;

    /// The steps from the events of earlier programs to today's; usually there are none.
    ///
    /// They are taken before an event is read, wherever that is. [`Upcasts`] has an example. Old names need no variant any more.
    #[must_use]
    fn upcasts() -> &'static Upcasts<Self> {
        Upcasts::none()
    }
}

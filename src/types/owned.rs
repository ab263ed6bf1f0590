//! Handles that belong to one service.

use std::fmt;
use std::marker::PhantomData;

/// A service that owns its data. Implement it on a type that only the service's own module can make: a
/// struct with a private field. That value is the service's witness.
pub trait Service: Send + Sync + 'static {
    /// The service's name.
    const NAME: &'static str;
}

/// A handle to a database that belongs to the service `O`.
///
/// Another service's code cannot take it for its own: its type names the owner. And it cannot reach
/// through it: the handle comes out only for the owner's witness.
///
/// ```
/// use freehold::{Owned, Service, backend::memory::MemoryStore};
///
/// mod orders {
///     pub struct Orders(());
///     impl freehold::Service for Orders {
///         const NAME: &'static str = "orders";
///     }
///     pub fn start() -> Orders {
///         Orders(())
///     }
/// }
///
/// let orders = orders::start();
/// let handle: Owned<orders::Orders, MemoryStore> = Owned::claim(&orders, MemoryStore::new());
/// let store: &MemoryStore = handle.get(&orders);
/// # assert_eq!(handle.owner(), "orders");
/// ```
pub struct Owned<O, T> {
    handle: T,
    owner: PhantomData<fn() -> O>,
}

impl<O: Service, T> Owned<O, T> {
    /// Makes `handle` the service's own.
    pub const fn claim(_witness: &O, handle: T) -> Self {
        Self { handle, owner: PhantomData }
    }

    /// The handle, for the owner.
    pub const fn get(&self, _witness: &O) -> &T {
        &self.handle
    }

    /// The owner's name.
    #[must_use]
    pub const fn owner(&self) -> &'static str {
        O::NAME
    }
}

impl<O, T: Clone> Clone for Owned<O, T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), owner: PhantomData }
    }
}

impl<O: Service, T> fmt::Debug for Owned<O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owned").field(&O::NAME).finish()
    }
}

//! What a step gives back, before it has: handles, by which later steps say what they need.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

/// What a value is, to whoever does not know its type.
pub(crate) type Value = dyn Any + Send + Sync;

/// What a step will give back. Later steps name it among what they need, and so stand behind it.
pub struct Handle<T> {
    pub(crate) place: usize,
    /// The definition that it is of.
    pub(crate) of: usize,
    out: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    pub(crate) const fn new(place: usize, of: usize) -> Self {
        Self { place, of, out: PhantomData }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.place)
    }
}

/// What a step needs: up to six handles in a tuple, and `()` for nothing.
pub trait Deps: sealed::Deps {
    /// The values of the handles.
    type Values<'a>;
}

pub(crate) mod sealed {
    use super::Value;

    #[allow(unnameable_types, reason = "that is what seals a trait")]
    pub trait Deps: Sized + 'static {
        /// The places of the steps, each with the definition that it is of.
        fn places(self) -> Vec<(usize, usize)>;

        /// The values as the tuple that a closure takes; `None` if they are of other types.
        fn values<'a>(outs: &[&'a Value]) -> Option<<Self as super::Deps>::Values<'a>>
        where
            Self: super::Deps;
    }
}

macro_rules! deps {
    ($($handle:ident: $n:tt),*) => {
        impl<$($handle: 'static),*> Deps for ($(Handle<$handle>,)*) {
            type Values<'a> = ($(&'a $handle,)*);
        }

        impl<$($handle: 'static),*> sealed::Deps for ($(Handle<$handle>,)*) {
            fn places(self) -> Vec<(usize, usize)> {
                vec![$((self.$n.place, self.$n.of)),*]
            }

            fn values<'a>(outs: &[&'a Value]) -> Option<<Self as Deps>::Values<'a>> {
                let _ = outs;
                Some(($(outs.get($n)?.downcast_ref::<$handle>()?,)*))
            }
        }
    };
}

deps!();
deps!(A: 0);
deps!(A: 0, B: 1);
deps!(A: 0, B: 1, C: 2);
deps!(A: 0, B: 1, C: 2, D: 3);
deps!(A: 0, B: 1, C: 2, D: 3, E: 4);
deps!(A: 0, B: 1, C: 2, D: 3, E: 4, F: 5);

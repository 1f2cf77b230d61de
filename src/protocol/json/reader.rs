//! What a scanner is asked for, and what it tells. Never holds bytes.

use std::ops::Range;

/// What a reader wants of the value that comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want<N> {
    /// Its members too, if it is a container; else as `Take`.
    Enter(N),
    /// Nothing.
    Skip,
    /// The value itself; a container is told by its span only.
    Take(N),
}

impl<N: Copy> Want<N> {
    /// Whom to tell the value, if anybody.
    pub const fn node(self) -> Option<N> {
        match self {
            Self::Enter(node) | Self::Take(node) => Some(node),
            Self::Skip => None,
        }
    }
}

impl<N> Want<N> {
    /// The same, said of another node.
    pub fn map<M>(self, node: impl FnOnce(N) -> M) -> Want<M> {
        match self {
            Self::Enter(inner) => Want::Enter(node(inner)),
            Self::Skip => Want::Skip,
            Self::Take(inner) => Want::Take(node(inner)),
        }
    }
}

/// What is wanted of the member of a name, where the others are of no interest. Names are compared
/// as words: a `match` on slices would go byte by byte.
macro_rules! wanted {
    ($key:expr, { $($($name:literal)|+ => $want:expr,)+ }) => {
        match $key {
            $(key if $(key == $name)||+ => $want,)+
            _ => $crate::protocol::json::reader::Want::Skip,
        }
    };
}
pub(crate) use wanted;

/// A value that was wanted, or one end of a container that is entered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// An entered container ended. The span is the whole of it.
    Closed,
    /// A container that was not entered. The span is the whole of it.
    Container,
    /// `false`.
    False,
    /// The start of a string longer than the scanner holds.
    LongString(&'a [u8]),
    /// `null`.
    Null,
    /// A number as written; empty when it is longer than the scanner holds.
    Number(&'a [u8]),
    /// An array that is entered begins.
    OpenedArray,
    /// An object that is entered begins.
    OpenedObject,
    /// A string, escapes decoded.
    String(&'a [u8]),
    /// `true`.
    True,
}

/// Who asks. `Node` names a place in the text, in the reader's own words.
pub trait Reader {
    /// A place in the text.
    type Node: Copy + std::fmt::Debug;

    /// An element of the array at `parent` begins.
    fn element(&mut self, parent: Self::Node) -> Want<Self::Node>;

    /// The member `key` (escapes decoded) of the object at `parent` begins.
    fn member(&mut self, parent: Self::Node, key: &[u8]) -> Want<Self::Node>;

    /// What was found at `node`. `span`: where, in bytes since the text began.
    fn value(&mut self, node: Self::Node, value: Value<'_>, span: Range<u64>);
}

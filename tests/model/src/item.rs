//! Values whose types only their contexts know.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

/// A value that the frame copies, compares and prints without knowing its type. Every plain value is one.
pub trait Item: Any + fmt::Debug + Send + Sync {
    /// Copies the value.
    fn copy(&self) -> Arc<dyn Item>;
    /// Whether the other one has the same type and is equal.
    fn equals(&self, other: &dyn Item) -> bool;
}

impl<T: Any + fmt::Debug + Clone + Eq + Send + Sync> Item for T {
    fn copy(&self) -> Arc<dyn Item> {
        Arc::new(self.clone())
    }

    fn equals(&self, other: &dyn Item) -> bool {
        downcast::<T>(other) == Some(self)
    }
}

/// The value, if it has this type.
pub(crate) fn downcast<T: Item>(item: &dyn Item) -> Option<&T> {
    let any: &dyn Any = item;
    any.downcast_ref()
}

/// One value of each of several types. A copy shares the values until they change.
#[derive(Debug, Clone)]
pub(crate) struct Items(BTreeMap<TypeId, Arc<dyn Item>>);

impl Items {
    pub(crate) fn new(items: impl IntoIterator<Item = Arc<dyn Item>>) -> Self {
        let keyed = |item: Arc<dyn Item>| {
            let any: &dyn Any = &*item;
            (any.type_id(), item)
        };
        Self(items.into_iter().map(keyed).collect())
    }

    /// # Panics
    /// If the context of the type has no line in the list of contexts.
    pub(crate) fn get<T: Item>(&self) -> &T {
        let item = self.0.get(&TypeId::of::<T>());
        item.and_then(|item| downcast(&**item)).expect("the context is in the list of contexts")
    }

    /// # Panics
    /// If the context of the type has no line in the list of contexts.
    pub(crate) fn get_mut<T: Item>(&mut self) -> &mut T {
        let item = self.0.get_mut(&TypeId::of::<T>()).expect("the context is in the list of contexts");
        if Arc::get_mut(item).is_none() {
            *item = (**item).copy();
        }
        let any: &mut dyn Any = Arc::get_mut(item).expect("the copy is not shared");
        any.downcast_mut().expect("an item is stored under its type")
    }
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        let is_equal = |a: &Arc<dyn Item>, b: &Arc<dyn Item>| Arc::ptr_eq(a, b) || (**a).equals(&**b);
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|((a, one), (b, two))| a == b && is_equal(one, two))
    }
}

impl Eq for Items {}

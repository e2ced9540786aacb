//! The part that use cases for reading share.

use super::{Actor, Denied, NotFound, Scope, permit, scope, use_case_error};
use skep_domain::shared::Action;
use std::sync::Arc;

use_case_error! {
    /// The reason why a resource is not shown.
    GetError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

use_case_error! {
    /// The reason why a list is not shown.
    ListError {
        Denied(Denied),
    }
}

/// A port for reading, guarded by an action. An actor that may not do the action does not get the port, so nothing is
/// read before the check.
pub struct Reader<Q: ?Sized> {
    action: Action,
    queries: Arc<Q>,
}

impl<Q: ?Sized> Reader<Q> {
    /// Guards `queries` with `action`.
    #[must_use]
    pub fn new(action: Action, queries: Arc<Q>) -> Self {
        Self { action, queries }
    }

    /// Returns the port, for data that every actor with this action may see.
    ///
    /// # Errors
    /// [`Denied`] if no role of the actor allows the action.
    pub fn open(&self, actor: &Actor) -> Result<&Q, Denied> {
        permit(actor, self.action)?;
        Ok(&self.queries)
    }

    /// Returns the port, and the rows that the actor may see.
    ///
    /// # Errors
    /// [`Denied`] if no role of the actor allows the action.
    pub fn scoped(&self, actor: &Actor) -> Result<(&Q, Scope), Denied> {
        Ok((self.open(actor)?, scope(actor, self.action)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::AppError as _,
        testing::{actor, admin, user, user_id, visitor},
    };
    use skep_domain::shared::BuiltInRole;

    #[test]
    fn an_actor_gets_the_port_and_a_scope_by_role() {
        let action = Action::account("test.thing.read").of_others(&[BuiltInRole::Support]);
        let reader: Reader<str> = Reader::new(action, Arc::from("port"));
        for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden")] {
            assert_eq!(GetError::from(reader.open(&actor).unwrap_err()).code(), expected);
            assert_eq!(ListError::from(reader.scoped(&actor).unwrap_err()).code(), expected);
        }
        assert_eq!(reader.open(&user(1)).unwrap(), "port");
        assert_eq!(reader.scoped(&user(1)).unwrap(), ("port", Scope::OwnedBy(user_id(1))));
        assert_eq!(reader.scoped(&admin()).unwrap(), ("port", Scope::All));
    }
}

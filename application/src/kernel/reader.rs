//! Reading: what the use cases that show and list things share.

use super::{Actor, Denied, NotFound, Scope, permit, scope, use_case_error};
use skep_domain::shared::Action;
use std::sync::Arc;

use_case_error! {
    /// Why a thing is not shown.
    GetError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

use_case_error! {
    /// Why a list is not shown.
    ListError {
        Denied(Denied),
    }
}

/// A port for reading, behind an action: an actor who may not read gets no port, so nothing is read before the permission.
pub struct Reader<Q: ?Sized> {
    action: Action,
    queries: Arc<Q>,
}

impl<Q: ?Sized> Reader<Q> {
    /// Reads for actors to whom the action is allowed.
    #[must_use]
    pub fn new(action: Action, queries: Arc<Q>) -> Self {
        Self { action, queries }
    }

    /// The port, for reading what every such actor may see.
    ///
    /// # Errors
    /// [`Denied`] if no role of the actor allows the action.
    pub fn open(&self, actor: &Actor) -> Result<&Q, Denied> {
        permit(actor, self.action)?;
        Ok(&self.queries)
    }

    /// The port, and the rows that the actor may see.
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
    use skep_domain::shared::Audience;

    #[test]
    fn an_actor_gets_the_port_and_a_scope_by_role() {
        let action = Action::account("test.thing.read").of_others(Audience::Admin);
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

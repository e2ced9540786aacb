//! Accounts and logins.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    identity::{
        AccountLinkRepository, Credentials, KnownNetworkRepository, SessionQueries, SessionRepository, SessionView,
        SetupToken, SetupTokenRepository, UserFilter, UserQueries, UserRepository, UserSort, UserView,
        constraints::{SESSION_ID, USER_EMAIL, USER_EMAIL_KEY, USER_ID},
    },
    kernel::{Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::{AccountLink, KnownNetworks, LinkPurpose, PasswordForm, Renewal, Rotation, Session, User},
    shared::{Email, EmailLookup, SessionId, Timestamp, UserId, Version},
};
use std::{cmp::Reverse, collections::BTreeSet};

impl Row for User {
    type Key = UserId;
    const RULES: Rules<Self> = Rules {
        unique: &[
            (USER_EMAIL, |one, other| one.email.address() == other.email.address()),
            (USER_EMAIL_KEY, |one, other| one.email.key().is_some() && one.email.key() == other.email.key()),
        ],
        ..Rules::of(USER_ID, |user| user.id, |user| &mut user.version)
    };
}

#[async_trait]
impl UserRepository for MemoryUnit {
    async fn find(&mut self, id: UserId) -> Done<Option<User>> {
        self.run(|state| Ok(state.users.get(id).cloned())).await
    }
    async fn find_by_email(&mut self, email: &EmailLookup) -> Done<Option<User>> {
        self.run(|state| Ok(email.choose(state.users.rows(), |user| &user.email).cloned())).await
    }
    async fn any_with_role(&mut self, role: Role) -> Done<bool> {
        self.run(|state| Ok(state.users.rows().any(|user| user.roles.contains(&role)))).await
    }
    async fn count_with_role(&mut self, role: Role) -> Done<u64> {
        self.run(|state| Ok(state.users.rows().filter(|user| user.roles.contains(&role)).count() as u64)).await
    }
    async fn hold_another_with_role(&mut self, role: Role, other: UserId) -> Done<Option<UserId>> {
        let has_role = move |user: &&User| user.id != other && user.is_active() && user.roles.contains(&role);
        // No other unit writes before this one has ended.
        self.run(|state| Ok(state.users.rows().find(has_role).map(|user| user.id))).await
    }
    async fn insert(&mut self, user: &User) -> Done<()> {
        self.run(|state| state.users.insert(user)).await
    }
    async fn save(&mut self, user: &User) -> Done<Version> {
        self.run(|state| state.users.save(user)).await
    }
    async fn erase(&mut self, user: &User) -> Done<()> {
        self.run(|state| {
            state.users.delete(user)?;
            state.sessions.retain(|_, session| session.user_id != user.id);
            state.known_networks.remove(&user.id);
            state.account_links.retain(|_, link| link.user_id != user.id);
            Ok(())
        })
        .await
    }
    async fn renew_hash(&mut self, id: UserId, old: &str, new: &str) -> Done<bool> {
        self.run(|state| {
            Ok(state.users.amend(id, |user| {
                let is_old = user.password_hash == old;
                if is_old {
                    (user.password_hash, user.password_form) = (new.to_owned(), PasswordForm::NEW);
                }
                is_old
            }))
        })
        .await
    }
}

#[async_trait]
impl UserQueries for MemoryStore {
    async fn find_user(&self, scope: Scope, id: UserId) -> Done<Option<UserView>> {
        Ok(self.state().users.get(id).filter(|user| scope.admits(user.id)).map(UserView::from))
    }
    async fn list_users(&self, filter: &UserFilter, sort: UserSort, request: &PageRequest) -> Done<Page<UserView>> {
        let state = self.state();
        let rows = state.users.rows().filter(|user| filter.admits(user)).map(UserView::from);
        Ok(page(rows, |user| sort.key.position(user), sort.direction, request, usize::MAX, |_| 0))
    }
    async fn find_credentials(&self, email: &EmailLookup) -> Done<Option<Credentials>> {
        let state = self.state();
        let user = email.choose(state.users.rows(), |user| &user.email);
        Ok(user.map(|user| Credentials {
            user_id: user.id,
            password_hash: user.password_hash.clone(),
            password_form: user.password_form,
            auth_epoch: user.auth_epoch,
            is_active: user.is_active(),
            is_verified: user.email_verified_at.is_some(),
            known_networks: state.known_networks.get(&user.id).cloned().unwrap_or_else(|| KnownNetworks::none(user.id)),
        }))
    }
    async fn list_without_key(&self, after: Option<UserId>, limit: u32) -> Done<Vec<(UserId, Email)>> {
        let state = self.state();
        let without = state.users.rows().filter(|user| user.email.key().is_none() && Some(user.id) > after);
        Ok(without.take(limit as usize).map(|user| (user.id, user.email.clone())).collect())
    }
    async fn list_erasures(&self, now: Timestamp, after: Option<UserId>, limit: u32) -> Done<Vec<UserId>> {
        let state = self.state();
        let due = state.users.rows().filter(|user| user.is_erasure_due(now) && Some(user.id) > after);
        Ok(due.take(limit as usize).map(|user| user.id).collect())
    }
}

#[async_trait]
impl KnownNetworkRepository for MemoryUnit {
    async fn find(&mut self, id: UserId) -> Done<Option<KnownNetworks>> {
        self.run(|state| Ok(state.known_networks.get(&id).cloned())).await
    }
    async fn replace(&mut self, networks: &KnownNetworks) -> Done<()> {
        self.run(|state| {
            if !networks.is_empty() {
                state.known_networks.insert(networks.user_id, networks.clone());
            }
            Ok(())
        })
        .await
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state| {
            let old = state.known_networks.values().filter(|known| known.last_login_at() <= Some(until));
            let old: BTreeSet<_> = old.map(|known| known.user_id).take(limit as usize).collect();
            state.known_networks.retain(|id, _| !old.contains(id));
            Ok(old.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl SessionRepository for MemoryUnit {
    async fn find(&mut self, id: SessionId) -> Done<Option<Session>> {
        self.run(|state| Ok(state.sessions.get(&id).cloned())).await
    }
    async fn insert(&mut self, session: &Session) -> Done<()> {
        self.run(|state| {
            if state.sessions.contains_key(&session.id) {
                return Err(StoreError::Duplicate { constraint: SESSION_ID });
            }
            state.sessions.insert(session.id, session.clone());
            Ok(())
        })
        .await
    }
    async fn rotate(&mut self, id: SessionId, rotation: &Rotation) -> Done<bool> {
        self.run(|state| {
            let is_current = |session: &&mut Session| {
                session.revoked_at.is_none() && session.refresh.is_some_and(|chain| chain.current == rotation.presented)
            };
            let Some(session) = state.sessions.get_mut(&id).filter(is_current) else { return Ok(false) };
            *session = session.clone().rotated(rotation);
            Ok(true)
        })
        .await
    }
    async fn renew(&mut self, id: SessionId, renewal: Renewal) -> Done<bool> {
        self.run(|state| {
            let Some(session) = state.sessions.get_mut(&id) else { return Ok(false) };
            let renewed = session.clone().renewed(renewal);
            let is_changed = renewed != *session;
            *session = renewed;
            Ok(is_changed)
        })
        .await
    }
    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Done<bool> {
        self.run(|state| match state.sessions.get_mut(&id) {
            Some(session) if session.revoked_at.is_none() => {
                session.revoked_at = Some(now);
                Ok(true)
            }
            _ => Ok(false),
        })
        .await
    }
    async fn revoke_all(&mut self, user_id: UserId, except: Option<SessionId>, now: Timestamp) -> Done<u64> {
        self.run(|state| {
            let others = state.sessions.values_mut().filter(|session| {
                session.user_id == user_id && Some(session.id) != except && session.revoked_at.is_none()
            });
            let mut revoked = 0;
            for session in others.filter(|session| now < session.expires_at) {
                session.revoked_at = Some(now);
                revoked += 1;
            }
            Ok(revoked)
        })
        .await
    }
    async fn keep_newest(&mut self, user_id: UserId, keep: u32, limit: u32) -> Done<u64> {
        self.run(|state| {
            let mut sessions: Vec<_> = state.sessions.values().filter(|session| session.user_id == user_id).collect();
            sessions.sort_by_key(|session| (session.revoked_at.is_some(), Reverse((session.created_at, session.id))));
            let old = sessions.iter().skip(keep as usize).take(limit as usize);
            let old: BTreeSet<_> = old.map(|session| session.id).collect();
            state.sessions.retain(|id, _| !old.contains(id));
            Ok(old.len() as u64)
        })
        .await
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state| {
            let ended = |session: &&Session| {
                session.expires_at <= until || session.revoked_at.is_some_and(|revoked_at| revoked_at <= until)
            };
            let ended = state.sessions.values().filter(ended);
            let ended: BTreeSet<_> = ended.map(|session| session.id).take(limit as usize).collect();
            state.sessions.retain(|id, _| !ended.contains(id));
            Ok(ended.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl SessionQueries for MemoryStore {
    async fn find_session(&self, id: SessionId) -> Done<Option<SessionView>> {
        let state = self.state();
        let Some(session) = state.sessions.get(&id) else { return Ok(None) };
        let user = state.users.get(session.user_id);
        Ok(user.map(|user| SessionView {
            user_id: user.id,
            term: session.term(),
            cookie: session.cookie,
            auth_epoch: user.auth_epoch,
            roles: user.roles.clone(),
            policy: state.policy,
        }))
    }
    async fn list_sessions(&self, user_id: UserId, now: Timestamp, limit: u32) -> Done<Vec<Session>> {
        let state = self.state();
        let Some(user) = state.users.get(user_id) else { return Ok(vec![]) };
        let sessions = state.sessions.values().filter(|session| session.user_id == user_id);
        let mut sessions: Vec<_> = sessions.filter(|session| session.holds(now, user.auth_epoch)).cloned().collect();
        sessions.sort_by_key(|session| Reverse((session.created_at, session.id)));
        sessions.truncate(limit as usize);
        Ok(sessions)
    }
}

#[async_trait]
impl AccountLinkRepository for MemoryUnit {
    async fn find(&mut self, user_id: UserId, purpose: LinkPurpose) -> Done<Option<AccountLink>> {
        self.run(|state| Ok(state.account_links.get(&(user_id, purpose.name())).cloned())).await
    }
    async fn find_by_hash(&mut self, hash: &[u8; 32]) -> Done<Option<AccountLink>> {
        self.run(|state| Ok(state.account_links.values().find(|link| link.hash == *hash).cloned())).await
    }
    async fn replace(&mut self, link: &AccountLink) -> Done<()> {
        self.run(|state| {
            state.account_links.insert((link.user_id, link.purpose.name()), link.clone());
            Ok(())
        })
        .await
    }
    async fn consume(&mut self, hash: &[u8; 32], now: Timestamp) -> Done<bool> {
        self.run(|state| {
            let before = state.account_links.len();
            state.account_links.retain(|_, link| link.hash != *hash || link.expires_at <= now);
            Ok(state.account_links.len() < before)
        })
        .await
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state| {
            let old = state.account_links.iter().filter(|(_, link)| link.expires_at <= until);
            let old: BTreeSet<_> = old.map(|(key, _)| *key).take(limit as usize).collect();
            state.account_links.retain(|key, _| !old.contains(key));
            Ok(old.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl SetupTokenRepository for MemoryUnit {
    async fn find(&mut self) -> Done<Option<SetupToken>> {
        self.run(|state| Ok(state.setup_token)).await
    }
    async fn replace(&mut self, token: &SetupToken) -> Done<()> {
        self.run(|state| {
            state.setup_token = Some(*token);
            Ok(())
        })
        .await
    }
    async fn delete(&mut self) -> Done<()> {
        self.run(|state| {
            state.setup_token = None;
            Ok(())
        })
        .await
    }
}

//! Starts sessions, for the login and for the change of a password.

use super::{
    CookieAnswer, DeviceToken, ExtraClaims, IdentityTx, LogInAnswer, SessionPolicy, SessionSecrets,
    session_cookies::CookieValue,
    session_tokens::{Grant, between},
};
use crate::kernel::{Actor, Runtime, StoreError};
use skep_domain::{
    identity::{
        AuthEpoch, Device, DeviceId, KnownDevice, RefreshChain, Session, SessionCookie, SessionKind, SessionOrigin,
        User,
    },
    shared::{Network, SessionId, UserId},
};
use uuid::Uuid;

/// The most sessions that one login ends. It ends more than one only if the limit was lowered, or if the user has
/// logged in several times at once.
const ENDED_AT_ONCE: u32 = 1_000;

/// Starts sessions and issues their tokens or cookies.
#[derive(Clone)]
pub(super) struct NewSessions {
    secrets: SessionSecrets,
    policy: SessionPolicy,
    runtime: Runtime,
}

/// A session that is ready to be stored, and what its owner is shown afterwards.
pub(super) struct NewSession<S> {
    pub(super) session: Session,
    shown: S,
}

/// The makings of the tokens of a new session.
#[derive(Clone)]
pub(super) struct FirstTokens {
    token_id: Uuid,
    refresh_token: String,
    extra: ExtraClaims,
}

impl NewSessions {
    pub(super) fn new(secrets: SessionSecrets, policy: SessionPolicy, runtime: Runtime) -> Self {
        Self { secrets, policy, runtime }
    }

    /// Makes the ids, times and the first refresh token of a session with tokens that starts now, and asks the program for
    /// claims.
    pub(super) async fn with_tokens(
        &self,
        actor: &Actor,
        user_id: UserId,
        device: Option<Device>,
    ) -> Result<NewSession<FirstTokens>, StoreError> {
        let session = self.session(actor, user_id, device, SessionKind::Token);
        let extra = self.secrets.tokens.extra(&self.runtime, user_id, session.id).await?;
        let first = self.secrets.tokens.refresh.first(session.id);
        let refresh = Some(RefreshChain { current: first.hash, used: None });
        let shown = FirstTokens { token_id: self.runtime.ids.next(), refresh_token: first.text, extra };
        Ok(NewSession { session: Session { refresh, ..session }, shown })
    }

    /// Makes the id, times and the value of the cookie of a session with a cookie that starts now.
    pub(super) fn with_cookie(
        &self,
        actor: &Actor,
        user_id: UserId,
        device: Option<Device>,
    ) -> NewSession<CookieValue> {
        let session = self.session(actor, user_id, device, SessionKind::Cookie);
        let shown = self.secrets.cookies.make(session.id);
        let cookie = Some(SessionCookie { hash: shown.hash, used_at: session.created_at });
        NewSession { session: Session { cookie, ..session }, shown }
    }

    fn session(&self, actor: &Actor, user_id: UserId, device: Option<Device>, kind: SessionKind) -> Session {
        let (id, now) = (SessionId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let limits = self.policy.limits(kind);
        let session = Session::start(id, user_id, now, limits.idle_millis.min(limits.absolute_millis));
        Session { origin: origin(actor, device), ..session }
    }

    /// Stores the session in the present epoch of its user, and ends the oldest ones if there would be too many.
    pub(super) async fn store(&self, tx: &mut dyn IdentityTx, new: &Session, user: &User) -> Result<(), StoreError> {
        // Before the insert, so that the new session stays even if the clock of another instance is ahead.
        let others = self.policy.sessions_per_user.saturating_sub(1);
        tx.sessions().keep_newest(user.id, others, ENDED_AT_ONCE).await?;
        tx.sessions().insert(&Session { auth_epoch: user.auth_epoch, ..new.clone() }).await
    }

    /// Issues the token of the device on which the session was started, in this epoch of its account. A device that is
    /// known keeps its id, and so the count of its wrong passwords.
    fn device(&self, session: &Session, auth_epoch: AuthEpoch, known: Option<KnownDevice>) -> DeviceToken {
        let id = known.map_or_else(|| DeviceId::new(self.runtime.ids.next()), |known| known.id);
        let device = KnownDevice { id, user_id: session.user_id, auth_epoch, logged_in_at: session.created_at };
        DeviceToken { text: self.secrets.devices.of(&device), expires_in: self.policy.device_lifetime }
    }

    /// Issues the tokens of the stored session, and that of its device.
    pub(super) fn tokens(
        &self,
        new: &NewSession<FirstTokens>,
        auth_epoch: AuthEpoch,
        known: Option<KnownDevice>,
    ) -> Result<LogInAnswer, StoreError> {
        let Session { id: session_id, user_id, created_at: now, expires_at: session_ends_at, .. } = new.session;
        let FirstTokens { token_id, refresh_token, extra } = new.shown.clone();
        let grant = Grant { user_id, session_id, token_id, now, session_ends_at, refresh_token, extra };
        let answer = self.secrets.tokens.issue(grant, self.policy.token_lifetime)?;
        Ok(LogInAnswer { device: Some(self.device(&new.session, auth_epoch, known)), ..answer })
    }

    /// Gives out the cookie of the stored session, and that of its device.
    pub(super) fn cookie(
        &self,
        new: NewSession<CookieValue>,
        auth_epoch: AuthEpoch,
        known: Option<KnownDevice>,
    ) -> CookieAnswer {
        let device = self.device(&new.session, auth_epoch, known);
        let Session { id, created_at, expires_at, .. } = new.session;
        CookieAnswer {
            cookie: new.shown.text,
            csrf_token: self.secrets.cookies.csrf_token(id),
            expires_in: between(created_at, expires_at),
            lifetime: self.policy.cookie_lifetime,
            device,
        }
    }
}

/// Where the actor calls from, as far as it is known.
pub(super) fn origin(actor: &Actor, device: Option<Device>) -> SessionOrigin {
    SessionOrigin { device, network: Some(actor.network).filter(|network| *network != Network::default()) }
}

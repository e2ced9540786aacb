//! Checks passwords that callers claim to know, for the login and for the change of a password.

use super::{
    Credentials, HashCaller, HashError, PasswordHasher, SessionPolicy, UserQueries,
    login_attempts::{LoginAttempts, Taken},
    session_tokens::millis,
};
use crate::kernel::{Actor, Clock, Scope, StoreError, TooManyAttempts};
use skep_domain::{
    identity::{AuthEpoch, KnownDevice, NetworkMark, PasswordForm, PasswordPolicy},
    shared::{EmailLookup, UserId},
};
use std::sync::Arc;

/// Why a password was not found to be right.
#[derive(Debug)]
pub(super) enum CheckError {
    /// The e-mail address or the password is wrong.
    Wrong,
    TooManyAttempts(TooManyAttempts),
    HasherBusy,
    Store(StoreError),
}

impl From<TooManyAttempts> for CheckError {
    fn from(refusal: TooManyAttempts) -> Self {
        Self::TooManyAttempts(refusal)
    }
}

impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HashError> for CheckError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::HasherBusy,
            HashError::Failed(cause) => Self::Store(StoreError::unreadable(cause)),
        }
    }
}

/// Turns the error of a check into that of a use case, in which a wrong password is this refusal.
macro_rules! check_error {
    ($error:ident: $wrong:expr) => {
        impl From<$crate::identity::password_check::CheckError> for $error {
            fn from(error: $crate::identity::password_check::CheckError) -> Self {
                use $crate::identity::password_check::CheckError;
                match error {
                    CheckError::Wrong => $wrong.into(),
                    CheckError::TooManyAttempts(refusal) => refusal.into(),
                    CheckError::HasherBusy => $crate::identity::HasherBusy.into(),
                    CheckError::Store(error) => error.into(),
                }
            }
        }
    };
}
pub(super) use check_error;

/// An account whose password the caller knows.
pub(super) struct Verified {
    pub(super) email: EmailLookup,
    pub(super) credentials: Credentials,
    /// The device whose token the caller has shown, if it let the caller through.
    pub(super) device: Option<KnownDevice>,
    pub(super) network: NetworkMark,
    pub(super) caller: HashCaller,
}

/// Checks passwords. Every way to guess one leads through here.
///
/// Attempts count per account and network, so a client can use up only those of its own network. The attempts of the
/// whole account have a far higher limit, which does not apply to networks that the account has logged in from before.
/// A device that shows its token has attempts of its own, and needs neither of the others while it has some. An account
/// that does not exist has the same limits.
#[derive(Clone)]
pub(super) struct PasswordCheck {
    users: Arc<dyn UserQueries>,
    hasher: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    attempts: LoginAttempts,
    policy: SessionPolicy,
}

impl PasswordCheck {
    /// `attempts` counts the attempts.
    pub(super) fn new(
        users: Arc<dyn UserQueries>,
        hasher: Arc<dyn PasswordHasher>,
        clock: Arc<dyn Clock>,
        attempts: LoginAttempts,
        policy: SessionPolicy,
    ) -> Self {
        Self { users, hasher, clock, attempts, policy }
    }

    /// Checks the password of the account with this address. `shown` is what the token of a device says that the caller
    /// has shown. One that does not hold for the account counts as none.
    ///
    /// The error does not say whether the address or the password is wrong. In both cases exactly one password is
    /// verified, so that the time does not reveal whether the account exists. The exception is a password that is too
    /// long for any account: it is refused without being verified.
    pub(super) async fn check(
        &self,
        actor: &Actor,
        email: &str,
        password: String,
        shown: Option<KnownDevice>,
    ) -> Result<Verified, CheckError> {
        let mut taken = Taken::default();
        let checked = self.count_and_check(actor, email, password, shown, &mut taken).await;
        // A wrong password costs an attempt. An attempt that did not end with a verdict on the password costs nothing,
        // so that busy hashers lock no one out.
        if !matches!(checked, Err(CheckError::Wrong)) {
            self.attempts.give_back(taken).await;
        }
        checked
    }

    /// Counts the attempt and verifies the password. `taken` gets the attempts that were taken.
    async fn count_and_check(
        &self,
        actor: &Actor,
        email: &str,
        password: String,
        shown: Option<KnownDevice>,
        taken: &mut Taken,
    ) -> Result<Verified, CheckError> {
        let typed = TypedPassword::read(password);
        let Ok(email) = EmailLookup::parse(email) else {
            return Err(self.refuse_stranger(actor, typed).await);
        };
        let (found, device) = match shown {
            Some(shown) if self.is_address_of(shown.user_id, &email).await? => {
                let found = self.users.find_credentials(&email).await?;
                let device = self.let_through(shown, found.as_ref(), taken).await;
                (Some(found), device)
            }
            _ => (None, None),
        };
        if device.is_none() {
            self.attempts.take_of_network(&email, actor.network, &self.policy, taken).await?;
        }
        let typed = typed.ok_or(CheckError::Wrong)?;
        let credentials = match found {
            Some(found) => found,
            None => self.users.find_credentials(&email).await?,
        };
        let epoch = credentials.as_ref().map_or(AuthEpoch::FIRST, |credentials| credentials.auth_epoch);
        let network = self.attempts.mark(&email, epoch, actor.network);
        let (now, policy) = (self.clock.now(), &self.policy.known_networks);
        let known = credentials.as_ref().map(|credentials| &credentials.known_networks);
        let is_known = device.is_some() || known.is_some_and(|known| known.contains(network, now, policy));
        if !is_known {
            self.attempts.take_of_account(&email, &self.policy, taken).await?;
        }
        let hash =
            credentials.as_ref().map(|credentials| (credentials.password_form, credentials.password_hash.clone()));
        let (password, hash) = typed.against(hash);
        let caller = HashCaller { network: actor.network, is_known };
        let has_hash = hash.is_some();
        let right = self.hasher.verify(caller, password, hash).await?;
        // Any password of an account that must not log in is wrong. It costs as much time and as many attempts as another.
        let may_log_in = |of: &Credentials| of.is_active && (of.is_verified || !self.policy.verified_only);
        let credentials = credentials.filter(|of| right && has_hash && may_log_in(of)).ok_or(CheckError::Wrong)?;
        Ok(Verified { email, credentials, device, network, caller })
    }

    /// Whether this is the address of the account that a token names. Before the network has paid, no account but the one
    /// in the token is read, so the time of the refusal says nothing about others.
    async fn is_address_of(&self, user_id: UserId, email: &EmailLookup) -> Result<bool, StoreError> {
        let user = self.users.find_user(Scope::All, user_id).await?;
        let address = user.and_then(|user| EmailLookup::parse(user.email.as_str()).ok());
        Ok(address.is_some_and(|address| address.key() == email.key()))
    }

    /// Takes an attempt of the device, if it is one of this account. `None` if it is not, or has none left.
    async fn let_through(
        &self,
        shown: KnownDevice,
        credentials: Option<&Credentials>,
        taken: &mut Taken,
    ) -> Option<KnownDevice> {
        let (now, age) = (self.clock.now(), millis(self.policy.device_lifetime));
        let is_own = credentials.is_some_and(|of| shown.is_of(of.user_id, of.auth_epoch, now, age));
        let is_let_through = is_own && self.attempts.take_of_device(shown.id, &self.policy, taken).await.is_ok();
        is_let_through.then_some(shown)
    }

    /// Verifies the password of a caller whose address no account can have, so that the answer takes as long as any.
    async fn refuse_stranger(&self, actor: &Actor, typed: Option<TypedPassword>) -> CheckError {
        let Some(typed) = typed else { return CheckError::Wrong };
        let caller = HashCaller { network: actor.network, is_known: false };
        let (password, no_hash) = typed.against(None);
        match self.hasher.verify(caller, password, no_hash).await {
            Ok(_) => CheckError::Wrong,
            Err(error) => error.into(),
        }
    }
}

/// A password in the forms in which it may have been hashed. Which one counts is known with the account.
struct TypedPassword {
    as_typed: String,
    new: String,
}

impl TypedPassword {
    /// `None` if the password is too long for any account.
    fn read(as_typed: String) -> Option<Self> {
        if as_typed.len() > PasswordPolicy::MAX_TYPED_BYTES {
            return None;
        }
        let new = PasswordForm::NEW.of(&as_typed);
        (fits(&as_typed) || fits(&new)).then_some(Self { as_typed, new })
    }

    /// The password to verify, once, and the hash to verify it against.
    fn against(self, stored: Option<(PasswordForm, String)>) -> (String, Option<String>) {
        let (this, other, hash) = match stored {
            Some((PasswordForm::AsTyped, hash)) => (self.as_typed, self.new, Some(hash)),
            Some((PasswordForm::Opaque, hash)) => (self.new, self.as_typed, Some(hash)),
            None => (self.new, self.as_typed, None),
        };
        // No account has a password that is too long in its form. The other form takes as long to refuse.
        if fits(&this) { (this, hash) } else { (other, None) }
    }
}

fn fits(password: &str) -> bool {
    password.len() <= PasswordPolicy::MAX_BYTES
}

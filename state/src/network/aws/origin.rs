//! Where keys come from, decided in the order of AWS's own tools, without asking anybody.

use super::Credentials;
use super::profiles::{Profile, Profiles, keys_of};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How often one profile may lead to the next.
const PROFILES_MOST: usize = 8;
/// Where a container's relative address is.
const CONTAINER_HOST: &str = "http://169.254.170.2";

/// Files of profiles; those of AWS's tools where none are named.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// With keys.
    pub credentials: Vec<PathBuf>,
    /// With settings.
    pub config: Vec<PathBuf>,
}

/// What a role is taken on with.
#[derive(Debug, Clone, Default)]
pub struct Role {
    /// Which.
    pub arn: String,
    /// What the session is called there; a name of ours where nothing is said.
    pub session: Option<String>,
    /// What the role's owner asks for besides.
    pub external_id: Option<String>,
    /// How long it is taken on for.
    pub seconds: Option<u64>,
    /// What the session may do at most, in JSON.
    pub policy: Option<String>,
    /// The same, by name.
    pub policy_arns: Vec<String>,
    /// Tags of the session.
    pub tags: BTreeMap<String, String>,
    /// Tags that go along to the next role.
    pub transitive_tags: Vec<String>,
    /// Who is behind it.
    pub source_identity: Option<String>,
}

/// A token of another issuer.
#[derive(Clone)]
pub enum Token {
    /// Itself.
    Text(String),
    /// In a file, which is read each time: whoever made it makes it anew.
    File(PathBuf),
}

/// A role that a token opens.
#[derive(Clone)]
pub struct TokenRole {
    /// The role.
    pub role: Role,
    /// The token.
    pub token: Token,
}

/// What is known of a sign-on that a person did.
#[derive(Debug, Clone)]
pub struct SignOn {
    /// The profile, for words.
    pub(super) profile: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) role: String,
    /// Where AWS's tools keep the token of the sign-on.
    pub(super) token: PathBuf,
}

/// What gives keys to a container.
#[derive(Clone)]
pub struct Container {
    pub(super) address: String,
    pub(super) token: Option<Token>,
}

/// Where keys come from.
#[derive(Clone)]
pub enum Origin {
    /// They stand somewhere.
    Written(Credentials),
    /// A token opens a role.
    Token(Box<TokenRole>),
    /// Keys from elsewhere open a role.
    Role(Box<Origin>, Box<Role>),
    /// A program gives them.
    Program(String),
    /// A person signed on.
    SignOn(SignOn),
    /// The container's own.
    Container(Container),
    /// The machine's own.
    Machine,
}

/// What there is to decide by.
pub struct Sources<'a> {
    /// What is written down where the store is.
    pub written: Option<Credentials>,
    /// The profile that is written there: it goes before the environment's keys.
    pub profile: Option<String>,
    /// The files of profiles.
    pub files: Files,
    /// A role that a token opens, as it is written there: it goes before all others.
    pub token_role: Option<TokenRole>,
    /// A role that is taken on with what was found.
    pub role: Option<Role>,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Sources<'_> {
    /// The profile that is meant.
    pub fn profile(&self) -> String {
        let named = self.profile.clone().or_else(|| (self.variable)("AWS_PROFILE"));
        named.unwrap_or_else(|| "default".to_owned())
    }

    /// Where keys come from; nothing where only a machine of AWS could have any, and asking it is turned off.
    pub fn decide(&self) -> Result<Option<Origin>, String> {
        let base = match &self.token_role {
            Some(role) => Some(Origin::Token(Box::new(role.clone()))),
            None => self.base()?,
        };
        Ok(match &self.role {
            Some(role) => base.map(|base| Origin::Role(Box::new(base), Box::new(role.clone()))),
            None => base,
        })
    }

    fn base(&self) -> Result<Option<Origin>, String> {
        if let Some(written) = &self.written {
            return Ok(Some(Origin::Written(written.clone())));
        }
        let profiles = Profiles::read(&self.files, self.variable);
        if self.profile.is_none()
            && let Some(found) = self.of_environment().map(Origin::Written).or_else(|| self.of_token())
        {
            return Ok(Some(found));
        }
        let name = self.profile();
        let is_named = self.profile.is_some() || (self.variable)("AWS_PROFILE").is_some();
        match profiles.profile(&name) {
            Some(profile) => {
                if let Some(found) = self.of_profile(&profiles, &name, profile, PROFILES_MOST)? {
                    return Ok(Some(found));
                }
                if is_named {
                    return Err(format!("the profile {name:?} does not say where its keys are"));
                }
            }
            None if is_named => {
                return Err(format!("there is no profile {name:?} in the files of AWS's tools"));
            }
            None => {}
        }
        Ok(self.of_container()?.or_else(|| self.of_machine()))
    }

    fn of_environment(&self) -> Option<Credentials> {
        let variable = self.variable;
        let token = variable("AWS_SESSION_TOKEN");
        Credentials::pair(variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), token)
    }

    /// What a platform gives to a workload: EKS to a pod, and pipelines that ask for such a token.
    fn of_token(&self) -> Option<Origin> {
        let variable = self.variable;
        let file = variable("AWS_WEB_IDENTITY_TOKEN_FILE")?;
        let role = Role {
            arn: variable("AWS_ROLE_ARN")?,
            session: variable("AWS_ROLE_SESSION_NAME"),
            ..Role::default()
        };
        Some(Origin::Token(Box::new(TokenRole { role, token: Token::File(file.into()) })))
    }

    fn of_container(&self) -> Result<Option<Origin>, String> {
        let variable = self.variable;
        let relative =
            variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER_HOST}{path}"));
        let Some(address) = relative.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
            return Ok(None);
        };
        if !may_give_keys(&address) {
            return Err(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor on this machine".to_owned()
            );
        }
        let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| Token::File(path.into()));
        let token = file.or_else(|| variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Text));
        Ok(Some(Origin::Container(Container { address, token })))
    }

    fn of_machine(&self) -> Option<Origin> {
        let is_off = (self.variable)("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        (!is_off).then_some(Origin::Machine)
    }

    fn of_profile(
        &self,
        profiles: &Profiles,
        name: &str,
        profile: &Profile,
        left: usize,
    ) -> Result<Option<Origin>, String> {
        let value = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
        let Some(arn) = value("role_arn") else { return self.without_role(profiles, name, profile) };
        let role = Role {
            arn,
            session: value("role_session_name"),
            external_id: value("external_id"),
            seconds: value("duration_seconds").and_then(|text| text.parse().ok()),
            ..Role::default()
        };
        if let Some(file) = value("web_identity_token_file") {
            return Ok(Some(Origin::Token(Box::new(TokenRole { role, token: Token::File(file.into()) }))));
        }
        if value("mfa_serial").is_some() {
            return Err(format!(
                "the profile {name:?} wants a code from a device, and nobody is asked for one"
            ));
        }
        let base = match (value("source_profile"), value("credential_source")) {
            (Some(_), _) if left == 0 => {
                return Err(format!("the profile {name:?} is one of too many that lead to each other"));
            }
            // A profile may open its role with its own keys.
            (Some(source), _) if source == name => self.without_role(profiles, name, profile)?,
            (Some(source), _) => {
                let missing = || format!("the profile {name:?} leads to {source:?}, which there is not");
                let next = profiles.profile(&source).ok_or_else(missing)?;
                self.of_profile(profiles, &source, next, left - 1)?
            }
            (None, Some(source)) => self.of_source(&source)?,
            (None, None) => {
                return Err(format!(
                    "the profile {name:?} has a role, but neither source_profile nor credential_source"
                ));
            }
        };
        let base = base.ok_or_else(|| format!("the profile {name:?} has nothing to open its role with"))?;
        Ok(Some(Origin::Role(Box::new(base), Box::new(role))))
    }

    fn without_role(
        &self,
        profiles: &Profiles,
        name: &str,
        profile: &Profile,
    ) -> Result<Option<Origin>, String> {
        if let Some(keys) = keys_of(profile) {
            return Ok(Some(Origin::Written(keys)));
        }
        if let Some(signed_on) = self.sign_on(profiles, name, profile)? {
            return Ok(Some(Origin::SignOn(signed_on)));
        }
        Ok(profile.get("credential_process").cloned().map(Origin::Program))
    }

    fn of_source(&self, source: &str) -> Result<Option<Origin>, String> {
        match source {
            "Environment" => Ok(self.of_environment().map(Origin::Written)),
            "EcsContainer" => self.of_container(),
            "Ec2InstanceMetadata" => Ok(self.of_machine()),
            other => Err(format!(
                "credential_source = {other} is none of Environment, EcsContainer and Ec2InstanceMetadata"
            )),
        }
    }

    fn sign_on(&self, profiles: &Profiles, name: &str, profile: &Profile) -> Result<Option<SignOn>, String> {
        let session_name = profile.get("sso_session");
        let Some(key) = session_name.or_else(|| profile.get("sso_start_url")) else { return Ok(None) };
        let session = match session_name {
            Some(session) => Some(profiles.session(session).ok_or_else(|| {
                format!("the profile {name:?} leads to the sso-session {session:?}, which there is not")
            })?),
            None => None,
        };
        let value = |key: &str| {
            let found = profile.get(key).or_else(|| session?.get(key)).cloned();
            found.ok_or_else(|| format!("the profile {name:?} lacks {key}"))
        };
        let home = (self.variable)("HOME").map(PathBuf::from).unwrap_or_default();
        Ok(Some(SignOn {
            profile: name.to_owned(),
            region: value("sso_region")?,
            account: value("sso_account_id")?,
            role: value("sso_role_name")?,
            token: home
                .join(".aws/sso/cache")
                .join(format!("{}.json", super::signature::sha1(key.as_bytes()))),
        }))
    }
}

/// Whether keys may come from there: who listens on the way must not see them.
fn may_give_keys(address: &str) -> bool {
    const HERE: [&str; 6] =
        ["127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
    let Some(rest) = address.strip_prefix("http://") else { return address.starts_with("https://") };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    HERE.iter()
        .any(|host| authority.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with(':')))
}

#[cfg(test)]
mod tests;

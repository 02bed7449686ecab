//! Asking those who give keys: the service that opens roles, a portal, containers, machines, programs.

use super::Credentials;
use super::keys::{Way, seconds};
use super::origin::{Container, Origin, Role, SignOn, Token, TokenRole};
use super::signature::{Unsigned, encoded, sign};
use crate::network::http::{Answer, HttpClient, Question};
use crate::network::proxy::Proxies;
use crate::network::s3::elements;
use serde::Deserialize;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same of a machine's metadata, which is near where it is at all.
const MACHINE_TIMEOUT: Duration = Duration::from_secs(2);
const MACHINE: &str = "http://169.254.169.254";
const OF_MACHINES: &str = "/latest/meta-data/iam/security-credentials/";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Asks for keys.
pub(super) struct Asker<'a> {
    way: &'a Way,
    client: HttpClient,
    /// What is on this machine or beside it is behind no proxy.
    near: HttpClient,
    machine: HttpClient,
}

/// Keys as containers, machines and programs write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Keys as a portal writes them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPortal {
    role_credentials: OfRole,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfRole {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// Milliseconds.
    expiration: i64,
}

/// What AWS's tools keep of a sign-on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedOn {
    access_token: String,
    expires_at: String,
}

type Parameters = Vec<(String, String)>;
type Asking<'a> = Pin<Box<dyn Future<Output = Result<Credentials, String>> + Send + 'a>>;

impl<'a> Asker<'a> {
    pub(super) fn new(way: &'a Way) -> Self {
        let none = Proxies::none();
        Self {
            way,
            client: HttpClient::new(&way.tls, &way.proxies, TIMEOUT),
            near: HttpClient::new(&way.tls, &none, TIMEOUT),
            machine: HttpClient::new(&way.tls, &none, MACHINE_TIMEOUT),
        }
    }

    /// The keys of an origin, asked for now.
    pub(super) fn keys<'b>(&'b self, origin: &'b Origin) -> Asking<'b> {
        Box::pin(async move {
            match origin {
                Origin::Written(keys) => Ok(keys.clone()),
                Origin::Token(role) => self.with_token(role).await,
                Origin::Role(base, role) => {
                    let base = self.keys(base).await?;
                    self.with_keys(role, &base).await
                }
                Origin::Program(line) => of_program(line),
                Origin::SignOn(sign_on) => self.of_sign_on(sign_on).await,
                Origin::Container(container) => self.of_container(container).await,
                Origin::Machine => self.of_machine().await,
            }
        })
    }

    async fn with_keys(&self, role: &Role, base: &Credentials) -> Result<Credentials, String> {
        let mut parameters = vec![("Action".to_owned(), "AssumeRole".to_owned())];
        parameters.extend(self.of_role(role));
        let mut add = |name: String, value: &str| parameters.push((name, value.to_owned()));
        if let Some(id) = &role.external_id {
            add("ExternalId".to_owned(), id);
        }
        if let Some(identity) = &role.source_identity {
            add("SourceIdentity".to_owned(), identity);
        }
        for (at, (key, value)) in (1..).zip(&role.tags) {
            add(format!("Tags.member.{at}.Key"), key);
            add(format!("Tags.member.{at}.Value"), value);
        }
        for (at, key) in (1..).zip(&role.transitive_tags) {
            add(format!("TransitiveTagKeys.member.{at}"), key);
        }
        self.open_role(role, &parameters, Some(base)).await
    }

    async fn with_token(&self, opened: &TokenRole) -> Result<Credentials, String> {
        let mut parameters = vec![("Action".to_owned(), "AssumeRoleWithWebIdentity".to_owned())];
        parameters.extend(self.of_role(&opened.role));
        parameters.push(("WebIdentityToken".to_owned(), text_of(&opened.token)?));
        self.open_role(&opened.role, &parameters, None).await
    }

    fn of_role(&self, role: &Role) -> Parameters {
        let session = role.session.clone().unwrap_or_else(|| format!("formwork-{}", (self.way.now)()));
        let mut parameters = vec![
            ("Version".to_owned(), "2011-06-15".to_owned()),
            ("RoleArn".to_owned(), role.arn.clone()),
            ("RoleSessionName".to_owned(), session),
        ];
        parameters.extend(role.seconds.map(|seconds| ("DurationSeconds".to_owned(), seconds.to_string())));
        parameters.extend(role.policy.clone().map(|policy| ("Policy".to_owned(), policy)));
        let arns = (1..).zip(&role.policy_arns);
        parameters.extend(arns.map(|(at, arn)| (format!("PolicyArns.member.{at}.arn"), arn.clone())));
        parameters
    }

    async fn open_role(
        &self,
        role: &Role,
        parameters: &Parameters,
        base: Option<&Credentials>,
    ) -> Result<Credentials, String> {
        let failed = |words: String| format!("the role {} cannot be taken on: {words}", role.arn);
        let (host, text) = self.of_service(parameters, base).await.map_err(failed)?;
        let value = |name: &str| elements(&text, name).next().map(ToOwned::to_owned);
        let keys = Credentials::pair(value("AccessKeyId"), value("SecretAccessKey"), value("SessionToken"));
        let keys = keys.ok_or_else(|| failed(format!("{host} answered without keys")))?;
        Ok(Credentials { ends: value("Expiration"), ..keys })
    }

    /// The account of keys.
    pub(super) async fn account(&self, keys: &Credentials) -> Result<String, String> {
        let parameters = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let failed = |words: String| format!("nobody says which account the keys are of: {words}");
        let (host, text) = self.of_service(&parameters, Some(keys)).await.map_err(failed)?;
        let account = elements(&text, "Account").next().map(ToOwned::to_owned);
        account.ok_or_else(|| failed(format!("{host} answered without an account")))
    }

    /// Asks the service that opens roles; its host, and what it answers.
    async fn of_service(
        &self,
        parameters: &[(String, String)],
        keys: Option<&Credentials>,
    ) -> Result<(String, String), String> {
        let region = &self.way.region;
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        let usual = || format!("https://sts.{region}.amazonaws.com{end}");
        let endpoint = self.way.endpoints.roles.clone().unwrap_or_else(usual);
        let endpoint = endpoint.trim_end_matches('/');
        let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
        let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value, false)));
        let body = pairs.collect::<Vec<_>>().join("&").into_bytes();
        let mut headers = vec![("content-type".to_owned(), FORM.to_owned())];
        if let Some(keys) = keys {
            let (headers_of, body) = (&headers, &body);
            let unsigned = Unsigned {
                service: "sts",
                method: "POST",
                host,
                path: "/",
                query: &[],
                headers: headers_of,
                body,
            };
            headers = sign(&unsigned, keys, region, &(self.way.now)()).headers;
        }
        let question = Question { method: "POST".to_owned(), address: format!("{endpoint}/"), headers, body };
        let answer = self.client.ask(&question).await.map_err(|error| format!("{host}: {error}"))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.is_good() {
            return Ok((host.to_owned(), text));
        }
        let words = ["Code", "Message"].iter().filter_map(|name| elements(&text, name).next());
        let words = words.collect::<Vec<_>>().join(": ");
        Err(format!("{host} answered {} ({words})", answer.status))
    }

    async fn of_container(&self, container: &Container) -> Result<Credentials, String> {
        let token = container.token.as_ref().map(text_of).transpose()?;
        let headers = token.map(|token| ("authorization".to_owned(), token)).into_iter().collect();
        let answer = get(&self.near, &container.address, headers).await;
        let answer = answer.map_err(|error| format!("the container's keys cannot be had: {error}"))?;
        given("the container's credentials", &answer.body)
    }

    async fn of_machine(&self) -> Result<Credentials, String> {
        let base = self.way.endpoints.machine.as_deref().unwrap_or(MACHINE).trim_end_matches('/');
        let failed = |error: String| format!("the machine's metadata give no keys: {error}");
        let question = Question {
            method: "PUT".to_owned(),
            address: format!("{base}/latest/api/token"),
            headers: vec![("x-aws-ec2-metadata-token-ttl-seconds".to_owned(), "21600".to_owned())],
            body: Vec::new(),
        };
        let answer = self.machine.ask(&question).await.map_err(failed)?;
        if !answer.is_good() {
            return Err(failed(format!("{base} answered {}", answer.status)));
        }
        let token = String::from_utf8_lossy(&answer.body).into_owned();
        let headers = vec![("x-aws-ec2-metadata-token".to_owned(), token)];
        let address = format!("{base}{OF_MACHINES}");
        let roles = get(&self.machine, &address, headers.clone()).await.map_err(failed)?;
        let roles = String::from_utf8_lossy(&roles.body).into_owned();
        let role = roles.lines().next().unwrap_or_default().trim();
        let answer = get(&self.machine, &format!("{address}{role}"), headers).await.map_err(failed)?;
        given("the machine's metadata", &answer.body)
    }

    async fn of_sign_on(&self, sign_on: &SignOn) -> Result<Credentials, String> {
        let SignOn { profile, region, account, role, token } = sign_on;
        let again = format!("run: aws sso login --profile {profile}");
        let kept = std::fs::read(token)
            .map_err(|_| format!("nobody has signed on for the profile {profile:?}; {again}"))?;
        let kept: SignedOn = serde_json::from_slice(&kept)
            .map_err(|_| format!("{} holds no sign-on; {again}", token.display()))?;
        let now = seconds(&(self.way.now)()).unwrap_or_default();
        if seconds(&kept.expires_at).is_none_or(|ends| ends <= now) {
            return Err(format!("the sign-on of the profile {profile:?} has ended; {again}"));
        }
        let usual = || format!("https://portal.sso.{region}.amazonaws.com");
        let base = self.way.endpoints.sign_on.clone().unwrap_or_else(usual);
        let (role, account) = (encoded(role, false), encoded(account, false));
        let base = base.trim_end_matches('/');
        let address = format!("{base}/federation/credentials?role_name={role}&account_id={account}");
        let headers = vec![("x-amz-sso_bearer_token".to_owned(), kept.access_token)];
        let failed =
            |error: String| format!("the portal gives no keys for the profile {profile:?}: {error}; {again}");
        let answer = get(&self.client, &address, headers).await.map_err(failed)?;
        let keys: OfPortal = serde_json::from_slice(&answer.body)
            .map_err(|_| failed("its answer is not what the protocol has".to_owned()))?;
        let OfRole { access_key_id, secret_access_key, session_token, expiration } = keys.role_credentials;
        let ends = jiff::Timestamp::from_millisecond(expiration).ok().map(|moment| moment.to_string());
        Ok(Credentials {
            access_key: access_key_id,
            secret_key: secret_access_key,
            token: Some(session_token),
            ends,
        })
    }
}

async fn get(client: &HttpClient, address: &str, headers: Vec<(String, String)>) -> Result<Answer, String> {
    let question =
        Question { method: "GET".to_owned(), address: address.to_owned(), headers, body: Vec::new() };
    let place = address.split('?').next().unwrap_or_default();
    let answer = client.ask(&question).await.map_err(|error| format!("{place}: {error}"))?;
    if answer.is_good() { Ok(answer) } else { Err(format!("{place} answered {}", answer.status)) }
}

fn text_of(token: &Token) -> Result<String, String> {
    match token {
        Token::Text(text) => Ok(text.clone()),
        Token::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("the token in {} cannot be read: {error}", path.display())),
    }
}

/// Reads keys; nothing of what was given is quoted.
fn given(whose: &str, body: &[u8]) -> Result<Credentials, String> {
    let keys: Given =
        serde_json::from_slice(body).map_err(|_| format!("{whose} are not what the protocol has"))?;
    Ok(Credentials {
        access_key: keys.access_key_id,
        secret_key: keys.secret_access_key,
        token: keys.session_token,
        ends: keys.expiration,
    })
}

/// What a program writes that a profile names. It asks its user where it must.
fn of_program(line: &str) -> Result<Credentials, String> {
    let output = crate::program::output(&["sh".to_owned(), "-c".to_owned(), line.to_owned()], b"");
    let output = output.map_err(|error| format!("credential_process: {error}"))?;
    given("the credentials of credential_process", &output)
}

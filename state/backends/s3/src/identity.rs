//! Whose requests they are: what the block says, then what AWS's own tools would find.

use crate::{invalid, with_scheme};
use formwork_diagnostic::Diagnostic;
use formwork_state::network::aws::{
    Credentials, Endpoints, Files, Keys, Origin, Role, Sources, Token, TokenRole, Way,
};
use formwork_state::network::proxy::Proxies;
use formwork_state::network::tls::ClientConfig;
use formwork_state::storage::{Setting, SettingType, Settings};
use std::sync::Arc;

/// What `assume_role` has.
pub(crate) const ROLE: &[Setting] = &[
    Setting::text("role_arn", "The role.").required(),
    Setting::text("session_name", "What the session is called there; a name of ours where it is left out."),
    Setting::text("external_id", "What the role's owner asks for besides."),
    DURATION,
    POLICY,
    POLICY_ARNS,
    Setting::of(SettingType::Map, "tags", "Tags of the session."),
    Setting::of(SettingType::Texts, "transitive_tag_keys", "Tags that go along to the next role."),
    Setting::text("source_identity", "Who is behind it."),
];

/// What `assume_role_with_web_identity` has.
pub(crate) const TOKEN_ROLE: &[Setting] = &[
    Setting::text("role_arn", "The role.").required().from(&["AWS_ROLE_ARN"]),
    Setting::text("session_name", "What the session is called there.").from(&["AWS_ROLE_SESSION_NAME"]),
    DURATION,
    POLICY,
    POLICY_ARNS,
    Setting::text("web_identity_token", "The token.").sensitive(),
    Setting::text("web_identity_token_file", "Its file, which is read whenever it is needed.")
        .from(&["AWS_WEB_IDENTITY_TOKEN_FILE"]),
];

const DURATION: Setting =
    Setting::text("duration", "How long a session lives, as 1h30m; the role's own where it is left out.");
const POLICY: Setting = Setting::text("policy", "What the session may do at most, in JSON.");
const POLICY_ARNS: Setting = Setting::of(SettingType::Texts, "policy_arns", "The same, by name.");

/// The keys of a bucket.
pub(crate) fn keys(
    settings: &Settings,
    region: &str,
    tls: Arc<ClientConfig>,
    proxies: Proxies,
) -> Result<Keys, Diagnostic> {
    let text = |name: &str| settings.text(name);
    let paths = |name: &str| settings.texts(name).iter().map(Into::into).collect();
    let is_metadata_off = settings.flag("skip_metadata_api_check");
    let variable = |name: &str| match name {
        "AWS_EC2_METADATA_DISABLED" if is_metadata_off => Some("true".to_owned()),
        name => settings.variable(name),
    };
    let sources = Sources {
        written: Credentials::pair(text("access_key"), text("secret_key"), text("token")),
        profile: text("profile"),
        files: Files { credentials: paths("shared_credentials_files"), config: paths("shared_config_files") },
        token_role: token_role(settings)?,
        role: role(settings)?,
        variable: &variable,
    };
    let endpoints = Endpoints {
        roles: settings.map("endpoints").remove("sts").or_else(|| text("sts_endpoint")).map(with_scheme),
        sign_on: Endpoints::of(&variable).sign_on,
        machine: text("ec2_metadata_service_endpoint"),
    };
    let region = text("sts_region").unwrap_or_else(|| region.to_owned());
    let way = Way { tls, proxies, endpoints, region, now: settings.surroundings.now };
    let none = |why: &str| no_keys(&sources.profile(), why);
    let origin = sources.decide().map_err(|why| none(&why))?.ok_or_else(|| none(""))?;
    let is_guessed = matches!(origin, Origin::Machine);
    let keys = Keys::new(origin, way);
    match keys.current() {
        Ok(_) => {}
        Err(why) if is_guessed => return Err(none(&why)),
        Err(why) => return Err(refused(&why)),
    }
    check_account(settings, &keys)?;
    Ok(keys)
}

fn role(settings: &Settings) -> Result<Option<Role>, Diagnostic> {
    let Some(block) = settings.block("assume_role") else {
        let seconds = settings.number("assume_role_duration_seconds");
        return Ok(settings.text("role_arn").map(|arn| Role {
            arn,
            session: settings.text("session_name"),
            external_id: settings.text("external_id"),
            seconds: seconds.and_then(|seconds| u64::try_from(seconds).ok()),
            policy: settings.text("assume_role_policy"),
            policy_arns: settings.texts("assume_role_policy_arns"),
            tags: settings.map("assume_role_tags"),
            transitive_tags: settings.texts("assume_role_transitive_tag_keys"),
            source_identity: None,
        }));
    };
    Ok(Some(Role {
        external_id: block.text("external_id"),
        tags: block.map("tags"),
        transitive_tags: block.texts("transitive_tag_keys"),
        source_identity: block.text("source_identity"),
        ..of_block(block, "assume_role")?
    }))
}

fn of_block(block: &Settings, name: &str) -> Result<Role, Diagnostic> {
    let duration = block.text("duration").map(|text| seconds(&text).ok_or(text)).transpose();
    let duration = duration.map_err(|text| {
        invalid(name, format!("duration is {text:?}: a length of time like 1h or 30m is expected."))
    })?;
    Ok(Role {
        arn: block.text("role_arn").unwrap_or_default(),
        session: block.text("session_name"),
        seconds: duration,
        policy: block.text("policy"),
        policy_arns: block.texts("policy_arns"),
        ..Role::default()
    })
}

fn token_role(settings: &Settings) -> Result<Option<TokenRole>, Diagnostic> {
    const NAME: &str = "assume_role_with_web_identity";
    let Some(block) = settings.block(NAME) else { return Ok(None) };
    let file = || block.text("web_identity_token_file").map(|path| Token::File(path.into()));
    let token = block.text("web_identity_token").map(Token::Text).or_else(file);
    let missing =
        || invalid(NAME, "One of web_identity_token and web_identity_token_file is needed.".to_owned());
    Ok(Some(TokenRole { role: of_block(block, NAME)?, token: token.ok_or_else(missing)? }))
}

/// A length of time as Go writes it, in whole seconds.
fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|one: char| one.is_ascii_digit()).unwrap_or(after.len());
        let factor = match &after[..unit] {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = &after[unit..];
    }
    (total > 0).then_some(total)
}

/// Stops where the keys are of another account than is meant.
fn check_account(settings: &Settings, keys: &Keys) -> Result<(), Diagnostic> {
    let (allowed, forbidden) =
        (settings.texts("allowed_account_ids"), settings.texts("forbidden_account_ids"));
    if allowed.is_empty() && forbidden.is_empty() {
        return Ok(());
    }
    let account = keys.account().map_err(|why| refused(&why))?;
    if forbidden.contains(&account) || !(allowed.is_empty() || allowed.contains(&account)) {
        let name = if forbidden.contains(&account) { "forbidden_account_ids" } else { "allowed_account_ids" };
        let detail = format!("The keys are of the account {account}, which {name} rules out.");
        return Err(Diagnostic::error("account-not-allowed", "AWS account ID not allowed", detail)
            .attribute(name)
            .hint("Use keys of the account that is meant, or correct the list."));
    }
    Ok(())
}

fn refused(why: &str) -> Diagnostic {
    let detail = format!("There are no keys for the bucket: {why}.");
    Diagnostic::error("credentials-refused", "Failed to get AWS credentials", detail)
        .hint("Ask for them with AWS's own tools in the same shell (aws sts get-caller-identity), and see docs/backends.md.")
}

fn no_keys(profile: &str, why: &str) -> Diagnostic {
    let why = if why.is_empty() { String::new() } else { format!("; {why}") };
    let detail = format!(
        "There are no credentials: neither access_key and secret_key, nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a token or a container's address in the environment, nor a profile {profile:?} in the files of AWS's tools{why}."
    );
    Diagnostic::error("no-credentials", "No valid credential sources found", detail)
        .hint("Set the variables, sign on (aws sso login), or name a profile.")
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, expected) in [
            ("1h", Some(3600)),
            ("1h30m", Some(5400)),
            ("900s", Some(900)),
            ("", None),
            ("0s", None),
            ("15", None),
            ("1d", None),
            ("h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}

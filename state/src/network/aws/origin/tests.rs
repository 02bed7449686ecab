use super::{Files, Origin, Sources, may_give_keys};
use crate::network::aws::{Credentials, Role};

const CREDENTIALS: &str = "[keys]\naws_access_key_id = K\naws_secret_access_key = S\n";
const CONFIG: &str = "
[default]
region = eu-central-1
[profile role]
role_arn = arn:r
source_profile = keys
external_id = x
[profile own]
role_arn = arn:own
source_profile = own
aws_access_key_id = O
aws_secret_access_key = S
[profile machine]
role_arn = arn:m
credential_source = Ec2InstanceMetadata
[profile program]
credential_process = give-keys --now
[profile pod]
role_arn = arn:p
web_identity_token_file = /token
[profile person]
sso_session = people
sso_account_id = 123
sso_role_name = reader
[profile person-of-old]
sso_start_url = https://start.example
sso_region = eu-west-1
sso_account_id = 123
sso_role_name = reader
[sso-session people]
sso_region = eu-north-1
sso_start_url = https://start.example
[profile round]
role_arn = arn:a
source_profile = round-again
[profile round-again]
role_arn = arn:b
source_profile = round
[profile lost]
role_arn = arn:l
source_profile = nowhere
[profile device]
role_arn = arn:d
source_profile = keys
mfa_serial = arn:mfa
";

/// An origin in a word or two.
fn words(origin: &Origin) -> String {
    match origin {
        Origin::Written(keys) => format!("keys {}", keys.access_key),
        Origin::Token(opened) => format!("token for {}", opened.role.arn),
        Origin::Role(base, role) => format!("{} by {}", role.arn, words(base)),
        Origin::Program(line) => format!("program {line}"),
        Origin::SignOn(sign_on) => {
            let file = sign_on.token.file_name().unwrap_or_default().to_string_lossy().into_owned();
            format!("sign-on in {} kept in {file}", sign_on.region)
        }
        Origin::Container(container) => format!("container at {}", container.address),
        Origin::Machine => "machine".to_owned(),
    }
}

fn decided(profile: Option<&str>, variables: &[(&str, &str)], role: Option<&str>) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let (credentials, config) = (folder.path().join("credentials"), folder.path().join("config"));
    std::fs::write(&credentials, CREDENTIALS).unwrap();
    std::fs::write(&config, CONFIG).unwrap();
    let variable =
        |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
    let sources = Sources {
        written: Credentials::pair(variable("WRITTEN"), variable("WRITTEN"), None),
        profile: profile.map(ToOwned::to_owned),
        files: Files { credentials: vec![credentials], config: vec![config] },
        token_role: None,
        role: role.map(|arn| Role { arn: arn.to_owned(), ..Role::default() }),
        variable: &variable,
    };
    Ok(sources.decide()?.as_ref().map_or_else(|| "none".to_owned(), words))
}

/// A profile that is written down, the environment, and where keys then come from.
type Case<'a> = (Option<&'a str>, Vec<(&'a str, &'a str)>, &'a str);

#[test]
fn keys_are_looked_for_in_the_order_of_awss_tools() {
    let keys = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "S")];
    let token = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:t")];
    let off = ("AWS_EC2_METADATA_DISABLED", "true");
    let container = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/keys");
    let cases: [Case<'_>; 15] = [
        (None, [&keys[..], &[("WRITTEN", "W")]].concat(), "keys W"),
        (Some("keys"), keys.to_vec(), "keys K"),
        (None, [&keys[..], &token[..]].concat(), "keys E"),
        (None, [&token[..], &[("AWS_PROFILE", "keys")]].concat(), "token for arn:t"),
        (None, vec![("AWS_PROFILE", "keys"), container], "keys K"),
        (None, vec![container], "container at http://169.254.170.2/v2/keys"),
        (
            None,
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]:80/k")],
            "container at http://[::1]:80/k",
        ),
        (None, vec![], "machine"),
        (None, vec![off], "none"),
        (Some("role"), vec![], "arn:r by keys K"),
        (Some("own"), vec![], "arn:own by keys O"),
        (Some("machine"), vec![], "arn:m by machine"),
        (Some("program"), vec![], "program give-keys --now"),
        (Some("pod"), vec![], "token for arn:p"),
        (None, vec![("AWS_PROFILE", "role"), off], "arn:r by keys K"),
    ];
    for (profile, variables, expected) in cases {
        assert_eq!(decided(profile, &variables, None).as_deref(), Ok(expected), "{profile:?} {variables:?}");
    }
    let chained = decided(Some("role"), &[], Some("arn:of-the-block"));
    assert_eq!(chained.as_deref(), Ok("arn:of-the-block by arn:r by keys K"));
}

#[test]
fn a_sign_on_is_kept_under_what_it_was_done_for() {
    // sha1sum of `people`, and of the address.
    for (profile, expected) in [
        ("person", "sign-on in eu-north-1 kept in ab3ccc8dba2a0cf7a1ce4d830bb8a6238ff03833.json"),
        ("person-of-old", "sign-on in eu-west-1 kept in 1c5a689b7bb92284d0c514c4b1c1e1ce96d9621f.json"),
    ] {
        assert_eq!(decided(Some(profile), &[], None).as_deref(), Ok(expected), "{profile}");
    }
}

#[test]
fn a_profile_that_leads_nowhere_is_named() {
    for (profile, expected) in [
        ("none", "there is no profile \"none\""),
        ("default", "does not say where its keys are"),
        ("round", "too many that lead to each other"),
        ("lost", "leads to \"nowhere\""),
        ("device", "wants a code from a device"),
    ] {
        let error = decided(Some(profile), &[], None).unwrap_err();
        assert!(error.contains(expected), "{profile}: {error}");
    }
}

#[test]
fn keys_come_from_nobody_who_could_be_anybody() {
    for (address, expected) in [
        ("https://keys.example/k", true),
        ("http://keys.example/k", false),
        ("http://127.0.0.1.example/k", false),
        ("http://127.0.0.1:8080/k", true),
        ("http://169.254.170.23/v1/credentials", true),
        ("ftp://127.0.0.1/k", false),
    ] {
        assert_eq!(may_give_keys(address), expected, "{address}");
    }
}

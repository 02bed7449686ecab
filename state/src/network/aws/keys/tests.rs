use super::{Endpoints, Keys, Way};
use crate::network::aws::origin::{Container, SignOn};
use crate::network::aws::{Credentials, Origin, Role, Token, TokenRole};
use crate::network::proxy::Proxies;
use crate::network::tls::{Trust, client};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::Receiver;

/// What the server was asked: the first line, the headers with their names in lower case, the body.
struct Asked {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A server that answers as it is told, and tells what it was asked.
fn server(answer: impl Fn(&Asked) -> (u16, String) + Send + 'static) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim_end().to_owned());
            }
            let headers = lines.split_off(1).into_iter().map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                format!("{}: {}", name.to_ascii_lowercase(), value.trim())
            });
            let mut asked = Asked { line: lines.remove(0), headers: headers.collect(), body: String::new() };
            let length = asked.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            reader.take(length).read_to_string(&mut asked.body).unwrap();
            let (status, body) = answer(&asked);
            let length = body.len();
            let _ = send.send(asked);
            write!(
                stream,
                "HTTP/1.1 {status} said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    (address, receive)
}

fn now() -> String {
    "20260102T030405Z".to_owned()
}

fn way(server: &str) -> Way {
    let there = Some(server.to_owned());
    let endpoints = Endpoints { roles: there.clone(), sign_on: there.clone(), machine: there };
    let tls = client(Trust::Anything, None, None).unwrap();
    Way { tls, proxies: Proxies::none(), endpoints, region: "eu-central-1".to_owned(), now }
}

/// What a service that opens roles answers.
fn opened(key: &str, ends: &str) -> String {
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{ends}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

/// What a container or a machine answers.
fn given(key: &str) -> String {
    format!(
        "{{\"Code\":\"Success\",\"AccessKeyId\":\"{key}\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2026-01-02T09:00:00Z\"}}"
    )
}

fn written() -> Origin {
    Origin::Written(Credentials::pair(Some("BASE".to_owned()), Some("s".to_owned()), None).unwrap())
}

fn key(keys: &Keys) -> Result<String, String> {
    keys.current().map(|keys| keys.access_key)
}

#[test]
fn a_role_is_taken_on_with_signed_words() {
    let (address, asked) = server(|_| (200, opened("ROLE", "2026-01-02T04:00:00Z")));
    let role = Role {
        arn: "arn:aws:iam::1:role/r".to_owned(),
        external_id: Some("x y".to_owned()),
        seconds: Some(900),
        policy_arns: vec!["arn:p".to_owned()],
        tags: [("team".to_owned(), "ml".to_owned())].into(),
        transitive_tags: vec!["team".to_owned()],
        ..Role::default()
    };
    let keys = Keys::new(Origin::Role(Box::new(written()), Box::new(role)), way(&address));
    assert_eq!(key(&keys).as_deref(), Ok("ROLE"));
    assert_eq!(key(&keys).as_deref(), Ok("ROLE"), "and is kept");
    let asked: Vec<Asked> = asked.try_iter().collect();
    assert_eq!(asked.len(), 1);
    let authorization = asked[0].header("authorization").unwrap();
    assert!(
        authorization.contains("Credential=BASE/20260102/eu-central-1/sts/aws4_request"),
        "{authorization}"
    );
    for pair in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr",
        "ExternalId=x%20y",
        "DurationSeconds=900",
        "PolicyArns.member.1.arn=arn%3Ap",
        "Tags.member.1.Key=team",
        "Tags.member.1.Value=ml",
        "TransitiveTagKeys.member.1=team",
        "RoleSessionName=formwork-20260102T030405Z",
    ] {
        assert!(asked[0].body.split('&').any(|one| one == pair), "no {pair} in {}", asked[0].body);
    }
}

#[test]
fn a_token_opens_a_role_without_keys() {
    let (address, asked) = server(|_| (200, opened("POD", "2026-01-02T04:00:00Z")));
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "a.b.c\n").unwrap();
    let role = Role { arn: "arn:r".to_owned(), session: Some("ci".to_owned()), ..Role::default() };
    let opening = TokenRole { role, token: Token::File(token.path().into()) };
    assert_eq!(key(&Keys::new(Origin::Token(Box::new(opening)), way(&address))).as_deref(), Ok("POD"));
    let asked = asked.recv().unwrap();
    assert!(asked.header("authorization").is_none());
    assert!(
        asked.body.contains("WebIdentityToken=a.b.c") && asked.body.contains("RoleSessionName=ci"),
        "{}",
        asked.body
    );
}

#[test]
fn keys_are_asked_for_anew_before_they_end() {
    for (ends, after_refusal) in [
        // Less than five minutes are left, so each question is one to the server; while it refuses, what there is serves.
        ("2026-01-02T03:06:00Z", Ok("FIRST")),
        ("2026-01-02T03:04:05Z", Err("answered 403 (AccessDenied: not you)")),
    ] {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let (address, asked) =
            server(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => (200, opened("FIRST", ends)),
                _ => (403, "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>".to_owned()),
            });
        let role = Role { arn: "arn:r".to_owned(), ..Role::default() };
        let keys = Keys::new(Origin::Role(Box::new(written()), Box::new(role)), way(&address));
        assert_eq!(key(&keys).as_deref(), Ok("FIRST"));
        match (key(&keys), after_refusal) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, _) => panic!("{ends}: {found:?}"),
        }
        assert_eq!(asked.try_iter().count(), 2);
    }
}

#[test]
fn containers_and_machines_have_keys_of_their_own() {
    let (address, asked) = server(|asked| match asked.line.as_str() {
        "GET /v1/keys HTTP/1.1" if asked.header("authorization") == Some("of-the-pod") => (200, given("POD")),
        "PUT /latest/api/token HTTP/1.1" => (200, "session".to_owned()),
        line if asked.header("x-aws-ec2-metadata-token") != Some("session") => (401, line.to_owned()),
        "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1" => (200, "of-nodes\n".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/of-nodes HTTP/1.1" => (200, given("NODE")),
        line => (404, line.to_owned()),
    });
    let container = Container {
        address: format!("{address}/v1/keys"),
        token: Some(Token::Text("of-the-pod".to_owned())),
    };
    assert_eq!(key(&Keys::new(Origin::Container(container), way(&address))).as_deref(), Ok("POD"));
    assert_eq!(key(&Keys::new(Origin::Machine, way(&address))).as_deref(), Ok("NODE"));
    assert_eq!(asked.try_iter().count(), 4);
}

#[test]
fn a_sign_on_gives_keys_until_it_ends() {
    let (address, asked) = server(|_| {
        let keys = "{\"roleCredentials\":{\"accessKeyId\":\"PERSON\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\",\"expiration\":1767330000000}}";
        (200, keys.to_owned())
    });
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token.json");
    let text = |value: &str| value.to_owned();
    let sign_on = SignOn {
        profile: text("people"),
        region: text("eu-north-1"),
        account: text("123"),
        role: text("ml reader"),
        token: token.clone(),
    };
    let keys = || key(&Keys::new(Origin::SignOn(sign_on.clone()), way(&address)));
    let write = |ends: &str| {
        let kept = format!(
            "{{\"accessToken\":\"secret-token\",\"expiresAt\":\"{ends}\",\"region\":\"eu-north-1\"}}"
        );
        std::fs::write(&token, kept).unwrap();
    };
    assert!(keys().unwrap_err().contains("nobody has signed on"));
    write("2026-01-02T03:00:00Z");
    assert!(keys().unwrap_err().contains("has ended; run: aws sso login --profile people"));
    write("2026-01-02T10:00:00UTC");
    assert_eq!(keys().map_err(|error| error.contains("has ended")), Err(true), "no moment, so none to come");
    write("2026-01-02T10:00:00Z");
    assert_eq!(keys().as_deref(), Ok("PERSON"));
    let asked = asked.try_iter().last().unwrap();
    assert_eq!(asked.line, "GET /federation/credentials?role_name=ml%20reader&account_id=123 HTTP/1.1");
    assert_eq!(asked.header("x-amz-sso_bearer_token"), Some("secret-token"));
}

#[test]
fn a_program_gives_keys() {
    let program = |line: &str| key(&Keys::new(Origin::Program(line.to_owned()), way("http://127.0.0.1:1")));
    let keys = "{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"PROGRAM\\\",\\\"SecretAccessKey\\\":\\\"s\\\",\\\"SessionToken\\\":\\\"t\\\"}";
    assert_eq!(program(&format!("printf %s \"{keys}\"")).as_deref(), Ok("PROGRAM"));
    for (line, expected) in [
        ("exit 3", "credential_process: sh ended with exit status: 3"),
        ("echo secret-key", "are not what the protocol has"),
    ] {
        let error = program(line).unwrap_err();
        assert!(error.contains(expected) && !error.contains("secret-key"), "{error}");
    }
}

#[test]
fn an_account_is_asked_for() {
    let (address, _asked) = server(|asked| {
        assert!(asked.body.contains("Action=GetCallerIdentity"));
        (200, "<GetCallerIdentityResult><Account>123</Account></GetCallerIdentityResult>".to_owned())
    });
    assert_eq!(Keys::new(written(), way(&address)).account().as_deref(), Ok("123"));
}

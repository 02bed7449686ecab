//! Modules that lie in buckets of real stores.

use crate::remotes::lab;
use formwork_state::network::aws::{Credentials, Unsigned, sign};
use formwork_state::network::http::{HttpClient, Question};
use formwork_state::network::proxy::Proxies;
use formwork_state::network::tls::{Trust, client};
use formwork_state::network::{Network, with_cause};
use formwork_tests::{Finished, Project, project};
use std::process::Command;
use std::time::Duration;

const MODULE: &str = "output \"name\" {\n  value = \"NAME\"\n}\n";

/// A bucket of a lab that is up.
struct Bucket {
    endpoint: String,
    name: String,
    key: String,
    secret: String,
}

fn buckets() -> Vec<Bucket> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let mut found = Vec::new();
    if let Some(endpoint) = lab("ceph", "FORMWORK_LAB_CEPH_S3") {
        let (name, key) = (variable("FORMWORK_LAB_CEPH_BUCKET"), variable("AWS_ACCESS_KEY_ID"));
        found.push(Bucket { endpoint, name, key, secret: variable("AWS_SECRET_ACCESS_KEY") });
    }
    if let Some(endpoint) = lab("localstack", "FORMWORK_LAB_LOCALSTACK_S3") {
        let (name, test) = (variable("FORMWORK_LAB_LOCALSTACK_BUCKET"), "test".to_owned());
        found.push(Bucket { endpoint, name, key: test.clone(), secret: test });
    }
    found
}

impl Bucket {
    fn put(&self, key: &str, body: &[u8]) {
        let host = self.endpoint.split_once("://").unwrap().1.trim_end_matches('/');
        let path = format!("/{}/{key}", self.name);
        let moment = Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"]).output().unwrap().stdout;
        let moment = String::from_utf8(moment).unwrap();
        let unsigned =
            Unsigned { service: "s3", method: "PUT", host, path: &path, query: &[], headers: &[], body };
        let pair = Credentials::pair(Some(self.key.clone()), Some(self.secret.clone()), None).unwrap();
        let signed = sign(&unsigned, &pair, "us-east-1", moment.trim());
        let question = Question {
            method: "PUT".to_owned(),
            address: format!("http://{host}{}", signed.target),
            headers: signed.headers,
            body: body.to_vec(),
        };
        let tls = client(Trust::Whole, None, None).unwrap();
        let http = HttpClient::new(&tls, &Proxies::of(|_| None), Duration::from_mins(1));
        let asking = async { Ok(http.ask(&question).await) };
        let answer =
            Network::new().map_err(|error| with_cause(&error)).unwrap().wait(asking).unwrap().unwrap();
        assert!(answer.is_good(), "{key}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }

    fn source(&self, key: &str) -> String {
        format!("s3::{}/{}/{key}", self.endpoint.trim_end_matches('/'), self.name)
    }

    fn run(&self, project: &Project, line: &str, secret: Option<&str>) -> Finished {
        let mut command = project.command(line);
        command.env("HOME", project.path()).env_remove("AWS_PROFILE");
        match secret {
            Some(secret) => command.env("AWS_ACCESS_KEY_ID", &self.key).env("AWS_SECRET_ACCESS_KEY", secret),
            None => command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY"),
        };
        project.finish(&mut command)
    }
}

fn archive(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.tf"), MODULE.replace("NAME", name)).unwrap();
    let place = folder.path().to_str().unwrap();
    let packed = Command::new("tar").args(["-C", place, "-cz", "main.tf"]).output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}

fn calls(sources: &[String]) -> String {
    let call = |(at, source): (usize, &String)| {
        format!(
            "module \"m{at}\" {{\n  source = \"{source}\"\n}}\noutput \"o{at}\" {{\n  value = module.m{at}.name\n}}\n"
        )
    };
    sources.iter().enumerate().map(call).collect()
}

fn assert_says(finished: &Finished, code: i32, words: &str) {
    let said = format!("{}{}", finished.out, finished.error);
    let flowing = said.replace("│", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(finished.code, code, "{said}");
    assert!(flowing.contains(words), "no {words:?} in {said}");
}

#[test]
fn a_module_comes_out_of_a_bucket() {
    for bucket in buckets() {
        let mark = format!("modules-{}", std::process::id());
        bucket.put(&format!("{mark}/packed.tar.gz"), &archive("packed"));
        bucket.put(&format!("{mark}/a b/main.tf"), MODULE.replace("NAME", "top").as_bytes());
        bucket.put(&format!("{mark}/a b/inner/main.tf"), MODULE.replace("NAME", "inner").as_bytes());
        bucket.put(&format!("{mark}/a bc/main.tf"), b"of a neighbour");
        let sources = [
            bucket.source(&format!("{mark}/packed.tar.gz")),
            bucket.source(&format!("{mark}/a%20b")),
            bucket.source(&format!("{mark}/a%20b//inner")),
        ];
        let project = project().file("main.tf", &calls(&sources)).build();
        assert_says(&bucket.run(&project, "init", Some(&bucket.secret)), 0, "successfully initialized");
        let applied = bucket.run(&project, "apply -auto-approve", None);
        for words in ["o0 = \"packed\"", "o1 = \"top\"", "o2 = \"inner\""] {
            assert_says(&applied, 0, words);
        }
        assert!(!project.path().join(".terraform/modules/m1/bc").exists(), "a neighbour is no part of it");
        let missing = calls(&[bucket.source(&format!("{mark}/none.zip")), bucket.source("nothing-here")]);
        project.write("main.tf", &missing).unwrap();
        let refused = bucket.run(&project, "init", Some(&bucket.secret));
        assert_says(&refused, 1, "none.zip: the server has no such thing (404)");
        project.write("main.tf", &calls(&[bucket.source("nothing-here")])).unwrap();
        let refused = bucket.run(&project, "init", Some(&bucket.secret));
        assert_says(&refused, 1, "there is no object below nothing-here/ in the bucket");
    }
}

#[test]
fn a_bucket_may_refuse() {
    for bucket in buckets().into_iter().filter(|bucket| bucket.key != "test") {
        let source = bucket.source("modules-refused/packed.tar.gz");
        bucket.put("modules-refused/packed.tar.gz", &archive("packed"));
        let project = project().file("main.tf", &calls(&[source])).build();
        assert_says(&bucket.run(&project, "init", None), 1, "there are no credentials");
        let refused = bucket.run(&project, "init", Some("no-such-secret"));
        assert_says(&refused, 1, "the store refuses modules-refused/packed.tar.gz to these credentials");
        let shown = format!("{}{}", refused.out, refused.error);
        assert!(!shown.contains("no-such-secret"), "{shown}");
    }
}

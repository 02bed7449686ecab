use super::{answer, connection, entry, faults, list, map, nothing, opened, text, words};
use formwork_sdk::ProviderError;
use formwork_value::{Type, Value};
use std::time::{Duration, Instant};

const KIND: &str = "secret_command";

fn shell(script: &str) -> (&'static str, Value) {
    ("command", list(&["sh", "-c", script]))
}

#[tokio::test]
async fn what_a_program_says_is_the_result() {
    let large = "x".repeat(300_000);
    let json = ("format", Value::from("json"));
    for (given, result, values) in [
        (vec![shell("echo hunter2")], "hunter2", vec![]),
        (vec![shell("printf 'a\\nb\\r\\n\\n'")], "a\nb", vec![]),
        (vec![shell("cat"), ("input", "told".into())], "told", vec![]),
        // Much more than a pipe holds, both ways, and a lot said on the side.
        (vec![shell("tr x y; yes | head -c 300000 >&2"), ("input", large.as_str().into())], "", vec![]),
        // A program that does not read what it is told.
        (vec![shell("echo deaf"), ("input", large.as_str().into())], "deaf", vec![]),
        (
            vec![shell("echo $PLACE-$HOME"), ("environment", map(&[("PLACE", "here"), ("HOME", "h")]))],
            "here-h",
            vec![],
        ),
        (vec![shell("pwd"), ("working_directory", "/".into())], "/", vec![]),
        (vec![shell("echo '{\"b\": \"2\", \"a\": \"1\"}'"), json.clone()], "", vec![("a", "1"), ("b", "2")]),
    ] {
        let found = opened(KIND, &given).await.map_err(|error| words(&error)).unwrap();
        let said = text(&found, "result").unwrap();
        assert!(result.is_empty() || said == result, "{said:.40}");
        assert_eq!(found.get("values").unwrap().is_null(), values.is_empty());
        for (name, value) in values {
            assert_eq!(entry(&found, "values", name).as_deref(), Some(value));
        }
    }
}

async fn fails(given: &[(&str, Value)]) -> ProviderError {
    opened(KIND, given).await.unwrap_err()
}

#[tokio::test]
async fn a_failure_is_told_without_what_is_secret() {
    let json = ("format", Value::from("json"));
    for (given, parts) in [
        (
            vec![shell("echo said >&2; exit 3")],
            vec!["sh ended with exit status: 3, and said: said", "at .command"],
        ),
        (vec![shell("exit 1")], vec!["said nothing"]),
        (vec![("command", list(&["no-such-program-is-there"]))], vec!["could not be started", "PATH"]),
        // The pass phrase, the variable and the output, told again by a program that means well.
        (
            vec![
                shell("echo secret-output; echo \"no: secret-output $TOKEN $(cat)\" >&2; exit 1"),
                ("input", "secret-input\n".into()),
                ("environment", map(&[("TOKEN", "secret-token")])),
            ],
            vec!["said: no: (sensitive value) (sensitive value) (sensitive value)"],
        ),
        (vec![shell("head -c 1100000 /dev/zero")], vec!["more than 1048576 bytes"]),
        (vec![shell("printf '\\377'")], vec!["no text in UTF-8"]),
        (vec![shell("echo secret-output"), json.clone()], vec!["no JSON, at line 1 column 1", "at .format"]),
        (vec![shell("echo '[\"secret-output\"]'"), json.clone()], vec!["no object"]),
        (vec![shell("echo '{\"port\": 5432}'"), json], vec!["the value of \"port\" is no text"]),
    ] {
        let said = words(&fails(&given).await);
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
        assert!(!said.contains("secret-"), "{said}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_end_is_ended() {
    let begun = Instant::now();
    // The program that it starts keeps its output open.
    let given = [shell("sleep 60 & echo begun; wait"), ("timeout_seconds", 1.into())];
    let said = words(&fails(&given).await);
    assert!(said.contains("did not end within 1 s") && said.contains("at .timeout_seconds"), "{said}");

    let connection = connection(nothing).await;
    let asked = connection.clone();
    let (ended, ()) =
        tokio::join!(async move { answer(&connection, KIND, &[shell("sleep 60")]).await }, async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            asked.cancel();
        });
    assert!(words(&ended.unwrap_err()).contains("interrupted"));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_bad_configuration_is_refused_at_its_attribute() {
    let good = || ("command", list(&["pass", "show", "database"]));
    for (given, expected) in [
        (vec![good()], vec![]),
        (vec![("command", Value::unknown(Type::list(Type::String)))], vec![]),
        (vec![("command", list(&[]))], vec![".command"]),
        (vec![("command", list(&[""]))], vec![".command"]),
        (vec![("command", list(&["a", "b\0c"]))], vec![".command"]),
        (vec![good(), ("format", "yaml".into())], vec![".format"]),
        (vec![good(), ("timeout_seconds", 0.into())], vec![".timeout_seconds"]),
        (vec![good(), ("environment", map(&[("A=B", "c")]))], vec![".environment"]),
    ] {
        assert_eq!(faults(KIND, &given), expected, "{given:?}");
    }
}

//! `host_certificate_authority`: a certificate that a host's programs believe.

use super::{Act, HostKind, check_file_name, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::{quote, write_bytes};
use formwork_sdk::values::{Findings, text};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_certificate_authority" "company" {
  host        = { address = "10.0.0.11" }
  name        = "company"
  certificate = <<-END
    -----BEGIN CERTIFICATE-----
    MIIBMjCB5aADAgECAhRdku++O4qT1DGxtA2NJmaxVIaizzAFBgMrZXAwDjEMMAoG
    -----END CERTIFICATE-----
  END
}
"#;

const CERTIFICATE: &str = "certificate";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

pub(super) struct CertificateAuthority;

impl HostKind for CertificateAuthority {
    fn name(&self) -> &'static str {
        "host_certificate_authority"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("name", Attribute::required(Type::String, "What its file is named after.").replaces()),
            (CERTIFICATE, Attribute::required(Type::String, "The certificate, in PEM.")),
        ];
        let doc = "A certificate authority that the host's programs believe: OpenSSL's, curl's, Go's, container runtimes'. One that runs already looks at it when it is started again.";
        let permissions = [
            "Read the folder of the host's own authorities.",
            "Write to that folder and to what is made of it; write to /var/lib/formwork.",
        ];
        super::schema("name", attributes, doc, EXAMPLE, permissions)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_file_name(configuration, "_-.", found);
        if text(configuration, CERTIFICATE).is_some_and(|pem| !is_certificate(pem)) {
            found.refuse(CERTIFICATE, "It is not one certificate in PEM: give the text of one, with its lines BEGIN and END; a chain is an object each.");
        }
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let known = text(object, CERTIFICATE).map(|pem| super::file::digest_of(pem.as_bytes()));
        format!(
            "{}[ ! -f \"$f\" ] || {{ emit there 1; show_content \"$f\" {}; }}\ntrue",
            place(object),
            quote(&known.unwrap_or_default())
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if let Some(error) = super::trouble(answer) {
            return Err(error);
        }
        if answer.given("there").is_none() {
            return Ok(None);
        }
        let found = super::file::content_read(object, CERTIFICATE, answer);
        Ok(Some(with(object, &found.map(|value| (CERTIFICATE, value)).into_iter().collect::<Vec<_>>())))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        let pem = text(&act.planned, CERTIFICATE).unwrap_or_default();
        Ok(format!(
            "{}[ -n \"$f\" ] || refuse invalid \"it has neither update-ca-certificates nor update-ca-trust: install ca-certificates\"\n\
             unwind() {{ [ -d \"$d/step\" ] || return 0; rm -f -- \"$f.part\"; step_back \"$f\"; renew > /dev/null; }} 2>/dev/null\n\
             keep \"$f\"\nkeep_step \"$f\"\n\
             t=\"$f.part\"\n{}put \"$f\" 0644 '' ''\nrenew > /dev/null\n",
            place(&act.planned),
            write_bytes(pem.as_bytes(), "\"$t\""),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        format!("{}put_back \"$d/before\" \"$f\"\nrenew > /dev/null\n", place(object))
    }

    fn remove(&self, object: &Value) -> String {
        format!("{}rm -f -- \"$f\"\nrenew > /dev/null\n", place(object))
    }
}

fn is_certificate(pem: &str) -> bool {
    let inner = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    let is_base64 = |one: char| one.is_ascii_alphanumeric() || "+/=".contains(one) || one.is_whitespace();
    inner.is_some_and(|inner| inner.trim().len() > 1 && inner.chars().all(is_base64))
}

/// Where the file is, and how what programs read is made of it: by family of distributions.
fn place(object: &Value) -> String {
    let name = format!("80-formwork-{}", text(object, "name").unwrap_or_default());
    format!(
        "f=\nrenew() {{ :; }}\n\
         if command -v update-ca-certificates > /dev/null; then\n\
           f={}\n# Alone it leaves links to what is gone.\nrenew() {{ update-ca-certificates --fresh; }}\n\
         elif command -v update-ca-trust > /dev/null; then\n\
           f={}\nrenew() {{ update-ca-trust extract; }}\n\
         fi\n",
        quote(&format!("/usr/local/share/ca-certificates/{name}.crt")),
        quote(&format!("/etc/pki/ca-trust/source/anchors/{name}.pem")),
    )
}

#[cfg(test)]
mod tests {
    use super::is_certificate;

    #[test]
    fn one_certificate_is_told_from_other_texts() {
        let one = "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n";
        assert!(is_certificate(one));
        for wrong in ["", "x", &one.repeat(2), &one.replace("MIIB+/=", "MI-IB"), &one.replace("MIIB+/=", "")]
        {
            assert!(!is_certificate(wrong), "{wrong}");
        }
    }
}

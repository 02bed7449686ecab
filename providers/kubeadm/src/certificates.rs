//! Certificates of a control plane on a host: when they end, and new ones.

use crate::attributes::RENEW_DAYS;
use formwork_sdk::values::whole_number;
use formwork_value::Value;

/// Shell that says when the first certificate of a control plane on this host ends, and whether it is to be renewed.
pub(crate) fn expiry(object: &Value) -> String {
    let days = whole_number(object, "renew_before_days").unwrap_or(RENEW_DAYS);
    format!("days={days}\n{EXPIRY}")
}

const EXPIRY: &str = r#"
first=
now=$(date +%s)
for one in apiserver apiserver-kubelet-client front-proxy-client apiserver-etcd-client etcd/server etcd/peer; do
  one=/etc/kubernetes/pki/$one.crt
  [ -s "$one" ] && command -v openssl > /dev/null || continue
  begin=$(date -u -d "$(openssl x509 -noout -startdate -in "$one" | cut -d= -f2)" +%s)
  end=$(date -u -d "$(openssl x509 -noout -enddate -in "$one" | cut -d= -f2)" +%s)
  [ -n "$first" ] && [ "$first" -le "$end" ] || first=$end
  # One that lives for a shorter time than that is renewed when half of it is over.
  early=$((days * 86400))
  [ "$early" -lt "$(((end - begin) / 2))" ] || early=$(((end - begin) / 2))
  [ "$((end - now))" -gt "$early" ] || emit due 1
done
[ -z "$first" ] || emit expire "$(date -u -d "@$first" +%Y-%m-%dT%H:%M:%SZ)"
"#;

/// New certificates for a control plane, whose parts kubelet then begins again.
pub(crate) const RENEW: &str = r#"
kubeadm certs renew all
# An API server that begins before etcd does may end again.
if pkill -f '^etcd '; then
  sleep 1
  timeout 60 bash -c 'until : < /dev/tcp/127.0.0.1/2379; do sleep 0.2; done' 2> /dev/null || :
fi
w=$(pgrep -f '^kube-apiserver ') || w=
for one in kube-apiserver kube-controller-manager kube-scheduler; do pkill -f "^$one " || :; done
# Asked to end, it stays for a minute for those who watch, and answers nobody.
i=0
while [ "$i" -lt 20 ] && kill -0 $w 2> /dev/null; do
  i=$((i + 1))
  sleep 0.5
done
kill -KILL $w 2> /dev/null || :
sleep 2
api_wait
"#;

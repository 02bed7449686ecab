# How packages are worked with: by apt on Debian's family, by dnf on Red Hat's.
#
#   take WORD...      installs NAME or NAME=VERSION, after a look at what there is where one is not known
#   purge NAME...     takes them away
#   how NAME          installed|VERSION|hold, or other words in their place
#   mark hold|unhold NAME...
#   all               the name of each package that is there, sorted
#   adding COMMAND... writes down which came by this command, though it failed; purge_added takes those away
#   took NAME...      writes down which version of each is ours
#   is_taken NAME     whether it has that version still, or nothing is written down
family=
systems=
if [ -r /etc/os-release ]; then
  while IFS== read -r field value; do
    case $field in ID | ID_LIKE) systems="$systems $value " ;; esac
  done < /etc/os-release
fi
case $systems in
*[\ \"]debian[\ \"]* | *[\ \"]ubuntu[\ \"]*) family=apt ;;
*[\ \"]rhel[\ \"]* | *[\ \"]fedora[\ \"]* | *[\ \"]centos[\ \"]*) family=dnf ;;
*) ! command -v apt-get > /dev/null || family=apt ;;
esac

if [ "$family" = apt ]; then
  apt() { apt-get --quiet --yes --no-install-recommends --allow-downgrades --allow-change-held-packages -o DPkg::Lock::Timeout=60 "$@" >&2; }
  take() { apt install "$@" || { apt update && apt install "$@"; }; }
  purge() { apt purge "$@"; }
  needed() { dpkg --simulate --purge "$@"; }
  how() { dpkg-query --show --showformat='${db:Status-Status}|${Version}|${db:Status-Want}' -- "$1"; }
  mark() { apt-mark "$@" > /dev/null; }
  all() { dpkg-query --show --showformat='${db:Status-Status} ${binary:Package}\n' | grep '^installed ' | cut -d ' ' -f 2 | sort; }
elif [ "$family" = dnf ]; then
  locks=/etc/dnf/plugins/versionlock.list
  # What is held or left out of a repository is for upgrades of the system to leave alone, and not for us.
  dnf_() { dnf --quiet --assumeyes --setopt=install_weak_deps=False --disableplugin=versionlock --disableexcludes=all "$@" >&2; }
  take() {
    # A lock is of one version, and goes with it.
    for w in "$@"; do
      if is_locked "${w%%=*}"; then mark unhold "${w%%=*}"; fi
      set -- "$@" "$(printf %s "$w" | sed 's/=/-/')"
      shift
    done
    dnf_ --allowerasing install "$@"
  }
  purge() { dnf_ remove "$@"; }
  needed() { rpm -e --test --allmatches -- "$@"; }
  lock_of() { printf '^%s-[0-9]*:' "$(printf %s "$1" | sed 's/[.+]/[&]/g')"; }
  is_locked() { grep -qs -e "$(lock_of "$1")" "$locks"; }
  how() {
    v=$(rpm -q --queryformat '%{EVR}\n' -- "$1" 2> /dev/null | tail -n 1) && [ -n "$v" ] && rpm -q -- "$1" > /dev/null || {
      echo "no packages found matching $1"
      return 1
    }
    printf 'installed|%s|%s' "$v" "$(is_locked "$1" && echo hold || echo install)"
  }
  mark() {
    what=$1
    shift
    [ "$what" = unhold ] || [ -e /etc/dnf/plugins/versionlock.conf ] || refuse missing "dnf holds nothing back without its plug-in versionlock: install python3-dnf-plugin-versionlock first"
    for n in "$@"; do
      if [ "$what" = hold ]; then
        is_locked "$n" || rpm -q --queryformat '%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.*\n' -- "$n" >> "$locks"
      elif is_locked "$n"; then
        grep -v -e "$(lock_of "$n")" "$locks" > "$locks.part" || :
        if [ -s "$locks.part" ]; then mv -- "$locks.part" "$locks"; else : > "$locks"; rm -f -- "$locks.part"; fi
      fi
    done
  }
  all() { rpm -qa --queryformat '%{NAME}\n' | sort -u; }
else
  take() { refuse invalid "the host has neither apt nor dnf"; }
  how() { echo "the host has neither apt nor dnf"; return 1; }
fi

# What came by an attempt that was cut off came by this one: what was there is written down once in an act.
adding() {
  base=$d/all.now
  [ ! -d "$d/step" ] || base=$d/step/all
  if [ ! -e "$base" ]; then
    all > "$base.part"
    mv -- "$base.part" "$base"
  fi
  came=0
  "$@" || came=$?
  all | comm -13 "$base" - >> "$d/added"
  rm -f -- "$d/all.now"
  return "$came"
}
version_now() { how "$1" 2> /dev/null | cut -d '|' -f 2; }
took() {
  [ ! -e "$d/took" ] || cp -- "$d/took" "$d/took.part"
  for n in "$@"; do printf '%s|%s\n' "$n" "$(version_now "$n")" >> "$d/took.part"; done
  mv -- "$d/took.part" "$d/took"
}
# The last line of a name counts.
is_taken() { [ ! -e "$d/took" ] || [ "$(version_now "$1")" = "$(awk -F '|' -v n="$1" '$1 == n { v = $2 } END { print v }' "$d/took")" ]; }
# What others need by now stays, and so does all else until they are gone.
purge_added() {
  [ -s "$d/added" ] || return 0
  a=$(all | grep -x -F -f "$d/added") || :
  [ -n "$a" ] || return 0
  w=$(needed $a 2>&1) || refuse conflict "other packages need what came with this one; remove those first: $w"
  mark unhold $a
  purge $a
}

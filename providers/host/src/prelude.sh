umask 022
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
DEBIAN_FRONTEND=noninteractive
export LC_ALL PATH DEBIAN_FRONTEND
if [ "$(id -u)" = 0 ]; then S=/var/lib/formwork; else S=$HOME/.local/state/formwork; fi

# Who asked may be gone: what is begun goes on to its end, or is taken back, all the same.
emit() { printf '%s\0%s\0%s\0' "$at" "$1" "$2" 2>/dev/null || :; }

# refuse SORT WHY: nothing is done.
refuse() {
  emit refused "$1"
  emit why "$2"
  exit 9
}

# look PATH: what is there, without following a link; fails where nothing is.
look() {
  s=$(stat -c '%F|%a|%U|%G|%s' -- "$1" 2>&1) && {
    emit stat "$s"
    return 0
  }
  case $s in
  *'No such file'* | *'Not a directory'*) emit stat '' ;;
  *) emit trouble "$s" ;;
  esac
  return 1
}

# show_content PATH KNOWN: the digest, and the content where its digest is another and it is not large.
show_content() {
  h=$(sha256sum < "$1" 2>&1) || {
    emit trouble "$h"
    return 0
  }
  h=${h%% *}
  emit sha256 "$h"
  [ "$h" != "$2" ] || return 0
  [ "$(stat -L -c %s -- "$1")" -le 262144 ] || return 0
  emit content "$(base64 -w0 < "$1")"
}

is_there() { [ -e "$1" ] || [ -L "$1" ]; }

# mine DIR OWNER: stops where another owner holds the mark.
mine() {
  d=$1
  [ ! -s "$d/owner" ] || o=$(cat -- "$d/owner")
  [ ! -s "$d/owner" ] || [ "$o" = "$2" ] || refuse conflict "it is managed by another state already ($o), says $d/owner"
}

# open_claim DIR OWNER KEY [TOKEN [new]]: the mark of who owns an object, and the place for what it replaces. TOKEN is the
# act's, and new is one that makes it. An object counts as made by this act until one came to its end, also where another
# attempt at it was cut off.
open_claim() {
  made=
  again=
  anew=
  held=
  mine "$1" "$2"
  held=1
  act=$4
  rm -rf -- "$d.gone"
  [ -s "$d/token" ] || made=1
  if [ ! -s "$d/owner" ]; then
    (umask 077 && mkdir -p -- "$d")
    printf %s "$3" > "$d/key"
    printf %s "$2" > "$d/owner"
  fi
  # It was whole once, and its state knows it no more.
  if [ -n "$5" ] && [ -z "$made" ] && [ "$(cat -- "$d/token")" != "$4" ]; then again=1; fi
  # An earlier change that was cut off is not for this act to take back.
  if [ -z "$made" ] && [ -d "$d/step" ] && [ "$(cat -- "$d/step/act")" != "$act" ]; then rm -rf -- "$d/step"; fi
}

# By a rename: with half a token, what was whole would count as never made.
close_claim() {
  printf %s "$1" > "$d/token.part"
  mv -- "$d/token.part" "$d/token"
  made=
  rm -rf -- "$d/step"
}

# In one step: whoever finds an owner without what the object replaced removes what has come back already.
drop_claim() {
  rm -rf -- "$d.gone"
  [ ! -e "$d" ] || mv -T -- "$d" "$d.gone"
  rm -rf -- "${d%/*}"/*.gone
  rmdir -- "${d%/*}" "$S" 2>/dev/null || :
}

unwind() { :; }

# How an act ends: what it began is taken back where it failed. A mark of another's is left alone.
finish() {
  [ "$1" != 0 ] && [ -n "$held" ] || return 0
  set +e
  unwind
  rm -rf -- "$d/step"
  [ -z "$made" ] || drop_claim
  emit undone 1
}

# keep PATH: the image of what is there, taken once, before the first change. Where an object is made again, what is there
# and not as it was left is another's, and an image of its own.
keep() {
  kept=$1
  if [ -n "$again" ] && [ ! -d "$d/step" ] && is_there "$1" && ! is_left "$1"; then
    anew=1
    rm -rf -- "$d/before" "$d/absent"
  fi
  if is_there "$d/before" || [ -e "$d/absent" ]; then return 0; fi
  if is_there "$1"; then
    rm -rf -- "$d/before.part"
    cp -a -- "$1" "$d/before.part"
    mv -T -- "$d/before.part" "$d/before"
  else
    : > "$d/absent"
  fi
}

# is_left PATH: whether it holds what was put there last.
is_left() { [ -s "$d/left" ] && [ -f "$1" ] && [ ! -L "$1" ] && [ "$(sha256sum < "$1")" = "$(cat -- "$d/left")" ]; }

# What a kind says of an object beside its files.
state() { :; }

# keep_state: that, once, when its file is kept.
keep_state() {
  if [ -z "$anew" ] && [ -e "$d/was" ]; then return 0; fi
  state > "$d/was.part"
  mv -- "$d/was.part" "$d/was"
}

# keep_step PATH...: what is there at the beginning of this act, for unwind. An attempt that was cut off has begun it.
keep_step() {
  [ ! -d "$d/step" ] || return 0
  rm -rf -- "$d/step" "$d/step.part"
  mkdir -- "$d/step.part"
  printf %s "$act" > "$d/step.part/act"
  state > "$d/step.part/was"
  [ ! -e "$d/left" ] || cp -- "$d/left" "$d/step.part/left"
  i=0
  for one in "$@"; do
    i=$((i + 1))
    if is_there "$one"; then cp -a -- "$one" "$d/step.part/$i"; fi
  done
  mv -- "$d/step.part" "$d/step"
}

# step_back PATH...: the same as was kept is there again; nothing where nothing was changed yet.
step_back() {
  [ -d "$d/step" ] || return 0
  i=0
  for one in "$@"; do
    i=$((i + 1))
    put_back "$d/step/$i" "$one"
  done
  if [ -e "$d/step/left" ]; then cp -- "$d/step/left" "$d/left"; else rm -f -- "$d/left"; fi
}

# put_back IMAGE PATH: an image takes the place of what is there, in one step; no image, and it is removed.
put_back() {
  if is_there "$1"; then
    cp -a -- "$1" "${2%/*}/.formwork-back"
    mv -fT -- "${2%/*}/.formwork-back" "$2"
  else
    rm -f -- "$2"
  fi
}

# folder_back PATH: a folder that came with us goes where it is empty.
folder_back() { [ ! -e "$d/folder" ] || rmdir -- "$1" 2>/dev/null || :; }

# put PATH MODE OWNER GROUP: what stands in $t takes the place of PATH, in one step.
put() {
  if [ -f "$1" ] && [ ! -L "$1" ]; then chown --reference="$1" -- "$t"; fi
  if [ -n "$3" ]; then chown -- "$3" "$t"; fi
  if [ -n "$4" ]; then chgrp -- "$4" "$t"; fi
  chmod -- "$2" "$t"
  sync -- "$t"
  [ "$1" != "$kept" ] || sha256sum < "$t" > "$d/left"
  mv -fT -- "$t" "$1"
}

show_journal() { emit journal "$(journalctl --unit="$1" --lines=10 --no-pager --output=cat 2>&1)"; }

# show_unit UNIT: what systemd says of it.
show_unit() {
  s=$(systemctl show --property=LoadState --property=ActiveState --property=UnitFileState -- "$1" 2>&1) || {
    emit trouble "$s"
    return 0
  }
  emit unit "$s"
}

state_of() { systemctl show --property=LoadState --property=ActiveState --property=UnitFileState -- "$1"; }

# start VERB UNIT: it runs a moment after its start still, or its journal is in the answer.
start() {
  systemctl "$1" -- "$2" || {
    show_journal "$2"
    return 1
  }
  sleep 0.5
  case $(systemctl show --property=ActiveState,SubState --value -- "$2" | tr '\n' ' ') in
  inactive* | failed* | deactivating* | *auto-restart*)
    show_journal "$2"
    echo "$2 did not stay active after its start" >&2
    return 1
    ;;
  esac
}

# enable_unit UNIT true|false: nothing to say, and nothing is done.
enable_unit() {
  case $2 in
  true) systemctl --quiet enable -- "$1" ;;
  false) systemctl --quiet disable -- "$1" ;;
  esac
}

# activate UNIT true|false VERB
activate() {
  case $2 in
  true) start "$3" "$1" ;;
  false) systemctl stop -- "$1" ;;
  esac
}

# state_back UNIT FILE: enabled and active as the file says; one that was not there has nothing to go back to.
state_back() {
  s=$(cat -- "$2")
  case $s in
  *LoadState=not-found*) return 0 ;;
  *UnitFileState=enabled*) systemctl --quiet enable -- "$1" ;;
  *UnitFileState=disabled*) systemctl --quiet disable -- "$1" ;;
  esac
  case $s in
  *ActiveState=active* | *ActiveState=activating* | *ActiveState=reloading*) systemctl restart -- "$1" ;;
  *) systemctl stop -- "$1" ;;
  esac
}

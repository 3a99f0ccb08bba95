#!/usr/bin/env bash
# Sees to what pip cannot bring: Python's venv, a Java of 17 or later, Maven.
# As root on a machine with apt it installs what is missing; else it says which packages to ask for.
set -euo pipefail

java_is_new_enough() {
    command -v java >/dev/null 2>&1 || return 1
    local major
    major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [ -n "$major" ] && [ "$major" -ge 17 ]
}

python_is_ready() {
    local python
    for python in python3.11 python3; do
        if "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

missing=()
python_is_ready || missing+=(python3 python3-venv)
java_is_new_enough || missing+=(default-jdk-headless)
command -v mvn >/dev/null 2>&1 || missing+=(maven)

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "prerequisites: Yizhan needs Python 3.11 with venv, Java 17 or later, and Maven." >&2
    echo "prerequisites: missing here; ask for these Debian packages or their like: ${missing[*]}" >&2
    exit 1
fi

echo "prerequisites: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
python_is_ready && java_is_new_enough && command -v mvn >/dev/null 2>&1 || {
    echo "prerequisites: installed, but Python 3.11, Java 17 or Maven still does not answer: see above" >&2
    exit 1
}

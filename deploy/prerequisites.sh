#!/usr/bin/env bash
# Sees to what pip cannot bring: Python's venv, a Java of 17 or later, Maven; and what only tests need:
# strace, which injects faults, Go of 1.21 or later, which builds another project's log checker, and Chromium with a
# Chinese font, which opens the pages of the desk, promtool, which tries the alerts, and systemd-analyze, which reads the
# units. Without one of these three its tests are skipped, and nothing else is amiss.
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

go_is_new_enough() {
    local go minor
    for go in go /usr/local/go/bin/go /usr/lib/go/bin/go; do
        minor=$("$go" version 2>/dev/null | sed -n 's/.* go1\.\([0-9]*\).*/\1/p')
        if [ -n "$minor" ] && [ "$minor" -ge 21 ]; then
            return 0
        fi
    done
    return 1
}

go_is_new_enough ||
    echo "prerequisites: no Go of 1.21 or later: Yizhan runs without, but the tests of its ledger will fail" >&2

chromium_is_there() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        command -v google-chrome >/dev/null 2>&1
}

can_install() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1
}

# Of Debian's package only this one program: installed, the package would start a Prometheus.
put_promtool() {
    local folder
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -qq prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb |
        tar x ./usr/bin/promtool && install usr/bin/promtool /usr/local/bin/promtool) ||
        echo "prerequisites: promtool cannot be had here: the tests of alerts that need it are skipped" >&2
    rm -rf "$folder"
}

if ! can_install; then
    command -v promtool >/dev/null 2>&1 ||
        echo "prerequisites: no promtool (Debian: prometheus): the tests of alerts that need it are skipped" >&2
    command -v systemd-analyze >/dev/null 2>&1 ||
        echo "prerequisites: no systemd-analyze (Debian: systemd): the tests of units that need it are skipped" >&2
fi
if ! chromium_is_there && ! can_install; then
    echo "prerequisites: no Chromium (Debian: chromium, fonts-noto-cjk): the tests of the desk's pages are skipped" >&2
fi

missing=()
python_is_ready || missing+=(python3 python3-venv)
java_is_new_enough || missing+=(default-jdk-headless)
command -v mvn >/dev/null 2>&1 || missing+=(maven)
command -v strace >/dev/null 2>&1 || missing+=(strace)
browser=()
! chromium_is_there && can_install && browser=(chromium fonts-noto-cjk)
tools=()
command -v systemd-analyze >/dev/null 2>&1 || ! can_install || tools+=(systemd)
promtool_is_missing=
command -v promtool >/dev/null 2>&1 || ! can_install || promtool_is_missing=yes

if [ ${#missing[@]} -eq 0 ] && [ ${#browser[@]} -eq 0 ] && [ ${#tools[@]} -eq 0 ] && [ -z "$promtool_is_missing" ]; then
    exit 0
fi

if ! can_install; then
    echo "prerequisites: Yizhan needs Python 3.11 with venv, Java 17 or later, Maven; its tests strace." >&2
    echo "prerequisites: missing here; ask for these Debian packages or their like: ${missing[*]}" >&2
    exit 1
fi

echo "prerequisites: installing ${missing[*]} ${browser[*]} ${tools[*]} ${promtool_is_missing:+promtool}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || [ ${#missing[@]} -eq 0 ]
if [ ${#browser[@]} -gt 0 ]; then
    apt-get install -y -qq --no-install-recommends "${browser[@]}" ||
        echo "prerequisites: Chromium cannot be installed here: the tests of the desk's pages are skipped" >&2
fi
[ -z "$promtool_is_missing" ] || put_promtool
[ ${#tools[@]} -eq 0 ] || apt-get install -y -qq --no-install-recommends "${tools[@]}" ||
    echo "prerequisites: systemd-analyze cannot be installed here: the tests of units that need it are skipped" >&2
[ ${#missing[@]} -eq 0 ] || apt-get install -y -qq --no-install-recommends "${missing[@]}"
python_is_ready && java_is_new_enough && command -v mvn >/dev/null 2>&1 &&
    command -v strace >/dev/null 2>&1 || {
    echo "prerequisites: installed, but Python 3.11, Java 17, Maven or strace still does not answer: see above" >&2
    exit 1
}

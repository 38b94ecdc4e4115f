#!/bin/sh
# Chromium for the browser tests: used if it is there, installed if it can be, else the tests say so.
set -u
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
fi
if ! command -v chromium >/dev/null 2>&1; then
    if [ "${CI:-}" = true ]; then
        echo "Chromium is missing and could not be installed: CI needs it." >&2
        exit 1
    fi
    echo "NOTICE: there is no chromium on the PATH, so the browser tests are skipped." >&2
fi
exit 0
